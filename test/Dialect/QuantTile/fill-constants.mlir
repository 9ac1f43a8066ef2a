// RUN: quant-opt %s --pass-pipeline='builtin.module(func.func(quant-tile-fill-constants))' | FileCheck %s

// CHECK-LABEL: func @init
// CHECK-DAG: %[[C:.*]] = arith.constant 7 : i32
// CHECK-DAG: %[[E:.*]] = tensor.empty() : tensor<4x4xi32>
// CHECK: %[[F:.*]] = linalg.fill ins(%[[C]] : i32) outs(%[[E]]
// CHECK: linalg.matmul {{.*}} outs(%[[F]]
func.func @init(%a: tensor<4x8xi8>, %b: tensor<8x4xi8>) -> tensor<4x4xi32> {
  %c = arith.constant dense<7> : tensor<4x4xi32>
  %y = linalg.matmul ins(%a, %b : tensor<4x8xi8>, tensor<8x4xi8>)
      outs(%c : tensor<4x4xi32>) -> tensor<4x4xi32>
  return %y : tensor<4x4xi32>
}

// An input stays: the kernel holds it. A result does not.
// CHECK-LABEL: func @input
// CHECK: %[[C:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]>
// CHECK: linalg.exp ins(%[[C]]
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[C]] : tensor<2xf32>)
// CHECK: return %{{.*}}, %[[R]]
func.func @input() -> (tensor<2xf32>, tensor<2xf32>) {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %y = linalg.exp ins(%c : tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return %y, %c : tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: func @splat
// CHECK-SAME: %[[S:[a-z0-9]+]]: f32, %[[M:[a-z0-9]+]]: index
// CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<?x2xf32>
// CHECK: %[[F:.*]] = linalg.fill ins(%[[S]] : f32) outs(%[[E]]
// CHECK: return %[[F]]
func.func @splat(%s: f32, %m: index) -> tensor<?x2xf32> {
  %0 = tensor.splat %s[%m] : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// The kernel of a row group holds no table: it reads one that loops before it
// have written.
// CHECK-LABEL: func.func @group
// CHECK: %[[T:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<4xf32>) outs(%{{.*}} : tensor<4xf32>)
// CHECK: quant_tile.row_group
// CHECK: linalg.generic {{.*}} ins(%arg0, %[[T]] : tensor<8x4xf32>, tensor<4xf32>)
func.func @group(%x: tensor<8x4xf32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  %t = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %er = tensor.empty() : tensor<8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
  %0 = quant_tile.row_group columns 4 -> (tensor<8xf32>) {
    %1 = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (k)>, affine_map<(m, k) -> (m, k)>],
                         iterator_types = ["parallel", "parallel"]}
        ins(%x, %t : tensor<8x4xf32>, tensor<4xf32>) outs(%e : tensor<8x4xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %3 = arith.mulf %a, %b : f32
      linalg.yield %3 : f32
    } -> tensor<8x4xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>],
                         iterator_types = ["parallel", "reduction"]}
        ins(%1 : tensor<8x4xf32>) outs(%i : tensor<8xf32>) {
    ^bb0(%a: f32, %o: f32):
      %3 = arith.maxnumf %a, %o : f32
      linalg.yield %3 : f32
    } -> tensor<8xf32>
    quant_tile.yield %2 : tensor<8xf32>
  }
  return %0 : tensor<8xf32>
}
