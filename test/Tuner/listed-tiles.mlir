// RUN: quant-tune %s --chip=sm_90a --rows=64 --list | FileCheck %s

// Every tile is one that the schedule's verifier takes: two warpgroups share the
// columns where each gets a multiple of 16.
// CHECK-DAG: tile = [64, 160, 128], warps = [4, 2, 1]
// CHECK-DAG: tile = [64, 176, 128], warps = [4, 1, 1]
func.func @f(%x: tensor<?x1024xi8>, %w: tensor<512x1024xi8> {quant_tensor.weight}, %init: tensor<?x512xi32>) -> tensor<?x512xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1024xi8>, tensor<512x1024xi8>) maps [] outs(%init : tensor<?x512xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x512xi32>
  return %y : tensor<?x512xi32>
}
