// RUN: quant-opt --quant-tensor-verify-encodings -verify-diagnostics %s

// An offset of 64 cuts the blocks of 128.
#w4g128 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
func.func @tile(%w: tensor<512x4096xbf16, #w4g128>) {
  // expected-error @below {{offset of dimension #1 is not a multiple of 128}}
  %0 = tensor.extract_slice %w[0, 64] [64, 128] [1, 1]
      : tensor<512x4096xbf16, #w4g128> to tensor<64x128xbf16, #w4g128>
  return
}
