// RUN: quant-opt --select-schedule=chip=sm_80 --quant-tensor-apply-layout %s | FileCheck %s

// M is dynamic, so the schedule has a version for one row and one for more.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
func.func @linear(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16, #w4>,
                  %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = quant_tensor.scaled_matmul
      ins(%x, %w : tensor<?x64xbf16>, tensor<32x64xbf16, #w4>) maps []
      outs(%init : tensor<?x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
// CHECK-LABEL: func @linear
// CHECK: quant_tensor.repack
// CHECK: scf.if
// CHECK: quant_tensor.scaled_matmul
// CHECK: else
// CHECK: quant_tensor.scaled_matmul
