// RUN: quant-opt %s --select-plain-schedule --convert-quant-tensor-to-quant-tile | FileCheck %s

// Only the lane that writes an element reads what it was: the shuffles of the
// reduction order no memory, so another lane's read could come after the write.
// CHECK-LABEL: gpu.func @reduce_0
// CHECK-SAME: memref<4x4096xf32>, %[[OUT:[a-z0-9]+]]: memref<4xf32>
// CHECK-NOT: memref.load %[[OUT]]
// CHECK: gpu.shuffle
// CHECK: scf.if
// CHECK: memref.load %[[OUT]]
// CHECK: memref.store %{{.*}}, %[[OUT]]
func.func @rows(%x: tensor<4x4096xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x4096xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
