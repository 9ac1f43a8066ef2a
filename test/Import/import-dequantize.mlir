// RUN: quant-opt %s --import-dequantize --split-input-file | FileCheck %s

// The four packings of 4-bit codes in bytes. Neighbours along K, low nibble
// first: row major. Joined by strided inserts.
// CHECK: storage = ui4, block = [0, 0], scale = f32, zero_point = ui4
// CHECK-LABEL: func @neighbours_low_first
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32x32xi8>
// CHECK-DAG: %[[ONE:.+]] = arith.constant dense<1.000000e+00> : tensor<1x1xf32>
// CHECK-DAG: %[[Z:.+]] = arith.constant dense<8> : tensor<1x1xi8>
// CHECK: %[[E:.+]] = quant_tensor.assemble %[[B]], %[[ONE]], %[[Z]]
// CHECK: %[[D:.+]] = quant_tensor.dequantize %[[E]]
// CHECK: return %[[D]]
func.func @neighbours_low_first(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x32xi8>
  %0 = arith.andi %w, %f : tensor<32x32xi8>
  %1 = arith.subi %0, %eight : tensor<32x32xi8>
  %lo = arith.sitofp %1 : tensor<32x32xi8> to tensor<32x32xf32>
  %2 = arith.shrui %w, %four : tensor<32x32xi8>
  %3 = arith.subi %2, %eight : tensor<32x32xi8>
  %hi = arith.sitofp %3 : tensor<32x32xi8> to tensor<32x32xf32>
  %e = tensor.empty() : tensor<32x64xf32>
  %a = tensor.insert_slice %lo into %e[0, 0] [32, 32] [1, 2] : tensor<32x32xf32> into tensor<32x64xf32>
  %b = tensor.insert_slice %hi into %a[0, 1] [32, 32] [1, 2] : tensor<32x32xf32> into tensor<32x64xf32>
  return %b : tensor<32x64xf32>
}

// -----

// High nibble first, one generic each, stacked and collapsed; a scale per row.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
// CHECK: storage = ui4, block = [1, 0], scale = bf16, zero_point = ui4, layout = <packed, word = 8, axis = 1, order = [1, 0]>
// CHECK-LABEL: func @neighbours_high_first
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32x32xi8>, %[[S:[a-z0-9]+]]: tensor<32xbf16>
// CHECK: %[[SE:.+]] = tensor.expand_shape %[[S]] {{.*}} into tensor<32x1xbf16>
// CHECK: quant_tensor.assemble %[[B]], %[[SE]], %{{.+}} : tensor<32x32xi8>, tensor<32x1xbf16>, tensor<32x1xi8>
// CHECK: quant_tensor.dequantize
func.func @neighbours_high_first(%w: tensor<32x32xi8>, %s: tensor<32xbf16>) -> tensor<32x64xbf16> {
  %f = arith.constant 15 : i8
  %four = arith.constant 4 : i8
  %eight = arith.constant 8.0 : bf16
  %e8 = tensor.empty() : tensor<32x32xi8>
  %lo = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x32xi8>) outs(%e8 : tensor<32x32xi8>) {
  ^bb0(%a: i8, %o: i8):
    %0 = arith.andi %a, %f : i8
    linalg.yield %0 : i8
  } -> tensor<32x32xi8>
  %hi = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<32x32xi8>) outs(%e8 : tensor<32x32xi8>) {
  ^bb0(%a: i8, %o: i8):
    %0 = arith.shrui %a, %four : i8
    linalg.yield %0 : i8
  } -> tensor<32x32xi8>
  %hi3 = tensor.expand_shape %hi [[0], [1, 2]] output_shape [32, 32, 1] : tensor<32x32xi8> into tensor<32x32x1xi8>
  %lo3 = tensor.expand_shape %lo [[0], [1, 2]] output_shape [32, 32, 1] : tensor<32x32xi8> into tensor<32x32x1xi8>
  %c3 = tensor.concat dim(2) %hi3, %lo3 : (tensor<32x32x1xi8>, tensor<32x32x1xi8>) -> tensor<32x32x2xi8>
  %c = tensor.collapse_shape %c3 [[0], [1, 2]] : tensor<32x32x2xi8> into tensor<32x64xi8>
  %e = tensor.empty() : tensor<32x64xbf16>
  %d = linalg.generic {indexing_maps = [#mn, #m, #mn], iterator_types = ["parallel", "parallel"]} ins(%c, %s : tensor<32x64xi8>, tensor<32xbf16>) outs(%e : tensor<32x64xbf16>) {
  ^bb0(%a: i8, %b: bf16, %o: bf16):
    %0 = arith.uitofp %a : i8 to bf16
    %1 = arith.subf %0, %eight : bf16
    %2 = arith.mulf %1, %b : bf16
    linalg.yield %2 : bf16
  } -> tensor<32x64xbf16>
  return %d : tensor<32x64xbf16>
}

// -----

// Halves of K; groups of 16 along K, read through a quotient.
#mn = affine_map<(m, n) -> (m, n)>
#g = affine_map<(m, n) -> (m, n floordiv 16)>
// CHECK: storage = ui4, block = [1, 16], scale = f16, zero_point = ui4, layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>
// CHECK-LABEL: func @halves
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32x32xi8>, %[[S:[a-z0-9]+]]: tensor<32x4xf16>
// CHECK: quant_tensor.assemble %[[B]], %[[S]], %{{.+}} : tensor<32x32xi8>, tensor<32x4xf16>, tensor<32x4xi8>
func.func @halves(%w: tensor<32x32xi8>, %s: tensor<32x4xf16>) -> tensor<32x64xf16> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x32xi8>
  %0 = arith.andi %w, %f : tensor<32x32xi8>
  %lo = arith.subi %0, %eight : tensor<32x32xi8>
  %2 = arith.shrui %w, %four : tensor<32x32xi8>
  %hi = arith.subi %2, %eight : tensor<32x32xi8>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<32x32xi8>, tensor<32x32xi8>) -> tensor<32x64xi8>
  %x = arith.sitofp %c : tensor<32x64xi8> to tensor<32x64xf16>
  %e = tensor.empty() : tensor<32x64xf16>
  %d = linalg.generic {indexing_maps = [#mn, #g, #mn], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf16>, tensor<32x4xf16>) outs(%e : tensor<32x64xf16>) {
  ^bb0(%a: f16, %b: f16, %o: f16):
    %3 = arith.mulf %a, %b : f16
    linalg.yield %3 : f16
  } -> tensor<32x64xf16>
  return %d : tensor<32x64xf16>
}

// -----

// Along N, signed nibbles (no zero point): two's complement 4-bit codes.
// CHECK: storage = i4, block = [0, 0], scale = f32, layout = <packed, word = 8, axis = 0, order = [0, 1]>
// CHECK-LABEL: func @along_n
// CHECK: quant_tensor.assemble %{{.+}}, %{{.+}} : tensor<16x64xi8>, tensor<1x1xf32> -> tensor<32x64xf32, #
func.func @along_n(%w: tensor<16x64xi8>) -> tensor<32x64xf32> {
  %four = arith.constant dense<4> : tensor<16x64xi8>
  %scale = arith.constant dense<0.5> : tensor<32x64xf32>
  %0 = arith.shli %w, %four : tensor<16x64xi8>
  %lo = arith.shrsi %0, %four : tensor<16x64xi8>
  %hi = arith.shrsi %w, %four : tensor<16x64xi8>
  %e = tensor.empty() : tensor<32x64xi8>
  %a = tensor.insert_slice %hi into %e[1, 0] [16, 64] [2, 1] : tensor<16x64xi8> into tensor<32x64xi8>
  %b = tensor.insert_slice %lo into %a[0, 0] [16, 64] [2, 1] : tensor<16x64xi8> into tensor<32x64xi8>
  %x = arith.sitofp %b : tensor<32x64xi8> to tensor<32x64xf32>
  %d = arith.mulf %x, %scale : tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// 8-bit codes with an operand for scale and zero point, feeding a matmul; a
// scale stored [K / G, N] is turned round.
#mn = affine_map<(m, n) -> (m, n)>
#g = affine_map<(m, n) -> (n floordiv 32, m)>
// CHECK: storage = ui8, block = [1, 32], scale = f32, zero_point = ui8
// CHECK-LABEL: func @bytes
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x64xi8>, %[[S:[a-z0-9]+]]: tensor<2x32xf32>, %[[Z:[a-z0-9]+]]: tensor<2x32xi8>
// CHECK: %[[ST:.+]] = linalg.transpose ins(%[[S]] : tensor<2x32xf32>) outs(%{{.+}} : tensor<32x2xf32>) permutation = [1, 0]
// CHECK: %[[ZT:.+]] = linalg.transpose ins(%[[Z]] : tensor<2x32xi8>)
// CHECK: quant_tensor.assemble %[[W]], %[[ST]], %[[ZT]]
func.func @bytes(%w: tensor<32x64xi8>, %s: tensor<2x32xf32>, %z: tensor<2x32xi8>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %d = linalg.generic {indexing_maps = [#mn, #g, #g, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s, %z : tensor<32x64xi8>, tensor<2x32xf32>, tensor<2x32xi8>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: i8, %b: f32, %c: i8, %o: f32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extui %c : i8 to i32
    %2 = arith.subi %0, %1 : i32
    %3 = arith.sitofp %2 : i32 to f32
    %4 = arith.mulf %b, %3 : f32
    linalg.yield %4 : f32
  } -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// Split into groups, scaled, and collapsed again.
#nkg = affine_map<(n, k, g) -> (n, k, g)>
#nk = affine_map<(n, k, g) -> (n, k)>
// CHECK: storage = i8, block = [1, 16], scale = f32
// CHECK-LABEL: func @groups
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x4x16xi8>, %[[S:[a-z0-9]+]]: tensor<32x4xf32>
// CHECK: %[[C:.+]] = tensor.collapse_shape %[[W]] {{.*}} into tensor<32x64xi8>
// CHECK: %[[E:.+]] = quant_tensor.assemble %[[C]], %[[S]]
// CHECK: %[[D:.+]] = quant_tensor.dequantize %[[E]]
// CHECK: return %[[D]]
func.func @groups(%w: tensor<32x4x16xi8>, %s: tensor<32x4xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x4x16xf32>
  %d = linalg.generic {indexing_maps = [#nkg, #nk, #nkg], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w, %s : tensor<32x4x16xi8>, tensor<32x4xf32>) outs(%e : tensor<32x4x16xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<32x4x16xf32>
  %c = tensor.collapse_shape %d [[0], [1, 2]] : tensor<32x4x16xf32> into tensor<32x64xf32>
  return %c : tensor<32x64xf32>
}

// -----

// Nibbles by truncation to i4; the cast after it says that they are signed.
#mn = affine_map<(m, n) -> (m, n)>
// CHECK: storage = i4, block = [0, 0], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>
// CHECK-LABEL: func @truncated
// CHECK: quant_tensor.assemble
// CHECK: quant_tensor.dequantize
func.func @truncated(%w: tensor<8x16xi8>) -> tensor<8x32xf32> {
  %four = arith.constant dense<4> : tensor<8x16xi8>
  %lo = arith.trunci %w : tensor<8x16xi8> to tensor<8x16xi4>
  %0 = arith.shrui %w, %four : tensor<8x16xi8>
  %hi = arith.trunci %0 : tensor<8x16xi8> to tensor<8x16xi4>
  %c = tensor.concat dim(1) %lo, %hi : (tensor<8x16xi4>, tensor<8x16xi4>) -> tensor<8x32xi4>
  %d = arith.sitofp %c : tensor<8x32xi4> to tensor<8x32xf32>
  return %d : tensor<8x32xf32>
}

// -----

// Scale and zero point with the dimension that they were reduced along.
#mn = affine_map<(m, n) -> (m, n)>
#m1 = affine_map<(m, n) -> (m, 0)>
#one = affine_map<(m, n) -> (0, 0)>
// CHECK: storage = i8, block = [1, 0], scale = f32
// CHECK-LABEL: func @kept_dimensions
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<8x64xi8>, %[[S:[a-z0-9]+]]: tensor<8x1xf32>
// CHECK: quant_tensor.assemble %[[W]], %[[S]]
// CHECK: quant_tensor.dequantize
func.func @kept_dimensions(%w: tensor<8x64xi8>, %s: tensor<8x1xf32>) -> tensor<8x64xf32> {
  %e = tensor.empty() : tensor<8x64xf32>
  %d = linalg.generic {indexing_maps = [#mn, #m1, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<8x64xi8>, tensor<8x1xf32>) outs(%e : tensor<8x64xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}

// -----

// The high nibble masked before it is shifted, the low one by the remainder.
// CHECK: storage = ui4, block = [0, 0], scale = f32, zero_point = ui4
// CHECK-LABEL: func @masked_then_shifted
// CHECK: quant_tensor.assemble
func.func @masked_then_shifted(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %m = arith.constant dense<-16> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %sixteen = arith.constant dense<16> : tensor<32x32xi8>
  %eight = arith.constant dense<8.0> : tensor<32x32xf32>
  %0 = arith.remui %w, %sixteen : tensor<32x32xi8>
  %1 = arith.uitofp %0 : tensor<32x32xi8> to tensor<32x32xf32>
  %lo = arith.subf %1, %eight : tensor<32x32xf32>
  %2 = arith.andi %w, %m : tensor<32x32xi8>
  %3 = arith.shrui %2, %four : tensor<32x32xi8>
  %4 = arith.uitofp %3 : tensor<32x32xi8> to tensor<32x32xf32>
  %hi = arith.subf %4, %eight : tensor<32x32xf32>
  %e = tensor.empty() : tensor<32x64xf32>
  %a = tensor.insert_slice %lo into %e[0, 0] [32, 32] [1, 2] : tensor<32x32xf32> into tensor<32x64xf32>
  %b = tensor.insert_slice %hi into %a[0, 1] [32, 32] [1, 2] : tensor<32x32xf32> into tensor<32x64xf32>
  return %b : tensor<32x64xf32>
}

// -----

// Signs as (nibble ^ 8) - 8, of nibbles by a left shift and by a division:
// signed codes without a zero point.
// CHECK: storage = i4, block = [0, 0], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>
// CHECK-LABEL: func @flipped_signs
// CHECK: quant_tensor.assemble
func.func @flipped_signs(%w: tensor<32x32xi8>) -> tensor<32x64xf32> {
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %sixteen = arith.constant dense<16> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x32xi8>
  %0 = arith.shli %w, %four : tensor<32x32xi8>
  %1 = arith.shrui %0, %four : tensor<32x32xi8>
  %2 = arith.xori %1, %eight : tensor<32x32xi8>
  %3 = arith.subi %2, %eight : tensor<32x32xi8>
  %lo = arith.sitofp %3 : tensor<32x32xi8> to tensor<32x32xf32>
  %4 = arith.divui %w, %sixteen : tensor<32x32xi8>
  %5 = arith.xori %4, %eight : tensor<32x32xi8>
  %6 = arith.subi %5, %eight : tensor<32x32xi8>
  %hi = arith.sitofp %6 : tensor<32x32xi8> to tensor<32x32xf32>
  %j = tensor.concat dim(1) %lo, %hi : (tensor<32x32xf32>, tensor<32x32xf32>) -> tensor<32x64xf32>
  return %j : tensor<32x64xf32>
}

// -----

// Eight is taken from codes that are joined in i8, where no difference wraps;
// groups are split off after the conversion, and their scale is broadcast.
// CHECK: storage = ui4, block = [1, 16], scale = f16, zero_point = ui4
// CHECK-LABEL: func @split_after_conversion
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x32xi8>, %[[S:[a-z0-9]+]]: tensor<32x4xf16>
// CHECK: %[[E:.+]] = quant_tensor.assemble %[[W]], %[[S]], %{{.+}} : tensor<32x32xi8>, tensor<32x4xf16>, tensor<32x4xi8>
// CHECK: %[[D:.+]] = quant_tensor.dequantize %[[E]]
// CHECK: return %[[D]]
func.func @split_after_conversion(%w: tensor<32x32xi8>, %s: tensor<32x4xf16>) -> tensor<32x64xf16> {
  %f = arith.constant dense<15> : tensor<32x32xi8>
  %four = arith.constant dense<4> : tensor<32x32xi8>
  %eight = arith.constant dense<8> : tensor<32x64xi8>
  %lo = arith.andi %f, %w : tensor<32x32xi8>
  %hi = arith.shrui %w, %four : tensor<32x32xi8>
  %e = tensor.empty() : tensor<32x64xi8>
  %0 = tensor.insert_slice %lo into %e[0, 0] [32, 32] [1, 2] : tensor<32x32xi8> into tensor<32x64xi8>
  %c = tensor.insert_slice %hi into %0[0, 1] [32, 32] [1, 2] : tensor<32x32xi8> into tensor<32x64xi8>
  %d = arith.subi %c, %eight : tensor<32x64xi8>
  %x = arith.sitofp %d : tensor<32x64xi8> to tensor<32x64xf16>
  %g = tensor.expand_shape %x [[0], [1, 2]] output_shape [32, 4, 16] : tensor<32x64xf16> into tensor<32x4x16xf16>
  %be = tensor.empty() : tensor<32x4x16xf16>
  %b = linalg.broadcast ins(%s : tensor<32x4xf16>) outs(%be : tensor<32x4x16xf16>) dimensions = [2]
  %m = arith.mulf %g, %b : tensor<32x4x16xf16>
  %r = tensor.collapse_shape %m [[0], [1, 2]] : tensor<32x4x16xf16> into tensor<32x64xf16>
  return %r : tensor<32x64xf16>
}

// -----

// Groups of K that leads, as checkpoints of K x N lay them: codes and a zero
// point of whole bytes.
#gkn = affine_map<(g, k, n) -> (g, k, n)>
#gn = affine_map<(g, k, n) -> (g, n)>
// CHECK: storage = i8, block = [16, 1], scale = f32, zero_point = i8
// CHECK-LABEL: func @leading_groups
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<64x24xi8>, %[[S:[a-z0-9]+]]: tensor<4x24xf32>, %[[Z:[a-z0-9]+]]: tensor<4x24xi8>
// CHECK: %[[E:.+]] = quant_tensor.assemble %{{.+}}, %[[S]], %[[Z]]
// CHECK: %[[D:.+]] = quant_tensor.dequantize %[[E]]
// CHECK: return %[[D]]
func.func @leading_groups(%w: tensor<64x24xi8>, %s: tensor<4x24xf32>, %z: tensor<4x24xi8>) -> tensor<64x24xf32> {
  %x = arith.sitofp %w : tensor<64x24xi8> to tensor<64x24xf32>
  %g = tensor.expand_shape %x [[0, 1], [2]] output_shape [4, 16, 24] : tensor<64x24xf32> into tensor<4x16x24xf32>
  %e = tensor.empty() : tensor<4x16x24xf32>
  %d = linalg.generic {indexing_maps = [#gkn, #gn, #gn, #gkn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%g, %s, %z : tensor<4x16x24xf32>, tensor<4x24xf32>, tensor<4x24xi8>) outs(%e : tensor<4x16x24xf32>) {
  ^bb0(%a: f32, %b: f32, %p: i8, %o: f32):
    %0 = arith.sitofp %p : i8 to f32
    %1 = arith.subf %a, %0 : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<4x16x24xf32>
  %r = tensor.collapse_shape %d [[0, 1], [2]] : tensor<4x16x24xf32> into tensor<64x24xf32>
  return %r : tensor<64x24xf32>
}

// -----

// The scale is repeated along K before it meets codes that were never split.
// CHECK: storage = i8, block = [1, 16], scale = bf16
// CHECK-LABEL: func @repeated_scale
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x64xi8>, %[[S:[a-z0-9]+]]: tensor<32x4xbf16>
// CHECK: %[[E:.+]] = quant_tensor.assemble %{{.+}}, %[[S]]
// CHECK: quant_tensor.dequantize %[[E]]
func.func @repeated_scale(%w: tensor<32x64xi8>, %s: tensor<32x4xbf16>) -> tensor<32x64xbf16> {
  %be = tensor.empty() : tensor<32x4x16xbf16>
  %b = linalg.broadcast ins(%s : tensor<32x4xbf16>) outs(%be : tensor<32x4x16xbf16>) dimensions = [2]
  %k = tensor.collapse_shape %b [[0], [1, 2]] : tensor<32x4x16xbf16> into tensor<32x64xbf16>
  %x = arith.sitofp %w : tensor<32x64xi8> to tensor<32x64xbf16>
  %m = arith.mulf %x, %k : tensor<32x64xbf16>
  return %m : tensor<32x64xbf16>
}

// -----

// One scale for each row of a batch: nothing is split or joined.
#bsh = affine_map<(b, s, h) -> (b, s, h)>
#bs = affine_map<(b, s, h) -> (b, s)>
// CHECK: storage = i8, block = [1, 1, 0], scale = f32
// CHECK-LABEL: func @rows_of_rows
// CHECK: quant_tensor.assemble {{.*}} -> tensor<2x5x64xf32, #
func.func @rows_of_rows(%x: tensor<2x5x64xi8>, %s: tensor<2x5xf32>) -> tensor<2x5x64xf32> {
  %e = tensor.empty() : tensor<2x5x64xf32>
  %d = linalg.generic {indexing_maps = [#bsh, #bs, #bsh], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %s : tensor<2x5x64xi8>, tensor<2x5xf32>) outs(%e : tensor<2x5x64xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<2x5x64xf32>
  return %d : tensor<2x5x64xf32>
}

// -----

// Rows of an odd number of nibbles, each in bytes of its own, and zero points
// that are nibbles as well: bytes in an encoding.
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
// CHECK: #[[$E:.+]] = #quant_tensor.encoding<{storage = ui4, block = [1, 0], scale = f8E4M3FN, zero_point = ui8}>
// CHECK-LABEL: func @odd_rows
// CHECK-SAME: %[[B:.+]]: tensor<8x17xi8>, %[[Z:.+]]: tensor<8xi4>, %[[S:.+]]: tensor<8xf8E4M3FN>
// CHECK: linalg.generic {{.*}} ins(%[[Z]] : tensor<8xi4>) outs(%{{.+}} : tensor<8xi8>)
// CHECK: arith.extui %{{.+}} : i4 to i8
// CHECK: quant_tensor.assemble %[[B]], %{{.+}}, %{{.+}} : tensor<8x17xi8>, tensor<8x1xf8E4M3FN>, tensor<8x1xi8> -> tensor<8x33xbf16, #[[$E]]>
func.func @odd_rows(%b: tensor<8x17xi8>, %z: tensor<8xi4>, %s: tensor<8xf8E4M3FN>) -> tensor<8x33xbf16> {
  %four = arith.constant 4 : i8
  %e4 = tensor.empty() : tensor<8x17xi4>
  %low = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<8x17xi8>) outs(%e4 : tensor<8x17xi4>) {
  ^bb0(%a: i8, %o: i4):
    %0 = arith.trunci %a : i8 to i4
    linalg.yield %0 : i4
  } -> tensor<8x17xi4>
  %high = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<8x17xi8>) outs(%e4 : tensor<8x17xi4>) {
  ^bb0(%a: i8, %o: i4):
    %0 = arith.shrui %a, %four : i8
    %1 = arith.trunci %0 : i8 to i4
    linalg.yield %1 : i4
  } -> tensor<8x17xi4>
  %e = tensor.empty() : tensor<8x34xi4>
  %i = tensor.insert_slice %low into %e[0, 0] [8, 17] [1, 2] : tensor<8x17xi4> into tensor<8x34xi4>
  %j = tensor.insert_slice %high into %i[0, 1] [8, 17] [1, 2] : tensor<8x17xi4> into tensor<8x34xi4>
  %w = tensor.extract_slice %j[0, 0] [8, 33] [1, 1] : tensor<8x34xi4> to tensor<8x33xi4>
  %f = tensor.empty() : tensor<8x33xbf16>
  %d = linalg.generic {indexing_maps = [#mn, #m, #m, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %z, %s : tensor<8x33xi4>, tensor<8xi4>, tensor<8xf8E4M3FN>) outs(%f : tensor<8x33xbf16>) {
  ^bb0(%a: i4, %p: i4, %q: f8E4M3FN, %o: bf16):
    %0 = arith.extui %a : i4 to i32
    %1 = arith.extui %p : i4 to i32
    %2 = arith.subi %0, %1 : i32
    %3 = arith.sitofp %2 : i32 to bf16
    %4 = arith.extf %q : f8E4M3FN to bf16
    %5 = arith.mulf %3, %4 : bf16
    linalg.yield %5 : bf16
  } -> tensor<8x33xbf16>
  return %d : tensor<8x33xbf16>
}

// -----

// MX weights as arith spells them.
#id = affine_map<(n, k) -> (n, k)>
#group = affine_map<(n, k) -> (n, k floordiv 16)>
// CHECK: storage = f8E4M3FN, block = [1, 16], scale = f8E8M0FNU
// CHECK-LABEL: func @scaling_extf
// CHECK: %[[W:.+]] = quant_tensor.assemble %{{.+}}, %{{.+}} : tensor<24x64xf8E4M3FN>, tensor<24x4xf8E8M0FNU>
// CHECK: quant_tensor.dequantize %[[W]]
func.func @scaling_extf(%c: tensor<24x64xf8E4M3FN>, %s: tensor<24x4xf8E8M0FNU>) -> tensor<24x64xf32> {
  %e = tensor.empty() : tensor<24x64xf32>
  %w = linalg.generic {indexing_maps = [#id, #group, #id], iterator_types = ["parallel", "parallel"]} ins(%c, %s : tensor<24x64xf8E4M3FN>, tensor<24x4xf8E8M0FNU>) outs(%e : tensor<24x64xf32>) {
  ^bb0(%a: f8E4M3FN, %b: f8E8M0FNU, %o: f32):
    %f = arith.scaling_extf %a, %b : f8E4M3FN, f8E8M0FNU to f32
    linalg.yield %f : f32
  } -> tensor<24x64xf32>
  return %w : tensor<24x64xf32>
}
