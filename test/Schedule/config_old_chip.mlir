// RUN: quant-opt %s -select-schedule=chip=sm_80 -verify-diagnostics

func.func @f(%x: tensor<16x64xbf16>, %w: tensor<32x64xbf16>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{wgmma cannot compute this: sm_80 has no wgmma}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x64xbf16>, tensor<32x64xbf16>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_80", tile = [64, 64, 64], warps = [4, 1, 1], stages = 4, warpgroups = <pingpong>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}
