// RUN: quant-opt --quant-tile-lower-launch %s | FileCheck %s

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<?xf32>, %y: memref<?xf32>) kernel { gpu.return }
  }
  func.func @f(%g: index, %x: memref<?xf32>, %y: memref<?xf32>) {
    %c1 = arith.constant 1 : index
    quant_tile.launch @kernels::@k grid(%g, %c1, %c1) block [256, 1, 1]
        ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
    return
  }
}
// CHECK-LABEL: func.func @f
// CHECK: gpu.launch_func @kernels::@k blocks in (%{{.*}}, %{{.*}}, %{{.*}}) threads in
// CHECK-SAME: args(%{{.*}} : memref<?xf32>, %{{.*}} : memref<?xf32>)
