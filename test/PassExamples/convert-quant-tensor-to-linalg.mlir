// RUN: quant-opt --convert-quant-tensor-to-linalg %s | FileCheck %s

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%w: tensor<4x8xf32, #w8>) -> tensor<4x8xf32> {
  %d = quant_tensor.dequantize %w : tensor<4x8xf32, #w8> -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}
// CHECK-LABEL: func @f
// CHECK: %[[CODES:.*]], %[[SCALES:.*]] = quant_tensor.disassemble
// CHECK: linalg.generic {{.*}} ins(%[[CODES]], %[[SCALES]] : tensor<4x8xi8>, tensor<4x1xf32>)
// CHECK-NOT: dequantize
