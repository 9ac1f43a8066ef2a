#w4g128 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Four-bit weights, one bf16 scale for each 128 of them. Nothing else changes.
func.func @linear(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w4g128>,
                  %init: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w4g128>)
      outs(%init : tensor<1x4096xf32>) -> tensor<1x4096xf32>
  return %y : tensor<1x4096xf32>
}
