// RUN: quant-opt %s -select-schedule=chip=sm_90a | FileCheck %s

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>

// A handwritten schedule stays.
// CHECK-LABEL: @handwritten
// CHECK: stages = 2, weights
func.func @handwritten(%x: tensor<1x64xf32>, %w: tensor<7x64xf32, #w8>, %init: tensor<1x7xf32>) -> tensor<1x7xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xf32>, tensor<7x64xf32, #w8>) maps [] outs(%init : tensor<1x7xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<reduce, chip = "sm_90a", tile = [1, 32, 32], warps = [1, 2, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x7xf32>
  return %y : tensor<1x7xf32>
}

// CHECK-LABEL: @warpgroups
// CHECK: quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong, cluster = [1, 2]>>
func.func @warpgroups(%x: tensor<?x64xi8>, %w: tensor<7x64xi8>, %init: tensor<?x7xi32>) -> tensor<?x7xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xi8>, tensor<7x64xi8>) maps [] outs(%init : tensor<?x7xi32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong, cluster = [1, 2]>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x7xi32>
  return %y : tensor<?x7xi32>
}

// Registers are counted of one warp: here each of 16 has 64 rows of weights.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
// CHECK-LABEL: @warps_of_rows
// CHECK: quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 1024, 64], warps = [1, 16, 1], stages = 1
func.func @warps_of_rows(%x: tensor<8x1024xbf16>, %w: tensor<2048x1024xbf16, #w4>, %init: tensor<8x2048xf32>) -> tensor<8x2048xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x1024xbf16>, tensor<2048x1024xbf16, #w4>) maps [] outs(%init : tensor<8x2048xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 1024, 64], warps = [1, 16, 1], stages = 1, weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x2048xf32>
  return %y : tensor<8x2048xf32>
}
