// RUN: quant-opt --select-schedule=chip=sm_90a %s | FileCheck %s

#w4g128 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
func.func @linear(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w4g128>,
                  %init: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %y = quant_tensor.scaled_matmul
      ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w4g128>) maps []
      outs(%init : tensor<1x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x4096xf32>
  return %y : tensor<1x4096xf32>
}
// CHECK: quant_tensor.scaled_matmul
// CHECK-SAME: quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a"
