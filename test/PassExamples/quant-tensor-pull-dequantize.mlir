// RUN: quant-opt --quant-tensor-pull-dequantize %s | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<8x128xbf16>, %w: tensor<64x128xbf16, #w4>,
                  %init: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %d = quant_tensor.dequantize %w : tensor<64x128xbf16, #w4> -> tensor<64x128xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %d : tensor<8x128xbf16>, tensor<64x128xbf16>)
      outs(%init : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}
// CHECK-LABEL: func @linear
// CHECK-NOT: dequantize
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}, %{{.*}} : tensor<8x128xbf16>, tensor<64x128xbf16, #
