// RUN: quant-opt --pass-pipeline="builtin.module(func.func(quant-tile-widen-integers))" %s | FileCheck %s

#id = affine_map<(i) -> (i)>
// CHECK-LABEL: func.func @f
// CHECK: %[[E:.*]] = tensor.empty() : tensor<8xi8>
// CHECK: %[[N:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<8xi8>) outs(%[[E]] : tensor<8xi8>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: i8, %{{.*}}: i8):
// CHECK-NEXT: %[[T:.*]] = arith.trunci %[[A]] : i8 to i4
// CHECK-NEXT: %[[X:.*]] = arith.extsi %[[T]] : i4 to i8
// CHECK-NEXT: linalg.yield %[[X]] : i8
// CHECK: linalg.generic {{.*}} ins(%[[N]] : tensor<8xi8>)
// CHECK-NEXT: ^bb0(%[[B:.*]]: i8, %{{.*}}: f32):
// CHECK-NEXT: %[[C:.*]] = arith.trunci %[[B]] : i8 to i4
// CHECK-NEXT: arith.uitofp %[[C]] : i4 to f32
func.func @f(%x: tensor<8xi8>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xi4>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xi8>) outs(%e : tensor<8xi4>) {
  ^bb0(%a: i8, %o: i4):
    %0 = arith.trunci %a : i8 to i4
    linalg.yield %0 : i4
  } -> tensor<8xi4>
  %f = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%n : tensor<8xi4>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: i4, %o: f32):
    %0 = arith.uitofp %a : i4 to f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
