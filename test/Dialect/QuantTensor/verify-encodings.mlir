// RUN: quant-opt %s --quant-tensor-verify-encodings -verify-diagnostics -split-input-file

// Each way of losing an encoding, written down directly; that upstream passes
// really produce them is in verify-encodings-upstream.mlir.

// -----

// A cast that drops the encoding.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'tensor.cast' op drops the encoding}}
  %0 = tensor.cast %w : tensor<64x128xbf16, #w4> to tensor<64x128xbf16>
  return
}

// -----

// A cast that invents one.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16>) {
  // expected-error @below {{'tensor.cast' op gives an encoding to a tensor without one; quant_tensor.quantize does that}}
  %0 = tensor.cast %w : tensor<64x128xbf16> to tensor<64x128xbf16, #w4>
  return
}

// -----

// A cast that changes it.
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #token>) {
  // expected-error @below {{'tensor.cast' op changes the encoding from}}
  %0 = tensor.cast %w : tensor<64x128xbf16, #token> to tensor<64x128xbf16, #w4>
  return
}

// -----

// A cast to an unranked tensor.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'tensor.cast' op drops the encoding}}
  %0 = tensor.cast %w : tensor<64x128xbf16, #w4> to tensor<*xbf16>
  return
}

// -----

// Accepted: a cast of extents.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  %0 = tensor.cast %w : tensor<64x128xbf16, #w4> to tensor<?x128xbf16, #w4>
  return
}

// -----

// A size that ends inside a block.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{size of dimension #1 is not a multiple of 32 and does not reach the dimension's end, so that the slice cuts through a block or word}}
  %0 = tensor.extract_slice %w[0, 0] [64, 48] [1, 1] : tensor<64x128xbf16, #w4> to tensor<64x48xbf16, #w4>
  return
}

// -----

// An offset that cuts a block.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{offset of dimension #1 is not a multiple of 32, so that the slice cuts through a block or word}}
  %0 = tensor.extract_slice %w[0, 16] [64, 32] [1, 1] : tensor<64x128xbf16, #w4> to tensor<64x32xbf16, #w4>
  return
}

// -----

// An offset of which nothing is known.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %o: index) {
  // expected-error @below {{offset of dimension #1 is not provably a multiple of 32}}
  %0 = tensor.extract_slice %w[0, %o] [64, 32] [1, 1] : tensor<64x128xbf16, #w4> to tensor<64x32xbf16, #w4>
  return
}

// -----

// A size of which nothing is known.
#block2d = #quant_tensor.encoding<{storage = f8E4M3FN, block = [16, 32], scale = f32}>
func.func @f(%w: tensor<64x128xf32, #block2d>, %o: index) {
  // expected-error @below {{size of dimension #0 is not provably a multiple of 16}}
  %0 = tensor.extract_slice %w[0, 0] [%o, 32] [1, 1] : tensor<64x128xf32, #block2d> to tensor<?x32xf32, #block2d>
  return
}

// -----

// Part of a dimension that is one block.
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%w: tensor<64x128xf32, #token>) {
  // expected-error @below {{cuts dimension #1, which is one block or packed as a whole}}
  %0 = tensor.extract_slice %w[0, 0] [64, 64] [1, 1] : tensor<64x128xf32, #token> to tensor<64x64xf32, #token>
  return
}

// -----

// Part of a tensor with one scale.
#tensor = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @f(%w: tensor<64x128xf32, #tensor>) {
  // expected-error @below {{cuts dimension #0, which is one block or packed as a whole}}
  %0 = tensor.extract_slice %w[32, 0] [32, 128] [1, 1] : tensor<64x128xf32, #tensor> to tensor<32x128xf32, #tensor>
  return
}

// -----

// Through a byte of 3-bit codes: eight fill three bytes.
#w3 = #quant_tensor.encoding<{storage = i3, block = [1, 4], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w3>) {
  // expected-error @below {{offset of dimension #1 is not a multiple of 8}}
  %0 = tensor.extract_slice %w[0, 4] [64, 8] [1, 1] : tensor<64x128xbf16, #w3> to tensor<64x8xbf16, #w3>
  return
}

// -----

// Through a packed word.
#awq = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16, layout = <packed, word = 32, axis = 0, order = [0, 2, 4, 6, 1, 3, 5, 7], permutation = [1, 0]>}>
func.func @f(%w: tensor<64x128xf16, #awq>) {
  // expected-error @below {{offset of dimension #0 is not a multiple of 8}}
  %0 = tensor.extract_slice %w[4, 0] [8, 128] [1, 1] : tensor<64x128xf16, #awq> to tensor<8x128xf16, #awq>
  return
}

// -----

// Part of a dimension packed by halves.
#halves = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16, layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>}>
func.func @f(%w: tensor<64x128xf16, #halves>) {
  // expected-error @below {{cuts dimension #1, which is one block or packed as a whole}}
  %0 = tensor.extract_slice %w[0, 0] [64, 64] [1, 1] : tensor<64x128xf16, #halves> to tensor<64x64xf16, #halves>
  return
}

// -----

// Through a fragment tile.
#frag = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16, layout = <fragment, tile = [16, 64]>}>
func.func @f(%w: tensor<64x128xf16, #frag>) {
  // expected-error @below {{offset of dimension #1 is not a multiple of 64}}
  %0 = tensor.extract_slice %w[0, 32] [64, 64] [1, 1] : tensor<64x128xf16, #frag> to tensor<64x64xf16, #frag>
  return
}

// -----

// Strides along a block.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{strides along dimension #1, whose elements share blocks or words of 32}}
  %0 = tensor.extract_slice %w[0, 0] [64, 32] [1, 2] : tensor<64x128xbf16, #w4> to tensor<64x32xbf16, #w4>
  return
}

// -----

// A rank-reduced slice, whose type inference drops the encoding.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'tensor.extract_slice' op drops the encoding of its source}}
  %0 = tensor.extract_slice %w[3, 0] [1, 128] [1, 1] : tensor<64x128xbf16, #w4> to tensor<128xbf16>
  return
}

// -----

// Accepted: whole blocks.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  %0 = tensor.extract_slice %w[3, 32] [5, 64] [1, 1] : tensor<64x128xbf16, #w4> to tensor<5x64xbf16, #w4>
  return
}

// -----

// Accepted: up to the end of the dimension.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x100xbf16, #w4>) {
  %0 = tensor.extract_slice %w[0, 64] [64, 36] [1, 1] : tensor<64x100xbf16, #w4> to tensor<64x36xbf16, #w4>
  return
}

// -----

// Accepted: any row, even strided, where each has its own scale.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %o: index) {
  %0 = tensor.extract_slice %w[%o, 0] [7, 128] [2, 1] : tensor<64x128xbf16, #w4> to tensor<7x128xbf16, #w4>
  return
}

// -----

// Accepted: tiles of a loop, the last one short, with a proof by affine.min.
#block2d = #quant_tensor.encoding<{storage = f8E4M3FN, block = [16, 32], scale = f32}>
func.func @f(%w: tensor<?x128xf32, #block2d>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %n = tensor.dim %w, %c0 : tensor<?x128xf32, #block2d>
  scf.for %i = %c0 to %n step %c16 {
    %s = affine.min affine_map<(i)[n] -> (n - i, 16)>(%i)[%n]
    %0 = tensor.extract_slice %w[%i, 0] [%s, 128] [1, 1] : tensor<?x128xf32, #block2d> to tensor<?x128xf32, #block2d>
  }
  return
}

// -----

// Accepted: an offset that arithmetic proves.
#block2d = #quant_tensor.encoding<{storage = f8E4M3FN, block = [16, 32], scale = f32}>
func.func @f(%w: tensor<64x128xf32, #block2d>, %i: index) {
  %c16 = arith.constant 16 : index
  %0 = affine.apply affine_map<(i) -> (i * 8)>(%i)
  %1 = arith.muli %0, %c16 : index
  %2 = arith.addi %1, %c16 : index
  %3 = tensor.extract_slice %w[%2, 0] [16, 128] [1, 1] : tensor<64x128xf32, #block2d> to tensor<16x128xf32, #block2d>
  return
}

// -----

// The same loop with a step that is not a multiple.
#block2d = #quant_tensor.encoding<{storage = f8E4M3FN, block = [16, 32], scale = f32}>
func.func @f(%w: tensor<64x128xf32, #block2d>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c8 {
    // expected-error @below {{offset of dimension #0 is not provably a multiple of 16}}
    %0 = tensor.extract_slice %w[%i, 0] [16, 128] [1, 1] : tensor<64x128xf32, #block2d> to tensor<16x128xf32, #block2d>
  }
  return
}

// -----

// collapse_shape.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'tensor.collapse_shape' op cannot carry the encoding of 'tensor<64x128xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>>': regrouped dimensions no longer match its blocks; reshape the dense tensor}}
  %0 = tensor.collapse_shape %w [[0, 1]] : tensor<64x128xbf16, #w4> into tensor<8192xbf16>
  return
}

// -----

// expand_shape.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'tensor.expand_shape' op cannot carry the encoding}}
  %0 = tensor.expand_shape %w [[0], [1, 2]] output_shape [64, 4, 32] : tensor<64x128xbf16, #w4> into tensor<64x4x32xbf16>
  return
}

// -----

// reshape.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %s: tensor<1xindex>) {
  // expected-error @below {{regrouped dimensions no longer match its blocks; reshape the dense tensor}}
  %0 = tensor.reshape %w(%s) : (tensor<64x128xbf16, #w4>, tensor<1xindex>) -> tensor<8192xbf16>
  return
}

// -----

// pad.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %z: bf16) {
  // expected-error @below {{'tensor.pad' op cannot carry the encoding}}
  %0 = tensor.pad %w low[0, 0] high[0, 8] {
  ^bb0(%i: index, %j: index):
    tensor.yield %z : bf16
  } : tensor<64x128xbf16, #w4> to tensor<64x136xbf16>
  return
}

// -----

// concat.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'tensor.concat' op cannot carry the encoding}}
  %0 = tensor.concat dim(0) %w, %w : (tensor<64x128xbf16, #w4>, tensor<64x128xbf16, #w4>) -> tensor<128x128xbf16>
  return
}

// -----

// insert_slice into an encoded tensor.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %x: tensor<1x128xbf16>) {
  // expected-error @below {{the blocks of its parts do not add up to those of the result; dequantize the parts}}
  %0 = tensor.insert_slice %x into %w[0, 0] [1, 128] [1, 1] : tensor<1x128xbf16> into tensor<64x128xbf16, #w4>
  return
}

// -----

// insert_slice of an encoded tensor.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %x: tensor<128x128xbf16>) {
  // expected-error @below {{the blocks of its parts do not add up to those of the result; dequantize the parts}}
  %0 = tensor.insert_slice %w into %x[0, 0] [64, 128] [1, 1] : tensor<64x128xbf16, #w4> into tensor<128x128xbf16>
  return
}

// -----

// parallel_insert_slice.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<1x128xbf16>, %w: tensor<64x128xbf16, #w4>) {
  %0 = scf.forall (%i) in (64) shared_outs(%o = %w) -> (tensor<64x128xbf16, #w4>) {
    scf.forall.in_parallel {
      // expected-error @below {{'tensor.parallel_insert_slice' op cannot carry the encoding}}
      tensor.parallel_insert_slice %x into %o[%i, 0] [1, 128] [1, 1] : tensor<1x128xbf16> into tensor<64x128xbf16, #w4>
    }
  }
  return
}

// -----

// A transpose whose result keeps the encoding: rows were quantized, not columns.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x64xbf16, #w4>, %i: tensor<64x64xbf16, #w4>) {
  // expected-error @below {{'linalg.transpose' op writes into the encoded init of type}}
  %0 = linalg.transpose ins(%w : tensor<64x64xbf16, #w4>) outs(%i : tensor<64x64xbf16, #w4>) permutation = [1, 0]
  return
}

// -----

// A fill of an encoded init.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%z: bf16, %i: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'linalg.fill' op writes into the encoded init of type 'tensor<64x128xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>>'; compute a dense result and quant_tensor.quantize it}}
  %0 = linalg.fill ins(%z : bf16) outs(%i : tensor<64x128xbf16, #w4>) -> tensor<64x128xbf16, #w4>
  return
}

// -----

// A matmul into an encoded init.
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%a: tensor<64x32xf32>, %b: tensor<32x128xf32>, %i: tensor<64x128xf32, #token>) {
  // expected-error @below {{'linalg.matmul' op writes into the encoded init}}
  %0 = linalg.matmul ins(%a, %b : tensor<64x32xf32>, tensor<32x128xf32>) outs(%i : tensor<64x128xf32, #token>) -> tensor<64x128xf32, #token>
  return
}

// -----

// A pack.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %i: tensor<4x4x16x32xbf16>) {
  // expected-error @below {{'linalg.pack' op cannot carry the encoding}}
  %0 = linalg.pack %w inner_dims_pos = [0, 1] inner_tiles = [16, 32] into %i : tensor<64x128xbf16, #w4> -> tensor<4x4x16x32xbf16>
  return
}

// -----

// Accepted: encoded inputs of linalg, a transpose to a dense tensor, dim, select, control flow, a call.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %i: tensor<128x64xbf16>, %c: i1, %v: tensor<64x128xbf16, #w4>) {
  %0 = linalg.transpose ins(%w : tensor<64x128xbf16, #w4>) outs(%i : tensor<128x64xbf16>) permutation = [1, 0]
  %c0 = arith.constant 0 : index
  %1 = tensor.dim %w, %c0 : tensor<64x128xbf16, #w4>
  %2 = arith.select %c, %w, %v : tensor<64x128xbf16, #w4>
  %3 = scf.if %c -> tensor<64x128xbf16, #w4> {
    scf.yield %w : tensor<64x128xbf16, #w4>
  } else {
    scf.yield %2 : tensor<64x128xbf16, #w4>
  }
  %4 = scf.for %j = %c0 to %1 step %1 iter_args(%k = %w) -> tensor<64x128xbf16, #w4> {
    scf.yield %k : tensor<64x128xbf16, #w4>
  }
  cf.br ^bb1(%4 : tensor<64x128xbf16, #w4>)
^bb1(%5: tensor<64x128xbf16, #w4>):
  call @f(%5, %i, %c, %v) : (tensor<64x128xbf16, #w4>, tensor<128x64xbf16>, i1, tensor<64x128xbf16, #w4>) -> ()
  return
}

// -----

// A vector read.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %z: bf16, %i: index) {
  // expected-error @below {{'vector.transfer_read' op cannot carry the encoding of 'tensor<64x128xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>>': insert quant_tensor.dequantize before it}}
  %0 = vector.transfer_read %w[%i, %i], %z : tensor<64x128xbf16, #w4>, vector<8xbf16>
  return
}

// -----

// An element read.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>, %i: index) {
  // expected-error @below {{'tensor.extract' op cannot carry the encoding}}
  %0 = tensor.extract %w[%i, %i] : tensor<64x128xbf16, #w4>
  return
}

// -----

// Arithmetic.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'arith.addf' op cannot carry the encoding}}
  %0 = arith.addf %w, %w : tensor<64x128xbf16, #w4>
  return
}

// -----

// A constant.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f() {
  // expected-error @below {{'arith.constant' op cannot carry the encoding of 'tensor<64x128xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>>': a constant has logical values, not codes and scales; quant_tensor.assemble constant codes}}
  %0 = arith.constant dense<1.0> : tensor<64x128xbf16, #w4>
  return
}

// -----

// An empty tensor.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f() {
  // expected-error @below {{'tensor.empty' op cannot carry the encoding}}
  %0 = tensor.empty() : tensor<64x128xbf16, #w4>
  return
}

// -----

// An unregistered cast.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'builtin.unrealized_conversion_cast' op cannot carry the encoding}}
  %0 = builtin.unrealized_conversion_cast %w : tensor<64x128xbf16, #w4> to tensor<64x128xbf16>
  return
}

// -----

// A buffer of an encoded tensor.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{a buffer holds its logical values, not codes and scales; run quant-tensor-lower-encodings before bufferization}}
  %0 = bufferization.to_buffer %w : tensor<64x128xbf16, #w4> to memref<64x128xbf16>
  return
}

// -----

// An encoded tensor of a buffer.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: memref<64x128xbf16>) {
  // expected-error @below {{a buffer holds its logical values, not codes and scales; run quant-tensor-lower-encodings before bufferization}}
  %0 = bufferization.to_tensor %w restrict : memref<64x128xbf16> to tensor<64x128xbf16, #w4>
  return
}

// -----

// alloc_tensor.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f() {
  // expected-error @below {{'bufferization.alloc_tensor' op cannot carry the encoding}}
  %0 = bufferization.alloc_tensor() : tensor<64x128xbf16, #w4>
  return
}

// -----

// An encoding as a memory space.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f() {
  // expected-error @below {{'memref.alloc' op result #0 of type 'memref<64x128xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>>' carries a quantization encoding, which means something on ranked tensors only}}
  %0 = memref.alloc() : memref<64x128xbf16, #w4>
  return
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
// expected-error @below {{'func.func' op argument #0 of type 'memref<64x128xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>>' carries a quantization encoding}}
func.func private @declaration(memref<64x128xbf16, #w4>)

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
// Every error is reported.
func.func @all(%w: tensor<64x128xbf16, #w4>) {
  // expected-error @below {{'arith.addf' op cannot carry}}
  %0 = arith.addf %w, %w : tensor<64x128xbf16, #w4>
  // expected-error @below {{'arith.mulf' op cannot carry}}
  %1 = arith.mulf %w, %w : tensor<64x128xbf16, #w4>
  return
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @slice_gains(%w: tensor<64x128xbf16>) -> tensor<8x128xbf16, #w4> {
  // expected-error @below {{gives an encoding to a slice of a tensor without one}}
  %0 = tensor.extract_slice %w[0, 0] [8, 128] [1, 1] : tensor<64x128xbf16> to tensor<8x128xbf16, #w4>
  return %0 : tensor<8x128xbf16, #w4>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @empty() -> tensor<64x128xbf16, #w4> {
  // expected-error @below {{it has no codes and scales yet; only quant_tensor.quantize makes them}}
  %0 = tensor.empty() : tensor<64x128xbf16, #w4>
  return %0 : tensor<64x128xbf16, #w4>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @pack(%w: tensor<64x128xbf16, #w4>, %to: tensor<4x4x16x32xbf16>) -> tensor<4x4x16x32xbf16> {
  // expected-error @below {{tiles cut through its blocks; quant_tensor.repack changes the layout of an encoded tensor}}
  %0 = linalg.pack %w inner_dims_pos = [0, 1] inner_tiles = [16, 32] into %to : tensor<64x128xbf16, #w4> -> tensor<4x4x16x32xbf16>
  return %0 : tensor<4x4x16x32xbf16>
}
