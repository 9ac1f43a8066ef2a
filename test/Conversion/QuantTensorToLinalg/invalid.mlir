// RUN: quant-opt %s --convert-quant-tensor-to-linalg -verify-diagnostics -split-input-file

#frag = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 64]>}>
func.func @fragment(%w: tensor<16x64xf32, #frag>) -> tensor<16x64xf32> {
  // expected-error @below {{'quant_tensor.dequantize' op reads a fragment layout, which only kernels do}}
  %d = quant_tensor.dequantize %w : tensor<16x64xf32, #frag> -> tensor<16x64xf32>
  return %d : tensor<16x64xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @encoded_result(%a: tensor<8x16xf32>, %init: tensor<8x16xf32, #w8>) -> tensor<8x16xf32, #w8> {
  // expected-error @below {{'linalg.copy' op has an encoded result: only quantize says what its codes are}}
  %y = linalg.copy ins(%a : tensor<8x16xf32>) outs(%init : tensor<8x16xf32, #w8>) -> tensor<8x16xf32, #w8>
  return %y : tensor<8x16xf32, #w8>
}
