// RUN: quant-opt %s | quant-opt | FileCheck %s

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4g128 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#nf4 = #quant_tensor.encoding<{storage = ui4, block = [1, 64], scale = f32, codebook = nf4}>
#gptq = #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f16, zero_point = ui4, layout = <packed, word = 32, axis = 1, order = [0, 1, 2, 3, 4, 5, 6, 7], permutation = [1, 0]>}>

// CHECK-LABEL: func @bundle
// CHECK: quant_tensor.assemble %{{.*}}, %{{.*}} : tensor<4096x2048xi8>, tensor<4096x32xbf16> -> tensor<4096x4096xbf16, #
func.func @bundle(%codes: tensor<4096x2048xi8>, %scales: tensor<4096x32xbf16>) -> tensor<4096x4096xbf16, #w4g128> {
  %w = quant_tensor.assemble %codes, %scales : tensor<4096x2048xi8>, tensor<4096x32xbf16> -> tensor<4096x4096xbf16, #w4g128>
  return %w : tensor<4096x4096xbf16, #w4g128>
}

// CHECK-LABEL: func @fused
// CHECK: quant_tensor.scaled_matmul ins(
func.func @fused(%x: tensor<?x4096xi8>, %w: tensor<512x4096xi8>, %sx: tensor<?x1xf32>, %sw: tensor<512xf32>, %init: tensor<?x512xbf16>) -> tensor<?x512xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<512x4096xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<512xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x512xbf16>) {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x512xbf16>
  return %y : tensor<?x512xbf16>
}

// CHECK-LABEL: func @dynamic
// CHECK: quant_tensor.quantize %{{.*}} : tensor<?x4096xf32> -> tensor<?x4096xf32, #
func.func @dynamic(%x: tensor<?x4096xf32>) -> tensor<?x4096xf32, #token> {
  %q = quant_tensor.quantize %x : tensor<?x4096xf32> -> tensor<?x4096xf32, #token>
  return %q : tensor<?x4096xf32, #token>
}

func.func private @other(tensor<64x128xf32, #nf4>, tensor<64x128xbf16, #gptq>)
