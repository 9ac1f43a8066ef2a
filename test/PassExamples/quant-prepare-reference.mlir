// RUN: quant-opt --quant-prepare-reference %s | FileCheck %s

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
// CHECK: func.func @f(%{{.*}}: tensor<4xf32> {bufferization.writable = false}
// CHECK-SAME: llvm.emit_c_interface
