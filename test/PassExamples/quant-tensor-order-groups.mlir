// RUN: quant-opt --quant-tensor-order-groups %s | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<8x128xbf16>, %w: tensor<64x128xbf16, #w4>, %g: tensor<128xi32>,
                  %init: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %d = quant_tensor.dequantize_indexed %w by %g : tensor<64x128xbf16, #w4>, tensor<128xi32> -> tensor<64x128xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %d : tensor<8x128xbf16>, tensor<64x128xbf16>)
      outs(%init : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}
// CHECK-LABEL: func @linear
// CHECK-NOT: dequantize_indexed
// CHECK: %[[SORTED:.*]], %[[ORDER:.*]], %{{.*}} = quant_tensor.order_groups %arg1 by %arg2
// CHECK: %[[D:.*]] = quant_tensor.dequantize %[[SORTED]]
// CHECK: %[[XS:.*]] = linalg.generic {{.*}} ins(%[[ORDER]] : tensor<128xi32>)
// CHECK: tensor.extract %arg0
// CHECK: linalg.matmul {{.*}} ins(%[[XS]], %[[D]]
