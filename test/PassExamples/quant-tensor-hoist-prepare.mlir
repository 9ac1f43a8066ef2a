// RUN: quant-opt --quant-tensor-hoist-prepare %s | FileCheck %s

// Repacking depends on the weight alone, so it moves to a function that runs
// once.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
#w4packed = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32,
    layout = <packed, word = 32, axis = 1, order = [0, 1, 2, 3, 4, 5, 6, 7]>}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #w4> {quant_tensor.name = "w"})
    -> tensor<8x32xf32> {
  %p = quant_tensor.repack %w : tensor<32x64xf32, #w4> -> tensor<32x64xf32, #w4packed>
  %e = tensor.empty() : tensor<8x32xf32>
  %y = quant_tensor.scaled_matmul
      ins(%x, %p : tensor<8x64xf32>, tensor<32x64xf32, #w4packed>) maps []
      outs(%e : tensor<8x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
// CHECK-LABEL: func @f(
// CHECK-SAME: quant_tensor.name = "w.codes", quant_tensor.prepared = 0
// CHECK-SAME: quant_tensor.prepare = @f.prepare
// CHECK-NOT: repack
// CHECK: func.func @f.prepare(
// CHECK: quant_tensor.repack
