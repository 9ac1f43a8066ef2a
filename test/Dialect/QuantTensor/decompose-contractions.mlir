// RUN: quant-opt %s --quant-tensor-decompose-contractions --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-decompose-contractions --quant-tensor-fuse-epilogue --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=FUSED

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#channel = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = bf16}>

// Dynamic quantization: per token x per channel.
// CHECK-DAG: #[[ROW:.+]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-DAG: #[[COL:.+]] = affine_map<(d0, d1) -> (d1, 0)>
// CHECK-LABEL: func @dynamic
// CHECK: %[[Q:.+]] = quant_tensor.quantize
// CHECK: %[[XC:.+]], %[[XS:.+]] = quant_tensor.disassemble %[[Q]]
// CHECK: %[[WC:.+]], %[[WS:.+]] = quant_tensor.disassemble
// CHECK: %[[ACC:.+]] = quant_tensor.int_matmul ins(%[[XC]], %[[WC]] : tensor<?x64xi8>, tensor<32x64xi8>)
// CHECK-SAME: -> tensor<?x32xi32>
// CHECK: linalg.generic {indexing_maps = [#{{.+}}, #[[ROW]], #[[COL]], #{{.+}}]
// CHECK-SAME: ins(%[[ACC]], %[[XS]], %[[WS]] : tensor<?x32xi32>, tensor<?x1xf32>, tensor<32x1xbf16>)
// CHECK: arith.sitofp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.extf %{{.+}} : bf16 to f32
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.truncf %{{.+}} : f32 to bf16
// FUSED-LABEL: func @dynamic
// FUSED-NOT: xi32>
// FUSED: quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<?x64xi8>, tensor<32x64xi8>) epilogue(%{{.+}} : tensor<?x1xf32>, tensor<32x1xbf16>)
// FUSED-NOT: xi32>
func.func @dynamic(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16, #channel>) -> tensor<?x32xbf16> {
  %i0 = arith.constant 0 : index
  %c = arith.constant 0.0 : bf16
  %m = tensor.dim %x, %i0 : tensor<?x64xbf16>
  %e = tensor.empty(%m) : tensor<?x32xbf16>
  %zero = linalg.fill ins(%c : bf16) outs(%e : tensor<?x32xbf16>) -> tensor<?x32xbf16>
  %q = quant_tensor.quantize %x : tensor<?x64xbf16> -> tensor<?x64xbf16, #token>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%q, %w : tensor<?x64xbf16, #token>, tensor<32x64xbf16, #channel>)
      outs(%zero : tensor<?x32xbf16>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// Unsigned activations with a zero point per tensor, weights K x N with one per
// channel, through dequantize; all four terms.
#tensor = #quant_tensor.encoding<{storage = ui8, block = [0, 0], scale = f32, zero_point = ui8}>
#channel = #quant_tensor.encoding<{storage = i8, block = [0, 1], scale = f32, zero_point = i8}>
// CHECK-LABEL: func @zero_points
// CHECK: linalg.transpose ins(%{{.+}} : tensor<64x32xi8>)
// CHECK: arith.extui %{{.+}} : tensor<1x1xi8> to tensor<1x1xi32>
// CHECK: arith.extsi %{{.+}} : tensor<32x1xi8> to tensor<32x1xi32>
// CHECK: %[[ACC:.+]] = quant_tensor.int_matmul lhs_unsigned ins(%[[X:.+]], %[[W:.+]] : tensor<8x64xi8>, tensor<32x64xi8>)
// CHECK-NOT: zero_points
// CHECK: %[[SUMX:.+]] = linalg.generic {{.*}}"reduction"{{.*}} ins(%[[X]] :
// CHECK: arith.extui
// CHECK: %[[SUMW:.+]] = linalg.generic {{.*}}"reduction"{{.*}} ins(%[[W]] :
// CHECK: arith.extsi
// CHECK: %[[OFFSET:.+]] = linalg.generic {{.*}} ins(%[[SUMW]], %{{.+}} : tensor<32xi32>, tensor<32x1xi32>)
// CHECK: arith.muli %{{.+}}, %c64_i32
// CHECK: arith.subi
// CHECK: linalg.generic {{.*}} ins(%[[ACC]], %{{.+}}, %[[SUMX]], %{{.+}}, %[[OFFSET]] : tensor<8x32xi32>, tensor<32x1xi32>, tensor<8xi32>, tensor<1x1xi32>, tensor<32xi32>)
// CHECK: arith.muli
// CHECK: arith.subi
// CHECK: arith.muli
// CHECK: arith.subi
// FUSED-LABEL: func @zero_points
// FUSED: quant_tensor.scaled_matmul lhs_unsigned
// FUSED-NOT: tensor<8x32xi32>
func.func @zero_points(%x: tensor<8x64xf32, #tensor>, %w: tensor<64x32xf32, #channel>, %bias: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %xd = quant_tensor.dequantize %x : tensor<8x64xf32, #tensor> -> tensor<8x64xf32>
  %wd = quant_tensor.dequantize %w : tensor<64x32xf32, #channel> -> tensor<64x32xf32>
  %y = linalg.matmul ins(%xd, %wd : tensor<8x64xf32>, tensor<64x32xf32>) outs(%bias : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// 8-bit floats.
#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>
#x8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0, 0, 0], scale = f32}>
#w8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0], scale = f32}>
// CHECK-LABEL: func @float8
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<2x8x64xf8E4M3FN>, tensor<32x64xf8E4M3FN>) epilogue(%{{.+}} : tensor<1x1x1xf32>, tensor<32x1xf32>)
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.mulf
// FUSED-LABEL: func @float8
func.func @float8(%x: tensor<2x8x64xf32, #x8>, %w: tensor<32x64xf32, #w8>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x8x32xf32>
  %y = linalg.contract indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x8x64xf32, #x8>, tensor<32x64xf32, #w8>)
      outs(%zero : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// CHECK-LABEL: func @quantized_matmul
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x64xi8>, %[[W:[a-z0-9]+]]: tensor<64x32xi8>
// CHECK: %[[T:.+]] = linalg.transpose ins(%[[W]]
// CHECK: quant_tensor.int_matmul ins(%[[X]], %[[T]]
// FUSED-LABEL: func @quantized_matmul
// FUSED: quant_tensor.scaled_matmul
// FUSED-NOT: tensor<8x32xi32>
func.func @quantized_matmul(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %zx: i32, %zw: i32) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.quantized_matmul ins(%x, %w, %zx, %zw : tensor<8x64xi8>, tensor<64x32xi8>, i32, i32)
      outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// CHECK-LABEL: func @quantized_batch_matmul
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x8x64xi8>, %[[W:[a-z0-9]+]]: tensor<3x64x32xi8>
// CHECK: %[[T:.+]] = linalg.transpose ins(%[[W]] {{.*}}permutation = [0, 2, 1]
// CHECK: tensor.from_elements %{{.*}} : tensor<1x1x1xi32>
// CHECK: quant_tensor.int_matmul ins(%[[X]], %[[T]] : tensor<3x8x64xi8>, tensor<3x32x64xi8>)
// FUSED-LABEL: func @quantized_batch_matmul
// FUSED: quant_tensor.scaled_matmul
// FUSED-NOT: tensor<3x8x32xi32>
func.func @quantized_batch_matmul(%x: tensor<3x8x64xi8>, %w: tensor<3x64x32xi8>, %zx: i32, %zw: i32) -> tensor<3x8x32xf32> {
  %zero = arith.constant dense<0> : tensor<3x8x32xi32>
  %acc = linalg.quantized_batch_matmul ins(%x, %w, %zx, %zw : tensor<3x8x64xi8>, tensor<3x64x32xi8>, i32, i32)
      outs(%zero : tensor<3x8x32xi32>) -> tensor<3x8x32xi32>
  %y = arith.sitofp %acc : tensor<3x8x32xi32> to tensor<3x8x32xf32>
  return %y : tensor<3x8x32xf32>
}

// -----

// A batch on both sides: codes are turned, scales are read where they are.
#q = #quant_tensor.encoding<{storage = i8, block = [1, 1, 0], scale = f32}>
#kv = #quant_tensor.encoding<{storage = i8, block = [1, 0, 1], scale = f32, zero_point = i8}>
// CHECK-LABEL: @batched
//   CHECK-DAG: %[[Q:.*]], %[[SQ:.*]] = quant_tensor.disassemble %{{.*}} -> tensor<2x5x64xi8>, tensor<2x5x1xf32>
//   CHECK-DAG: %[[K:.*]], %[[SK:.*]], %[[Z:.*]] = quant_tensor.disassemble %{{.*}} -> tensor<2x64x9xi8>, tensor<2x1x9xf32>, tensor<2x1x9xi8>
//       CHECK: %[[T:.*]] = linalg.transpose ins(%[[K]] : tensor<2x64x9xi8>)
//       CHECK: int_matmul ins(%[[Q]], %[[T]] : tensor<2x5x64xi8>, tensor<2x9x64xi8>)
//       CHECK: linalg.generic {{.*}}ins(%{{.*}}, %[[SQ]], %[[SK]] : tensor<2x5x9xi32>, tensor<2x5x1xf32>, tensor<2x1x9xf32>)
func.func @batched(%q: tensor<2x5x64xf32, #q>, %k: tensor<2x64x9xf32, #kv>, %init: tensor<2x5x9xf32>) -> tensor<2x5x9xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x5x9xf32>
  %y = linalg.batch_matmul ins(%q, %k : tensor<2x5x64xf32, #q>, tensor<2x64x9xf32, #kv>) outs(%zero : tensor<2x5x9xf32>) -> tensor<2x5x9xf32>
  return %y : tensor<2x5x9xf32>
}

// -----

// 4-bit weights with a scale for each row become bytes, once.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = ui4, block = [1, 0], scale = f32, zero_point = ui8}>
// CHECK-LABEL: @widened
//       CHECK: %[[W:.*]] = quant_tensor.requantize %{{.*}} scales(%{{.*}} : tensor<32x1xf32>) zero_points(%{{.*}} : tensor<32x1xi8>) : tensor<32x64xf32, #{{.*}}> -> tensor<32x64xf32, #[[WIDE:.*]]>
//       CHECK: quant_tensor.disassemble %[[W]] : tensor<32x64xf32, #[[WIDE]]> -> tensor<32x64xi8>, tensor<32x1xf32>, tensor<32x1xi8>
//       CHECK: quant_tensor.int_matmul rhs_unsigned
func.func @widened(%x: tensor<?x64xf32, #token>, %w: tensor<32x64xf32, #w4>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x64xf32, #token>, tensor<32x64xf32, #w4>)
      outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// With a scale for each group of columns they are decoded in the contraction.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#token = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16}>
// CHECK-LABEL: @decoded
//       CHECK: %[[CODES:.*]], %[[S:.*]], %[[Z:.*]] = quant_tensor.disassemble
//       CHECK: %[[X:.*]] = linalg.generic {{.*}}ins(%[[CODES]], %[[Z]] : tensor<?x64xi8>, tensor<?x1xi8>) outs(%{{.*}} : tensor<?x64xf16>)
//       CHECK:   arith.extui
//       CHECK:   arith.extui
//       CHECK:   arith.subi
//       CHECK:   arith.sitofp %{{.*}} : i32 to f16
//       CHECK: quant_tensor.scaled_matmul ins(%[[X]], %{{.*}} : tensor<?x64xf16>, tensor<32x64xf32, #{{.*}}>) epilogue(%[[S]], %{{.*}} : tensor<?x1xf32>, tensor<?x32xf32>)
func.func @decoded(%x: tensor<?x64xf32, #token>, %w: tensor<32x64xf32, #w4>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x64xf32, #token>, tensor<32x64xf32, #w4>)
      outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Scales that change along K stay with the operands: the sum is over values.
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>
#w = #quant_tensor.encoding<{storage = f8E5M2, block = [128, 128], scale = f32}>
// CHECK-LABEL: func @block_scaled
// CHECK: %[[W:.+]] = quant_tensor.assemble
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %[[W]] : tensor<?x256xf32, #{{.+}}>, tensor<128x256xf32, #{{.+}}>) epilogue(%{{.+}} : tensor<?x128xbf16>)
// CHECK: ^bb0(%[[ACC:.+]]: f32, %[[INIT:.+]]: bf16):
// CHECK-NEXT: arith.extf %[[INIT]]
// CHECK-NEXT: arith.addf %[[ACC]]
// CHECK-NEXT: arith.truncf
func.func @block_scaled(%x: tensor<?x256xf32, #x>, %w: tensor<256x128xf32, #w>, %i: tensor<?x128xbf16>) -> tensor<?x128xbf16> {
  %xd = quant_tensor.dequantize %x : tensor<?x256xf32, #x> -> tensor<?x256xbf16>
  %wd = quant_tensor.dequantize %w : tensor<256x128xf32, #w> -> tensor<256x128xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #kn, #mn] ins(%xd, %wd : tensor<?x256xbf16>, tensor<256x128xbf16>)
      outs(%i : tensor<?x128xbf16>) -> tensor<?x128xbf16>
  return %y : tensor<?x128xbf16>
}

// -----

// Codes that are 8-bit floats are read as f16 where the other side is decoded.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#f8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
// CHECK-LABEL: func @floats_with_nibbles
// CHECK: %[[C:.+]], %[[S:.+]] = quant_tensor.disassemble %{{.+}} -> tensor<8x64xf8E4M3FN>, tensor<8x1xf32>
// CHECK: %[[X:.+]] = linalg.generic {{.*}} ins(%[[C]] : tensor<8x64xf8E4M3FN>) outs(%{{.+}} : tensor<8x64xf16>)
// CHECK: arith.extf %{{.+}} : f8E4M3FN to f16
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %{{.+}} : tensor<8x64xf16>, tensor<32x64xf32, #{{.+}}>) epilogue(%[[S]] : tensor<8x1xf32>)
func.func @floats_with_nibbles(%x: tensor<8x64xf32, #f8>, %w: tensor<32x64xf32, #w4>) -> tensor<8x32xf32> {
  %zero = arith.constant dense<0.0> : tensor<8x32xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32, #f8>, tensor<32x64xf32, #w4>)
      outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
