// RUN: quant-opt %s --quant-tensor-pull-dequantize --quant-tensor-decompose-contractions --quant-tensor-fuse-epilogue \
// RUN:     --remarks-filter-missed="quant-tensor.*" --split-input-file --verify-diagnostics -o /dev/null

// What almost matches, and why it does not.

// A scale of rank 3 broadcasts the result.
func.func @scale_rank(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<2x8x32xf32>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the result of rank 2 is broadcast to rank 3 by an operand of rank 3}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %e = tensor.empty() : tensor<2x8x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (m, n)>, affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%acc, %s : tensor<8x32xi32>, tensor<2x8x32xf32>) outs(%e : tensor<2x8x32xf32>) {
  ^bb0(%c: i32, %a: f32, %o: f32):
    %0 = arith.sitofp %c : i32 to f32
    %1 = arith.mulf %0, %a : f32
    linalg.yield %1 : f32
  } -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// The i32 result is needed twice.
func.func @second_use(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>) -> (tensor<8x32xf32>, tensor<8x32xi32>) {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the i32 result has a second use, by func.return}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  return %y, %acc : tensor<8x32xf32>, tensor<8x32xi32>
}

// -----

// Nothing scales the result.
func.func @not_scaled(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>) -> tensor<8x32xi32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the i32 result goes to func.return}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  return %acc : tensor<8x32xi32>
}

// -----

// The result is widened to f64 before it is scaled.
func.func @widened(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{arith.sitofp widens to f64, which an epilogue does not hold}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %l = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf64>
  %y = arith.truncf %l : tensor<8x32xf64> to tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Each step of the sum saturates: no product of matrices.
func.func @saturating(%x: tensor<8x64xi8>, %w: tensor<32x64xi8>) -> tensor<8x32xf32> {
  %lo = arith.constant -32768 : i32
  %hi = arith.constant 32767 : i32
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{its body is not a multiply and an accumulate}}
  %acc = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xi8>, tensor<32x64xi8>) outs(%zero : tensor<8x32xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %c, %2 : i32
    %4 = arith.maxsi %3, %lo : i32
    %5 = arith.minsi %4, %hi : i32
    linalg.yield %5 : i32
  } -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// K is so large that the sum could overflow.
func.func @overflow(%x: tensor<8x200000xi8>, %w: tensor<200000x32xi8>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{an i32 sum of K = 200000 products could overflow: these codes allow K up to 131071}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x200000xi8>, tensor<200000x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// The left-hand side is encoded and stored K x M.
#t8 = #quant_tensor.encoding<{storage = i8, block = [0, 1], scale = f32}>
#c8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @lhs_transposed(%x: tensor<64x8xf32, #t8>, %w: tensor<32x64xf32, #c8>, %init: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // expected-remark @below {{the left-hand side is stored with its contracted dimension not last}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<64x8xf32, #t8>, tensor<32x64xf32, #c8>) outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// The scaling stores the result transposed.
func.func @result_transposed(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>) -> tensor<32x8xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{the consumer transposes the result}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %e = tensor.empty() : tensor<32x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n, m)>], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<32x8xf32>) {
  ^bb0(%c: i32, %o: f32):
    %0 = arith.sitofp %c : i32 to f32
    linalg.yield %0 : f32
  } -> tensor<32x8xf32>
  return %y : tensor<32x8xf32>
}

// -----

// A sum over the result is no epilogue.
func.func @reduced(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>) -> tensor<8xi32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{linalg.reduce reduces the result}}
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %z = arith.constant dense<0> : tensor<8xi32>
  %y = linalg.reduce { arith.addi } ins(%acc : tensor<8x32xi32>) outs(%z : tensor<8xi32>) dimensions = [1]
  return %y : tensor<8xi32>
}

// -----

// The batch dimension of both operands is not the result's first.
#bmk = affine_map<(b, m, n, k) -> (b, m, k)>
#bkn = affine_map<(b, m, n, k) -> (b, k, n)>
#mbn = affine_map<(b, m, n, k) -> (m, b, n)>
func.func @batched(%x: tensor<2x8x64xi8>, %w: tensor<2x64x32xi8>) -> tensor<8x2x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x2x32xi32>
  // expected-remark @below {{the 1 batch dimensions of both operands do not lead the result}}
  %acc = linalg.generic {indexing_maps = [#bmk, #bkn, #mbn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x8x64xi8>, tensor<2x64x32xi8>) outs(%zero : tensor<8x2x32xi32>) {
  ^bb0(%a: i8, %b: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<8x2x32xi32>
  %y = arith.sitofp %acc : tensor<8x2x32xi32> to tensor<8x2x32xf32>
  return %y : tensor<8x2x32xf32>
}

// -----

// Two N dimensions: which is the right-hand side's row?
func.func @ambiguous(%x: tensor<8x64xi8>, %w: tensor<4x32x64xi8>) -> tensor<8x4x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x4x32xi32>
  // expected-remark @below {{the right-hand side has 2 N dimensions}}
  %acc = linalg.generic {indexing_maps = [affine_map<(m, p, n, k) -> (m, k)>, affine_map<(m, p, n, k) -> (p, n, k)>, affine_map<(m, p, n, k) -> (m, p, n)>],
                         iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xi8>, tensor<4x32x64xi8>) outs(%zero : tensor<8x4x32xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %c, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<8x4x32xi32>
  %y = arith.sitofp %acc : tensor<8x4x32xi32> to tensor<8x4x32xf32>
  return %y : tensor<8x4x32xf32>
}

// -----

// The requantized result has groups.
#groups = #quant_tensor.encoding<{storage = i8, block = [1, 16], scale = f32}>
func.func @requantize_groups(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<8x2xf32>) -> tensor<8x32xf32, #groups> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  // expected-remark @below {{dimension 1 of the requantized result is scaled in groups of 16, neither singly nor as a whole}}
  %q = quant_tensor.quantize %y scales(%s : tensor<8x2xf32>) : tensor<8x32xf32> -> tensor<8x32xf32, #groups>
  return %q : tensor<8x32xf32, #groups>
}

// -----

// The scales of the requantized result are those of the result itself.
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @requantize_dynamic(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>) -> tensor<8x32xf32, #token> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  // expected-remark @below {{quantize chooses its scales from the whole result}}
  %q = quant_tensor.quantize %y : tensor<8x32xf32> -> tensor<8x32xf32, #token>
  return %q : tensor<8x32xf32, #token>
}

// -----

// The weights' scale varies along K, and batches are not decoded; nor are
// sums scaled block by block where rows of activations have no scales of their own.
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0, 0], scale = f32}>
#w = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 1, 32], scale = f32}>
func.func @groups_along_k(%x: tensor<2x8x64xf32, #x>, %w: tensor<2x32x64xf32, #w>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x8x32xf32>
  // expected-remark @below {{the scale of the right-hand side varies along K, in groups of 32}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xf32, #x>, tensor<2x32x64xf32, #w>)
      outs(%zero : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// The activations' scale is on the wrong axis.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#x = #quant_tensor.encoding<{storage = i8, block = [0, 1], scale = f32}>
#w = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @scale_on_wrong_axis(%x: tensor<8x64xf32, #x>, %w: tensor<32x64xf32, #w>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  // expected-remark @below {{the scale of the left-hand side varies along K, in groups of 1}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #x>, tensor<32x64xf32, #w>)
      outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Rows of batches share a scale in groups.
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0, 0], scale = f32}>
#w = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 4, 0], scale = f32}>
func.func @row_groups(%x: tensor<2x8x64xf32, #x>, %w: tensor<2x32x64xf32, #w>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x8x32xf32>
  // expected-remark @below {{dimension 1 of the right-hand side is scaled in groups of 4, neither singly nor as a whole}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xf32, #x>, tensor<2x32x64xf32, #w>)
      outs(%zero : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// Batches of 4-bit floats are not multiplied as they are.
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 1, 0], scale = f32}>
#w = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 1, 0], scale = f32}>
func.func @narrow(%x: tensor<2x8x64xf32, #x>, %w: tensor<2x32x64xf32, #w>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x8x32xf32>
  // expected-remark @below {{the right-hand side has 4-bit float codes, not 8}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xf32, #x>, tensor<2x32x64xf32, #w>)
      outs(%zero : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// A float zero point has no integer correction.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#x = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, zero_point = f32}>
#w = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @float_zero_point(%x: tensor<8x64xf32, #x>, %w: tensor<32x64xf32, #w>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  // expected-remark @below {{the left-hand side has a float zero point}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #x>, tensor<32x64xf32, #w>)
      outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Batches of float codes times integer codes.
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 1, 0], scale = f32}>
#w = #quant_tensor.encoding<{storage = i8, block = [1, 1, 0], scale = f32}>
func.func @mixed_codes(%x: tensor<2x8x64xf32, #x>, %w: tensor<2x32x64xf32, #w>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x8x32xf32>
  // expected-remark @below {{one side has integer codes, the other float codes}}
  %y = linalg.batch_matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xf32, #x>, tensor<2x32x64xf32, #w>)
      outs(%zero : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// The codes are in the order of some kernel.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 64]>}>
#w = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0], scale = f32}>
func.func @layout_mismatch(%x: tensor<8x64xf32, #x>, %w: tensor<32x64xf32, #w>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  // expected-remark @below {{the codes of the left-hand side are not row-major}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #x>, tensor<32x64xf32, #w>)
      outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Bits of 3-bit codes straddle bytes: K x N cannot be read N x K.
#w3 = #quant_tensor.encoding<{storage = i3, block = [64, 1], scale = f32}>
func.func @straddling(%x: tensor<8x64xf32>, %w: tensor<64x32xf32, #w3>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  // expected-remark @below {{3-bit codes of a K x N right-hand side cannot be read N x K in this layout}}
  %y = linalg.matmul ins(%x, %w : tensor<8x64xf32>, tensor<64x32xf32, #w3>) outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// f64 activations do not fit an f32 sum.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
func.func @double(%x: tensor<64xf64>, %w: tensor<32x64xf64, #w4>) -> tensor<32xf64> {
  %zero = arith.constant dense<0.0> : tensor<32xf64>
  // expected-remark @below {{the other operand is neither f32, f16 nor bf16}}
  %y = linalg.matvec ins(%w, %x : tensor<32x64xf64, #w4>, tensor<64xf64>) outs(%zero : tensor<32xf64>) -> tensor<32xf64>
  return %y : tensor<32xf64>
}

// -----

// A quantized_matmul that sums in other than i32.
func.func @wide_sum(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %a: i32, %i: tensor<8x32xi64>) -> tensor<8x32xi64> {
  // expected-remark @below {{it multiplies i8 by i8 into i64, expected i8 and i32}}
  %y = linalg.quantized_matmul ins(%x, %w, %a, %a : tensor<8x64xi8>, tensor<64x32xi8>, i32, i32) outs(%i : tensor<8x32xi64>) -> tensor<8x32xi64>
  return %y : tensor<8x32xi64>
}

// -----

// The sum of a quantized_matmul may not fit its type.
func.func @quantized_overflow(%x: tensor<8x40000xi8>, %w: tensor<40000x32xi8>, %zx: i32, %zw: i32) -> tensor<8x32xi32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  // expected-remark @below {{an i32 sum of K = 40000 products could overflow: codes with zero points allow K up to 33025}}
  %acc = linalg.quantized_matmul ins(%x, %w, %zx, %zw : tensor<8x40000xi8>, tensor<40000x32xi8>, i32, i32)
      outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  return %acc : tensor<8x32xi32>
}
