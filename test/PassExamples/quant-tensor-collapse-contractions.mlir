// RUN: quant-opt --quant-tensor-collapse-contractions %s | FileCheck %s

// The output projection of attention: heads and their elements are contracted.
func.func @project(%x: tensor<2x5x4x16xbf16>, %w: tensor<64x4x16xbf16>,
                   %init: tensor<2x5x64xf32>) -> tensor<2x5x64xf32> {
  %y = linalg.generic {
      indexing_maps = [affine_map<(b, s, n, h, d) -> (b, s, h, d)>,
                       affine_map<(b, s, n, h, d) -> (n, h, d)>,
                       affine_map<(b, s, n, h, d) -> (b, s, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<2x5x4x16xbf16>, tensor<64x4x16xbf16>) outs(%init : tensor<2x5x64xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %o, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<2x5x64xf32>
  return %y : tensor<2x5x64xf32>
}
// CHECK-DAG: #[[X:.+]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[W:.+]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-LABEL: func @project
// CHECK: %[[A:.+]] = tensor.collapse_shape %{{.+}} {{\[\[}}0], [1], [2, 3]] : tensor<2x5x4x16xbf16> into tensor<2x5x64xbf16>
// CHECK: %[[B:.+]] = tensor.collapse_shape %{{.+}} {{\[\[}}0], [1, 2]] : tensor<64x4x16xbf16> into tensor<64x64xbf16>
// CHECK: linalg.generic {indexing_maps = [#[[X]], #[[W]], #{{.+}}], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK-SAME: ins(%[[A]], %[[B]] :
