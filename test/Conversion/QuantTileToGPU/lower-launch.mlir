// RUN: quant-opt %s --quant-tile-lower-launch --split-input-file --verify-diagnostics | FileCheck %s

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%in: memref<?x64xf32>, %out: memref<?x64xf32>, %n: index) kernel { gpu.return }
  }
  // Operands in the order of the parameters: ins, outs, scalars.
  // CHECK-LABEL: func.func @launch
  // CHECK-SAME: (%[[X:.*]]: memref<4x64xf32>, %[[Y:.*]]: memref<?x64xf32>, %[[N:.*]]: index)
  // CHECK: %[[CAST:.*]] = memref.cast %[[X]] : memref<4x64xf32> to memref<?x64xf32>
  // CHECK: gpu.launch_func @kernels::@k clusters in
  // CHECK-SAME: blocks in (%[[N]], %{{.*}}, %{{.*}}) threads in (%c128
  // CHECK-SAME: dynamic_shared_memory_size %c4096_i32
  // CHECK-SAME: args(%[[CAST]] : memref<?x64xf32>, %[[Y]] : memref<?x64xf32>, %[[N]] : index)
  // CHECK-SAME: {quant_tile.dependent_launch}
  func.func @launch(%x: memref<4x64xf32>, %y: memref<?x64xf32>, %n: index) {
    %c1 = arith.constant 1 : index
    quant_tile.launch @kernels::@k grid(%n, %c1, %c1) block [128, 1, 1] cluster [2, 1, 1] dependent_launch
        ins(%x : memref<4x64xf32>) scalars(%n) outs(%y : memref<?x64xf32>)
        {dynamic_shared_memory = 4096 : i64}
    return
  }
}

// -----

// Tensor maps come last, each of the buffer as the kernel sees it.

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%in: memref<?x64xf32>, %out: memref<?x64xf32>, %n: index, %a: !llvm.ptr, %b: !llvm.ptr) kernel { gpu.return }
  }
  // CHECK-LABEL: func.func @maps
  // CHECK-SAME: (%[[X:.*]]: memref<4x64xf32>, %[[Y:.*]]: memref<?x64xf32>, %[[N:.*]]: index)
  // CHECK: %[[CAST:.*]] = memref.cast %[[X]]
  // CHECK: %[[A:.*]] = quant_tile.tensor_map %[[Y]] <box = [64, 32], swizzle = 128> : memref<?x64xf32>
  // CHECK: %[[B:.*]] = quant_tile.tensor_map %[[CAST]] <box = [8, 4]> : memref<?x64xf32>
  // CHECK: args(%[[CAST]] : memref<?x64xf32>, %[[Y]] : memref<?x64xf32>, %[[N]] : index, %[[A]] : !llvm.ptr, %[[B]] : !llvm.ptr)
  func.func @maps(%x: memref<4x64xf32>, %y: memref<?x64xf32>, %n: index) {
    %c1 = arith.constant 1 : index
    quant_tile.launch @kernels::@k grid(%n, %c1, %c1) block [128, 1, 1]
        tensor_maps [1, 0] [#quant_tile.tensor_map<box = [64, 32], swizzle = 128>, #quant_tile.tensor_map<box = [8, 4]>]
        ins(%x : memref<4x64xf32>) scalars(%n) outs(%y : memref<?x64xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%out: memref<64xf32>) kernel { gpu.return }
  }
  func.func @on_tensors(%init: tensor<64xf32>) -> tensor<64xf32> {
    %c1 = arith.constant 1 : index
    // expected-error @below {{is still on tensors; bufferize first}}
    %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%init : tensor<64xf32>) -> tensor<64xf32>
    return %0 : tensor<64xf32>
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%out: memref<64xf32>) kernel { gpu.return }
  }
  func.func @strided(%out: memref<64xf32, strided<[2]>>) {
    %c1 = arith.constant 1 : index
    // expected-error @below {{passes a buffer of type 'memref<64xf32, strided<[2]>>' to @kernels::@k, which needs 'memref<64xf32>'}}
    quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
        outs(%out : memref<64xf32, strided<[2]>>)
    return
  }
}
