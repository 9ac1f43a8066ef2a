// RUN: quant-opt --quant-emit-ptx=chip=sm_80 %s | FileCheck %s

gpu.module @kernels {
  llvm.func @k() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
}
// CHECK: gpu.binary @kernels [#gpu.object<#nvvm.target<{{.*}}chip = "sm_80"
// CHECK-SAME: .visible .entry k
