// RUN: quant-opt --quant-tensor-decompose-contractions %s | FileCheck %s

#row = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @linear(%x: tensor<8x64xf32, #row>, %w: tensor<32x64xf32, #row>)
    -> tensor<8x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<8x32xf32>) -> tensor<8x32xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<8x64xf32, #row>, tensor<32x64xf32, #row>)
      outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
// CHECK-LABEL: func @linear
// CHECK: quant_tensor.disassemble
// CHECK: quant_tensor.disassemble
// CHECK: quant_tensor.int_matmul ins(%{{.*}}, %{{.*}} : tensor<8x64xi8>, tensor<32x64xi8>)
// CHECK: linalg.generic
