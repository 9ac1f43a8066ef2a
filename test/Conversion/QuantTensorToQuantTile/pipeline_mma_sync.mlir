// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-opt %s --pass-pipeline="builtin.module(convert-quant-tensor-to-quant-tile,symbol-dce,gpu.module(canonicalize,cse,convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-gpu-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts),nvvm-attach-target{chip=sm_90a features=+ptx80 O=3},gpu-module-to-binary{format=isa})" \
// RUN:   | FileCheck %s --check-prefix=PTX

// Activations through a ring of shared memory, weights in fragment order from
// global memory one step ahead, decoded to exact bf16, scaled by group on the
// f32 accumulator.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: gpu.func @matmul_mma_sync_0(
// CHECK: gpu.dynamic_shared_memory
// CHECK: nvgpu.device_async_copy {{.*}}, 8, {{.*}} {bypassL1}
// CHECK: scf.for
// CHECK: nvgpu.device_async_wait %{{.*}} {numGroups = 2 : i32}
// CHECK: gpu.barrier
// CHECK: quant_tile.load %{{.*}} align 16 : memref<256x64x128xi32>, vector<4xi32>
// CHECK: quant_tile.decode %{{.*}}[0] storage(i4) : vector<2xbf16>
// CHECK-COUNT-64: nvvm.mma.sync
// CHECK: llvm.intr.fma

// The grid follows M.
// CHECK-LABEL: func private @w4
// CHECK: %[[ROWS:.*]] = arith.ceildivui
// CHECK: quant_tile.launch @kernels::@matmul_mma_sync_0 grid(%c32, %[[ROWS]], %c1) block [256, 1, 1]
// CHECK-SAME: dynamic_shared_memory = 65536

// PTX: .entry matmul_mma_sync_0
// PTX: cp.async.cg.shared.global
// PTX: ld.global.nc.v4.b32
// PTX: lop3.b32
// PTX: ld.shared.v4.b32
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT: .extern .func
func.func private @w4(%x: tensor<?x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<?x4096xbf16>) -> tensor<?x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 64], warps = [2, 4, 1], stages = 4, weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}
