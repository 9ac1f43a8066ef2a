// RUN: quant-opt --quant-tensor-outline-constants %s | FileCheck %s

// CHECK: func.func @f(%{{.*}}: tensor<2x4xf32>, %[[W:.*]]: tensor<4x2xf32> {quant_tensor.constant = dense<{{.*}}> : tensor<4x2xf32>, quant_tensor.name = "constant0", quant_tensor.weight})
// CHECK: tensor.cast %[[W]]
func.func @f(%x: tensor<2x4xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %t = tensor.cast %w : tensor<4x2xf32> to tensor<?x2xf32>
  %init = arith.constant dense<0.0> : tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %t : tensor<2x4xf32>, tensor<?x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
