// RUN: quant-opt --convert-quant-tensor-to-quant-tile %s | FileCheck %s

func.func @double(%x: tensor<?xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.add {quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 256, lanes = 1>}
                  ins(%x, %x : tensor<?xf32>, tensor<?xf32>)
                  outs(%init : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
// CHECK: gpu.module @kernels
// CHECK: gpu.func @[[KERNEL:.*]](%{{.*}}: memref<?xf32>{{.*}} kernel
// CHECK: func.func @double
// CHECK: quant_tile.launch @kernels::@[[KERNEL]]
