// RUN: quant-opt --import-contractions %s | FileCheck %s

// Rows of codes less a zero point, times codes, as an i32 product.
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @product(%x: tensor<8x64xi8>, %zx: i32, %w: tensor<64x16xi8>, %init: tensor<8x16xi32>) -> tensor<8x16xi32> {
  %e = tensor.empty() : tensor<8x64xi32>
  %x32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x64xi8>) outs(%e : tensor<8x64xi32>) {
  ^bb0(%a: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.subi %0, %zx : i32
    linalg.yield %1 : i32
  } -> tensor<8x64xi32>
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x32, %w : tensor<8x64xi32>, tensor<64x16xi8>) outs(%init : tensor<8x16xi32>) {
  ^bb0(%a: i32, %b: i8, %o: i32):
    %0 = arith.extsi %b : i8 to i32
    %1 = arith.muli %a, %0 : i32
    %2 = arith.addi %o, %1 : i32
    linalg.yield %2 : i32
  } -> tensor<8x16xi32>
  return %y : tensor<8x16xi32>
}
// CHECK-LABEL: func @product
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x64xi8>, %[[Z:[a-z0-9]+]]: i32, %[[W:[a-z0-9]+]]: tensor<64x16xi8>
// CHECK: %[[XW:.+]] = linalg.generic {{.*}} ins(%[[X]], %[[W]] : tensor<8x64xi8>, tensor<64x16xi8>)
// CHECK: %[[SUM:.+]] = linalg.generic {{.*}} ins(%[[W]] : tensor<64x16xi8>) outs(%{{.+}} : tensor<16xi32>)
// CHECK: linalg.generic {{.*}} ins(%[[XW]], %[[SUM]] : tensor<8x16xi32>, tensor<16xi32>)
// CHECK: arith.muli %[[Z]], %{{.+}} : i32
// CHECK: arith.subi
