// RUN: quant-opt --convert-quant-to-quant-tensor %s | FileCheck %s

func.func @f(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %q = quant.qcast %x : tensor<8x64xf32> to tensor<8x64x!quant.uniform<i8:f32, 0.5:3>>
  %d = quant.dcast %q : tensor<8x64x!quant.uniform<i8:f32, 0.5:3>> to tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}
// CHECK-LABEL: func @f
// CHECK: quant_tensor.quantize %{{.*}} scales(%{{.*}} : tensor<1x1xf32>) zero_points(%{{.*}} : tensor<1x1xi32>)
// CHECK: quant_tensor.dequantize
// CHECK-NOT: quant.qcast
