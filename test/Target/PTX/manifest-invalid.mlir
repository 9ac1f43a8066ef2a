// RUN: not quant-compile %s --emit=manifest 2>&1 | FileCheck %s

// CHECK: manifest-invalid.mlir:[[# @LINE + 5]]:{{[0-9]+}}: error: a launch depends on argument #1 of type 'index'; a launch plan knows the dimensions of its buffers only
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<?xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<?xf32>)
    return
  }
}
