// RUN: quant-opt %s --convert-quant-tensor-to-linalg --canonicalize --cse | FileCheck %s

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w3 = #quant_tensor.encoding<{storage = ui3, block = [1, 5], scale = f16, zero_point = ui3}>
#away = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, rounding = nearest_away}>
#wrap = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32, overflow = wrap}>
#words = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 32, axis = 1, order = [0, 2, 4, 6, 1, 3, 5, 7], permutation = [1, 0]>}>

// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-DAG: #[[GROUP:.*]] = affine_map<(d0, d1) -> (d0, d1 floordiv 32)>

// Dynamic quantization: a reduction in standard form, its scale, the codes.
// CHECK-LABEL: func @dynamic
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>)
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]} ins(%[[X]] : tensor<?x64xf32>)
// CHECK: math.absf
// CHECK: arith.maxnumf
// CHECK: linalg.generic
// CHECK: arith.divf %{{.*}}, %{{.*}} : f32
// CHECK: %[[SCALES:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1]] {{.*}} : tensor<?xf32> into tensor<?x1xf32>
// CHECK: %[[CODES:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ROW]], #[[ID]]]{{.*}} ins(%[[X]], %[[SCALES]] : tensor<?x64xf32>, tensor<?x1xf32>)
// CHECK: arith.divf
// CHECK: math.roundeven
// CHECK: arith.fptosi
// CHECK: quant_tensor.assemble %[[CODES]], %[[SCALES]]
func.func @dynamic(%x: tensor<?x64xf32>) -> tensor<?x64xf32, #token> {
  %q = quant_tensor.quantize %x : tensor<?x64xf32> -> tensor<?x64xf32, #token>
  return %q : tensor<?x64xf32, #token>
}

// Narrow codes: one byte per iteration, both of its codes computed there.
// CHECK-LABEL: func @narrow
// CHECK-SAME: (%[[X:.*]]: tensor<48x64xbf16>, %[[S:.*]]: tensor<48x2xbf16>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<48x32xi8>)
// CHECK-COUNT-2: math.roundeven
// CHECK: arith.shli
// CHECK: arith.ori
// CHECK-NOT: math.roundeven
// CHECK: quant_tensor.assemble %{{.*}}, %[[S]]
func.func @narrow(%x: tensor<48x64xbf16>, %s: tensor<48x2xbf16>) -> tensor<48x64xbf16, #w4> {
  %q = quant_tensor.quantize %x scales(%s : tensor<48x2xbf16>) : tensor<48x64xbf16> -> tensor<48x64xbf16, #w4>
  return %q : tensor<48x64xbf16, #w4>
}

// CHECK-LABEL: func @rounding
// CHECK: math.round %
func.func @rounding(%x: tensor<8xf32>, %s: tensor<1xf32>) -> tensor<8xf32, #away> {
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>) : tensor<8xf32> -> tensor<8xf32, #away>
  return %q : tensor<8xf32, #away>
}

// CHECK-LABEL: func @wrapping
// CHECK-NOT: arith.minnumf
// CHECK: arith.fptosi
func.func @wrapping(%x: tensor<8xf32>, %s: tensor<1xf32>) -> tensor<8xf32, #wrap> {
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>) : tensor<8xf32> -> tensor<8xf32, #wrap>
  return %q : tensor<8xf32, #wrap>
}

// The parts are those of the assemble: no disassemble is made.
// CHECK-LABEL: func @dequantize_assembled
// CHECK-SAME: (%[[C:.*]]: tensor<48x32xi8>, %[[S:.*]]: tensor<48x2xbf16>)
// CHECK-NOT: quant_tensor
// CHECK: linalg.generic {indexing_maps = [#[[GROUP]], #[[ID]]]{{.*}} ins(%[[S]] : tensor<48x2xbf16>)
// CHECK: tensor.extract %[[C]]
// CHECK: arith.sitofp
// CHECK: arith.mulf
// CHECK-NOT: quant_tensor
func.func @dequantize_assembled(%c: tensor<48x32xi8>, %s: tensor<48x2xbf16>) -> tensor<48x64xf32> {
  %w = quant_tensor.assemble %c, %s : tensor<48x32xi8>, tensor<48x2xbf16> -> tensor<48x64xbf16, #w4>
  %d = quant_tensor.dequantize %w : tensor<48x64xbf16, #w4> -> tensor<48x64xf32>
  return %d : tensor<48x64xf32>
}

// Blocks of 5 leave a tail of one in a row of 11: a loop per block, clipped to
// the row; then codes of three bits that straddle bytes.
// CHECK-LABEL: func @tails
// CHECK: linalg.generic {{.*}} outs(%{{.*}}, %{{.*}} : tensor<7x3xf16>, tensor<7x3xi8>)
// CHECK: arith.minui
// CHECK: scf.for
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<7x5xi8>)
// CHECK-COUNT-4: math.roundeven
// CHECK: quant_tensor.assemble
func.func @tails(%x: tensor<7x11xf32>) -> tensor<7x11xf32, #w3> {
  %q = quant_tensor.quantize %x : tensor<7x11xf32> -> tensor<7x11xf32, #w3>
  return %q : tensor<7x11xf32, #w3>
}

// One 32-bit word per iteration, stored K by N.
// CHECK-LABEL: func @repack
// CHECK: %[[C:.*]], %[[S:.*]] = quant_tensor.disassemble
// CHECK: %[[P:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8x48xi32>)
// CHECK-COUNT-8: tensor.extract %[[C]]
// CHECK-NOT: tensor.extract
// CHECK: quant_tensor.assemble %[[P]], %[[S]]
func.func @repack(%w: tensor<48x64xbf16, #w4>) -> tensor<48x64xbf16, #words> {
  %q = quant_tensor.repack %w : tensor<48x64xbf16, #w4> -> tensor<48x64xbf16, #words>
  return %q : tensor<48x64xbf16, #words>
}

// Rows that shared a scale get their own; a block of columns may have a tail.
// CHECK-LABEL: func @poison_scales
// CHECK: %[[C:.*]], %[[S:.*]] = quant_tensor.disassemble
// CHECK: %[[P:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<6x3xbf16>)
// CHECK: %[[ROW:.*]] = linalg.index 0
// CHECK: %[[BLOCK:.*]] = linalg.index 1
// CHECK: %[[LARGEST:.*]] = scf.for {{.*}} iter_args(%[[SO_FAR:.*]] =
// CHECK: %[[CODE:.*]] = tensor.extract %[[C]]
// CHECK: arith.maxui %[[SO_FAR]]
// CHECK: %[[NOT_FINITE:.*]] = arith.cmpi ugt, %[[LARGEST]], %c123_i32
// CHECK: %[[SHARED:.*]] = arith.divui %[[ROW]], %c4
// CHECK: %[[SCALE:.*]] = tensor.extract %[[S]][%[[SHARED]], %[[BLOCK]]]
// CHECK: %[[NEW:.*]] = arith.select %[[NOT_FINITE]], %{{.*}}, %[[SCALE]] : bf16
// CHECK: linalg.yield %[[NEW]]
// CHECK: quant_tensor.assemble %[[C]], %[[P]]
func.func @poison_scales(%w: tensor<6x70xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [4, 32], scale = bf16}>>) -> tensor<6x70xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 32], scale = bf16}>> {
  %q = quant_tensor.poison_scales %w : tensor<6x70xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [4, 32], scale = bf16}>> -> tensor<6x70xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 32], scale = bf16}>>
  return %q : tensor<6x70xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 32], scale = bf16}>>
}

// CHECK-LABEL: func @observe
// CHECK-SAME: (%[[X:.*]]: tensor<8xf32>)
// CHECK-NEXT: return %[[X]]
func.func @observe(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = quant_tensor.observe %x name("x") kinds([minmax]) : tensor<8xf32>
  return %y : tensor<8xf32>
}
