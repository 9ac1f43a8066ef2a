// RUN: quant-opt --import-packed-integers %s | FileCheck %s

// Codes in the low nibbles come first.
// CHECK-LABEL: func.func @f
// CHECK-SAME: %[[B:.*]]: tensor<8x32xi8> {quant_tensor.name = "w"}
// CHECK: %[[LO:.*]] = linalg.generic {{.*}} ins(%[[B]] : tensor<8x32xi8>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: i8, %{{.*}}: i4):
// CHECK-NEXT: arith.trunci %[[A]] : i8 to i4
// CHECK: %[[J:.*]] = tensor.insert_slice %[[LO]] into %{{.*}}[0, 0] [8, 32] [1, 2]
// CHECK: %[[HI:.*]] = linalg.generic {{.*}} ins(%[[B]] : tensor<8x32xi8>)
// CHECK: arith.shrui
// CHECK-NEXT: arith.trunci
// CHECK: %[[W:.*]] = tensor.insert_slice %[[HI]] into %[[J]][0, 1] [8, 32] [1, 2] : tensor<8x32xi4> into tensor<8x64xi4>
// CHECK: arith.sitofp %[[W]]
func.func @f(%w: tensor<8x64xi4> {quant_tensor.name = "w"}) -> tensor<8x64xf32> {
  %y = arith.sitofp %w : tensor<8x64xi4> to tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}
