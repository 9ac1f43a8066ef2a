// RUN: quant-opt --convert-quant-tensor-to-quant %s | FileCheck %s

#w8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>)
      : tensor<8x64xf32> -> tensor<8x64xf32, #w8>
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #w8> -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}
// CHECK-LABEL: func @f
// CHECK: quant.qcast %{{.*}} : tensor<8x64xf32> to tensor<8x64x!quant.uniform<i8:f32, 5.000000e-01>>
// CHECK: quant.dcast
