// RUN: quant-opt --quant-tile-share-destinations %s | FileCheck %s

gpu.module @kernels {
  gpu.func @a(%x: memref<?x64xf32>, %y: memref<?x64xf32>) kernel { gpu.return }
  gpu.func @b(%x: memref<?x64xf32>, %y: memref<?x64xf32>) kernel { gpu.return }
}
func.func @f(%small: i1, %m: index, %x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  %r = scf.if %small -> tensor<?x64xf32> {
    %e = tensor.empty(%m) : tensor<?x64xf32>
    %0 = quant_tile.launch @kernels::@a grid(%c1, %c1, %c1) block [64, 1, 1]
        ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.yield %0 : tensor<?x64xf32>
  } else {
    %e = tensor.empty(%m) : tensor<?x64xf32>
    %0 = quant_tile.launch @kernels::@b grid(%c1, %c1, %c1) block [64, 1, 1]
        ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.yield %0 : tensor<?x64xf32>
  }
  return %r : tensor<?x64xf32>
}
// CHECK-LABEL: func @f
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: scf.if
// CHECK: outs(%[[E]] :
// CHECK: else
// CHECK: outs(%[[E]] :
