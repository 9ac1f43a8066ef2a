// RUN: quant-opt %s --quant-algebra | FileCheck %s

// Upstream folds dcast(qcast(x)) to x. What is quantized on purpose stays
// rounded, through calls too.
// CHECK-LABEL: func @rounds
// CHECK: quant_tensor.quantize
// CHECK: quant_tensor.dequantize
!q = !quant.uniform<i8:f32, 0.5:3>
func.func @rounds(%x: tensor<5x16xf32>) -> tensor<5x16xf32> {
  %q = call @quantized(%x) : (tensor<5x16xf32>) -> tensor<5x16x!q>
  %d = quant.dcast %q : tensor<5x16x!q> to tensor<5x16xf32>
  return %d : tensor<5x16xf32>
}
func.func private @quantized(%x: tensor<5x16xf32>) -> tensor<5x16x!q> {
  %q = quant.qcast %x : tensor<5x16xf32> to tensor<5x16x!q>
  return %q : tensor<5x16x!q>
}
