// RUN: quant-opt %s --quant-tensor-rewrite-batch-1 --remarks-filter-missed="quant-tensor.*" --verify-diagnostics -o /dev/null

// Products of what is encoded are not products of elements.
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @encoded(%x: tensor<1x64xf32>, %w: tensor<32x64xf32, #w8>, %z: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // expected-remark @below {{an operand is encoded}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<1x64xf32>, tensor<32x64xf32, #w8>) outs(%z : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
