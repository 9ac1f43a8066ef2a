// RUN: quant-opt %s --quant-algebra --remarks-filter-passed=".*" --split-input-file --verify-diagnostics -o /dev/null

// What the algebra says that it did.

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#narrow = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32}>
func.func @codes(%x: tensor<8x64xf32, #token>, %w: tensor<32x64xf32, #narrow>, %i: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{moves 4-bit codes to rows of bytes}}
  // expected-remark @below {{multiplies the integer codes}}
  // expected-remark @below {{fused the integer contraction with the elementwise ops after it}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #token>, tensor<32x64xf32, #narrow>)
      outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#f8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0, 0], scale = f32}>
func.func @float_codes(%x: tensor<8x64xf32, #f8>, %w: tensor<32x64xf32, #f8>, %i: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{multiplies the 8-bit float codes}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #f8>, tensor<32x64xf32, #f8>)
      outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

func.func @integers(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %i: tensor<8x32xi32>) -> tensor<8x32xi32> {
  // expected-remark @below {{made the integer contraction a scaled_matmul with an i32 result}}
  %y = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%i : tensor<8x32xi32>) -> tensor<8x32xi32>
  return %y : tensor<8x32xi32>
}

// -----

func.func @floats(%x: tensor<8x64xbf16>, %w: tensor<64x32xbf16>, %v: tensor<64x32xf8E5M2>, %u: tensor<8x64xf8E4M3FN>,
                  %i: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{made the contraction of 16-bit floats a scaled_matmul}}
  %y = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x32xbf16>) outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  // expected-remark @below {{made the contraction of 8-bit floats a scaled_matmul}}
  %z = linalg.matmul ins(%u, %v : tensor<8x64xf8E4M3FN>, tensor<64x32xf8E5M2>) outs(%y : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %z : tensor<8x32xf32>
}

// -----

#q8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @requantized(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #w4>, %s: tensor<1x1xf32>, %i: tensor<8x32xf32>) -> tensor<8x32xf32, #q8> {
  // expected-remark @below {{decodes the right-hand side inside the contraction}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32, #w4>)
      outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  // expected-remark @below {{requantized in the epilogue}}
  %q = quant_tensor.quantize %y scales(%s : tensor<1x1xf32>) : tensor<8x32xf32> -> tensor<8x32xf32, #q8>
  return %q : tensor<8x32xf32, #q8>
}

// -----

func.func @zero_points(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %i: tensor<8x32xi32>) -> tensor<8x32xi32> {
  %a = arith.constant 3 : i32
  %b = arith.constant 5 : i32
  // expected-remark @below {{expanded zero points into sums of codes}}
  // expected-remark @below {{made the integer contraction a scaled_matmul with an i32 result}}
  %y = linalg.quantized_matmul ins(%x, %w, %a, %b : tensor<8x64xi8>, tensor<64x32xi8>, i32, i32) outs(%i : tensor<8x32xi32>) -> tensor<8x32xi32>
  return %y : tensor<8x32xi32>
}

// -----

func.func @imported(%w: tensor<32x32xi8>, %v: tensor<8x8xi8>) -> (tensor<32x64xf32>, tensor<8x8xf32>) {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %0 = arith.andi %w, %f : tensor<32x32xi8>
  %lo = arith.uitofp %0 : tensor<32x32xi8> to tensor<32x32xf32>
  %1 = arith.shrui %w, %four : tensor<32x32xi8>
  %hi = arith.uitofp %1 : tensor<32x32xi8> to tensor<32x32xf32>
  // expected-remark @below {{recognised packed 4-bit codes}}
  %j = tensor.concat dim(1) %lo, %hi : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x64xf32>
  // expected-remark @below {{recognised a dequantization}}
  %y = arith.sitofp %v : tensor<8x8xi8> to tensor<8x8xf32>
  return %j, %y : tensor<32x64xf32>, tensor<8x8xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @outliers(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #w8>, %i: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{multiplies 2 columns as floats}}
  // expected-remark @below {{decodes the right-hand side inside the contraction}}
  // expected-remark @below {{multiplies the integer codes}}
  // expected-remark @below {{fused the integer contraction with the elementwise ops after it}}
  %y = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32, #w8>)
      columns([3, 17]) outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// A zero point in front, narrow codes, and weights for each batch.
func.func @imported(%x: tensor<2x8x64xi8>, %w: tensor<64x32xi8>, %z: i32, %i: tensor<2x8x32xi32>) -> tensor<2x8x32xf32> {
  %we = tensor.empty() : tensor<2x64x32xi8>
  %b = linalg.broadcast ins(%w : tensor<64x32xi8>) outs(%we : tensor<2x64x32xi8>) dimensions = [0]
  %zero = arith.constant 0 : i32
  // expected-remark @below {{reads an operand without its repetitions}}
  // expected-remark @below {{expanded a zero point into sums of codes}}
  // expected-remark @below {{fused the integer contraction with the elementwise ops after it}}
  %y = linalg.quantized_batch_matmul ins(%x, %b, %z, %zero : tensor<2x8x64xi8>, tensor<2x64x32xi8>, i32, i32)
      outs(%i : tensor<2x8x32xi32>) -> tensor<2x8x32xi32>
  %f = arith.sitofp %y : tensor<2x8x32xi32> to tensor<2x8x32xf32>
  return %f : tensor<2x8x32xf32>
}
