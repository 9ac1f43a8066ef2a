// What upstream passes of MLIR 22 do to encodings without a word, and that the
// verify pass says it. One RUN line and one split for each pass.

// RUN: split-file %s %t
// RUN: not quant-opt %t/bufferize.mlir --one-shot-bufferize=allow-unknown-ops --quant-tensor-verify-encodings 2>&1 | FileCheck %t/bufferize.mlir
// RUN: not quant-opt %t/pinned.mlir --quant-tensor-verify-encodings=pin-signatures --one-shot-bufferize=bufferize-function-boundaries 2>&1 | FileCheck %t/pinned.mlir
// RUN: not quant-opt %t/memory-space.mlir --one-shot-bufferize="bufferize-function-boundaries use-encoding-for-memory-space" --quant-tensor-verify-encodings 2>&1 | FileCheck %t/memory-space.mlir
// RUN: not quant-opt %t/expand.mlir --linalg-fuse-elementwise-ops --quant-tensor-verify-encodings 2>&1 | FileCheck %t/expand.mlir
// RUN: not quant-opt %t/tile.mlir --transform-interpreter --quant-tensor-verify-encodings 2>&1 | FileCheck %t/tile.mlir
// RUN: not quant-opt %t/tile-offset.mlir --transform-interpreter --quant-tensor-verify-encodings 2>&1 | FileCheck %t/tile-offset.mlir
// RUN: quant-opt %t/tile-aligned.mlir --transform-interpreter --quant-tensor-verify-encodings | FileCheck %t/tile-aligned.mlir
// RUN: not quant-opt %t/pack.mlir --linalg-block-pack-matmul=block-factors=32,16,64 --quant-tensor-verify-encodings 2>&1 | FileCheck %t/pack.mlir
// RUN: quant-opt %t/identity.mlir --canonicalize --quant-tensor-verify-encodings | FileCheck %t/identity.mlir
// RUN: not quant-opt %t/cast-chain.mlir --canonicalize --quant-tensor-verify-encodings 2>&1 | FileCheck %t/cast-chain.mlir
// RUN: not quant-opt %t/vectorize.mlir --transform-interpreter --quant-tensor-verify-encodings 2>&1 | FileCheck %t/vectorize.mlir

//--- bufferize.mlir
// CHECK: error: 'bufferization.to_buffer' op cannot carry the encoding of 'tensor<512x4096xbf16, #quant_tensor
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x4096xbf16>, %w: tensor<512x4096xbf16, #w4>, %i: tensor<16x512xf32>) -> tensor<16x512xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x4096xbf16>, tensor<512x4096xbf16, #w4>) outs(%i : tensor<16x512xf32>) -> tensor<16x512xf32>
  return %0 : tensor<16x512xf32>
}

//--- pinned.mlir
// Nothing is left of the encoding after bufferization of the boundary, so it
// is pinned before, and the IR after the pass does not verify.
// CHECK: error: 'func.func' op argument #1 must have the pinned encoding #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>, got type 'memref<512x4096xbf16
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x4096xbf16>, %w: tensor<512x4096xbf16, #w4>, %i: tensor<16x512xf32>) -> tensor<16x512xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x4096xbf16>, tensor<512x4096xbf16, #w4>) outs(%i : tensor<16x512xf32>) -> tensor<16x512xf32>
  return %0 : tensor<16x512xf32>
}

//--- memory-space.mlir
// CHECK: error: 'func.func' op block argument #1 of type 'memref<512x4096xbf16, {{.*}}' carries a quantization encoding, which means something on ranked tensors only
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x4096xbf16>, %w: tensor<512x4096xbf16, #w4>, %i: tensor<16x512xf32>) -> tensor<16x512xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x4096xbf16>, tensor<512x4096xbf16, #w4>) outs(%i : tensor<16x512xf32>) -> tensor<16x512xf32>
  return %0 : tensor<16x512xf32>
}

//--- expand.mlir
// The reshape of the result is pushed through to the encoded operand.
// CHECK: error: 'tensor.expand_shape' op cannot carry the encoding of 'tensor<64x128xf32, #quant_tensor{{.*}}: regrouped dimensions no longer match its blocks
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @f(%w: tensor<64x128xf32, #w8>, %b: tensor<64x128xf32>) -> tensor<64x4x32xf32> {
  %e = tensor.empty() : tensor<64x128xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %b : tensor<64x128xf32, #w8>, tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %1 = arith.addf %a, %c : f32
    linalg.yield %1 : f32
  } -> tensor<64x128xf32>
  %2 = tensor.expand_shape %0 [[0], [1, 2]] output_shape [64, 4, 32] : tensor<64x128xf32> into tensor<64x4x32xf32>
  return %2 : tensor<64x4x32xf32>
}

//--- tile.mlir
// K tiles of 64 at blocks of 128: the slice's type is invalid, and no parser
// has seen it.
// CHECK: error: 'tensor.extract_slice' op result #0: block extent 128 exceeds dimension #1 of extent 64
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x4096xbf16>, %w: tensor<512x4096xbf16, #w4>, %i: tensor<16x512xf32>) -> tensor<16x512xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x4096xbf16>, tensor<512x4096xbf16, #w4>) outs(%i : tensor<16x512xf32>) -> tensor<16x512xf32>
  return %0 : tensor<16x512xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["linalg.matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.tile_using_for %0 tile_sizes [0, 0, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- tile-offset.mlir
// K tiles of 192: valid types whose offsets cut blocks.
// CHECK: error: 'tensor.extract_slice' op offset of dimension #1 is not provably a multiple of 128
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x3840xbf16>, %w: tensor<512x3840xbf16, #w8>, %i: tensor<16x512xf32>) -> tensor<16x512xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x3840xbf16>, tensor<512x3840xbf16, #w8>) outs(%i : tensor<16x512xf32>) -> tensor<16x512xf32>
  return %0 : tensor<16x512xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["linalg.matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.tile_using_for %0 tile_sizes [0, 0, 192] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- tile-aligned.mlir
// Tiles on blocks, with a short last one along N and along K, are proven.
// CHECK: scf.for
// CHECK: scf.for
// CHECK: tensor.extract_slice %{{.*}} : tensor<500x4000xbf16, #{{.*}}> to tensor<?x?xbf16, #
#w8 = #quant_tensor.encoding<{storage = i8, block = [16, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x4000xbf16>, %w: tensor<500x4000xbf16, #w8>, %i: tensor<16x500xf32>) -> tensor<16x500xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x4000xbf16>, tensor<500x4000xbf16, #w8>) outs(%i : tensor<16x500xf32>) -> tensor<16x500xf32>
  return %0 : tensor<16x500xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["linalg.matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2:2 = transform.structured.tile_using_for %0 tile_sizes [0, 48, 256] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- pack.mlir
// CHECK: error: 'linalg.pack' op cannot carry the encoding
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<16x4096xbf16>, %w: tensor<512x4096xbf16, #w4>, %i: tensor<16x512xf32>) -> tensor<16x512xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<16x4096xbf16>, tensor<512x4096xbf16, #w4>) outs(%i : tensor<16x512xf32>) -> tensor<16x512xf32>
  return %0 : tensor<16x512xf32>
}

//--- identity.mlir
// Canonicalize makes a cast of an identity generic; ours makes dequantize of
// the cast, in the same run.
// CHECK: quant_tensor.dequantize %{{.*}} : tensor<8x64xf32, #{{.*}}> -> tensor<8x64xf32>
// CHECK-NOT: tensor.cast
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @f(%q: tensor<8x64xf32, #token>, %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<8x64xf32, #token>) outs(%i : tensor<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

//--- cast-chain.mlir
// Whether or not upstream folds #a -> plain -> #b, what is left is refused.
// CHECK: error: 'tensor.cast' op {{changes the encoding from|gives an encoding}}
#a = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#b = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @f(%q: tensor<8x64xf32, #a>) -> tensor<8x64xf32, #b> {
  %0 = tensor.cast %q : tensor<8x64xf32, #a> to tensor<8x64xf32>
  %1 = tensor.cast %0 : tensor<8x64xf32> to tensor<8x64xf32, #b>
  return %1 : tensor<8x64xf32, #b>
}

//--- vectorize.mlir
// CHECK: error: 'vector.transfer_read' op cannot carry the encoding
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @f(%q: tensor<8x64xf32, #token>, %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%q : tensor<8x64xf32, #token>) outs(%i : tensor<8x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %1 = arith.addf %a, %a : f32
    linalg.yield %1 : f32
  } -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["linalg.generic"]} in %root : (!transform.any_op) -> !transform.any_op
    transform.structured.vectorize %0 : !transform.any_op
    transform.yield
  }
}
