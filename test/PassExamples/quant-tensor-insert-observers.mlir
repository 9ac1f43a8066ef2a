// RUN: quant-opt --quant-tensor-insert-observers="kinds=minmax,xtx" %s | FileCheck %s

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
// CHECK: %[[X:.*]] = quant_tensor.observe %arg0 name("fc.input") kinds([minmax, xtx]) : tensor<8x64xf32>
// CHECK: linalg.matmul {{.*}} ins(%[[X]], %arg1 :
