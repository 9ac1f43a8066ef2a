// RUN: quant-compile %s --emit=schedule -o - | FileCheck %s

// Two products of the same weights in one layout: the weights are prepared once.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @f(
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %[[W:.+]] : tensor<5x96xbf16>, tensor<72x96xbf16,
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %[[W]] : tensor<5x96xbf16>, tensor<72x96xbf16,
func.func @f(%x: tensor<5x96xbf16>, %y: tensor<5x96xbf16>, %w: tensor<72x96xbf16, #w4> {quant_tensor.name = "w"},
             %init: tensor<5x72xf32>) -> (tensor<5x72xf32>, tensor<5x72xf32>) {
  %a = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<5x96xbf16>, tensor<72x96xbf16, #w4>)
      outs(%init : tensor<5x72xf32>) -> tensor<5x72xf32>
  %b = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%y, %w : tensor<5x96xbf16>, tensor<72x96xbf16, #w4>)
      outs(%a : tensor<5x72xf32>) -> tensor<5x72xf32>
  return %a, %b : tensor<5x72xf32>, tensor<5x72xf32>
}
