// RUN: quant-opt %s --quant-emit-ptx --split-input-file --verify-diagnostics

gpu.module @kernels {
  llvm.func @elsewhere(f32) -> f32
  llvm.func @k(%x: f32, %p: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{calls function 'elsewhere', which is not defined; the PTX would not load}}
    %0 = llvm.call @elsewhere(%x) : (f32) -> f32
    llvm.store %0, %p : f32, !llvm.ptr
    llvm.return
  }
}

// -----

// expected-error @below {{cannot be translated to LLVM IR}}
gpu.module @kernels {
  llvm.func @k(%x: i32) attributes {gpu.kernel, nvvm.kernel} {
    // expected-error @below {{'quant_tile.decode' op cannot be translated to LLVM IR}}
    // expected-error @below {{LLVM Translation failed for operation}}
    %0 = quant_tile.decode %x[0] storage(i4) : vector<2xbf16>
    llvm.return
  }
}
