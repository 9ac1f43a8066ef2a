// RUN: quant-opt --quant-tensor-lower-encodings %s | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
func.func private @f(%w: tensor<8x64xf32, #w4> {quant_tensor.name = "w"})
// CHECK: func private @f(
// CHECK-SAME: tensor<8x32xi8> {quant_tensor.name = "w.codes", quant_tensor.weight}
// CHECK-SAME: tensor<8x2xf32> {quant_tensor.name = "w.scales", quant_tensor.weight}
