// RUN: quant-opt %s --quant-lower-reductions-to-loops | FileCheck %s

// CHECK-LABEL: func @matmul
// CHECK: scf.for %[[I:[a-z0-9]+]] =
// CHECK: scf.for %[[J:[a-z0-9]+]] =
// CHECK: %[[INIT:.*]] = memref.load %{{.*}}[%[[I]], %[[J]]] : memref<?x?xf64>
// CHECK: %[[SUM:.*]] = scf.for %[[K:[a-z0-9]+]] = {{.*}} iter_args(%[[ACC:[a-z0-9]+]] = %[[INIT]]) -> (f64)
// CHECK: memref.load %{{.*}}[%[[I]], %[[K]]]
// CHECK: memref.load %{{.*}}[%[[J]], %[[K]]]
// CHECK-NOT: memref.store
// CHECK: scf.yield
// CHECK: memref.store %[[SUM]], %{{.*}}[%[[I]], %[[J]]]
func.func @matmul(%a: memref<?x?xf64>, %b: memref<?x?xf64>, %c: memref<?x?xf64>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<?x?xf64>, memref<?x?xf64>) outs(%c : memref<?x?xf64>) {
  ^bb0(%x: f64, %y: f64, %acc: f64):
    %0 = arith.mulf %x, %y : f64
    %1 = arith.addf %acc, %0 : f64
    linalg.yield %1 : f64
  }
  return
}

// Two accumulators, an index, a position that is no plain dimension.
// CHECK-LABEL: func @extremes
// CHECK: scf.for %[[K:[a-z0-9]+]] = {{.*}} -> (f32, index)
// CHECK: affine.apply #{{.*}}(%[[K]])
// CHECK: arith.addi %{{.*}}, %[[K]] : index
func.func @extremes(%a: memref<8xf32>, %s: memref<2xf32>, %low: memref<f32>, %sum: memref<index>) {
  linalg.generic {indexing_maps = [affine_map<(k) -> (k)>, affine_map<(k) -> (k floordiv 4)>, affine_map<(k) -> ()>, affine_map<(k) -> ()>],
                  iterator_types = ["reduction"]}
      ins(%a, %s : memref<8xf32>, memref<2xf32>) outs(%low, %sum : memref<f32>, memref<index>) {
  ^bb0(%x: f32, %scale: f32, %acc: f32, %total: index):
    %0 = arith.mulf %x, %scale : f32
    %1 = arith.minnumf %acc, %0 : f32
    %i = linalg.index 0 : index
    %2 = arith.addi %total, %i : index
    linalg.yield %1, %2 : f32, index
  }
  return
}

// No reduction, nothing to do.
// CHECK-LABEL: func @elementwise
// CHECK: linalg.generic
func.func @elementwise(%a: memref<8xf32>, %b: memref<8xf32>) {
  linalg.generic {indexing_maps = [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>], iterator_types = ["parallel"]}
      ins(%a : memref<8xf32>) outs(%b : memref<8xf32>) {
  ^bb0(%x: f32, %y: f32):
    linalg.yield %x : f32
  }
  return
}
