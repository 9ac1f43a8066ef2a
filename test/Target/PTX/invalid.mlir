// RUN: quant-opt %s --quant-emit-ptx --split-input-file --verify-diagnostics

// expected-error @below {{calls function 'elsewhere', which is not defined; the PTX would not load}}
gpu.module @kernels {
  llvm.func @elsewhere(f32) -> f32
  llvm.func @k(%x: f32, %p: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    %0 = llvm.call @elsewhere(%x) : (f32) -> f32
    llvm.store %0, %p : f32, !llvm.ptr
    llvm.return
  }
}
