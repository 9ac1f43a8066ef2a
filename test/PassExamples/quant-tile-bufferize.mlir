// RUN: quant-opt --quant-tile-bufferize %s | FileCheck %s

gpu.module @kernels {
  gpu.func @k(%x: memref<64xf32>, %y: memref<64xf32>) kernel { gpu.return }
}
func.func @f(%x: tensor<64xf32>) -> tensor<64xf32> {
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<64xf32>
  %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
      ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}
// CHECK-LABEL: func @f(%{{.*}}: memref<64xf32>
// CHECK: quant_tile.launch @kernels::@k {{.*}} ins(%{{.*}} : memref<64xf32>) outs(%{{.*}} : memref<64xf32>)
