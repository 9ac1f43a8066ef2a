// RUN: quant-opt --pass-pipeline='builtin.module(gpu.module(convert-kernels-to-nvvm))' %s | FileCheck %s

gpu.module @kernels {
  gpu.func @k(%x: memref<64xf32>) kernel {
    %i = gpu.thread_id x
    %0 = memref.load %x[%i] : memref<64xf32>
    %1 = math.sqrt %0 : f32
    memref.store %1, %x[%i] : memref<64xf32>
    gpu.return
  }
}
// CHECK: llvm.func @k
// CHECK: llvm.intr.sqrt
