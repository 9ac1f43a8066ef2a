// RUN: quant-opt %s --convert-quant-tensor-to-quant-tile --split-input-file --verify-diagnostics | FileCheck %s

// The kernel has the threads that the schedule says, and shares the reduction
// among the lanes that it says, whatever would have been chosen.
// CHECK: gpu.func @reduce_0
// CHECK-SAME: known_block_size = array<i32: 64, 1, 1>
// CHECK: scf.for {{.*}} step %c32
// CHECK: gpu.shuffle
// CHECK-LABEL: func.func @warps
// CHECK: quant_tile.launch {{.*}} block [64, 1, 1]
func.func @warps(%x: tensor<8x4096xf32>, %z: tensor<8xf32>) -> tensor<8xf32> {
  %s = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x4096xf32>) outs(%z : tensor<8xf32>)
      attrs = {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 64, lanes = 32>} {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.addf %acc, %a : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// -----

func.func @unscheduled(%x: tensor<8xf32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{has no quant_tile.plain_schedule: run select-plain-schedule first}}
  %y = linalg.exp ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @not_reduced(%x: tensor<8xf32>, %e: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{64 lanes share a reduction, but nothing is reduced}}
  %y = linalg.exp {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 64, lanes = 64>}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
