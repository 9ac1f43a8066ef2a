// RUN: quant-opt %s --import-contractions --split-input-file | FileCheck %s

// Weights that are repeated for each batch are read once.
// CHECK-LABEL: func @repeated
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x5x64xf16>, %[[W:[a-z0-9]+]]: tensor<64x16xf16>
// CHECK: linalg.generic {indexing_maps = [#map, #map1, #map2], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[X]], %[[W]] :
func.func @repeated(%x: tensor<2x5x64xf16>, %w: tensor<64x16xf16>, %e: tensor<2x64x16xf16>, %i: tensor<2x5x16xf32>) -> tensor<2x5x16xf32> {
  %b = linalg.broadcast ins(%w : tensor<64x16xf16>) outs(%e : tensor<2x64x16xf16>) dimensions = [0]
  %y = linalg.batch_matmul ins(%x, %b : tensor<2x5x64xf16>, tensor<2x64x16xf16>) outs(%i : tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
  return %y : tensor<2x5x16xf32>
}

// -----

// So are weights that are converted on the way; that stays.
#kn = affine_map<(b, k, n) -> (k, n)>
#bkn = affine_map<(b, k, n) -> (b, k, n)>
// CHECK-LABEL: func @repeated_and_converted
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x5x64xf32>, %[[W:[a-z0-9]+]]: tensor<64x16xf16>
// CHECK: %[[WIDE:.+]] = linalg.generic {{.*}} ins(%[[W]] : tensor<64x16xf16>) outs(%{{.+}} : tensor<64x16xf32>)
// CHECK: arith.extf
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[WIDE]] : tensor<2x5x64xf32>, tensor<64x16xf32>)
func.func @repeated_and_converted(%x: tensor<2x5x64xf32>, %w: tensor<64x16xf16>, %e: tensor<2x64x16xf32>, %i: tensor<2x5x16xf32>) -> tensor<2x5x16xf32> {
  %b = linalg.generic {indexing_maps = [#kn, #bkn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w : tensor<64x16xf16>) outs(%e : tensor<2x64x16xf32>) {
  ^bb0(%a: f16, %o: f32):
    %0 = arith.extf %a : f16 to f32
    linalg.yield %0 : f32
  } -> tensor<2x64x16xf32>
  %y = linalg.batch_matmul ins(%x, %b : tensor<2x5x64xf32>, tensor<2x64x16xf32>) outs(%i : tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
  return %y : tensor<2x5x16xf32>
}

// -----

// Quantized weights too; the scalar zero points are expanded.
// CHECK-LABEL: func @repeated_quantized
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x5x64xi8>, %[[W:[a-z0-9]+]]: tensor<64x16xi8>
// CHECK-DAG: %[[COUNT:.+]] = arith.constant 64 : i32
// CHECK: %[[XW:.+]] = linalg.generic {{.*}} ins(%[[X]], %[[W]] : tensor<2x5x64xi8>, tensor<64x16xi8>)
// CHECK: %[[SW:.+]] = linalg.generic {{.*}} ins(%[[W]] : tensor<64x16xi8>) outs(%{{.+}} : tensor<16xi32>)
// CHECK: %[[SX:.+]] = linalg.generic {{.*}} ins(%[[X]] : tensor<2x5x64xi8>) outs(%{{.+}} : tensor<2x5xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[XW]], %[[SW]], {{.*}}%[[SX]]
func.func @repeated_quantized(%x: tensor<2x5x64xi8>, %w: tensor<64x16xi8>, %e: tensor<2x64x16xi8>, %zx: i32, %zw: i32, %i: tensor<2x5x16xi32>) -> tensor<2x5x16xi32> {
  %b = linalg.broadcast ins(%w : tensor<64x16xi8>) outs(%e : tensor<2x64x16xi8>) dimensions = [0]
  %y = linalg.quantized_batch_matmul ins(%x, %b, %zx, %zw : tensor<2x5x64xi8>, tensor<2x64x16xi8>, i32, i32) outs(%i : tensor<2x5x16xi32>) -> tensor<2x5x16xi32>
  return %y : tensor<2x5x16xi32>
}

// -----

// A zero point for each column, read unsigned, in the op's own body, and one
// that is a constant.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#n = affine_map<(m, n, k) -> (n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func @in_the_body
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x64xi8>, %[[W:[a-z0-9]+]]: tensor<16x64xi8>, %[[Z:[a-z0-9]+]]: tensor<16xi8>
// CHECK: %[[XW:.+]] = linalg.generic {{.*}} ins(%[[X]], %[[W]] :
// CHECK: arith.extsi
// CHECK: arith.extui
// CHECK: %[[SW:.+]] = linalg.generic {{.*}} ins(%[[W]] : tensor<16x64xi8>)
// CHECK: %[[SX:.+]] = linalg.generic {{.*}} ins(%[[X]] : tensor<?x64xi8>)
// CHECK: linalg.generic {{.*}} ins(%[[XW]], %[[SW]], %[[Z]], %[[SX]] :
// CHECK: arith.extui %{{.+}} : i8 to i32
func.func @in_the_body(%x: tensor<?x64xi8>, %w: tensor<16x64xi8>, %z: tensor<16xi8>, %i: tensor<?x16xi32>) -> tensor<?x16xi32> {
  %c = arith.constant 7 : i32
  %y = linalg.generic {indexing_maps = [#mk, #nk, #n, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w, %z : tensor<?x64xi8>, tensor<16x64xi8>, tensor<16xi8>) outs(%i : tensor<?x16xi32>) {
  ^bb0(%a: i8, %b: i8, %p: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.subi %0, %c : i32
    %2 = arith.extui %b : i8 to i32
    %3 = arith.extui %p : i8 to i32
    %4 = arith.subi %2, %3 : i32
    %5 = arith.muli %4, %1 : i32
    %6 = arith.addi %5, %o : i32
    linalg.yield %6 : i32
  } -> tensor<?x16xi32>
  return %y : tensor<?x16xi32>
}

// -----

// CHECK-LABEL: func @narrow
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x64xi8>, %[[W:[a-z0-9]+]]: tensor<64x16xi4>
// CHECK: %[[WIDE:.+]] = linalg.generic {{.*}} ins(%[[W]] : tensor<64x16xi4>) outs(%{{.+}} : tensor<64x16xi8>)
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[WIDE]] :
func.func @narrow(%x: tensor<8x64xi8>, %w: tensor<64x16xi4>, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  %y = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi4>) outs(%i : tensor<8x16xi32>) -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

// What is plain stays.
// CHECK-LABEL: func @plain
// CHECK: linalg.matmul
// CHECK-NOT: linalg.generic
func.func @plain(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %i: tensor<8x16xi32>) -> tensor<8x16xi32> {
  %y = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%i : tensor<8x16xi32>) -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}

// -----

// Sums in i64 that i32 holds.

// CHECK-LABEL: func @narrow_sums
// CHECK: %[[SUM:.+]] = linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<8x64xi8>, tensor<64x16xi8>) outs(%{{.+}} : tensor<8x16xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %{{.+}} : tensor<8x16xi32>, tensor<8x16xi64>)
// CHECK: %[[WIDE:.+]] = arith.extsi %{{.+}} : i32 to i64
// CHECK-NEXT: arith.addi %{{.+}}, %[[WIDE]] : i64
func.func @narrow_sums(%x: tensor<8x64xi8>, %w: tensor<64x16xi8>, %i: tensor<8x16xi64>) -> tensor<8x16xi64> {
  %y = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x16xi8>) outs(%i : tensor<8x16xi64>) -> tensor<8x16xi64>
  return %y : tensor<8x16xi64>
}

// -----

// A window of one element: the pixels that a stride of two reaches, and weights
// without their window.

// CHECK: #[[$PIXELS:.+]] = affine_map<(d0, d1, d2, d3) -> (d0, d1 * 2, d2 * 2, d3)>
// CHECK-DAG: #[[$X:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
// CHECK-DAG: #[[$W:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d4, d3)>
// CHECK-DAG: #[[$Y:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @unit_window
// CHECK: %[[P:.+]] = linalg.generic {indexing_maps = [#[[$PIXELS]], #{{.+}}], {{.*}}} ins(%{{.+}} : tensor<2x7x8x64xbf16>) outs(%{{.+}} : tensor<2x4x4x64xbf16>)
// CHECK: %[[V:.+]] = tensor.extract_slice %{{.+}}[0, 0, 0, 0] [1, 1, 64, 32] [1, 1, 1, 1] : tensor<1x1x64x32xbf16> to tensor<64x32xbf16>
// CHECK: linalg.generic {indexing_maps = [#[[$X]], #[[$W]], #[[$Y]]], {{.*}}} ins(%[[P]], %[[V]] :
func.func @unit_window(%x: tensor<2x7x8x64xbf16>, %w: tensor<1x1x64x32xbf16>, %i: tensor<2x4x4x32xf32>) -> tensor<2x4x4x32xf32> {
  %y = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
      ins(%x, %w : tensor<2x7x8x64xbf16>, tensor<1x1x64x32xbf16>) outs(%i : tensor<2x4x4x32xf32>) -> tensor<2x4x4x32xf32>
  return %y : tensor<2x4x4x32xf32>
}

// -----

// A larger window stays a convolution.
// CHECK-LABEL: func @window
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @window(%x: tensor<2x6x4x64xbf16>, %w: tensor<3x1x64x32xbf16>, %i: tensor<2x4x4x32xf32>) -> tensor<2x4x4x32xf32> {
  %y = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<2x6x4x64xbf16>, tensor<3x1x64x32xbf16>) outs(%i : tensor<2x4x4x32xf32>) -> tensor<2x4x4x32xf32>
  return %y : tensor<2x4x4x32xf32>
}
