// RUN: quant-opt --quant-tile-copies-to-launches %s | FileCheck %s

gpu.module @kernels {}
func.func @f(%x: memref<64xf32>, %y: memref<64xf32>) {
  memref.copy %x, %y : memref<64xf32> to memref<64xf32>
  return
}
// CHECK: gpu.func @[[COPY:[a-z0-9_]+]]
// CHECK-LABEL: func.func @f
// CHECK: quant_tile.launch @kernels::@[[COPY]] {{.*}} ins(%{{.*}} : memref<64xf32>) outs(%{{.*}} : memref<64xf32>)
