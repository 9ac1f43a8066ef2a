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
