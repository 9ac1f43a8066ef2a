// RUN: quant-opt %s --quant-tensor-hoist-prepare --remarks-filter-missed="quant-tensor.*" --verify-diagnostics -o /dev/null

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#t8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 32]>}>

// A caller counts on the arguments that the function has.
// expected-remark @below {{the function is called: its signature must stay}}
func.func private @callee(%w: tensor<32x64xbf16, #w8>) -> tensor<32x64xbf16> {
  %t = quant_tensor.repack %w : tensor<32x64xbf16, #w8> -> tensor<32x64xbf16, #t8>
  %d = quant_tensor.dequantize %t : tensor<32x64xbf16, #t8> -> tensor<32x64xbf16>
  return %d : tensor<32x64xbf16>
}
func.func @caller(%w: tensor<32x64xbf16, #w8>) -> tensor<32x64xbf16> {
  %d = call @callee(%w) : (tensor<32x64xbf16, #w8>) -> tensor<32x64xbf16>
  return %d : tensor<32x64xbf16>
}
