// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-opt %s --pass-pipeline="builtin.module(convert-quant-tensor-to-quant-tile,symbol-dce,gpu.module(canonicalize,cse,convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-gpu-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts),nvvm-attach-target{chip=sm_90a features=+ptx80 O=3},gpu-module-to-binary{format=isa})" \
// RUN:   | FileCheck %s --check-prefix=PTX

// int8 times int8: both operands through shared memory, exact i32 sums, the
// scales of token and channel in the epilogue.

// CHECK-LABEL: gpu.func @matmul_mma_sync_0(
// CHECK-COUNT-64: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 32>
// CHECK: arith.sitofp

// PTX: .entry matmul_mma_sync_0
// PTX: cp.async.cg.shared.global
// PTX: ld.shared.v2.b32
// PTX: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
// PTX-NOT: .extern .func
func.func private @s8(%x: tensor<?x4096xi8>, %w: tensor<4096x4096xi8>, %sx: tensor<?x1xf32>, %sw: tensor<4096xf32>, %init: tensor<?x4096xbf16>) -> tensor<?x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<4096x4096xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<4096xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 128], warps = [2, 4, 1], stages = 4>} {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}
