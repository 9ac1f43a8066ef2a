// RUN: quant-opt %s --quant-prepare-reference | FileCheck %s
// RUN: quant-opt %s --quant-to-cpu | FileCheck %s --check-prefix=LLVM

// CHECK-LABEL: func @softmax
// CHECK-SAME: tensor<2x16xf32> {bufferization.writable = false}
// CHECK-SAME: llvm.emit_c_interface
// CHECK-NOT: linalg.softmax
// CHECK: math.exp
// LLVM: llvm.func @_mlir_ciface_softmax(
func.func @softmax(%x: tensor<2x16xf32>) -> tensor<2x16xf32> {
  %e = tensor.empty() : tensor<2x16xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<2x16xf32>) outs(%e : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %y : tensor<2x16xf32>
}

// CHECK-LABEL: func private @inner
// CHECK-NOT: llvm.emit_c_interface
func.func private @inner(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}

// CHECK-LABEL: func @pack
// CHECK-NOT: linalg.pack
// CHECK: linalg.transpose
func.func @pack(%x: tensor<20x64xf32>) -> tensor<5x16x4x4xf32> {
  %e = tensor.empty() : tensor<5x16x4x4xf32>
  %p = linalg.pack %x inner_dims_pos = [0, 1] inner_tiles = [4, 4] into %e : tensor<20x64xf32> -> tensor<5x16x4x4xf32>
  return %p : tensor<5x16x4x4xf32>
}
