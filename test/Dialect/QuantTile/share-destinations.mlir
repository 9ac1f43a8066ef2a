// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-share-destinations))" | FileCheck %s

gpu.module @kernels {
  gpu.func @one(%out: memref<1x64xf32>) kernel { gpu.return }
  gpu.func @many(%out: memref<?x64xf32>) kernel { gpu.return }
  gpu.func @static(%out: memref<64xf32>) kernel { gpu.return }
}

// The destination's size is computed inside a branch and moves out with it; a
// branch that knows more about the shape sees it through a cast, and what it
// knows holds only there.
// CHECK-LABEL: func.func @dispatch
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
// CHECK-SAME: %[[SMALL:.*]]: i1
// CHECK: %[[M:.*]] = tensor.dim %[[X]]
// CHECK: %[[SIZE:.*]] = arith.select %[[SMALL]], %{{.*}}, %[[M]] : index
// CHECK: %[[E:.*]] = tensor.empty(%[[SIZE]]) : tensor<?x64xf32>
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

// What is there already is copied.
// CHECK-LABEL: func.func @arguments
// CHECK-SAME: (%[[X:.*]]: tensor<64xf32>, %[[Y:.*]]: tensor<64xf32>
// CHECK: %[[E:.*]] = tensor.empty() : tensor<64xf32>
// CHECK: scf.if
// CHECK: %[[THEN:.*]] = bufferization.materialize_in_destination %[[X]] in %[[E]]
// CHECK: scf.yield %[[THEN]]
// CHECK: %[[ELSE:.*]] = bufferization.materialize_in_destination %[[Y]] in %[[E]]
// CHECK: scf.yield %[[ELSE]]
func.func @arguments(%x: tensor<64xf32>, %y: tensor<64xf32>, %c: i1) -> tensor<64xf32> {
  %r = scf.if %c -> tensor<64xf32> {
    scf.yield %x : tensor<64xf32>
  } else {
    scf.yield %y : tensor<64xf32>
  }
  return %r : tensor<64xf32>
}

// A destination from outside that no branch reads is as good as none; one that
// is read stays, and what is computed in it is copied.
// CHECK-LABEL: func.func @outside
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
// CHECK: %[[D:.*]] = tensor.dim %[[X]]
// CHECK: %[[E:.*]] = tensor.empty(%[[D]]) : tensor<?x64xf32>
// CHECK: scf.if
// CHECK: quant_tile.launch @kernels::@many {{.*}} outs(%[[E]] :
// CHECK: } else {
// CHECK: %[[Y:.*]] = quant_tile.launch @kernels::@many {{.*}} outs(%[[X]] :
// CHECK: bufferization.materialize_in_destination %[[Y]] in %[[E]]
func.func @outside(%x: tensor<?x64xf32>, %c: i1) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  %r = scf.if %c -> tensor<?x64xf32> {
    %y = quant_tile.launch @kernels::@many grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%x : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.yield %y : tensor<?x64xf32>
  } else {
    %y = quant_tile.launch @kernels::@many grid(%c1, %c1, %c1) block [64, 1, 1]
        accumulates outs(%x : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.yield %y : tensor<?x64xf32>
  }
  return %r : tensor<?x64xf32>
}

// A size that nobody knows in front: all stays.
// CHECK-LABEL: func.func @unknown
// CHECK-NEXT: scf.if
func.func @unknown(%x: tensor<?xf32>, %n: tensor<index>, %c: i1) -> tensor<?xf32> {
  %r = scf.if %c -> tensor<?xf32> {
    %d = tensor.extract %n[] : tensor<index>
    %y = tensor.extract_slice %x[0] [%d] [1] : tensor<?xf32> to tensor<?xf32>
    scf.yield %y : tensor<?xf32>
  } else {
    %d = tensor.extract %n[] : tensor<index>
    %y = tensor.extract_slice %x[4] [%d] [1] : tensor<?xf32> to tensor<?xf32>
    scf.yield %y : tensor<?xf32>
  }
  return %r : tensor<?xf32>
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
