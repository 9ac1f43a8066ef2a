// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-share-destinations))" | FileCheck %s

gpu.module @kernels {
  gpu.func @one(%out: memref<1x64xf32>) kernel { gpu.return }
  gpu.func @many(%out: memref<?x64xf32>) kernel { gpu.return }
  gpu.func @static(%out: memref<64xf32>) kernel { gpu.return }
}

// The destination's size is computed inside a branch and moves out with it; a
// branch that knows more about the shape sees it through a cast.
// CHECK-LABEL: func.func @dispatch
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[X]]
// CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<?x64xf32>
// CHECK: scf.if
// CHECK: %[[CAST:.*]] = tensor.cast %[[E]] : tensor<?x64xf32> to tensor<1x64xf32>
// CHECK: quant_tile.launch @kernels::@one {{.*}} outs(%[[CAST]] :
// CHECK: } else {
// CHECK-NOT: tensor.empty
// CHECK: quant_tile.launch @kernels::@many {{.*}} outs(%[[E]] :
func.func @dispatch(%x: tensor<?x64xf32>, %small: i1) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.if %small -> tensor<?x64xf32> {
    %e = tensor.empty() : tensor<1x64xf32>
    %y = quant_tile.launch @kernels::@one grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
    %c = tensor.cast %y : tensor<1x64xf32> to tensor<?x64xf32>
    scf.yield %c : tensor<?x64xf32>
  } else {
    %m = tensor.dim %x, %c0 : tensor<?x64xf32>
    %e = tensor.empty(%m) : tensor<?x64xf32>
    %y = quant_tile.launch @kernels::@many grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.yield %y : tensor<?x64xf32>
  }
  return %r : tensor<?x64xf32>
}

// An argument is nobody's destination.
// CHECK-LABEL: func.func @not_a_destination
// CHECK-NEXT: scf.if
func.func @not_a_destination(%x: tensor<64xf32>, %y: tensor<64xf32>, %c: i1) -> tensor<64xf32> {
  %r = scf.if %c -> tensor<64xf32> {
    scf.yield %x : tensor<64xf32>
  } else {
    scf.yield %y : tensor<64xf32>
  }
  return %r : tensor<64xf32>
}

// One destination outside, as CSE leaves it, of two dispatches: each gets its
// own, and so does the nest within the second.
// CHECK-LABEL: func.func @chain
// CHECK: %[[FIRST:.*]] = tensor.empty() : tensor<64xf32>
// CHECK-NEXT: %[[Y:.*]] = scf.if
// CHECK-COUNT-2: outs(%[[FIRST]] : tensor<64xf32>)
// CHECK: %[[SECOND:.*]] = tensor.empty() : tensor<64xf32>
// CHECK-NEXT: scf.if
// CHECK-COUNT-3: outs(%[[SECOND]] : tensor<64xf32>)
func.func @chain(%a: i1, %b: i1, %c: i1) -> (tensor<64xf32>, tensor<64xf32>) {
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<64xf32>
  %y = scf.if %a -> tensor<64xf32> {
    %l = quant_tile.launch @kernels::@static grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %l : tensor<64xf32>
  } else {
    %l = quant_tile.launch @kernels::@static grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %l : tensor<64xf32>
  }
  %z = scf.if %b -> tensor<64xf32> {
    %l = quant_tile.launch @kernels::@static grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %l : tensor<64xf32>
  } else {
    %n = scf.if %c -> tensor<64xf32> {
      %l = quant_tile.launch @kernels::@static grid(%c1, %c1, %c1) block [64, 1, 1]
          outs(%e : tensor<64xf32>) -> tensor<64xf32>
      scf.yield %l : tensor<64xf32>
    } else {
      %l = quant_tile.launch @kernels::@static grid(%c1, %c1, %c1) block [64, 1, 1]
          outs(%e : tensor<64xf32>) -> tensor<64xf32>
      scf.yield %l : tensor<64xf32>
    }
    scf.yield %n : tensor<64xf32>
  }
  return %y, %z : tensor<64xf32>, tensor<64xf32>
}
