// RUN: quant-opt %s --quant-tensor-lower-encodings --split-input-file --verify-diagnostics

#a = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @drops(%x: tensor<8x64xf32, #a>) -> tensor<8x64xf32> {
  // expected-error @below {{changes the encoding: use dequantize, requantize or repack}}
  %0 = tensor.cast %x : tensor<8x64xf32, #a> to tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

#a = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @adds(%x: tensor<8x64xf32, #a>) -> tensor<8x64xf32, #a> {
  // expected-error @below {{has no form on the parts of an encoded tensor}}
  %0 = arith.addf %x, %x : tensor<8x64xf32, #a>
  return %0 : tensor<8x64xf32, #a>
}

// -----

#a = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func private @callee(tensor<8x64xf32, #a>)
func.func @by_value() {
  // expected-error @below {{refers to a function of encoded tensors by value: only direct calls are lowered}}
  %0 = func.constant @callee : (tensor<8x64xf32, #a>) -> ()
  return
}
