// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(quant-tile-annotate-kernels))" | FileCheck %s

gpu.module @kernels {
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
