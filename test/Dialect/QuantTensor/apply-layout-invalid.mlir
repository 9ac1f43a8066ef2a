// RUN: quant-opt %s --quant-tensor-apply-layout --split-input-file --verify-diagnostics

func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{has plain weights, which cannot have the layout that its schedule names}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#w3 = #quant_tensor.encoding<{storage = i3, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w3>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{cannot obey its schedule: }}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w3>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}
