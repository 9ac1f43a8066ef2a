// RUN: quant-opt --quant-tensor-fuse-epilogue %s | FileCheck %s

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>
func.func @linear(%x: tensor<8x64xi8>, %w: tensor<32x64xi8>, %sx: tensor<8xf32>,
                  %sw: tensor<32xf32>) -> tensor<8x32xf32> {
  %c0 = arith.constant 0 : i32
  %ei = tensor.empty() : tensor<8x32xi32>
  %zero = linalg.fill ins(%c0 : i32) outs(%ei : tensor<8x32xi32>) -> tensor<8x32xi32>
  %acc = linalg.matmul
      indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                       affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<8x64xi8>, tensor<32x64xi8>)
      outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %ef = tensor.empty() : tensor<8x32xf32>
  %y = linalg.generic {indexing_maps = [#mn, #m, #n, #mn],
                       iterator_types = ["parallel", "parallel"]}
      ins(%acc, %sx, %sw : tensor<8x32xi32>, tensor<8xf32>, tensor<32xf32>)
      outs(%ef : tensor<8x32xf32>) {
  ^bb0(%a: i32, %s: f32, %t: f32, %o: f32):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %s : f32
    %2 = arith.mulf %1, %t : f32
    linalg.yield %2 : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
// CHECK-LABEL: func @linear
// CHECK-NOT: linalg.generic
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}, %{{.*}} : tensor<8x64xi8>, tensor<32x64xi8>)
// CHECK-SAME: epilogue(%{{.*}}, %{{.*}} : tensor<8xf32>, tensor<32xf32>)
