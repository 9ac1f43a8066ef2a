// RUN: quant-opt %s --quant-lower-copies | FileCheck %s
// RUN: quant-opt %s --quant-to-cpu | FileCheck %s --check-prefix=LLVM

// No runtime library is linked with the reference.
// LLVM-NOT: memrefCopy
// LLVM: llvm.func @pad
// LLVM-NOT: memrefCopy

// CHECK-LABEL: func @pad
// CHECK-LABEL: func @strided
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : memref<2x?xf32>) outs(%{{.*}} : memref<2x?xf32, strided<[?, 1], offset: ?>>)
// CHECK-NOT: memref.copy
// CHECK-LABEL: func @plain
// CHECK: memref.copy
func.func @pad(%x: tensor<4x4xf32>) -> tensor<6x6xf32> {
  %z = arith.constant 0.0 : f32
  %0 = tensor.pad %x low[1, 1] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %z : f32
  } : tensor<4x4xf32> to tensor<6x6xf32>
  return %0 : tensor<6x6xf32>
}
func.func @strided(%x: memref<2x?xf32>, %y: memref<2x?xf32, strided<[?, 1], offset: ?>>) {
  memref.copy %x, %y : memref<2x?xf32> to memref<2x?xf32, strided<[?, 1], offset: ?>>
  return
}
func.func @plain(%x: memref<2x?xf32>, %y: memref<2x?xf32>) {
  memref.copy %x, %y : memref<2x?xf32> to memref<2x?xf32>
  return
}
