// RUN: quant-opt --quant-tensor-decompose-outliers %s | FileCheck %s

#channel = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @linear(%x: tensor<?x64xf32>, %w: tensor<32x64xf32, #channel>,
                  %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32, #channel>)
      columns([3, 17]) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
// CHECK-LABEL: func.func @linear
// CHECK: %[[REST:.*]] = linalg.generic
// CHECK: arith.select
// CHECK: %[[Q:.*]] = quant_tensor.quantize %[[REST]] : tensor<?x64xf32> -> tensor<?x64xf32, #
// CHECK: %[[INT:.*]] = linalg.generic {{.*}} ins(%[[Q]], %arg1 : tensor<?x64xf32, #{{.*}}>, tensor<32x64xf32, #{{.*}}>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<?x2xf32>, tensor<32x2xf32, #{{.*}}>) outs(%[[INT]] :

// Weights that stay float are multiplied as they are.
// CHECK-LABEL: func.func @float_weights
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %arg2 : tensor<?x2xf32>, tensor<32x2xf32>) outs(%{{.*}} :
func.func @float_weights(%x: tensor<?x64xf32>, %w: tensor<32x64xf32, #channel>,
                         %wo: tensor<32x2xf32>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32, #channel>)
      columns([3, 17]) outlier_rhs(%wo : tensor<32x2xf32>)
      outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
