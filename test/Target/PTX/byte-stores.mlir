// RUN: quant-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(quant-emit-ptx{chip=sm_90a})" | FileCheck %s

// ptxas would convert the sum, not store its low byte.
// expected-error @below {{stores part of a float's register, which ptxas would convert: st.global.b8}}
gpu.module @kernels {
  llvm.func @byte(%x: f32, %p: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    %magic = llvm.mlir.constant(1.258291e+07 : f32) : f32
    %sum = llvm.fadd %x, %magic : f32
    %bits = llvm.bitcast %sum : f32 to i32
    %low = llvm.trunc %bits : i32 to i8
    llvm.store %low, %p : i8, !llvm.ptr
    llvm.return
  }
}

// -----

// Nor half of a double.
// expected-error @below {{stores part of a float's register, which ptxas would convert: st.global.b32}}
gpu.module @kernels {
  llvm.func @half(%x: f64, %p: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    %sum = llvm.fadd %x, %x : f64
    %bits = llvm.bitcast %sum : f64 to i64
    %low = llvm.trunc %bits : i64 to i32
    llvm.store %low, %p : i32, !llvm.ptr
    llvm.return
  }
}

// -----

// An integer operation in between keeps them apart.
// CHECK: lop3.b32
// CHECK: st.global.b8
gpu.module @kernels {
  llvm.func @byte(%x: f32, %p: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    %magic = llvm.mlir.constant(1.258291e+07 : f32) : f32
    %mask = llvm.mlir.constant(255 : i32) : i32
    %sum = llvm.fadd %x, %magic : f32
    %bits = llvm.bitcast %sum : f32 to i32
    %masked = quant_tile.lop3 %bits, %mask, %mask table 192
    %low = llvm.trunc %masked : i32 to i8
    llvm.store %low, %p : i8, !llvm.ptr
    llvm.return
  }
}
