// RUN: quant-opt %s --convert-quant-tensor-to-quant --split-input-file --verify-diagnostics | FileCheck %s

#tensor = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = i32}>
#axis = #quant_tensor.encoding<{storage = ui4, block = [1, 0], scale = f32}>
#block = #quant_tensor.encoding<{storage = i4, block = [1, 2], scale = f32}>
// CHECK-LABEL: func @casts
// CHECK: quant.qcast %{{.+}} : tensor<2x4xf32> to tensor<2x4x!quant.uniform<i8:f32, 5.000000e-01:3>>
// CHECK: quant.dcast
// CHECK: quant.qcast %{{.+}} to tensor<2x4x!quant.uniform<u4:f32:0, {5.000000e-01,2.500000e-01}>>
// CHECK: quant.qcast %{{.+}} to tensor<2x4x!quant.uniform<i4:f32:{0:1, 1:2}, {{[{][{]}}1.000000e+00, 2.000000e+00}, {3.000000e+00, 4.000000e+00{{[}][}]}}>>
func.func @casts(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  %z = arith.constant dense<3> : tensor<1x1xi32>
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) zero_points(%z : tensor<1x1xi32>) : tensor<2x4xf32> -> tensor<2x4xf32, #tensor>
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #tensor> -> tensor<2x4xf32>
  %sa = arith.constant dense<[[0.5], [0.25]]> : tensor<2x1xf32>
  %qa = quant_tensor.quantize %x scales(%sa : tensor<2x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #axis>
  %da = quant_tensor.dequantize %qa : tensor<2x4xf32, #axis> -> tensor<2x4xf32>
  %sb = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %qb = quant_tensor.quantize %x scales(%sb : tensor<2x2xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #block>
  %db = quant_tensor.dequantize %qb : tensor<2x4xf32, #block> -> tensor<2x4xf32>
  return %d, %da, %db : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: func @storage
// CHECK: quant.scast %{{.+}} : tensor<2x4xi8> to tensor<2x4x!quant.uniform<i8:f32, 5.000000e-01:3>>
// CHECK: quant.scast %{{.+}} : tensor<2x4x!quant.uniform<i8:f32, 5.000000e-01:3>> to tensor<2x4xi8>
func.func @storage(%c: tensor<2x4xi8>) -> tensor<2x4xi8> {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  %z = arith.constant dense<3> : tensor<1x1xi32>
  %q = quant_tensor.assemble %c, %s, %z : tensor<2x4xi8>, tensor<1x1xf32>, tensor<1x1xi32> -> tensor<2x4xf32, #tensor>
  %d, %t, %u = quant_tensor.disassemble %q : tensor<2x4xf32, #tensor> -> tensor<2x4xi8>, tensor<1x1xf32>, tensor<1x1xi32>
  return %d : tensor<2x4xi8>
}

// -----

#short = #quant_tensor.encoding<{storage = i8, block = [0, 3], scale = f32}>
func.func @short_block(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = arith.constant dense<0.5> : tensor<1x2xf32>
  // expected-error @below {{cannot be expressed with quant types: the last block of dimension 1 is short}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x2xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #short>
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #short> -> tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

#float = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0, 0], scale = f32}>
func.func @float_codes(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: codes are floats}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #float>
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #float> -> tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

#i8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @dynamic_scale(%x: tensor<2x4xf32>, %s: tensor<1x1xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{cannot be expressed with quant types: scales are not constant}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #i8>
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #i8> -> tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

#i8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
func.func @chosen_scale(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{cannot be expressed with quant types: its scales are chosen when it runs}}
  %q = quant_tensor.quantize %x : tensor<2x4xf32> -> tensor<2x4xf32, #i8>
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #i8> -> tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

#i8 = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
// expected-error @below {{an encoded argument or result brings scales that are not known}}
func.func @argument(%q: tensor<2x4xf32, #i8>) -> tensor<2x4xf32> {
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #i8> -> tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

#e = #quant_tensor.encoding<{storage = ui4, block = [0, 0], scale = f32, codebook = nf4}>
func.func @codebook(%x: tensor<2x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: codes index a codebook}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i4, block = [0, 0], scale = f32, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @layout(%x: tensor<2x2xi8>) -> tensor<2x4xf32> {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: codes are not row-major}}
  %q = quant_tensor.assemble %x, %s : tensor<2x2xi8>, tensor<1x1xf32> -> tensor<2x4xf32, #e>
  %d = quant_tensor.dequantize %q : tensor<2x4xf32, #e> -> tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, overflow = wrap}>
func.func @wraps(%x: tensor<2x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: codes wrap}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, rounding = upward}>
func.func @rounding(%x: tensor<2x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: rounding is given}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = f32}>
func.func @float_points(%x: tensor<2x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  %z = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: zero points are floats}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) zero_points(%z : tensor<1x1xf32>) : tensor<2x4xf32> -> tensor<2x4xf32, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = i32}>
func.func @computed_points(%x: tensor<2x4xf32>, %z: tensor<1x1xi32>) {
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  // expected-error @below {{cannot be expressed with quant types: zero points are not constant}}
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) zero_points(%z : tensor<1x1xi32>) : tensor<2x4xf32> -> tensor<2x4xf32, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [1, 2], scale = f32}>
func.func @inexact(%x: tensor<2x4xf16>) {
  %s = arith.constant dense<0.1> : tensor<2x2xf32>
  // expected-error @below {{cannot be expressed with quant types: a scale is not representable in the values' type}}
  %q = quant_tensor.quantize %x scales(%s : tensor<2x2xf32>) : tensor<2x4xf16> -> tensor<2x4xf16, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i4, block = [1, 2], scale = f32, zero_point = i32}>
func.func @wide_points(%x: tensor<2x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<2x2xf32>
  %z = arith.constant dense<9> : tensor<2x2xi32>
  // expected-error @below {{cannot be expressed with quant types: a zero point is no code}}
  %q = quant_tensor.quantize %x scales(%s : tensor<2x2xf32>) zero_points(%z : tensor<2x2xi32>) : tensor<2x4xf32> -> tensor<2x4xf32, #e>
  return
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @dynamic(%x: tensor<?x4xf32>) {
  %s = arith.constant dense<0.5> : tensor<2x1xf32>
  // expected-error @below {{cannot be expressed with quant types: a dynamic dimension has several scales}}
  %q = quant_tensor.quantize %x scales(%s : tensor<2x1xf32>) : tensor<?x4xf32> -> tensor<?x4xf32, #e>
  return
}
