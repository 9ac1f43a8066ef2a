// RUN: quant-opt --quant-lower-reductions-to-loops %s | FileCheck %s

func.func @rows(%x: memref<4x?xf32>, %out: memref<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<4x?xf32>) outs(%out : memref<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  }
  return
}
// CHECK-LABEL: func @rows
// CHECK: scf.for
// CHECK: memref.load
// CHECK: scf.for {{.*}} iter_args(
