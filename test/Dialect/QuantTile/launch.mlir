// RUN: quant-opt %s | quant-opt | FileCheck %s
// RUN: quant-opt %s --mlir-print-op-generic | quant-opt | FileCheck %s
// RUN: quant-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" | FileCheck %s --check-prefix=BUFFER

gpu.module @kernels {
  gpu.func @add(%a: memref<?x64xf32>, %out: memref<?x64xf32>, %n: index) kernel {
    gpu.return
  }
}

// CHECK-LABEL: func.func @on_tensors
// CHECK: quant_tile.launch @kernels::@add grid(%{{.*}}, %{{.*}}, %{{.*}}) block [256, 1, 1]
// CHECK-SAME: cluster [2, 1, 1] dependent_launch ins(%{{[a-z0-9]+}} : tensor<?x64xf32>)
// CHECK-SAME: scalars(%{{[a-z0-9]+}}) outs(%{{[a-z0-9]+}} : tensor<?x64xf32>)
// CHECK-SAME: {dynamic_shared_memory = 1024 : i64} -> tensor<?x64xf32>

// The destination is fresh and not read: one allocation, no copy.
// BUFFER-LABEL: func.func @on_tensors
// BUFFER-SAME: (%[[A:.*]]: memref<?x64xf32>
// BUFFER: %[[OUT:.*]] = memref.alloc
// BUFFER-NOT: memref.copy
// BUFFER: quant_tile.launch @kernels::@add
// BUFFER-SAME: ins(%[[A]] : memref<?x64xf32>)
// BUFFER-SAME: outs(%[[OUT]] : memref<?x64xf32>)
// BUFFER: return %[[OUT]]
func.func @on_tensors(%a: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x64xf32>
  %init = tensor.empty(%n) : tensor<?x64xf32>
  %0 = quant_tile.launch @kernels::@add grid(%n, %c1, %c1) block [256, 1, 1]
      cluster [2, 1, 1] dependent_launch ins(%a : tensor<?x64xf32>) scalars(%n)
      outs(%init : tensor<?x64xf32>) {dynamic_shared_memory = 1024 : i64} -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// A kernel that reads its outs must not write into a value that is used again.
// BUFFER-LABEL: func.func @accumulates
// BUFFER-SAME: (%[[A:.*]]: memref<?x64xf32>, %[[B:.*]]: memref<?x64xf32>
// BUFFER: %[[OUT:.*]] = memref.alloc
// BUFFER: memref.copy %[[B]], %[[OUT]]
// BUFFER: quant_tile.launch @kernels::@add
// BUFFER-SAME: accumulates
// BUFFER-SAME: outs(%[[OUT]] : memref<?x64xf32>)
// BUFFER: return %[[OUT]], %[[B]]
func.func @accumulates(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %c1 = arith.constant 1 : index
  %0 = quant_tile.launch @kernels::@add grid(%c1, %c1, %c1) block [256, 1, 1]
      accumulates ins(%a : tensor<?x64xf32>) scalars(%c1)
      outs(%b : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0, %b : tensor<?x64xf32>, tensor<?x64xf32>
}

gpu.module @flagged {
  gpu.func @k(%out: memref<?x64xf32>, %flags: memref<8xi32>) kernel {
    gpu.return
  }
}

// Flags that two kernels read and write: each has some of its own, while nobody
// cares what the results hold before.
// CHECK-LABEL: func.func @reads_outs
// CHECK: quant_tile.launch @flagged::@k {{.*}} reads_outs [1] outs(
// BUFFER-LABEL: func.func @reads_outs
// BUFFER-SAME: (%[[A:.*]]: memref<?x64xf32>, %[[B:.*]]: memref<?x64xf32>, %[[FLAGS:.*]]: memref<8xi32>
// BUFFER-NOT: memref.copy %{{.*}} : memref<?x64xf32>
// BUFFER: memref.copy %[[FLAGS]], %[[COPY:[a-z0-9_]+]]
// BUFFER: quant_tile.launch @flagged::@k {{.*}} reads_outs [1] outs(%{{[a-z0-9_]+}}, %[[COPY]] :
// BUFFER: quant_tile.launch @flagged::@k
func.func @reads_outs(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>, %flags: tensor<8xi32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %c1 = arith.constant 1 : index
  %0:2 = quant_tile.launch @flagged::@k grid(%c1, %c1, %c1) block [256, 1, 1]
      reads_outs [1] outs(%a, %flags : tensor<?x64xf32>, tensor<8xi32>)
      -> tensor<?x64xf32>, tensor<8xi32>
  %1:2 = quant_tile.launch @flagged::@k grid(%c1, %c1, %c1) block [256, 1, 1]
      reads_outs [1] outs(%b, %flags : tensor<?x64xf32>, tensor<8xi32>)
      -> tensor<?x64xf32>, tensor<8xi32>
  return %0#0, %1#0 : tensor<?x64xf32>, tensor<?x64xf32>
}

gpu.module @mapped {
  gpu.func @k(%a: memref<?x64xf32>, %out: memref<?x64xf32>, %map: !llvm.ptr) kernel {
    gpu.return
  }
}

// CHECK-LABEL: func.func @tensor_maps
// CHECK: quant_tile.launch @mapped::@k
// CHECK-SAME: tensor_maps [0] [#quant_tile.tensor_map<box = [64, 32], swizzle = 128>] ins(
// BUFFER-LABEL: func.func @tensor_maps
// BUFFER: quant_tile.launch @mapped::@k
// BUFFER-SAME: tensor_maps [0] [#quant_tile.tensor_map<box = [64, 32], swizzle = 128>] ins(
func.func @tensor_maps(%a: tensor<?x64xf32>, %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  %0 = quant_tile.launch @mapped::@k grid(%c1, %c1, %c1) block [256, 1, 1]
      tensor_maps [0] [#quant_tile.tensor_map<box = [64, 32], swizzle = 128>]
      ins(%a : tensor<?x64xf32>) outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
