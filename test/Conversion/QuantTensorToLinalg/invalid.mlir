// RUN: quant-opt %s --convert-quant-tensor-to-linalg -verify-diagnostics -split-input-file

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @encoded_result(%a: tensor<8x16xf32>, %init: tensor<8x16xf32, #w8>) -> tensor<8x16xf32, #w8> {
  // expected-error @below {{'linalg.copy' op has an encoded result: only quantize says what its codes are}}
  %y = linalg.copy ins(%a : tensor<8x16xf32>) outs(%init : tensor<8x16xf32, #w8>) -> tensor<8x16xf32, #w8>
  return %y : tensor<8x16xf32, #w8>
}
