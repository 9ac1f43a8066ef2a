// RUN: quant-opt %s --quant-tile-bufferize --split-input-file --verify-diagnostics | FileCheck %s

gpu.module @kernels {
  gpu.func @k(%in: memref<64xf32>, %out: memref<64xf32>) kernel { gpu.return }
  gpu.func @clear(%out: memref<8xf32>) kernel { gpu.return }
  gpu.func @flags(%in: memref<64xf32>, %out: memref<64xf32>, %flags: memref<8xf32>) kernel { gpu.return }
}

// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: memref<64xf32>) -> memref<64xf32>
// CHECK: %[[A:.*]] = memref.alloc() {alignment = 256 : i64}
// CHECK: quant_tile.launch {{.*}} ins(%[[X]] : memref<64xf32>) outs(%[[A]] : memref<64xf32>)
// CHECK: %[[B:.*]] = memref.alloc() {alignment = 256 : i64}
// CHECK: quant_tile.launch {{.*}} ins(%[[A]] : memref<64xf32>) outs(%[[B]] : memref<64xf32>)
// CHECK-NOT: memref.copy
// CHECK: return %[[B]]
func.func @chain(%x: tensor<64xf32>) -> tensor<64xf32> {
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<64xf32>
  %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
      ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %f = tensor.empty() : tensor<64xf32>
  %1 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
      ins(%0 : tensor<64xf32>) outs(%f : tensor<64xf32>) -> tensor<64xf32>
  return %1 : tensor<64xf32>
}

// The caller's init is not written to: the result has a place of its own.
// CHECK-LABEL: func.func @argument_as_destination
// CHECK-SAME: (%[[X:.*]]: memref<64xf32>, %[[INIT:.*]]: memref<64xf32>)
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK-NOT: memref.copy
// CHECK: quant_tile.launch {{.*}} outs(%[[A]] :
func.func @argument_as_destination(%x: tensor<64xf32>, %init: tensor<64xf32>) -> tensor<64xf32> {
  %c1 = arith.constant 1 : index
  %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
      ins(%x : tensor<64xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// Results never share memory with arguments or with each other.
// CHECK-LABEL: func.func @returned_argument
// CHECK-SAME: (%[[X:.*]]: memref<64xf32>)
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK: memref.copy %[[X]], %[[A]]
// CHECK: %[[B:.*]] = memref.alloc()
// CHECK: memref.copy %[[X]], %[[B]]
// CHECK: return %[[A]], %[[B]]
func.func @returned_argument(%x: tensor<64xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
  return %x, %x : tensor<64xf32>, tensor<64xf32>
}

// Kernels take rows that follow each other: a slice is made contiguous.
// CHECK-LABEL: func.func @slice
// CHECK: %[[VIEW:.*]] = memref.subview
// CHECK: memref.copy %[[VIEW]], %[[PACKED:[a-z0-9_]+]]
// CHECK: quant_tile.launch {{.*}} ins(%[[PACKED]] : memref<64xf32>)
func.func @slice(%x: tensor<64x2xf32>) -> tensor<64xf32> {
  %c1 = arith.constant 1 : index
  %s = tensor.extract_slice %x[0, 1] [64, 1] [1, 1] : tensor<64x2xf32> to tensor<64xf32>
  %e = tensor.empty() : tensor<64xf32>
  %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
      ins(%s : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// Branches that compute one result from arguments write one buffer; memory of
// their own is in them.
// CHECK-LABEL: func.func @ranges
// CHECK-SAME: (%[[X:.*]]: memref<64xf32>, %[[M:.*]]: memref<?xf32>)
// CHECK: %[[A:.*]] = memref.alloc() {alignment = 256 : i64} : memref<64xf32>
// CHECK: scf.if %{{.*}} {
// CHECK: quant_tile.launch {{.*}} ins(%[[X]] : memref<64xf32>) outs(%[[A]] : memref<64xf32>)
// CHECK: } else {
// CHECK: scf.if %{{.*}} {
// CHECK: quant_tile.launch {{.*}} ins(%[[X]] : memref<64xf32>) outs(%[[A]] : memref<64xf32>)
// CHECK: } else {
// CHECK: %[[FLAGS:.*]] = memref.alloc() {alignment = 256 : i64} : memref<8xf32>
// CHECK: quant_tile.launch {{.*}}@clear {{.*}} outs(%[[FLAGS]] : memref<8xf32>)
// CHECK: quant_tile.launch {{.*}}@flags {{.*}} reads_outs [1] ins(%[[X]] : memref<64xf32>) outs(%[[A]], %[[FLAGS]] :
// CHECK-NOT: memref.copy
// CHECK: return %[[A]]
func.func @ranges(%x: tensor<64xf32>, %m: tensor<?xf32>) -> tensor<64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %d = tensor.dim %m, %c0 : tensor<?xf32>
  %one = arith.cmpi ule, %d, %c1 : index
  %few = arith.cmpi ule, %d, %c8 : index
  %e = tensor.empty() : tensor<64xf32>
  %r = scf.if %one -> tensor<64xf32> {
    %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
        ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %0 : tensor<64xf32>
  } else {
    %1 = scf.if %few -> tensor<64xf32> {
      cf.assert %few, "of a branch"
      %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
          ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
      scf.yield %0 : tensor<64xf32>
    } else {
      %f = tensor.empty() : tensor<8xf32>
      %flags = quant_tile.launch @kernels::@clear grid(%c1, %c1, %c1) block [64, 1, 1]
          outs(%f : tensor<8xf32>) -> tensor<8xf32>
      %0:2 = quant_tile.launch @kernels::@flags grid(%c1, %c1, %c1) block [64, 1, 1] reads_outs [1]
          ins(%x : tensor<64xf32>) outs(%e, %flags : tensor<64xf32>, tensor<8xf32>) -> tensor<64xf32>, tensor<8xf32>
      scf.yield %0#0 : tensor<64xf32>
    }
    scf.yield %1 : tensor<64xf32>
  }
  return %r : tensor<64xf32>
}

// One branch reads what it is to write: analysis finds a place.
// CHECK-LABEL: func.func @reads_destination
// CHECK-SAME: (%[[X:.*]]: memref<64xf32>,
// CHECK: quant_tile.launch {{.*}} ins(%[[X]] : memref<64xf32>) outs(%[[Z:.*]] : memref<64xf32>)
// CHECK: scf.if
// CHECK: %[[B:.*]] = memref.alloc()
// CHECK: quant_tile.launch {{.*}} ins(%[[Z]] : memref<64xf32>) outs(%[[B]] : memref<64xf32>)
// CHECK: } else {
// CHECK-NOT: outs(%[[Z]]
// CHECK: quant_tile.launch {{.*}} ins(%[[Z]] : memref<64xf32>)
func.func @reads_destination(%x: tensor<64xf32>, %m: tensor<?xf32>) -> tensor<64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %d = tensor.dim %m, %c0 : tensor<?xf32>
  %one = arith.cmpi ule, %d, %c1 : index
  %e = tensor.empty() : tensor<64xf32>
  %z = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
      ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %r = scf.if %one -> tensor<64xf32> {
    %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
        ins(%z : tensor<64xf32>) outs(%z : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %0 : tensor<64xf32>
  } else {
    %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
        ins(%z : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
    scf.yield %0 : tensor<64xf32>
  }
  return %r : tensor<64xf32>
}

// -----

// expected-error @below {{has control flow between blocks; only structured control flow can become a launch plan}}
func.func @blocks(%x: tensor<64xf32>) -> tensor<64xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<64xf32>
}

// -----

func.func @loop(%x: tensor<4x16xf32>, %n: index) -> tensor<4x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{'scf.for' op is a loop, and a launch plan has none: unroll it}}
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x) -> tensor<4x16xf32> {
    %b = tensor.cast %a : tensor<4x16xf32> to tensor<4x16xf32>
    scf.yield %b : tensor<4x16xf32>
  }
  return %y : tensor<4x16xf32>
}
