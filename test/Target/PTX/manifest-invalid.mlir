// RUN: split-file %s %t
// RUN: not quant-compile %t/index.mlir --emit=manifest 2>&1 | FileCheck %t/index.mlir
// RUN: not quant-compile %t/block.mlir --emit=manifest 2>&1 | FileCheck %t/block.mlir
// RUN: not quant-compile %t/part.mlir --emit=manifest 2>&1 | FileCheck %t/part.mlir
// RUN: not quant-compile %t/twice.mlir --emit=manifest 2>&1 | FileCheck %t/twice.mlir
// RUN: not quant-compile %t/contract.mlir --emit=manifest 2>&1 | FileCheck %t/contract.mlir
// RUN: not quant-compile %t/scalar.mlir --emit=manifest 2>&1 | FileCheck %t/scalar.mlir
// RUN: not quant-compile %t/never.mlir --emit=manifest 2>&1 | FileCheck %t/never.mlir
// RUN: not quant-compile %t/branches.mlir --emit=manifest 2>&1 | FileCheck %t/branches.mlir
// RUN: not quant-compile %t/effect.mlir --emit=manifest 2>&1 | FileCheck %t/effect.mlir
// RUN: not quant-compile %t/load.mlir --emit=manifest 2>&1 | FileCheck %t/load.mlir
// RUN: not quant-compile %t/arithmetic.mlir --emit=manifest 2>&1 | FileCheck %t/arithmetic.mlir
// RUN: not quant-compile %t/axis.mlir --emit=manifest 2>&1 | FileCheck %t/axis.mlir
// RUN: not quant-compile %t/view.mlir --emit=manifest 2>&1 | FileCheck %t/view.mlir
// RUN: not quant-compile %t/prepare.mlir --emit=manifest 2>&1 | FileCheck %t/prepare.mlir
// RUN: not quant-compile %t/map.mlir --emit=manifest 2>&1 | FileCheck %t/map.mlir

// What a launch plan cannot hold is an error where it stands.

//--- prepare.mlir
// CHECK: prepare.mlir:[[# @LINE + 5]]:{{[0-9]+}}: error: is prepared by @elsewhere, which is not there
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<4xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<4xf32>) attributes {quant_tensor.prepare = @elsewhere} {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<4xf32>)
    return
  }
}

//--- index.mlir
// CHECK: index.mlir:[[# @LINE + 5]]:{{[0-9]+}}: error: a launch depends on argument #1 of type 'index'; a launch plan knows the dimensions of its buffers only
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<?xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<?xf32>, %n: index) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<?xf32>)
    return
  }
}

//--- block.mlir
// CHECK: block.mlir:[[# @LINE + 9]]:{{[0-9]+}}: error: 'gpu.launch_func' op block size is not a constant
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<?xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<?xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %d = memref.dim %x, %c0 : memref<?xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%d, %c1, %c1) args(%x : memref<?xf32>)
    return
  }
}

//--- twice.mlir
// CHECK: twice.mlir:[[# @LINE + 9]]:{{[0-9]+}}: error: 'gpu.launch_func' op launches kernel 'k' in another way than an earlier launch
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<8xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<8xf32>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<8xf32>)
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c2, %c1, %c1) args(%x : memref<8xf32>)
    return
  }
}

//--- contract.mlir
// CHECK: contract.mlir:[[# @LINE + 3]]:{{[0-9]+}}: error: {{.*}} op quant_tile.contract must be a #quant_tile.contract, got 3 : i64
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<8xf32>) kernel attributes {quant_tile.contract = 3} { gpu.return }
  }
  func.func @f(%x: memref<8xf32>) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<8xf32>)
    return
  }
}

//--- scalar.mlir
// CHECK: scalar.mlir:[[# @LINE + 8]]:{{[0-9]+}}: error: 'gpu.launch_func' op passes a 'f32', which a launch plan cannot express
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<8xf32>, %s: f32) kernel { gpu.return }
  }
  func.func @f(%x: memref<8xf32>) {
    %c1 = arith.constant 1 : index
    %s = arith.constant 1.0 : f32
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<8xf32>, %s : f32)
    return
  }
}

//--- never.mlir
// CHECK: never.mlir:[[# @LINE + 10]]:{{[0-9]+}}: error: 'cf.assert' op never holds: eight is nine
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<8xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<8xf32>) {
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c9 = arith.constant 9 : index
    %same = arith.cmpi eq, %c8, %c9 : index
    cf.assert %same, "eight is nine"
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<8xf32>)
    return
  }
}

//--- branches.mlir
// Slices are of sizes of their own: there is no destination to share.
// CHECK: branches.mlir:[[# @LINE + 6]]:{{[0-9]+}}: error: 'scf.if' op chooses between buffers, which a launch plan cannot express
func.func @f(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %d = tensor.dim %y, %c0 : tensor<?xf32>
  %one = arith.cmpi eq, %d, %c1 : index
  %z = scf.if %one -> tensor<?xf32> {
    %s = tensor.extract_slice %x[0] [%d] [1] : tensor<?xf32> to tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  } else {
    %e = tensor.empty(%d) : tensor<?xf32>
    %s = linalg.exp ins(%y : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %z : tensor<?xf32>
}

//--- effect.mlir
// CHECK: effect.mlir:[[# @LINE + 8]]:{{[0-9]+}}: error: 'memref.store' op cannot be part of a launch plan
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<f32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<f32>) {
    %c1 = arith.constant 1 : index
    %s = arith.constant 1.0 : f32
    memref.store %s, %x[] : memref<f32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<f32>)
    return
  }
}

//--- load.mlir
// CHECK: load.mlir:[[# @LINE + 7]]:{{[0-9]+}}: error: 'memref.load' op reads device memory for a size or a condition of the host, which a launch plan cannot
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<i32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<i32>) {
    %c1 = arith.constant 1 : index
    %s = memref.load %x[] : memref<i32>
    %n = arith.index_cast %s : i32 to index
    gpu.launch_func @kernels::@k blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<i32>)
    return
  }
}

//--- arithmetic.mlir
// CHECK: arithmetic.mlir:[[# @LINE + 9]]:{{[0-9]+}}: error: 'arith.shli' op cannot be part of a launch plan
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<?xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<?xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %d = memref.dim %x, %c0 : memref<?xf32>
    %n = arith.shli %d, %c1 : index
    gpu.launch_func @kernels::@k blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<?xf32>)
    return
  }
}

//--- axis.mlir
// CHECK: axis.mlir:[[# @LINE + 8]]:{{[0-9]+}}: error: 'memref.dim' op has no constant dimension in range
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<?x?xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<?x?xf32>) {
    %c1 = arith.constant 1 : index
    %d = memref.dim %x, %c1 : memref<?x?xf32>
    %e = memref.dim %x, %d : memref<?x?xf32>
    gpu.launch_func @kernels::@k blocks in (%e, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<?x?xf32>)
    return
  }
}

//--- view.mlir
// CHECK: view.mlir:[[# @LINE + 8]]:{{[0-9]+}}: error: 'memref.view' op cannot be part of a launch plan
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%x: memref<2xf32>) kernel { gpu.return }
  }
  func.func @f(%x: memref<8xi8>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %v = memref.view %x[%c0][] : memref<8xi8> to memref<2xf32>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%v : memref<2xf32>)
    return
  }
}

//--- map.mlir
// CHECK: map.mlir:[[# @LINE + 8]]:{{[0-9]+}}: error: 'quant_tile.tensor_map' op needs a contiguous buffer of rank 1 or more, got 'memref<4x64xi8, strided<[64, 1], offset: 64>>'
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%m: !llvm.ptr) kernel attributes {quant_tile.tensor_maps = 1 : i32} { gpu.return }
  }
  func.func @f(%x: memref<8x64xi8>) {
    %c1 = arith.constant 1 : index
    %s = memref.subview %x[1, 0] [4, 64] [1, 1] : memref<8x64xi8> to memref<4x64xi8, strided<[64, 1], offset: 64>>
    %m = quant_tile.tensor_map %s <box = [4, 64]> : memref<4x64xi8, strided<[64, 1], offset: 64>>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%m : !llvm.ptr)
    return
  }
}

//--- part.mlir
// CHECK: part.mlir:[[# @LINE + 11]]:{{[0-9]+}}: error: 'quant_tile.tensor_map' op is of a part of a buffer, which a launch plan cannot express
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @k(%m: !llvm.ptr) kernel attributes {quant_tile.tensor_maps = 1 : i32} { gpu.return }
  }
  func.func @f(%x: memref<?x64xi8>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %d = memref.dim %x, %c0 : memref<?x64xi8>
    %s = memref.subview %x[%d, 0] [4, 64] [1, 1] : memref<?x64xi8> to memref<4x64xi8, strided<[64, 1], offset: ?>>
    %c = memref.cast %s : memref<4x64xi8, strided<[64, 1], offset: ?>> to memref<4x64xi8>
    %m = quant_tile.tensor_map %c <box = [4, 64]> : memref<4x64xi8>
    gpu.launch_func @kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%m : !llvm.ptr)
    return
  }
}
