// RUN: quant-opt %s --quant-tensor-pull-dequantize --quant-tensor-decompose-contractions --quant-tensor-fuse-epilogue \
// RUN:     --remarks-filter-missed="quant-tensor.*" --split-input-file --verify-diagnostics -o /dev/null

// More of what almost matches: consumers of an i32 product, requantization,
// encoded operands.

// The consumer makes two tensors, neither of which is computed of the other.
#mn = affine_map<(m, n) -> (m, n)>
func.func @two_results(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %e: tensor<8x32xf32>) -> (tensor<8x32xf32>, tensor<8x32xf32>) {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{linalg.generic does not make one tensor}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y:2 = linalg.generic {indexing_maps = [#mn, #mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e, %e : tensor<8x32xf32>, tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32, %p: f32):
    %f = arith.sitofp %a : i32 to f32
    %g = arith.uitofp %a : i32 to f32
    linalg.yield %f, %g : f32, f32
  } -> (tensor<8x32xf32>, tensor<8x32xf32>)
  return %y#0, %y#1 : tensor<8x32xf32>, tensor<8x32xf32>
}

// -----

// The sum is what the consumer writes over.
#mn = affine_map<(m, n) -> (m, n)>
func.func @in_place(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %b: tensor<8x32xi32>) -> tensor<8x32xi32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the consumer writes into the result's buffer}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<8x32xi32>) outs(%acc : tensor<8x32xi32>) {
  ^bb0(%a: i32, %o: i32):
    %f = arith.addi %a, %o : i32
    linalg.yield %f : i32
  } -> tensor<8x32xi32>
  return %y : tensor<8x32xi32>
}

// -----

// A square sum, and its transpose.
#mn = affine_map<(m, n) -> (m, n)>
#nm = affine_map<(m, n) -> (n, m)>
func.func @two_ways(%x: tensor<8x64xi8>, %w: tensor<64x8xi8>) -> tensor<8x8xf32> {
  %zero = arith.constant dense<0> : tensor<8x8xi32>
  // expected-remark @below {{the result is read in two ways}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x8xi8>) outs(%zero : tensor<8x8xi32>) -> tensor<8x8xi32>
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.generic {indexing_maps = [#mn, #nm, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %acc : tensor<8x8xi32>, tensor<8x8xi32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: i32, %b: i32, %o: f32):
    %s = arith.addi %a, %b : i32
    %f = arith.sitofp %s : i32 to f32
    linalg.yield %f : f32
  } -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

// Every row is scaled as the first one is summed.
func.func @first_row(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the result is read through (d0, d1) -> (0, d1)}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (0, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    linalg.yield %f : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// A scale for every second column.
#mn = affine_map<(m, n) -> (m, n)>
func.func @grouped_scale(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<16xf32>, %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{operand #1 of the consumer is read through (d0, d1) -> (d1 floordiv 2)}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, affine_map<(m, n) -> (n floordiv 2)>, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %s : tensor<8x32xi32>, tensor<16xf32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %b: f32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    %g = arith.mulf %f, %b : f32
    linalg.yield %g : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// An encoded residual.
#mn = affine_map<(m, n) -> (m, n)>
#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @encoded_residual(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %r: tensor<8x32xf32, #e8>, %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{operand #1 of the consumer is encoded}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %r : tensor<8x32xi32>, tensor<8x32xf32, #e8>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %b: f32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    %g = arith.addf %f, %b : f32
    linalg.yield %g : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// The place of the element.
#mn = affine_map<(m, n) -> (m, n)>
func.func @place(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the consumer's linalg.index is neither arith nor math}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32):
    %i = linalg.index 0 : index
    %c = arith.index_cast %i : index to i32
    %s = arith.addi %a, %c : i32
    %f = arith.sitofp %s : i32 to f32
    linalg.yield %f : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Requantized to nibbles.
#mn = affine_map<(m, n) -> (m, n)>
#q = #quant_tensor.encoding<{storage = i4, block = [0, 0], scale = f32}>
func.func @requantize_nibbles(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<1x1xf32>, %e: tensor<8x32xf32>) -> tensor<8x32xf32, #q> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    linalg.yield %f : f32
  } -> tensor<8x32xf32>
  // expected-remark @below {{codes of the requantized result are not row-major and of 8 bits}}
  %q = quant_tensor.quantize %y scales(%s : tensor<1x1xf32>) : tensor<8x32xf32> -> tensor<8x32xf32, #q>
  return %q : tensor<8x32xf32, #q>
}

// -----

// Requantized codes that wrap.
#mn = affine_map<(m, n) -> (m, n)>
#q = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, overflow = wrap}>
func.func @requantize_wraps(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<1x1xf32>, %e: tensor<8x32xf32>) -> tensor<8x32xf32, #q> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    linalg.yield %f : f32
  } -> tensor<8x32xf32>
  // expected-remark @below {{the requantized codes wrap}}
  %q = quant_tensor.quantize %y scales(%s : tensor<1x1xf32>) : tensor<8x32xf32> -> tensor<8x32xf32, #q>
  return %q : tensor<8x32xf32, #q>
}

// -----

// Requantized with a float zero point.
#mn = affine_map<(m, n) -> (m, n)>
#q = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = f32}>
func.func @requantize_float_point(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<1x1xf32>, %z: tensor<1x1xf32>, %e: tensor<8x32xf32>) -> tensor<8x32xf32, #q> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32):
    %f = arith.sitofp %a : i32 to f32
    linalg.yield %f : f32
  } -> tensor<8x32xf32>
  // expected-remark @below {{the requantized codes have a float zero point}}
  %q = quant_tensor.quantize %y scales(%s : tensor<1x1xf32>) zero_points(%z : tensor<1x1xf32>) : tensor<8x32xf32> -> tensor<8x32xf32, #q>
  return %q : tensor<8x32xf32, #q>
}

// -----

// Two dimensions are contracted.
#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0, 0], scale = f32}>
#f8 = #quant_tensor.encoding<{storage = i8, block = [0, 0, 0], scale = f32}>
func.func @two_contracted(%x: tensor<8x4x16xf32, #e8>, %w: tensor<32x4x16xf32, #f8>, %z: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{it contracts 2 dimensions}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, j, k) -> (m, j, k)>, affine_map<(m, n, j, k) -> (n, j, k)>, affine_map<(m, n, j, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<8x4x16xf32, #e8>, tensor<32x4x16xf32, #f8>) outs(%z : tensor<8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// A diagonal of an operand.
#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @diagonal(%x: tensor<8x71xf32, #e8>, %w: tensor<32x64xf32, #e8>, %z: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{an operand is not read along plain dimensions}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, m + k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x71xf32, #e8>, tensor<32x64xf32, #e8>) outs(%z : tensor<8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// A dimension that one operand alone sums over.
#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
#f8 = #quant_tensor.encoding<{storage = i8, block = [0, 0, 0], scale = f32}>
func.func @one_sided(%x: tensor<8x4x64xf32, #f8>, %w: tensor<32x64xf32, #e8>, %z: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{loop 2 is in one operand only}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, j, k) -> (m, j, k)>, affine_map<(m, n, j, k) -> (n, k)>, affine_map<(m, n, j, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<8x4x64xf32, #f8>, tensor<32x64xf32, #e8>) outs(%z : tensor<8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Two encoded vectors.
#v8 = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>
func.func @dot(%x: tensor<64xf32, #v8>, %w: tensor<64xf32, #v8>, %z: tensor<f32>) -> tensor<f32> {
  // expected-remark @below {{neither operand has rows: it is a dot product}}
  %y = linalg.dot ins(%x, %w : tensor<64xf32, #v8>, tensor<64xf32, #v8>) outs(%z : tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// An encoded matrix and an encoded vector, alone and in a batch.
#e4 = #quant_tensor.encoding<{storage = i4, block = [0, 0], scale = f32}>
#v8 = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>
func.func @vector(%x: tensor<8x64xf32, #e4>, %w: tensor<64xf32, #v8>, %z: tensor<8xf32>) -> tensor<8xf32> {
  // expected-remark @below {{an operand is an encoded vector}}
  %y = linalg.matvec ins(%x, %w : tensor<8x64xf32, #e4>, tensor<64xf32, #v8>) outs(%z : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0, 0], scale = f32}>
#v8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @vectors(%x: tensor<2x8x64xf32, #e8>, %w: tensor<2x64xf32, #v8>, %z: tensor<2x8xf32>) -> tensor<2x8xf32> {
  // expected-remark @below {{an operand is a batch of encoded vectors}}
  %y = linalg.batch_matvec ins(%x, %w : tensor<2x8x64xf32, #e8>, tensor<2x64xf32, #v8>) outs(%z : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

// Summed in f64.
#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @wide_sum(%x: tensor<8x64xf32, #e8>, %w: tensor<32x64xf32, #e8>, %z: tensor<8x32xf64>) -> tensor<8x32xf64> {
  // expected-remark @below {{the result is neither f32, f16 nor bf16}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #e8>, tensor<32x64xf32, #e8>) outs(%z : tensor<8x32xf64>) -> tensor<8x32xf64>
  return %y : tensor<8x32xf64>
}

// -----

#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @wide_sum_weight_only(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #e8>, %z: tensor<8x32xf64>) -> tensor<8x32xf64> {
  // expected-remark @below {{the result is neither f32, f16 nor bf16}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32, #e8>) outs(%z : tensor<8x32xf64>) -> tensor<8x32xf64>
  return %y : tensor<8x32xf64>
}

// -----

// Batches of encoded weights, nobody knows how many.
#e8 = #quant_tensor.encoding<{storage = i8, block = [0, 0, 0], scale = f32}>
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
func.func @batch(%x: tensor<?x8x64xf32>, %w: tensor<?x32x64xf32, #e8>, %z: tensor<?x8x32xf32>) -> tensor<?x8x32xf32> {
  // expected-remark @below {{the encoded operand has batches of a dynamic number}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x8x64xf32>, tensor<?x32x64xf32, #e8>) outs(%z : tensor<?x8x32xf32>) -> tensor<?x8x32xf32>
  return %y : tensor<?x8x32xf32>
}

// -----

// Products of 16-bit floats that are summed in f64, of two types.
func.func @wide_sum(%x: tensor<8x64xbf16>, %w: tensor<64x32xbf16>, %z: tensor<8x32xf64>) -> tensor<8x32xf64> {
  // expected-remark @below {{the result is neither f32, f16 nor bf16}}
  %y = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x32xbf16>) outs(%z : tensor<8x32xf64>) -> tensor<8x32xf64>
  return %y : tensor<8x32xf64>
}

// -----

func.func @two_types(%x: tensor<8x64xbf16>, %w: tensor<64x32xf16>, %z: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{its operands have different types, bf16 and f16}}
  %y = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x32xf16>) outs(%z : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Columns in two dimensions (heads and their elements).
func.func @two_columns(%x: tensor<8x64xbf16>, %w: tensor<64x4x8xbf16>, %z: tensor<8x4x8xf32>) -> tensor<8x4x8xf32> {
  // expected-remark @below {{the right-hand side has 2 N dimensions}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, h, d, k) -> (m, k)>, affine_map<(m, h, d, k) -> (k, h, d)>, affine_map<(m, h, d, k) -> (m, h, d)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xbf16>, tensor<64x4x8xbf16>) outs(%z : tensor<8x4x8xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %c = arith.extf %a : bf16 to f32
    %d = arith.extf %b : bf16 to f32
    %p = arith.mulf %c, %d : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<8x4x8xf32>
  return %y : tensor<8x4x8xf32>
}

// -----

// Columns between two dimensions of rows, of integers and of floats.
func.func @columns_inside(%x: tensor<2x8x64xi8>, %w: tensor<32x64xi8>) -> tensor<2x32x8xf32> {
  %zero = arith.constant dense<0> : tensor<2x32x8xi32>
  // expected-remark @below {{the result is stored transposed}}
  %acc = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, n, m)>],
                         iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x8x64xi8>, tensor<32x64xi8>) outs(%zero : tensor<2x32x8xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %c = arith.extsi %a : i8 to i32
    %d = arith.extsi %b : i8 to i32
    %p = arith.muli %c, %d : i32
    %s = arith.addi %o, %p : i32
    linalg.yield %s : i32
  } -> tensor<2x32x8xi32>
  %y = arith.sitofp %acc : tensor<2x32x8xi32> to tensor<2x32x8xf32>
  return %y : tensor<2x32x8xf32>
}

// -----

func.func @float_columns_inside(%x: tensor<2x8x64xbf16>, %w: tensor<32x64xbf16>, %z: tensor<2x32x8xf32>) -> tensor<2x32x8xf32> {
  // expected-remark @below {{the result is stored transposed}}
  %acc = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, n, m)>],
                         iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x8x64xbf16>, tensor<32x64xbf16>) outs(%z : tensor<2x32x8xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %c = arith.extf %a : bf16 to f32
    %d = arith.extf %b : bf16 to f32
    %p = arith.mulf %c, %d : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x32x8xf32>
  return %acc : tensor<2x32x8xf32>
}

// -----

// A loop in the body of an elementwise op.
#mn = affine_map<(m, n) -> (m, n)>
func.func @loop_in_body(%x: tensor<8x64xbf16>, %w: tensor<64x32xbf16>, %z: tensor<8x32xf32>, %count: index) -> tensor<8x32xf32> {
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x32xbf16>) outs(%z : tensor<8x32xf32>) -> tensor<8x32xf32>
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-remark @below {{the consumer's scf.for is neither arith nor math}}
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xf32>) outs(%z : tensor<8x32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = scf.for %i = %zero to %count step %one iter_args(%power = %a) -> f32 {
      %q = arith.mulf %power, %power : f32
      scf.yield %q : f32
    }
    linalg.yield %p : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Parts of one product, as of queries, keys and values: what scales a part reads
// it through a slice. What is only passed on is not missed.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16}>
func.func @part(%x: tensor<8x64xf16>, %w: tensor<32x64xf16, #w4>, %i: tensor<8x32xf32>) -> (tensor<8x16xf16>, tensor<8x16xf32>) {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<8x64xf16>, tensor<32x64xf16, #w4>) outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  // expected-remark @below {{the consumer reads the result through tensor.extract_slice}}
  %q = tensor.extract_slice %y[0, 0] [8, 16] [1, 1] : tensor<8x32xf32> to tensor<8x16xf32>
  %v = tensor.extract_slice %y[0, 16] [8, 16] [1, 1] : tensor<8x32xf32> to tensor<8x16xf32>
  %t = arith.truncf %q : tensor<8x16xf32> to tensor<8x16xf16>
  return %t, %v : tensor<8x16xf16>, tensor<8x16xf32>
}

// -----

// Heads of a product, each of them transposed.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#mhd = affine_map<(h, m, d) -> (m, h, d)>
#hmd = affine_map<(h, m, d) -> (h, m, d)>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16}>
func.func @heads(%x: tensor<8x64xf16>, %w: tensor<32x64xf16, #w4>, %i: tensor<8x32xf32>, %e: tensor<2x8x16xf16>) -> tensor<2x8x16xf16> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<8x64xf16>, tensor<32x64xf16, #w4>) outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  // expected-remark @below {{the consumer reads the result through tensor.expand_shape}}
  %h = tensor.expand_shape %y [[0], [1, 2]] output_shape [8, 2, 16] : tensor<8x32xf32> into tensor<8x2x16xf32>
  %t = linalg.generic {indexing_maps = [#mhd, #hmd], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%h : tensor<8x2x16xf32>) outs(%e : tensor<2x8x16xf16>) {
  ^bb0(%a: f32, %o: f16):
    %0 = arith.truncf %a : f32 to f16
    linalg.yield %0 : f16
  } -> tensor<2x8x16xf16>
  return %t : tensor<2x8x16xf16>
}
