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
