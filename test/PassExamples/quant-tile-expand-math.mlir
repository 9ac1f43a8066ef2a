// RUN: quant-opt --pass-pipeline='builtin.module(gpu.module(gpu.func(quant-tile-expand-math)))' %s | FileCheck %s

gpu.module @kernels {
  gpu.func @k(%x: memref<64xf32>) kernel {
    %i = gpu.thread_id x
    %0 = memref.load %x[%i] : memref<64xf32>
    %1 = math.exp %0 : f32
    memref.store %1, %x[%i] : memref<64xf32>
    gpu.return
  }
}
// CHECK-LABEL: gpu.func @k
// CHECK-NOT: math.exp
// CHECK: quant_tile.ex2
