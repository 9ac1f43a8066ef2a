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
