// RUN: quant-opt %s --quant-tile-copies-to-launches | FileCheck %s
// RUN: quant-opt %s --quant-tile-copies-to-launches=threads=64 | FileCheck %s --check-prefix=FEW
// RUN: not quant-opt %s --quant-tile-copies-to-launches=threads=65 2>&1 | FileCheck %s --check-prefix=ODD

// FEW: block [64, 1, 1]
// ODD: error: a block has 1 to 32 warps of 32 threads, got 65 threads

// The kernel reads through the source's strides.
// CHECK: gpu.func @elementwise_0(%[[IN:.*]]: memref<4x8xf32, strided<[16, 1], offset: 36>>, %[[OUT:.*]]: memref<4x8xf32>) kernel
// CHECK: memref.load %[[IN]]
// CHECK: memref.store %{{.*}}, %[[OUT]]
// CHECK-LABEL: func.func @copy
// CHECK-NOT: memref.copy
// CHECK: quant_tile.launch @kernels::@elementwise_0 {{.*}} block [256, 1, 1] ins(%{{.*}} : memref<4x8xf32, strided<[16, 1], offset: 36>>) outs(%{{.*}} : memref<4x8xf32>)
func.func @copy(%x: memref<8x16xf32>, %y: memref<4x8xf32>) {
  %s = memref.subview %x[2, 4] [4, 8] [1, 1] : memref<8x16xf32> to memref<4x8xf32, strided<[16, 1], offset: 36>>
  memref.copy %s, %y : memref<4x8xf32, strided<[16, 1], offset: 36>> to memref<4x8xf32>
  return
}
