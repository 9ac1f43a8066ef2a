// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(convert-nvvm-to-llvm),quant-emit-ptx{chip=sm_90a})" | FileCheck %s

!i8 = !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
!f4 = !llvm.struct<(f32, f32, f32, f32)>
!f16 = !llvm.struct<(f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32, f32)>

gpu.module @kernels {
  // Both operands in shared memory; the second accumulates.
  // CHECK: .visible .entry descriptors
  // CHECK: wgmma.fence.sync.aligned;
  // CHECK: wgmma.mma_async.sync.aligned.m64n16k32.s32.s8.s8 {{.%r[^}]*.}}, %rd{{[0-9]+}}, %rd{{[0-9]+}}, p; }
  // CHECK: wgmma.mma_async.sync.aligned.m64n16k32.s32.s8.s8
  // CHECK: wgmma.commit_group.sync.aligned;
  // CHECK: wgmma.wait_group.sync.aligned 0;
  // CHECK: st.global
  llvm.func @descriptors(%p: !llvm.ptr, %a: i64, %b: i64, %c: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    %true = llvm.mlir.constant(true) : i1
    %false = llvm.mlir.constant(false) : i1
    %u = llvm.mlir.poison : !i8
    nvvm.wgmma.fence.aligned
    %0 = quant_tile.wgmma a(%a : i64) b(%b) into %u accumulate(%false) n = 16 types(i8, i8) : !i8
    %1 = quant_tile.wgmma a(%a : i64) b(%b) into %0 accumulate(%true) n = 16 types(i8, i8) : !i8
    nvvm.wgmma.commit.group.sync.aligned
    %2 = quant_tile.wgmma_wait 0, %1 : !i8
    %3 = llvm.extractvalue %2[1] : !i8
    llvm.store %3, %p : i32, !llvm.ptr
    llvm.return
  }

  // CHECK: .visible .entry registers
  // CHECK: wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {{.%r[^}]*.}}, {{.%r[^}]*.}}, %rd{{[0-9]+}}, p, 1, 1, 0; }
  llvm.func @registers(%p: !llvm.ptr, %b: i64, %r: i32) attributes {gpu.kernel, nvvm.kernel} {
    %false = llvm.mlir.constant(false) : i1
    %u = llvm.mlir.poison : !f4
    %0 = quant_tile.wgmma a(%r, %r, %r, %r : i32, i32, i32, i32) b(%b) into %u accumulate(%false) n = 8 types(bf16, bf16) : !f4
    nvvm.wgmma.commit.group.sync.aligned
    %1 = quant_tile.wgmma_wait 0, %0 : !f4
    llvm.store %1, %p : !f4, !llvm.ptr
    llvm.return
  }

  // CHECK: .visible .entry fp8
  // CHECK: wgmma.mma_async.sync.aligned.m64n32k32.f32.e4m3.e5m2 {{.%r[^}]*.}}, %rd{{[0-9]+}}, %rd{{[0-9]+}}, p, 1, 1; }
  // CHECK: wgmma.mma_async.sync.aligned.m64n32k32.f32.e4m3.e5m2
  // Two accumulators, the older of which is waited for first.
  // CHECK: wgmma.wait_group.sync.aligned 1;
  // CHECK: wgmma.wait_group.sync.aligned 0;
  llvm.func @fp8(%p: !llvm.ptr, %a: i64, %b: i64) attributes {gpu.kernel, nvvm.kernel} {
    %false = llvm.mlir.constant(false) : i1
    %u = llvm.mlir.poison : !f16
    %0 = quant_tile.wgmma a(%a : i64) b(%b) into %u accumulate(%false) n = 32 types(f8E4M3FN, f8E5M2) : !f16
    nvvm.wgmma.commit.group.sync.aligned
    %1 = quant_tile.wgmma a(%a : i64) b(%b) into %u accumulate(%false) n = 32 types(f8E4M3FN, f8E5M2) : !f16
    nvvm.wgmma.commit.group.sync.aligned
    %2 = quant_tile.wgmma_wait 1, %0 : !f16
    llvm.store %2, %p : !f16, !llvm.ptr
    %3 = quant_tile.wgmma_wait 0, %1 : !f16
    llvm.store %3, %p : !f16, !llvm.ptr
    llvm.return
  }
}
