// RUN: quant-opt %s --quant-tensor-pull-dequantize --split-input-file | FileCheck %s

// Weights that are joined along N, each with a scale of its own: one product,
// with a scale for each of the smaller blocks.
#t = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK: #[[$E:.+]] = #quant_tensor.encoding<{storage = i8, block = [32, 0], scale = f32}>
// CHECK-LABEL: func @joined_rows
// CHECK-SAME: %[[X:.+]]: tensor<4x128xbf16>, %[[A:.+]]: tensor<64x128xbf16, {{.+}}>, %[[B:.+]]: tensor<32x128xbf16, {{.+}}>, %{{.+}}: tensor<4x96xf32>
// CHECK: %[[C0:.+]], %[[S0:.+]] = quant_tensor.disassemble %[[A]]
// CHECK: %[[R0:.+]] = linalg.generic {{.*}} ins(%[[S0]] : tensor<1x1xf32>) outs(%{{.+}} : tensor<2x1xf32>)
// CHECK: %[[C1:.+]], %[[S1:.+]] = quant_tensor.disassemble %[[B]]
// CHECK: %[[C:.+]] = tensor.concat dim(0) %[[C0]], %[[C1]]
// CHECK: %[[S:.+]] = tensor.concat dim(0) %[[R0]], %[[S1]]
// CHECK: %[[W:.+]] = quant_tensor.assemble %[[C]], %[[S]] {{.*}} -> tensor<96x128xbf16, #[[$E]]>
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[W]] :
func.func @joined_rows(%x: tensor<4x128xbf16>, %a: tensor<64x128xbf16, #t>, %b: tensor<32x128xbf16, #t>, %init: tensor<4x96xf32>) -> tensor<4x96xf32> {
  %d1 = quant_tensor.dequantize %a : tensor<64x128xbf16, #t> -> tensor<64x128xbf16>
  %d2 = quant_tensor.dequantize %b : tensor<32x128xbf16, #t> -> tensor<32x128xbf16>
  %w = tensor.concat dim(0) %d1, %d2 : (tensor<64x128xbf16>, tensor<32x128xbf16>) -> tensor<96x128xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x128xbf16>, tensor<96x128xbf16>) outs(%init : tensor<4x96xf32>) -> tensor<4x96xf32>
  return %y : tensor<4x96xf32>
}

// -----

// Slices that are inserted side by side, in any order, along K.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func @inserted
// CHECK: tensor.concat dim(1) %{{.+}}, %{{.+}} : (tensor<16x64xi8>, tensor<16x32xi8>) -> tensor<16x96xi8>
// CHECK: tensor.concat dim(1) %{{.+}}, %{{.+}} : (tensor<16x4xbf16>, tensor<16x2xbf16>) -> tensor<16x6xbf16>
// CHECK: quant_tensor.scaled_matmul
func.func @inserted(%x: tensor<4x192xbf16>, %a: tensor<16x128xbf16, #w4>, %b: tensor<16x64xbf16, #w4>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %d1 = quant_tensor.dequantize %a : tensor<16x128xbf16, #w4> -> tensor<16x128xbf16>
  %d2 = quant_tensor.dequantize %b : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16>
  %e = tensor.empty() : tensor<16x192xbf16>
  %i = tensor.insert_slice %d2 into %e[0, 128] [16, 64] [1, 1] : tensor<16x64xbf16> into tensor<16x192xbf16>
  %w = tensor.insert_slice %d1 into %i[0, 0] [16, 128] [1, 1] : tensor<16x128xbf16> into tensor<16x192xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x192xbf16>, tensor<16x192xbf16>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// -----

// One expert's rows, within whole blocks of columns.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK: #[[$E:.+]] = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
// CHECK-LABEL: func @sliced
// CHECK: tensor.extract_slice %{{.+}}[2, 3, 32] [1, 16, 32] [1, 1, 1] : tensor<4x32x64xi8> to tensor<16x32xi8>
// CHECK: tensor.extract_slice %{{.+}}[2, 3, 2] [1, 16, 2] [1, 1, 1] : tensor<4x32x4xbf16> to tensor<16x2xbf16>
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<4x64xbf16>, tensor<16x64xbf16, #[[$E]]>)
func.func @sliced(%x: tensor<4x64xbf16>, %w: tensor<4x32x128xbf16, #w4>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %d = quant_tensor.dequantize %w : tensor<4x32x128xbf16, #w4> -> tensor<4x32x128xbf16>
  %s = tensor.extract_slice %d[2, 3, 64] [1, 16, 64] [1, 1, 1] : tensor<4x32x128xbf16> to tensor<16x64xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s : tensor<4x64xbf16>, tensor<16x64xbf16>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %y : tensor<4x16xf32>
}

// -----

// Batches, and one zero for each.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 1, 32], scale = bf16}>
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
// CHECK-LABEL: func @batches
// CHECK: %[[Y0:.+]] = quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<?x64xbf16>, tensor<32x64xbf16, #{{.+}}>) maps []
// CHECK: %[[R0:.+]] = tensor.insert_slice %[[Y0]] into %{{.+}}[0, 0, 0] [1, %{{.+}}, 32]
// CHECK: %[[Y1:.+]] = quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<?x64xbf16>, tensor<32x64xbf16, #{{.+}}>) maps []
// CHECK: tensor.insert_slice %[[Y1]] into %[[R0]][1, 0, 0] [1, %{{.+}}, 32]
func.func @batches(%x: tensor<2x?x64xbf16>, %w: tensor<2x32x64xbf16, #w4>, %e: tensor<2x?x32xf32>) -> tensor<2x?x32xf32> {
  %c0 = arith.constant 0.0 : f32
  %zero = linalg.fill ins(%c0 : f32) outs(%e : tensor<2x?x32xf32>) -> tensor<2x?x32xf32>
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x?x64xbf16>, tensor<2x32x64xbf16, #w4>) outs(%zero : tensor<2x?x32xf32>) -> tensor<2x?x32xf32>
  return %y : tensor<2x?x32xf32>
}

// -----

// Reshapes, within blocks and along whole ones.
#a = #quant_tensor.encoding<{storage = i4, block = [1, 1, 32], scale = bf16}>
#b = #quant_tensor.encoding<{storage = i4, block = [16, 64], scale = bf16}>
// CHECK-DAG: #[[$A:.+]] = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
// CHECK-DAG: #[[$B:.+]] = #quant_tensor.encoding<{storage = i4, block = [2, 0, 2, 0], scale = bf16}>
// CHECK-LABEL: func @reshaped
// CHECK: tensor.collapse_shape %{{.+}} {{\[\[}}0, 1], [2]] : tensor<4x8x32xi8> into tensor<32x32xi8>
// CHECK: tensor.collapse_shape %{{.+}} {{\[\[}}0, 1], [2]] : tensor<4x8x2xbf16> into tensor<32x2xbf16>
// CHECK: quant_tensor.dequantize %{{.+}} : tensor<32x64xbf16, #[[$A]]>
// CHECK: tensor.expand_shape %{{.+}} {{\[\[}}0, 1], [2, 3]] output_shape [4, 8, 4, 16] : tensor<32x64xi8> into tensor<4x8x4x16xi8>
// CHECK: tensor.expand_shape %{{.+}} {{\[\[}}0, 1], [2, 3]] output_shape [2, 1, 2, 1] : tensor<2x2xbf16> into tensor<2x1x2x1xbf16>
// CHECK: quant_tensor.dequantize %{{.+}} : tensor<4x8x4x32xbf16, #[[$B]]>
func.func @reshaped(%v: tensor<4x8x64xbf16, #a>, %w: tensor<32x128xbf16, #b>) -> (tensor<32x64xbf16>, tensor<4x8x4x32xbf16>) {
  %d = quant_tensor.dequantize %v : tensor<4x8x64xbf16, #a> -> tensor<4x8x64xbf16>
  %c = tensor.collapse_shape %d [[0, 1], [2]] : tensor<4x8x64xbf16> into tensor<32x64xbf16>
  %e = quant_tensor.dequantize %w : tensor<32x128xbf16, #b> -> tensor<32x128xbf16>
  %f = tensor.expand_shape %e [[0, 1], [2, 3]] output_shape [4, 8, 4, 32] : tensor<32x128xbf16> into tensor<4x8x4x32xbf16>
  return %c, %f : tensor<32x64xbf16>, tensor<4x8x4x32xbf16>
}
