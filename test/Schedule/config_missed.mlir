// RUN: quant-opt %s -select-schedule=chip=sm_90a --split-input-file \
// RUN:     --remarks-filter-missed=schedule --verify-diagnostics -o /dev/null

// What has a kernel, but not the one that its rows would like, says why.

// Groups that no step of a tensor core divides: 20 rows read the weights 20 times.
#g7 = #quant_tensor.encoding<{storage = i4, block = [1, 7], scale = f16}>
func.func @odd_groups(%x: tensor<20x70xf16>, %w: tensor<32x70xf16, #g7>, %e: tensor<20x32xf32>) -> tensor<20x32xf32> {
  // expected-remark @below {{not scheduled on tensor cores}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<20x70xf16>, tensor<32x70xf16, #g7>) maps [] outs(%e : tensor<20x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<20x32xf32>
  return %y : tensor<20x32xf32>
}

// -----

// One row reads them once.
#g7 = #quant_tensor.encoding<{storage = i4, block = [1, 7], scale = f16}>
func.func @one_row(%x: tensor<1x70xf16>, %w: tensor<32x70xf16, #g7>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x70xf16>, tensor<32x70xf16, #g7>) maps [] outs(%e : tensor<1x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// Rows of activations that TMA does not take, where there may be many.
#g4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f16}>
func.func @unaligned(%x: tensor<?x4100xf16>, %w: tensor<32x4100xf16, #g4>, %e: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // expected-remark @below {{not scheduled wgmma_decode}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4100xf16>, tensor<32x4100xf16, #g4>) maps [] outs(%e : tensor<?x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// 16 rows are rather for mma_stream.
#g4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f16}>
func.func @few_rows(%x: tensor<16x4100xf16>, %w: tensor<32x4100xf16, #g4>, %e: tensor<16x32xf32>) -> tensor<16x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4100xf16>, tensor<32x4100xf16, #g4>) maps [] outs(%e : tensor<16x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}
