// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(quant-tile-expand-math))" --split-input-file --verify-diagnostics | FileCheck %s

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @exp
  // CHECK-NOT: math.exp
  // CHECK: llvm.intr.exp2
  // CHECK-NOT: math.exp
  // CHECK: gpu.return
  gpu.func @exp(%x: f32, %out: memref<f32>) kernel {
    %0 = math.exp %x : f32
    memref.store %0, %out[] : memref<f32>
    gpu.return
  }
  // bf16 goes through f32.
  // CHECK-LABEL: gpu.func @tanh
  // CHECK: arith.extf
  // CHECK-NOT: math.tanh
  // CHECK: arith.truncf
  gpu.func @tanh(%x: bf16, %out: memref<bf16>) kernel {
    %0 = math.tanh %x : bf16
    memref.store %0, %out[] : memref<bf16>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @erf
  // CHECK-NOT: math.erf
  // CHECK: gpu.return
  gpu.func @erf(%x: f32, %out: memref<f32>) kernel {
    %0 = math.erf %x : f32
    memref.store %0, %out[] : memref<f32>
    gpu.return
  }
  // CHECK-LABEL: gpu.func @sqrt
  // CHECK: math.sqrt
  gpu.func @sqrt(%x: f32, %out: memref<f32>) kernel {
    %0 = math.sqrt %x : f32
    memref.store %0, %out[] : memref<f32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @exp64(%x: f64, %out: memref<f64>) kernel {
    // expected-error @below {{'math.exp' op has no GPU lowering for type 'f64'}}
    %0 = math.exp %x : f64
    memref.store %0, %out[] : memref<f64>
    gpu.return
  }
}
