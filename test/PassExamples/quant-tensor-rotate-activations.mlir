// RUN: quant-opt --quant-tensor-rotate-activations %s | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<8x64xf32>,
                  %w: tensor<32x64xf32> {quant_tensor.name = "fc.weight", quant_tensor.weight},
                  %init: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32>)
      outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
// CHECK-LABEL: func.func @linear
// CHECK-DAG: %[[XQ:.*]] = linalg.generic {{.*}} ins(%arg0, %{{.*}} : tensor<8x64xf32>, tensor<64x64xf32>) {{.*}} attrs = {quant_tensor.rotation}
// CHECK-DAG: %[[WQ:.*]] = linalg.generic {{.*}} ins(%arg1, %{{.*}} : tensor<32x64xf32>, tensor<64x64xf32>) {{.*}} attrs = {quant_tensor.rotation}
// CHECK: linalg.matmul {{.*}} ins(%[[XQ]], %[[WQ]] :
