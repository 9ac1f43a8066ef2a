// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(convert-kernels-to-nvvm))" --split-input-file --verify-diagnostics | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: llvm.func @k
  // CHECK-SAME: gpu.kernel
  // CHECK-SAME: nvvm.maxntid = array<i32: 128, 1, 1>
  // CHECK: nvvm.read.ptx.sreg.tid.x
  // An instruction, not a call of libdevice.
  // CHECK-NOT: llvm.call
  // CHECK: llvm.intr.sqrt
  // CHECK: llvm.intr.fma
  // CHECK: nvvm.shfl.sync bfly
  gpu.func @k(%x: memref<?xf32>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %i = gpu.thread_id x
    %c16 = arith.constant 16 : i32
    %c32 = arith.constant 32 : i32
    %0 = memref.load %x[%i] : memref<?xf32>
    %1 = math.sqrt %0 : f32
    %2 = math.fma %1, %1, %0 : f32
    %3, %valid = gpu.shuffle xor %2, %c16, %c32 : f32
    memref.store %3, %x[%i] : memref<?xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @k(%x: memref<4xf32>) kernel {
    %c = arith.constant 0.0 : f32
    // expected-error @below {{'linalg.fill' op cannot be lowered to NVVM}}
    linalg.fill ins(%c : f32) outs(%x : memref<4xf32>)
    gpu.return
  }
}
