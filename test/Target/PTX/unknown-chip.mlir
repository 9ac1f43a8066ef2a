// RUN: quant-opt %s --quant-emit-ptx=chip=gfx942 --verify-diagnostics

// expected-error @below {{unknown chip 'gfx942', expected one of: sm_80, sm_89, sm_90a}}
gpu.module @kernels {
}
