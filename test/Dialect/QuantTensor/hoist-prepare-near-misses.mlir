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

// Codes and scales that are not said to be weights may change between calls.
func.func @plain(%x: tensor<8x64xbf16>, %codes: tensor<32x64xi8> {quant_tensor.name = "codes"}, %scales: tensor<32x1xf32>,
                 %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %w = quant_tensor.assemble %codes, %scales : tensor<32x64xi8>, tensor<32x1xf32> -> tensor<32x64xbf16, #w8>
  %t = quant_tensor.repack %w : tensor<32x64xbf16, #w8> -> tensor<32x64xbf16, #t8>
  // expected-remark @below {{argument 'codes' is not marked as quant_tensor.weight}}
  %y = quant_tensor.scaled_matmul ins(%x, %t : tensor<8x64xbf16>, tensor<32x64xbf16, #t8>) maps [] outs(%e : tensor<8x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

func.func @turned(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %t: tensor<32x64xi8>, %e: tensor<8x32xi32>) -> tensor<8x32xi32> {
  %wt = linalg.transpose ins(%w : tensor<64x32xi8>) outs(%t : tensor<32x64xi8>) permutation = [1, 0]
  // expected-remark @below {{argument 'arg1' is not marked as quant_tensor.weight}}
  %y = quant_tensor.scaled_matmul ins(%x, %wt : tensor<8x64xi8>, tensor<32x64xi8>) maps [] outs(%e : tensor<8x32xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<8x32xi32>
  return %y : tensor<8x32xi32>
}

// Floats that are quantized at every call.
func.func @quantized(%x: tensor<8x64xbf16>, %w: tensor<32x64xf32>, %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %q = quant_tensor.quantize %w : tensor<32x64xf32> -> tensor<32x64xf32, #w8>
  %t = quant_tensor.repack %q : tensor<32x64xf32, #w8> -> tensor<32x64xf32, #t8>
  // expected-remark @below {{argument 'arg1' is not marked as quant_tensor.weight}}
  %y = quant_tensor.scaled_matmul ins(%x, %t : tensor<8x64xbf16>, tensor<32x64xf32, #t8>) maps [] outs(%e : tensor<8x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
