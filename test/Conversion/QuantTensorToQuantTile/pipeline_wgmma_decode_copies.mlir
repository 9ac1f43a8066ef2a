// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s

// How codes come into shared memory: in a box of a tensor map, all row tiles of
// a step, unless those of one row tile are longer than a box, as of three bits,
// or long enough to be a copy each, as bytes are.

#w3 = #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 256]>}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 1024], scale = f32, layout = <fragment, tile = [16, 32]>}>

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_0(
// CHECK-SAME: quant_tile.tensor_maps = 2
// CHECK: nvvm.elect.sync
// Eight row tiles, for four warps.
// CHECK-COUNT-2: nvvm.cp.async.bulk.shared.cluster.global
// CHECK-NOT: nvvm.cp.async.bulk.shared.cluster.global
func.func @three_bits(%x: tensor<32x1024xbf16>, %w: tensor<256x1024xbf16, #w3>) -> tensor<32x256xbf16> {
  %init = tensor.empty() : tensor<32x256xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x1024xbf16>, tensor<256x1024xbf16, #w3>) maps []
      outs(%init : tensor<32x256xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [32, 128, 256], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 256]>, warpgroups = <cooperative>, scale_decoded = true>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<32x256xbf16>
  return %y : tensor<32x256xbf16>
}

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_1(
// CHECK-SAME: quant_tile.tensor_maps = 2
// CHECK: nvvm.elect.sync
// CHECK-COUNT-2: nvvm.cp.async.bulk.shared.cluster.global
// CHECK-NOT: nvvm.cp.async.bulk.shared.cluster.global
func.func @bytes(%x: tensor<32x1024xbf16>, %w: tensor<256x1024xbf16, #w8>) -> tensor<32x256xbf16> {
  %init = tensor.empty() : tensor<32x256xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x1024xbf16>, tensor<256x1024xbf16, #w8>) maps []
      outs(%init : tensor<32x256xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [32, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 32]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<32x256xbf16>
  return %y : tensor<32x256xbf16>
}

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_2(
// CHECK-SAME: quant_tile.tensor_maps = 3
// CHECK-NOT: nvvm.cp.async.bulk.shared.cluster.global
// CHECK-LABEL: func.func @three_bits
// CHECK-LABEL: func.func @bytes_of_few_rows
// CHECK: tensor_maps [0, 1, 3] [#quant_tile.tensor_map<box = [32, 64], swizzle = 128, l2_promotion = 256>,
// CHECK-SAME: #quant_tile.tensor_map<box = [4, 4, 128], l2_promotion = 256>,
func.func @bytes_of_few_rows(%x: tensor<32x1024xbf16>, %w: tensor<256x1024xbf16, #w8>) -> tensor<32x256xbf16> {
  %init = tensor.empty() : tensor<32x256xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x1024xbf16>, tensor<256x1024xbf16, #w8>) maps []
      outs(%init : tensor<32x256xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [32, 64, 128], warps = [1, 4, 1], stages = 4, weights = <fragment, tile = [16, 32]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<32x256xbf16>
  return %y : tensor<32x256xbf16>
}
