// RUN: quant-opt --quant-tile-generalize-ops --linalg-fuse-elementwise-ops %s | FileCheck %s

// Widened codes summed along rows: one op once both are generic.
func.func @row_sums(%x: tensor<8x64xi8>, %e: tensor<8x64xi32>, %z: tensor<8xi32>) -> tensor<8xi32> {
  %w = linalg.map ins(%x : tensor<8x64xi8>) outs(%e : tensor<8x64xi32>) (%in: i8, %init: i32) {
    %0 = arith.extsi %in : i8 to i32
    linalg.yield %0 : i32
  }
  %s = linalg.reduce { arith.addi } ins(%w : tensor<8x64xi32>) outs(%z : tensor<8xi32>) dimensions = [1]
  return %s : tensor<8xi32>
}
// CHECK-LABEL: func @row_sums
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x64xi8>
// CHECK: %[[S:.+]] = linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]} ins(%[[X]] : tensor<8x64xi8>)
// CHECK-NOT: linalg.generic
// CHECK: return %[[S]]
