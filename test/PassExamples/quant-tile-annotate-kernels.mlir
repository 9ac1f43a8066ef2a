// RUN: quant-opt --pass-pipeline='builtin.module(gpu.module(quant-tile-annotate-kernels))' %s | FileCheck %s

gpu.module @kernels {
  llvm.func @k(%x: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
}
// CHECK: llvm.func @k(%{{.*}}: !llvm.ptr {{{.*}}llvm.noalias{{.*}}})
