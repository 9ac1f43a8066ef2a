// RUN: quant-opt %s --quant-tensor-hoist-prepare --split-input-file --verify-diagnostics

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#t8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 32]>}>
func.func private @f.prepare()
// expected-error @below {{needs the name 'f.prepare' for its prepare function, but it is taken}}
func.func @f(%w: tensor<32x64xbf16, #w8>) -> tensor<32x64xbf16> {
  %t = quant_tensor.repack %w : tensor<32x64xbf16, #w8> -> tensor<32x64xbf16, #t8>
  %d = quant_tensor.dequantize %t : tensor<32x64xbf16, #t8> -> tensor<32x64xbf16>
  return %d : tensor<32x64xbf16>
}
