// RUN: quant-opt %s --quant-tensor-pull-dequantize --remarks-filter-missed="quant-tensor.*" --split-input-file --verify-diagnostics -o /dev/null

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#g64 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
#z = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16}>
#t = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>

func.func @with_dense(%a: tensor<16x64xbf16, #w4>, %b: tensor<16x64xbf16>) -> tensor<32x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  // expected-remark @below {{a dequantized tensor is joined with one that is not}}
  %w = tensor.concat dim(0) %d, %b : (tensor<16x64xbf16>, tensor<16x64xbf16>) -> tensor<32x64xbf16>
  return %w : tensor<32x64xbf16>
}

func.func @types(%a: tensor<16x64xbf16, #w4>, %b: tensor<16x64xbf16, #z>) -> tensor<32x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  %e = quant_tensor.dequantize %b : tensor<16x64xbf16, #z> -> tensor<16x64xbf16>
  // expected-remark @below {{tensors that are joined have different encodings}}
  %w = tensor.concat dim(0) %d, %e : (tensor<16x64xbf16>, tensor<16x64xbf16>) -> tensor<32x64xbf16>
  return %w : tensor<32x64xbf16>
}

func.func @blocks(%a: tensor<16x64xbf16, #w4>, %b: tensor<16x64xbf16, #g64>) -> tensor<32x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  %e = quant_tensor.dequantize %b : tensor<16x64xbf16, #g64> -> tensor<16x64xbf16>
  // expected-remark @below {{tensors that are joined have different blocks}}
  %w = tensor.concat dim(0) %d, %e : (tensor<16x64xbf16>, tensor<16x64xbf16>) -> tensor<32x64xbf16>
  return %w : tensor<32x64xbf16>
}

func.func @bytes(%a: tensor<16x33xbf16, #w4>, %b: tensor<16x64xbf16, #w4>) -> tensor<16x97xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x33xbf16, #w4> -> tensor<16x33xbf16>
  %e = quant_tensor.dequantize %b : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  // expected-remark @below {{rows of tensors that are joined end within a byte of 4-bit codes}}
  %w = tensor.concat dim(1) %d, %e : (tensor<16x33xbf16>, tensor<16x64xbf16>) -> tensor<16x97xbf16>
  return %w : tensor<16x97xbf16>
}

func.func @small_blocks(%a: tensor<33x64xbf16, #t>, %b: tensor<16x64xbf16, #t>) -> tensor<49x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<33x64xbf16, #t> -> tensor<33x64xbf16>
  %e = quant_tensor.dequantize %b : tensor<16x64xbf16, #t> -> tensor<16x64xbf16>
  // expected-remark @below {{tensors that are joined would have blocks of 1 along dimension 0}}
  %w = tensor.concat dim(0) %d, %e : (tensor<33x64xbf16>, tensor<16x64xbf16>) -> tensor<49x64xbf16>
  return %w : tensor<49x64xbf16>
}

func.func @dynamic_sizes(%a: tensor<?x64xbf16, #w4>, %b: tensor<16x64xbf16, #w4>) -> tensor<?x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<?x64xbf16, #w4> -> tensor<?x64xbf16>
  %e = quant_tensor.dequantize %b : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  // expected-remark @below {{tensors that are joined have dynamic extents}}
  %w = tensor.concat dim(0) %d, %e : (tensor<?x64xbf16>, tensor<16x64xbf16>) -> tensor<?x64xbf16>
  return %w : tensor<?x64xbf16>
}

// Not all is covered: nothing that a join would be.
func.func @hole(%a: tensor<16x64xbf16, #w4>, %e: tensor<48x64xbf16>) -> tensor<48x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  %w = tensor.insert_slice %d into %e[16, 0] [16, 64] [1, 1] : tensor<16x64xbf16> into tensor<48x64xbf16>
  return %w : tensor<48x64xbf16>
}

func.func @cut_blocks(%a: tensor<16x128xbf16, #w4>) -> tensor<16x64xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x128xbf16, #w4> -> tensor<16x128xbf16>
  // expected-remark @below {{a slice of dimension 1 cuts blocks of 32}}
  %s = tensor.extract_slice %d[0, 16] [16, 64] [1, 1] : tensor<16x128xbf16> to tensor<16x64xbf16>
  return %s : tensor<16x64xbf16>
}

func.func @cut_byte(%a: tensor<16x128xbf16, #w4>) -> tensor<16x8xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x128xbf16, #w4> -> tensor<16x128xbf16>
  // expected-remark @below {{a slice of the last dimension cuts a byte of 4-bit codes}}
  %s = tensor.extract_slice %d[0, 33] [16, 8] [1, 1] : tensor<16x128xbf16> to tensor<16x8xbf16>
  return %s : tensor<16x8xbf16>
}

func.func @stride(%a: tensor<16x128xbf16, #w4>) -> tensor<8x128xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x128xbf16, #w4> -> tensor<16x128xbf16>
  // expected-remark @below {{a slice of the dequantized tensor has a stride}}
  %s = tensor.extract_slice %d[0, 0] [8, 128] [2, 1] : tensor<16x128xbf16> to tensor<8x128xbf16>
  return %s : tensor<8x128xbf16>
}

func.func @position(%a: tensor<16x128xbf16, #w4>, %i: index) -> tensor<8x128xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x128xbf16, #w4> -> tensor<16x128xbf16>
  // expected-remark @below {{a slice of the dequantized tensor is at a position, or of a size, that is known when the program runs}}
  %s = tensor.extract_slice %d[%i, 0] [8, 128] [1, 1] : tensor<16x128xbf16> to tensor<8x128xbf16>
  return %s : tensor<8x128xbf16>
}

func.func @column(%a: tensor<16x128xbf16, #w4>) -> tensor<16xbf16> {
  %d = quant_tensor.dequantize %a : tensor<16x128xbf16, #w4> -> tensor<16x128xbf16>
  // expected-remark @below {{a slice has one column of codes that are packed in rows}}
  %s = tensor.extract_slice %d[0, 2] [16, 1] [1, 1] : tensor<16x128xbf16> to tensor<16xbf16>
  return %s : tensor<16xbf16>
}

// -----

#e = #quant_tensor.encoding<{storage = i4, block = [1, 1, 32], scale = bf16}>
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
func.func @many(%x: tensor<200x8x64xbf16>, %w: tensor<200x32x64xbf16, #e>, %z: tensor<200x8x32xf32>) -> tensor<200x8x32xf32> {
  // expected-remark @below {{the encoded operand has 200 batches, each of which would be a launch: 128 are the most}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<200x8x64xbf16>, tensor<200x32x64xbf16, #e>) outs(%z : tensor<200x8x32xf32>) -> tensor<200x8x32xf32>
  return %y : tensor<200x8x32xf32>
}

func.func @wide(%x: tensor<2x8x64xf64>, %w: tensor<2x32x64xf64, #e>, %z: tensor<2x8x32xf64>) -> tensor<2x8x32xf64> {
  // expected-remark @below {{the other operand or the result is neither f32, f16 nor bf16}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xf64>, tensor<2x32x64xf64, #e>) outs(%z : tensor<2x8x32xf64>) -> tensor<2x8x32xf64>
  return %y : tensor<2x8x32xf64>
}

// -----

// What is computed of dequantized weights is dense.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @negated(%x: tensor<4x64xbf16>, %w: tensor<16x64xbf16, #w4>, %z: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %d = quant_tensor.dequantize %w : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  %n = arith.negf %d : tensor<16x64xbf16>
  // expected-remark @below {{operand #1 is what arith.negf makes of a dequantized tensor: that is a dense one}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %n : tensor<4x64xbf16>, tensor<16x64xbf16>) outs(%z : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

func.func @cut_by_split(%w: tensor<16x96xbf16, #w4>) -> tensor<16x2x48xbf16> {
  %d = quant_tensor.dequantize %w : tensor<16x96xbf16, #w4> -> tensor<16x96xbf16>
  // expected-remark @below {{blocks of a tensor that is split are cut}}
  %e = tensor.expand_shape %d [[0], [1, 2]] output_shape [16, 2, 48] : tensor<16x96xbf16> into tensor<16x2x48xbf16>
  return %e : tensor<16x2x48xbf16>
}

func.func @cut_bytes_by_split(%w: tensor<16x96xbf16, #w4>) -> tensor<16x32x3xbf16> {
  %d = quant_tensor.dequantize %w : tensor<16x96xbf16, #w4> -> tensor<16x96xbf16>
  // expected-remark @below {{rows of a tensor that is split end within a byte}}
  %e = tensor.expand_shape %d [[0], [1, 2]] output_shape [16, 32, 3] : tensor<16x96xbf16> into tensor<16x32x3xbf16>
  return %e : tensor<16x32x3xbf16>
}

func.func @no_runs(%w: tensor<16x96xbf16, #w4>) -> tensor<1536xbf16> {
  %d = quant_tensor.dequantize %w : tensor<16x96xbf16, #w4> -> tensor<16x96xbf16>
  %e = tensor.collapse_shape %d [[0, 1]] : tensor<16x96xbf16> into tensor<1536xbf16>
  return %e : tensor<1536xbf16>
}

#b = #quant_tensor.encoding<{storage = i8, block = [4, 32], scale = bf16}>
func.func @no_runs_of_blocks(%w: tensor<16x96xbf16, #b>) -> tensor<1536xbf16> {
  %d = quant_tensor.dequantize %w : tensor<16x96xbf16, #b> -> tensor<16x96xbf16>
  // expected-remark @below {{blocks of an encoded operand are no runs of the collapsed dimensions}}
  %e = tensor.collapse_shape %d [[0, 1]] : tensor<16x96xbf16> into tensor<1536xbf16>
  return %e : tensor<1536xbf16>
}

// -----

#e = #quant_tensor.encoding<{storage = i4, block = [1, 1, 32], scale = bf16}>
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
func.func @dynamic_rows(%x: tensor<2x8x64xbf16>, %w: tensor<2x?x64xbf16, #e>, %z: tensor<2x8x?xf32>) -> tensor<2x8x?xf32> {
  // expected-remark @below {{the encoded operand has rows or columns of a dynamic number}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xbf16>, tensor<2x?x64xbf16, #e>) outs(%z : tensor<2x8x?xf32>) -> tensor<2x8x?xf32>
  return %y : tensor<2x8x?xf32>
}
