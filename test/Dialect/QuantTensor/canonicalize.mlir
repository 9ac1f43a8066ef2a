// RUN: quant-opt %s --canonicalize --split-input-file --allow-unregistered-dialect | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>

// CHECK-LABEL: @disassemble_of_assemble
// CHECK-SAME: (%[[C:.*]]: tensor<8x64xi8>, %[[S:.*]]: tensor<8x1xf32>, %[[Z:.*]]: tensor<8x1xi8>)
// CHECK-NEXT: return %[[C]], %[[S]], %[[Z]]
func.func @disassemble_of_assemble(%c: tensor<8x64xi8>, %s: tensor<8x1xf32>, %z: tensor<8x1xi8>) -> (tensor<8x64xi8>, tensor<8x1xf32>, tensor<8x1xi8>) {
  %q = quant_tensor.assemble %c, %s, %z : tensor<8x64xi8>, tensor<8x1xf32>, tensor<8x1xi8> -> tensor<8x64xf32, #asym>
  %0:3 = quant_tensor.disassemble %q : tensor<8x64xf32, #asym> -> tensor<8x64xi8>, tensor<8x1xf32>, tensor<8x1xi8>
  return %0#0, %0#1, %0#2 : tensor<8x64xi8>, tensor<8x1xf32>, tensor<8x1xi8>
}

// Types differ: the static extents would be lost.
// CHECK-LABEL: @disassemble_of_assemble_static
// CHECK: quant_tensor.disassemble
func.func @disassemble_of_assemble_static(%c: tensor<?x32xi8>, %s: tensor<?x2xf16>) -> (tensor<8x32xi8>, tensor<8x2xf16>) {
  %q = quant_tensor.assemble %c, %s : tensor<?x32xi8>, tensor<?x2xf16> -> tensor<8x64xf16, #w4>
  %0:2 = quant_tensor.disassemble %q : tensor<8x64xf16, #w4> -> tensor<8x32xi8>, tensor<8x2xf16>
  return %0#0, %0#1 : tensor<8x32xi8>, tensor<8x2xf16>
}

// CHECK-LABEL: @assemble_of_disassemble
// CHECK-SAME: (%[[Q:.*]]: tensor
// CHECK-NEXT: return %[[Q]]
func.func @assemble_of_disassemble(%q: tensor<8x64xf16, #w4>) -> tensor<8x64xf16, #w4> {
  %0:2 = quant_tensor.disassemble %q : tensor<8x64xf16, #w4> -> tensor<8x32xi8>, tensor<8x2xf16>
  %1 = quant_tensor.assemble %0#0, %0#1 : tensor<8x32xi8>, tensor<8x2xf16> -> tensor<8x64xf16, #w4>
  return %1 : tensor<8x64xf16, #w4>
}

// Codes of one value with scales of another are a new value.
// CHECK-LABEL: @assemble_of_two
// CHECK: quant_tensor.assemble
func.func @assemble_of_two(%p: tensor<8x64xf16, #w4>, %q: tensor<8x64xf16, #w4>) -> tensor<8x64xf16, #w4> {
  %0:2 = quant_tensor.disassemble %p : tensor<8x64xf16, #w4> -> tensor<8x32xi8>, tensor<8x2xf16>
  %1:2 = quant_tensor.disassemble %q : tensor<8x64xf16, #w4> -> tensor<8x32xi8>, tensor<8x2xf16>
  %2 = quant_tensor.assemble %0#0, %1#1 : tensor<8x32xi8>, tensor<8x2xf16> -> tensor<8x64xf16, #w4>
  return %2 : tensor<8x64xf16, #w4>
}

// The scales of a quantize are those that it was given.
// CHECK-LABEL: @forward_params
// CHECK-SAME: %[[X:.*]]: tensor<8x64xf16>, %[[S:.*]]: tensor<8x2xf16>
// CHECK: %[[C:.*]], %{{.*}} = quant_tensor.disassemble
// CHECK: return %[[C]], %[[S]]
func.func @forward_params(%x: tensor<8x64xf16>, %s: tensor<8x2xf16>) -> (tensor<8x32xi8>, tensor<8x2xf16>) {
  %q = quant_tensor.quantize %x scales(%s : tensor<8x2xf16>) : tensor<8x64xf16> -> tensor<8x64xf16, #w4>
  %0:2 = quant_tensor.disassemble %q : tensor<8x64xf16, #w4> -> tensor<8x32xi8>, tensor<8x2xf16>
  return %0#0, %0#1 : tensor<8x32xi8>, tensor<8x2xf16>
}

// -----

#s16 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f16}>
#s32 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#down = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f16, rounding = downward}>
#one = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
#onef16 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f16}>
#fp8 = #quant_tensor.encoding<{storage = f8E5M2, block = [1, 0], scale = f16}>

// An f16 scale times a code is a normal f32 number.
// CHECK-LABEL: @quantize_of_dequantize
// CHECK-SAME: (%[[Q:.*]]: tensor
// CHECK-NEXT: return %[[Q]]
func.func @quantize_of_dequantize(%q: tensor<8x64xf32, #s16>) -> tensor<8x64xf32, #s16> {
  %c, %s = quant_tensor.disassemble %q : tensor<8x64xf32, #s16> -> tensor<8x64xi8>, tensor<8x1xf16>
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #s16> -> tensor<8x64xf32>
  %0 = quant_tensor.quantize %d scales(%s : tensor<8x1xf16>) : tensor<8x64xf32> -> tensor<8x64xf32, #s16>
  return %0 : tensor<8x64xf32, #s16>
}

// CHECK-LABEL: @quantize_of_dequantize_assembled
// CHECK: %[[A:.*]] = quant_tensor.assemble
// CHECK-NEXT: return %[[A]]
func.func @quantize_of_dequantize_assembled(%c: tensor<8x64xi8>, %s: tensor<8x1xf16>) -> tensor<8x64xf32, #s16> {
  %q = quant_tensor.assemble %c, %s : tensor<8x64xi8>, tensor<8x1xf16> -> tensor<8x64xf32, #s16>
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #s16> -> tensor<8x64xf32>
  %0 = quant_tensor.quantize %d scales(%s : tensor<8x1xf16>) : tensor<8x64xf32> -> tensor<8x64xf32, #s16>
  return %0 : tensor<8x64xf32, #s16>
}

// An f32 scale may overflow f32 when multiplied by a code.
// CHECK-LABEL: @unknown_f32_scale
// CHECK: quant_tensor.quantize
func.func @unknown_f32_scale(%q: tensor<8x64xf32, #s32>) -> tensor<8x64xf32, #s32> {
  %c, %s = quant_tensor.disassemble %q : tensor<8x64xf32, #s32> -> tensor<8x64xi8>, tensor<8x1xf32>
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #s32> -> tensor<8x64xf32>
  %0 = quant_tensor.quantize %d scales(%s : tensor<8x1xf32>) : tensor<8x64xf32> -> tensor<8x64xf32, #s32>
  return %0 : tensor<8x64xf32, #s32>
}

// A constant one is known not to, in bf16 too.
// CHECK-LABEL: @constant_f32_scale
// CHECK: %[[A:.*]] = quant_tensor.assemble
// CHECK-NEXT: return %[[A]]
func.func @constant_f32_scale(%c: tensor<8x64xi8>) -> tensor<8x64xbf16, #one> {
  %s = arith.constant dense<0.02> : tensor<1x1xf32>
  %q = quant_tensor.assemble %c, %s : tensor<8x64xi8>, tensor<1x1xf32> -> tensor<8x64xbf16, #one>
  %d = quant_tensor.dequantize %q : tensor<8x64xbf16, #one> -> tensor<8x64xbf16>
  %0 = quant_tensor.quantize %d scales(%s : tensor<1x1xf32>) : tensor<8x64xbf16> -> tensor<8x64xbf16, #one>
  return %0 : tensor<8x64xbf16, #one>
}

// 255 * 300 overflows f16.
// CHECK-LABEL: @large_scale_f16
// CHECK: quant_tensor.quantize
func.func @large_scale_f16(%c: tensor<8x64xi8>) -> tensor<8x64xf16, #one> {
  %s = arith.constant dense<300.0> : tensor<1x1xf32>
  %q = quant_tensor.assemble %c, %s : tensor<8x64xi8>, tensor<1x1xf32> -> tensor<8x64xf16, #one>
  %d = quant_tensor.dequantize %q : tensor<8x64xf16, #one> -> tensor<8x64xf16>
  %0 = quant_tensor.quantize %d scales(%s : tensor<1x1xf32>) : tensor<8x64xf16> -> tensor<8x64xf16, #one>
  return %0 : tensor<8x64xf16, #one>
}

// The smallest normal f16 is 2^-14.
// CHECK-LABEL: @small_scale_f16
// CHECK: quant_tensor.quantize
func.func @small_scale_f16(%c: tensor<8x64xi8>) -> tensor<8x64xf16, #onef16> {
  %s = arith.constant dense<6.0e-05> : tensor<1x1xf16>
  %q = quant_tensor.assemble %c, %s : tensor<8x64xi8>, tensor<1x1xf16> -> tensor<8x64xf16, #onef16>
  %d = quant_tensor.dequantize %q : tensor<8x64xf16, #onef16> -> tensor<8x64xf16>
  %0 = quant_tensor.quantize %d scales(%s : tensor<1x1xf16>) : tensor<8x64xf16> -> tensor<8x64xf16, #onef16>
  return %0 : tensor<8x64xf16, #onef16>
}

// Rounding down takes a quotient just below an integer to the code below.
// CHECK-LABEL: @directed_rounding
// CHECK: quant_tensor.quantize
func.func @directed_rounding(%q: tensor<8x64xf32, #down>) -> tensor<8x64xf32, #down> {
  %c, %s = quant_tensor.disassemble %q : tensor<8x64xf32, #down> -> tensor<8x64xi8>, tensor<8x1xf16>
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #down> -> tensor<8x64xf32>
  %0 = quant_tensor.quantize %d scales(%s : tensor<8x1xf16>) : tensor<8x64xf32> -> tensor<8x64xf32, #down>
  return %0 : tensor<8x64xf32, #down>
}

// An infinite f8E5M2 code saturates.
// CHECK-LABEL: @float_storage
// CHECK: quant_tensor.quantize
func.func @float_storage(%q: tensor<8x64xf32, #fp8>) -> tensor<8x64xf32, #fp8> {
  %c, %s = quant_tensor.disassemble %q : tensor<8x64xf32, #fp8> -> tensor<8x64xf8E5M2>, tensor<8x1xf16>
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #fp8> -> tensor<8x64xf32>
  %0 = quant_tensor.quantize %d scales(%s : tensor<8x1xf16>) : tensor<8x64xf32> -> tensor<8x64xf32, #fp8>
  return %0 : tensor<8x64xf32, #fp8>
}

// Other scales are another quantization.
// CHECK-LABEL: @other_scales
// CHECK: quant_tensor.quantize
func.func @other_scales(%q: tensor<8x64xf32, #s16>, %s: tensor<8x1xf16>) -> tensor<8x64xf32, #s16> {
  %d = quant_tensor.dequantize %q : tensor<8x64xf32, #s16> -> tensor<8x64xf32>
  %0 = quant_tensor.quantize %d scales(%s : tensor<8x1xf16>) : tensor<8x64xf32> -> tensor<8x64xf32, #s16>
  return %0 : tensor<8x64xf32, #s16>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#high = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
#frag = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <fragment, tile = [16, 64]>}>
#w4f32 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>

// CHECK-LABEL: @repack_of_repack
// CHECK: %[[R:.*]] = quant_tensor.repack %{{.*}} : tensor<16x64xbf16, #[[HIGH:.*]]> -> tensor<16x64xbf16, #[[FRAG:.*]]>
// CHECK-NEXT: return %[[R]]
func.func @repack_of_repack(%w: tensor<16x64xbf16, #high>) -> tensor<16x64xbf16, #frag> {
  %0 = quant_tensor.repack %w : tensor<16x64xbf16, #high> -> tensor<16x64xbf16, #w4>
  %1 = quant_tensor.repack %0 : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #frag>
  return %1 : tensor<16x64xbf16, #frag>
}

// CHECK-LABEL: @repack_and_back
// CHECK-SAME: (%[[W:.*]]: tensor
// CHECK-NEXT: return %[[W]]
func.func @repack_and_back(%w: tensor<16x64xbf16, #w4>) -> tensor<16x64xbf16, #w4> {
  %0 = quant_tensor.repack %w : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #frag>
  %1 = quant_tensor.repack %0 : tensor<16x64xbf16, #frag> -> tensor<16x64xbf16, #w4>
  return %1 : tensor<16x64xbf16, #w4>
}

// CHECK-LABEL: @repack_to_itself
// CHECK-SAME: (%[[W:.*]]: tensor
// CHECK-NEXT: return %[[W]]
func.func @repack_to_itself(%w: tensor<16x64xbf16, #w4>) -> tensor<16x64xbf16, #w4> {
  %0 = quant_tensor.repack %w : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #w4>
  return %0 : tensor<16x64xbf16, #w4>
}

// CHECK-LABEL: @dequantize_of_repack
// CHECK-SAME: (%[[W:.*]]: tensor
// CHECK-NEXT: quant_tensor.dequantize %[[W]]
func.func @dequantize_of_repack(%w: tensor<16x64xbf16, #w4>) -> tensor<16x64xbf16> {
  %0 = quant_tensor.repack %w : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #frag>
  %1 = quant_tensor.dequantize %0 : tensor<16x64xbf16, #frag> -> tensor<16x64xbf16>
  return %1 : tensor<16x64xbf16>
}

// Requantization does not round in between: any scale type will do.
// CHECK-LABEL: @requantize_to_itself
// CHECK-SAME: (%[[W:.*]]: tensor
// CHECK-NEXT: return %[[W]]
func.func @requantize_to_itself(%w: tensor<16x64xbf16, #w4>) -> tensor<16x64xbf16, #w4> {
  %c, %s = quant_tensor.disassemble %w : tensor<16x64xbf16, #w4> -> tensor<16x32xi8>, tensor<16x2xbf16>
  %0 = quant_tensor.requantize %w scales(%s : tensor<16x2xbf16>) : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #w4>
  return %0 : tensor<16x64xbf16, #w4>
}

// CHECK-LABEL: @requantize_layout
// CHECK: %[[R:.*]] = quant_tensor.repack %{{.*}} : tensor<16x64xbf16, #[[HIGH]]> -> tensor<16x64xbf16, #[[W4:.*]]>
// CHECK-NEXT: return %[[R]]
func.func @requantize_layout(%w: tensor<16x64xbf16, #high>) -> tensor<16x64xbf16, #w4> {
  %c, %s = quant_tensor.disassemble %w : tensor<16x64xbf16, #high> -> tensor<16x32xi8>, tensor<16x2xbf16>
  %0 = quant_tensor.requantize %w scales(%s : tensor<16x2xbf16>) : tensor<16x64xbf16, #high> -> tensor<16x64xbf16, #w4>
  return %0 : tensor<16x64xbf16, #w4>
}

// Scales chosen anew are not the source's.
// CHECK-LABEL: @requantize_dynamic
// CHECK: quant_tensor.requantize
func.func @requantize_dynamic(%w: tensor<16x64xbf16, #w4>) -> tensor<16x64xbf16, #w4> {
  %0 = quant_tensor.requantize %w : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #w4>
  return %0 : tensor<16x64xbf16, #w4>
}

// CHECK-LABEL: @requantize_of_repack
// CHECK-SAME: (%[[W:.*]]: tensor
// CHECK-NEXT: quant_tensor.requantize %[[W]] : tensor<16x64xbf16, #[[HIGH]]> ->
func.func @requantize_of_repack(%w: tensor<16x64xbf16, #high>) -> tensor<16x64xbf16, #w4f32> {
  %0 = quant_tensor.repack %w : tensor<16x64xbf16, #high> -> tensor<16x64xbf16, #w4>
  %1 = quant_tensor.requantize %0 : tensor<16x64xbf16, #w4> -> tensor<16x64xbf16, #w4f32>
  return %1 : tensor<16x64xbf16, #w4f32>
}

// -----

// Observers are not dead, and equal ones are not one.
// CHECK-LABEL: @observe
// CHECK-COUNT-2: quant_tensor.observe
func.func @observe(%x: tensor<8xf32>) {
  %0 = quant_tensor.observe %x name("a") kinds([minmax]) : tensor<8xf32>
  %1 = quant_tensor.observe %x name("a") kinds([minmax]) : tensor<8xf32>
  return
}

// CHECK-LABEL: @dead
// CHECK-NEXT: return
func.func @dead(%x: tensor<8x8xi8>, %i: tensor<8x8xi32>) {
  %0 = quant_tensor.int_matmul ins(%x, %x : tensor<8x8xi8>, tensor<8x8xi8>) outs(%i : tensor<8x8xi32>) -> tensor<8x8xi32>
  return
}

// -----

// CHECK-LABEL: @zero_zero_points
// CHECK: quant_tensor.int_matmul lhs_unsigned ins(%{{[^)]*}}) rhs_zero_points(%{{[^)]*}}) outs(
func.func @zero_zero_points(%x: tensor<8x16xi8>, %w: tensor<4x16xi8>, %i: tensor<8x4xi32>, %rz: tensor<4x1xi32>) -> tensor<8x4xi32> {
  %z = arith.constant dense<0> : tensor<8x1xi32>
  %0 = quant_tensor.int_matmul lhs_unsigned ins(%x, %w : tensor<8x16xi8>, tensor<4x16xi8>) lhs_zero_points(%z : tensor<8x1xi32>) rhs_zero_points(%rz : tensor<4x1xi32>) outs(%i : tensor<8x4xi32>) -> tensor<8x4xi32>
  return %0 : tensor<8x4xi32>
}

// Filled with zero at run time.
// CHECK-LABEL: @filled_zero_points
// CHECK: quant_tensor.int_matmul ins(%{{[^)]*}}) outs(
func.func @filled_zero_points(%x: tensor<?x16xi8>, %w: tensor<4x16xi8>, %i: tensor<?x4xi32>, %e: tensor<?x1xi32>) -> tensor<?x4xi32> {
  %c = arith.constant 0 : i32
  %z = linalg.fill ins(%c : i32) outs(%e : tensor<?x1xi32>) -> tensor<?x1xi32>
  %s = tensor.splat %c : tensor<1x1xi32>
  %0 = quant_tensor.int_matmul ins(%x, %w : tensor<?x16xi8>, tensor<4x16xi8>) lhs_zero_points(%z : tensor<?x1xi32>) rhs_zero_points(%s : tensor<1x1xi32>) outs(%i : tensor<?x4xi32>) -> tensor<?x4xi32>
  return %0 : tensor<?x4xi32>
}

// CHECK-LABEL: @one_zero_points
// CHECK: lhs_zero_points
func.func @one_zero_points(%x: tensor<8x16xi8>, %w: tensor<4x16xi8>, %i: tensor<8x4xi32>) -> tensor<8x4xi32> {
  %z = arith.constant dense<1> : tensor<1x1xi32>
  %0 = quant_tensor.int_matmul ins(%x, %w : tensor<8x16xi8>, tensor<4x16xi8>) lhs_zero_points(%z : tensor<1x1xi32>) outs(%i : tensor<8x4xi32>) -> tensor<8x4xi32>
  return %0 : tensor<8x4xi32>
}

// -----

// One operand is unused, one a duplicate, one a constant, one needed; the
// duplicate under another map is needed as well.
// CHECK-DAG: #[[N:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-DAG: #[[M:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: @epilogue_operands
// CHECK-SAME: %[[S:[a-z0-9]*]]: tensor<8xf32>, %[[U:[a-z0-9]*]]: tensor<8xf32>
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}) epilogue(%[[S]], %[[S]] : tensor<8xf32>, tensor<8xf32>) maps [#[[N]], #[[M]]]
// CHECK: ^bb0(%[[ACC:.*]]: f32, %[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-DAG: %[[C:.*]] = arith.constant 2.000000e+00 : f32
// CHECK: %[[V:.*]] = arith.mulf %[[ACC]], %[[A]]
// CHECK: %[[W:.*]] = arith.mulf %[[V]], %[[A]]
// CHECK: %[[X:.*]] = arith.mulf %[[W]], %[[C]]
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[B]]
// CHECK: quant_tensor.yield %[[Y]]
func.func @epilogue_operands(%x: tensor<8x16xf32>, %w: tensor<8x16xf32>, %s: tensor<8xf32>, %u: tensor<8xf32>, %i: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %two = arith.constant dense<2.0> : tensor<1x8xf32>
  %0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x16xf32>, tensor<8x16xf32>)
      epilogue(%s, %u, %s, %two, %s : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<1x8xf32>, tensor<8xf32>)
      maps [affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (0, n)>, affine_map<(m, n) -> (m)>]
      outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32, %a: f32, %b: f32, %c: f32, %d: f32, %e: f32):
    %1 = arith.mulf %acc, %a : f32
    %2 = arith.mulf %1, %c : f32
    %3 = arith.mulf %2, %d : f32
    %4 = arith.mulf %3, %e : f32
    quant_tensor.yield %4 : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// Behind both accumulators of a pair.
// CHECK-LABEL: @epilogue_operands_of_pairs
// CHECK-SAME: %[[S:[a-z0-9]*]]: tensor<4xf32>, %[[U:[a-z0-9]*]]: tensor<4xf32>
// CHECK: quant_tensor.scaled_matmul paired ins(%{{.*}}) epilogue(%[[U]] : tensor<4xf32>)
// CHECK: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[P:.*]]: f32):
// CHECK: %[[V:.*]] = arith.mulf %[[A]], %[[P]]
// CHECK: %[[W:.*]] = arith.mulf %[[V]], %[[B]]
// CHECK: quant_tensor.yield %[[W]]
func.func @epilogue_operands_of_pairs(%x: tensor<8x16xf32>, %w: tensor<8x16xf32>, %s: tensor<4xf32>, %u: tensor<4xf32>, %i: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<8x16xf32>, tensor<8x16xf32>)
      epilogue(%s, %u : tensor<4xf32>, tensor<4xf32>)
      maps [affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>]
      outs(%i : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
    %1 = arith.mulf %a, %d : f32
    %2 = arith.mulf %1, %b : f32
    quant_tensor.yield %2 : f32
  } -> tensor<8x4xf32>
  return %0 : tensor<8x4xf32>
}

// The contents of the init are not read.
// CHECK-LABEL: @filled_init
// CHECK-NOT: linalg.fill
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: quant_tensor.scaled_matmul {{.*}} outs(%[[E]] :
func.func @filled_init(%x: tensor<8x16xf32>, %w: tensor<8x16xf32>) -> tensor<8x8xf32> {
  %c = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %f = linalg.fill ins(%c : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x16xf32>, tensor<8x16xf32>) maps [] outs(%f : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// Upstream folds casts of extents into destination-style ops.
// CHECK-LABEL: @cast
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}, %{{.*}} : tensor<8x16xf32>, tensor<8x16xf32>)
func.func @cast(%x: tensor<8x16xf32>, %w: tensor<8x16xf32>, %i: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = tensor.cast %x : tensor<8x16xf32> to tensor<?x16xf32>
  %0 = quant_tensor.scaled_matmul ins(%y, %w : tensor<?x16xf32>, tensor<8x16xf32>) maps [] outs(%i : tensor<?x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Constants stay in the region, which is cut out with the kernel.
// CHECK-LABEL: @constants
// CHECK-NEXT: quant_tensor.scaled_matmul
// CHECK: arith.constant
func.func @constants(%x: tensor<8x16xf32>, %w: tensor<8x16xf32>, %i: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x16xf32>, tensor<8x16xf32>) maps [] outs(%i : tensor<8x8xf32>) {
  ^bb0(%acc: f32):
    %c = arith.constant 3.0 : f32
    %1 = arith.mulf %acc, %c : f32
    quant_tensor.yield %1 : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}
