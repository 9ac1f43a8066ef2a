// RUN: %python %S/Inputs/write-scales.py %t.safetensors
// RUN: quant-opt --quant-tensor-smooth-activations="scales=%t.safetensors" %s | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<8x4xf32>,
                  %w: tensor<3x4xf32> {quant_tensor.name = "fc.weight", quant_tensor.weight},
                  %init: tensor<8x3xf32>) -> tensor<8x3xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<8x4xf32>, tensor<3x4xf32>)
      outs(%init : tensor<8x3xf32>) -> tensor<8x3xf32>
  return %y : tensor<8x3xf32>
}
// CHECK-LABEL: func.func @linear
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 4.000000e+00, 5.000000e-01]> : tensor<4xf32>
// CHECK-DAG: %[[T:.*]] = arith.constant dense<[1.000000e+00, 5.000000e-01, 2.500000e-01, 2.000000e+00]> : tensor<4xf32>
// CHECK-DAG: %[[XS:.*]] = linalg.generic {{.*}} ins(%arg0, %[[T]] : tensor<8x4xf32>, tensor<4xf32>)
// CHECK-DAG: %[[WS:.*]] = linalg.generic {{.*}} ins(%arg1, %[[S]] : tensor<3x4xf32>, tensor<4xf32>)
// CHECK: linalg.matmul {{.*}} ins(%[[XS]], %[[WS]] :
