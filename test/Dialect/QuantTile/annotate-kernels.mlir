// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(quant-tile-annotate-kernels))" | FileCheck %s

gpu.module @kernels {
  // CHECK: llvm.mlir.global internal @partials() {addr_space = 3 : i32, alignment = 16 : i64}
  llvm.mlir.global internal @partials() {addr_space = 3 : i32} : !llvm.array<6 x f32>
  // CHECK: llvm.mlir.global internal @ring() {addr_space = 3 : i32, alignment = 128 : i64}
  llvm.mlir.global internal @ring() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<512 x i8>
  // CHECK: llvm.func @kernel(%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64)
  llvm.func @kernel(%x: !llvm.ptr, %n: i64) attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  // Nothing is promised for a function that kernels call.
  // CHECK: llvm.func @device(%{{.*}}: !llvm.ptr)
  llvm.func @device(%x: !llvm.ptr) {
    llvm.return
  }
}
