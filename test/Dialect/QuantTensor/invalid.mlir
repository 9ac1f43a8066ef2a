// RUN: quant-opt %s -verify-diagnostics -split-input-file

// One case for each constraint of the ops, by op and number.

// -----

// assemble C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<8x64xi8>, %s: tensor<8x2xbf16>) {
  // expected-error @below {{'quant_tensor.assemble' op codes must be 'tensor<8x32xi8>', got 'tensor<8x64xi8>'}}
  %0 = quant_tensor.assemble %c, %s : tensor<8x64xi8>, tensor<8x2xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<8x32xi4>, %s: tensor<8x2xbf16>) {
  // expected-error @below {{'quant_tensor.assemble' op codes must be 'tensor<8x32xi8>', got 'tensor<8x32xi4>'}}
  %0 = quant_tensor.assemble %c, %s : tensor<8x32xi4>, tensor<8x2xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<32xi8>, %s: tensor<8x2xbf16>) {
  // expected-error @below {{'quant_tensor.assemble' op codes must be 'tensor<8x32xi8>', got 'tensor<32xi8>'}}
  %0 = quant_tensor.assemble %c, %s : tensor<32xi8>, tensor<8x2xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<8x32xi8, "other">, %s: tensor<8x2xbf16>) {
  // expected-error @below {{'quant_tensor.assemble' op codes must be 'tensor<8x32xi8>', got}}
  %0 = quant_tensor.assemble %c, %s : tensor<8x32xi8, "other">, tensor<8x2xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C2
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<8x32xi8>, %s: tensor<8x2xf32>) {
  // expected-error @below {{'quant_tensor.assemble' op scales must be 'tensor<8x2xbf16>', got 'tensor<8x2xf32>'}}
  %0 = quant_tensor.assemble %c, %s : tensor<8x32xi8>, tensor<8x2xf32> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C2
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<8x32xi8>, %s: tensor<8x1xbf16>) {
  // expected-error @below {{'quant_tensor.assemble' op scales must be 'tensor<8x2xbf16>', got 'tensor<8x1xbf16>'}}
  %0 = quant_tensor.assemble %c, %s : tensor<8x32xi8>, tensor<8x1xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C3
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%c: tensor<8x32xi8>, %s: tensor<8x2xbf16>, %z: tensor<8x2xi8>) {
  // expected-error @below {{'quant_tensor.assemble' op zero points are given, but the encoding has no zero_point}}
  %0 = quant_tensor.assemble %c, %s, %z : tensor<8x32xi8>, tensor<8x2xbf16>, tensor<8x2xi8> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// assemble C3
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%c: tensor<8x64xi8>, %s: tensor<8x1xf32>) {
  // expected-error @below {{'quant_tensor.assemble' op the encoding has a zero_point, so zero points of type 'tensor<8x1xi8>' are needed}}
  %0 = quant_tensor.assemble %c, %s : tensor<8x64xi8>, tensor<8x1xf32> -> tensor<8x64xf32, #asym>
  return
}

// -----

// assemble C3
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%c: tensor<8x64xi8>, %s: tensor<8x1xf32>, %z: tensor<8x1xi32>) {
  // expected-error @below {{'quant_tensor.assemble' op zero points must be 'tensor<8x1xi8>', got 'tensor<8x1xi32>'}}
  %0 = quant_tensor.assemble %c, %s, %z : tensor<8x64xi8>, tensor<8x1xf32>, tensor<8x1xi32> -> tensor<8x64xf32, #asym>
  return
}

// -----

// disassemble C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.disassemble' op codes must be 'tensor<8x32xi8>', got 'tensor<8x64xi8>'}}
  %0:2 = quant_tensor.disassemble %q : tensor<8x64xbf16, #w4> -> tensor<8x64xi8>, tensor<8x2xbf16>
  return
}

// -----

// disassemble C2
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.disassemble' op scales must be 'tensor<8x2xbf16>', got 'tensor<8x64xbf16>'}}
  %0:2 = quant_tensor.disassemble %q : tensor<8x64xbf16, #w4> -> tensor<8x32xi8>, tensor<8x64xbf16>
  return
}

// -----

// disassemble C3
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%q: tensor<8x64xf32, #asym>) {
  // expected-error @below {{'quant_tensor.disassemble' op the encoding has a zero_point, so zero points of type 'tensor<8x1xi8>' are needed}}
  %0:2 = quant_tensor.disassemble %q : tensor<8x64xf32, #asym> -> tensor<8x64xi8>, tensor<8x1xf32>
  return
}

// -----

// disassemble C3
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.disassemble' op zero points are given, but the encoding has no zero_point}}
  %0:3 = quant_tensor.disassemble %q : tensor<8x64xbf16, #w4> -> tensor<8x32xi8>, tensor<8x2xbf16>, tensor<8x2xi8>
  return
}

// -----

// choose_params C6
#tiled = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32, layout = <fragment, tile = [16, 64]>}>
func.func @choose_tiles(%x: tensor<32x64xf32>) -> tensor<2x1x64xf32> {
  // expected-error @below {{'quant_tensor.choose_params' op makes scales in the order of their blocks (repack makes others), got layout #quant_tensor.layout<fragment, tile = [16, 64]>}}
  %0 = quant_tensor.choose_params %x method(absmax) encoding(#tiled) : tensor<32x64xf32> -> tensor<2x1x64xf32>
  return %0 : tensor<2x1x64xf32>
}

// -----

// choose_params C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op encoding does not fit the source: block has 2 extents, but the tensor has rank 1}}
  %0 = quant_tensor.choose_params %x method(absmax) encoding(#token) : tensor<64xf32> -> tensor<1xf32>
  return
}

// -----

// choose_params C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xi8>) {
  // expected-error @below {{'quant_tensor.choose_params' op encoding does not fit the source: an encoded tensor means f16, bf16, f32 or f64 values, got element type 'i8'}}
  %0 = quant_tensor.choose_params %x method(absmax) encoding(#token) : tensor<8x64xi8> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C2
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op scales must be 'tensor<8x1xf32>', got 'tensor<8xf32>'}}
  %0 = quant_tensor.choose_params %x method(absmax) encoding(#token) : tensor<8x64xf32> -> tensor<8xf32>
  return
}

// -----

// choose_params C3
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op the encoding has a zero_point, so zero points of type 'tensor<8x1xi8>' are needed}}
  %0 = quant_tensor.choose_params %x method(minmax) encoding(#asym) : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C3
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op zero points are given, but the encoding has no zero_point}}
  %0:2 = quant_tensor.choose_params %x method(absmax) encoding(#token) : tensor<8x64xf32> -> tensor<8x1xf32>, tensor<8x1xi8>
  return
}

// -----

// choose_params C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op method minmax needs an encoding with a zero_point}}
  %0 = quant_tensor.choose_params %x method(minmax) encoding(#token) : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op percent must be in (0, 100], got 0.0}}
  %0 = quant_tensor.choose_params %x method(percentile) encoding(#token) {percent = 0.0 : f64} : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op percent must be in (0, 100], got 1.005}}
  %0 = quant_tensor.choose_params %x method(percentile) encoding(#token) {percent = 100.5 : f64} : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op percent must be in (0, 100], got}}
  %0 = quant_tensor.choose_params %x method(percentile) encoding(#token) {percent = 0x7FF8000000000000 : f64} : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op candidates must be in [1, 65536], got 0}}
  %0 = quant_tensor.choose_params %x method(mse) encoding(#token) {candidates = 0 : i64} : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// choose_params C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.choose_params' op candidates must be in [1, 65536], got 9223372036854775807}}
  %0 = quant_tensor.choose_params %x method(mse) encoding(#token) {candidates = 9223372036854775807 : i64} : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// quantize C1
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xbf16>) {
  // expected-error @below {{'quant_tensor.quantize' op source and result must have the same element type, got 'bf16' and 'f32'}}
  %0 = quant_tensor.quantize %x : tensor<8x64xbf16> -> tensor<8x64xf32, #asym>
  return
}

// -----

// quantize C1
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x32xf32>) {
  // expected-error @below {{'quant_tensor.quantize' op source and result must have agreeing shapes, got}}
  %0 = quant_tensor.quantize %x : tensor<8x32xf32> -> tensor<8x64xf32, #asym>
  return
}

// -----

// quantize C2
#w4packed = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @f(%x: tensor<8x64xbf16>) {
  // expected-error @below {{'quant_tensor.quantize' op makes row_major codes (repack makes other layouts), got result layout}}
  %0 = quant_tensor.quantize %x : tensor<8x64xbf16> -> tensor<8x64xbf16, #w4packed>
  return
}

// -----

// quantize C3
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<8x64xbf16>, %s: tensor<8x1xbf16>) {
  // expected-error @below {{'quant_tensor.quantize' op scales must be 'tensor<8x2xbf16>', got 'tensor<8x1xbf16>'}}
  %0 = quant_tensor.quantize %x scales(%s : tensor<8x1xbf16>) : tensor<8x64xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// quantize C4
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32>, %s: tensor<8x1xf32>) {
  // expected-error @below {{'quant_tensor.quantize' op the encoding has a zero_point, so zero points of type 'tensor<8x1xi8>' are needed}}
  %0 = quant_tensor.quantize %x scales(%s : tensor<8x1xf32>) : tensor<8x64xf32> -> tensor<8x64xf32, #asym>
  return
}

// -----

// quantize C4
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<8x64xbf16>, %s: tensor<8x2xbf16>, %z: tensor<8x2xi8>) {
  // expected-error @below {{'quant_tensor.quantize' op zero points are given, but the encoding has no zero_point}}
  %0 = quant_tensor.quantize %x scales(%s : tensor<8x2xbf16>) zero_points(%z : tensor<8x2xi8>) : tensor<8x64xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// quantize C4
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32>, %z: tensor<8x1xi8>) {
  // expected-error @below {{'quant_tensor.quantize' op zero points are given without scales}}
  %0 = quant_tensor.quantize %x zero_points(%z : tensor<8x1xi8>) : tensor<8x64xf32> -> tensor<8x64xf32, #asym>
  return
}

// -----

// quantize C5
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32>, %s: tensor<8x1xf32>, %z: tensor<8x1xi8>) {
  // expected-error @below {{'quant_tensor.quantize' op takes scales or a method to choose them, got both}}
  %0 = quant_tensor.quantize %x scales(%s : tensor<8x1xf32>) zero_points(%z : tensor<8x1xi8>) method(minmax) : tensor<8x64xf32> -> tensor<8x64xf32, #asym>
  return
}

// -----

// quantize C5
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<8x64xbf16>) {
  // expected-error @below {{'quant_tensor.quantize' op method minmax needs an encoding with a zero_point}}
  %0 = quant_tensor.quantize %x method(minmax) : tensor<8x64xbf16> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// requantize C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xbf16, #token>) {
  // expected-error @below {{'quant_tensor.requantize' op source and result must have the same element type, got 'bf16' and 'f32'}}
  %0 = quant_tensor.requantize %x : tensor<8x64xbf16, #token> -> tensor<8x64xf32, #asym>
  return
}

// -----

// requantize C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x32xf32, #token>) {
  // expected-error @below {{'quant_tensor.requantize' op source and result must have agreeing shapes, got}}
  %0 = quant_tensor.requantize %x : tensor<8x32xf32, #token> -> tensor<8x64xf32, #asym>
  return
}

// -----

// requantize C2
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4packed = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @f(%x: tensor<8x64xbf16, #token>) {
  // expected-error @below {{'quant_tensor.requantize' op makes row_major codes (repack makes other layouts), got result layout}}
  %0 = quant_tensor.requantize %x : tensor<8x64xbf16, #token> -> tensor<8x64xbf16, #w4packed>
  return
}

// -----

// requantize C3
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<8x64xbf16, #token>, %s: tensor<8x1xbf16>) {
  // expected-error @below {{'quant_tensor.requantize' op scales must be 'tensor<8x2xbf16>', got 'tensor<8x1xbf16>'}}
  %0 = quant_tensor.requantize %x scales(%s : tensor<8x1xbf16>) : tensor<8x64xbf16, #token> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// requantize C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32, #token>, %s: tensor<8x1xf32>) {
  // expected-error @below {{'quant_tensor.requantize' op the encoding has a zero_point, so zero points of type 'tensor<8x1xi8>' are needed}}
  %0 = quant_tensor.requantize %x scales(%s : tensor<8x1xf32>) : tensor<8x64xf32, #token> -> tensor<8x64xf32, #asym>
  return
}

// -----

// requantize C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<8x64xbf16, #token>, %s: tensor<8x2xbf16>, %z: tensor<8x2xi8>) {
  // expected-error @below {{'quant_tensor.requantize' op zero points are given, but the encoding has no zero_point}}
  %0 = quant_tensor.requantize %x scales(%s : tensor<8x2xbf16>) zero_points(%z : tensor<8x2xi8>) : tensor<8x64xbf16, #token> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// requantize C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32, #token>, %z: tensor<8x1xi8>) {
  // expected-error @below {{'quant_tensor.requantize' op zero points are given without scales}}
  %0 = quant_tensor.requantize %x zero_points(%z : tensor<8x1xi8>) : tensor<8x64xf32, #token> -> tensor<8x64xf32, #asym>
  return
}

// -----

// requantize C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<8x64xf32, #token>, %s: tensor<8x1xf32>, %z: tensor<8x1xi8>) {
  // expected-error @below {{'quant_tensor.requantize' op takes scales or a method to choose them, got both}}
  %0 = quant_tensor.requantize %x scales(%s : tensor<8x1xf32>) zero_points(%z : tensor<8x1xi8>) method(minmax) : tensor<8x64xf32, #token> -> tensor<8x64xf32, #asym>
  return
}

// -----

// requantize C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%x: tensor<8x64xbf16, #token>) {
  // expected-error @below {{'quant_tensor.requantize' op method minmax needs an encoding with a zero_point}}
  %0 = quant_tensor.requantize %x method(minmax) : tensor<8x64xbf16, #token> -> tensor<8x64xbf16, #w4>
  return
}

// -----

// dequantize C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.dequantize' op source and result must have agreeing shapes, got}}
  %0 = quant_tensor.dequantize %q : tensor<8x64xbf16, #w4> -> tensor<8x32xbf16>
  return
}

// -----

// dequantize C2
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.dequantize' op result must have element type f16, bf16, f32 or f64, got 'i8'}}
  %0 = quant_tensor.dequantize %q : tensor<8x64xbf16, #w4> -> tensor<8x64xi8>
  return
}

// -----

// dequantize: an encoded result
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w4packed = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.dequantize' op result #0 must be ranked tensor without a quant_tensor encoding}}
  %0 = quant_tensor.dequantize %q : tensor<8x64xbf16, #w4> -> tensor<8x64xbf16, #w4packed>
  return
}

// -----

// dequantize: a dense source
func.func @f(%q: tensor<8x64xbf16>) {
  // expected-error @below {{'quant_tensor.dequantize' op operand #0 must be ranked tensor with a quant_tensor encoding}}
  %0 = quant_tensor.dequantize %q : tensor<8x64xbf16> -> tensor<8x64xbf16>
  return
}

// -----

// repack C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w4packed = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.repack' op source and result must have the same element type, got 'bf16' and 'f32'}}
  %0 = quant_tensor.repack %q : tensor<8x64xbf16, #w4> -> tensor<8x64xf32, #w4packed>
  return
}

// -----

// repack C1
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w4packed = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @f(%q: tensor<8x64xbf16, #w4>) {
  // expected-error @below {{'quant_tensor.repack' op source and result must have agreeing shapes, got}}
  %0 = quant_tensor.repack %q : tensor<8x64xbf16, #w4> -> tensor<64x64xbf16, #w4packed>
  return
}

// -----

// repack C2
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
func.func @f(%q: tensor<8x64xf32, #asym>) {
  // expected-error @below {{'quant_tensor.repack' op source and result encodings may differ in layout only, got}}
  %0 = quant_tensor.repack %q : tensor<8x64xf32, #asym> -> tensor<8x64xf32, #token>
  return
}

// -----

// dequantize_indexed C1
#channel = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = bf16}>
func.func @f(%w: tensor<8x64xbf16, #channel>, %g: tensor<64xi32>) {
  // expected-error @below {{'quant_tensor.dequantize_indexed' op source must be a matrix of static extents with blocks of some of its columns, got}}
  %0 = quant_tensor.dequantize_indexed %w by %g : tensor<8x64xbf16, #channel>, tensor<64xi32> -> tensor<8x64xbf16>
  return
}

// -----

// dequantize_indexed C2
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<8x64xbf16, #w4>, %g: tensor<63xi32>) {
  // expected-error @below {{groups must be 'tensor<64xi32>', the group of each column, got 'tensor<63xi32>'}}
  %0 = quant_tensor.dequantize_indexed %w by %g : tensor<8x64xbf16, #w4>, tensor<63xi32> -> tensor<8x64xbf16>
  return
}

// -----

// dequantize_indexed C3
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 2], scale = bf16}>
func.func @f(%w: tensor<8x4xbf16, #w4>) {
  %g = arith.constant dense<[0, 1, 0, 2]> : tensor<4xi32>
  // expected-error @below {{groups puts column 3 into group 2 of 2}}
  %0 = quant_tensor.dequantize_indexed %w by %g : tensor<8x4xbf16, #w4>, tensor<4xi32> -> tensor<8x4xbf16>
  return
}

// -----

// order_groups C3
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 2], scale = bf16}>
func.func @f(%w: tensor<8x4xbf16, #w4>) {
  %g = arith.constant dense<[0, 1, 0, 0]> : tensor<4xi32>
  // expected-error @below {{groups puts 3 columns into group 0, whose block has 2}}
  %0, %1, %2 = quant_tensor.order_groups %w by %g : tensor<8x4xbf16, #w4>, tensor<4xi32> -> tensor<8x4xbf16, #w4>, tensor<4xi32>, tensor<4xi32>
  return
}

// -----

// dequantize_indexed C4
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<8x64xbf16, #w4>, %g: tensor<64xi32>) {
  // expected-error @below {{result must have the shape of source, got 'tensor<64x8xbf16>'}}
  %0 = quant_tensor.dequantize_indexed %w by %g : tensor<8x64xbf16, #w4>, tensor<64xi32> -> tensor<64x8xbf16>
  return
}

// -----

// dequantize_indexed C4
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<8x64xbf16, #w4>, %g: tensor<64xi32>) {
  // expected-error @below {{result must have element type f16, bf16, f32 or f64, got 'i8'}}
  %0 = quant_tensor.dequantize_indexed %w by %g : tensor<8x64xbf16, #w4>, tensor<64xi32> -> tensor<8x64xi8>
  return
}

// -----

// order_groups C4
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w3 = #quant_tensor.encoding<{storage = i3, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<8x64xbf16, #w4>, %g: tensor<64xi32>) {
  // expected-error @below {{'quant_tensor.order_groups' op result must be 'tensor<8x64xbf16}}
  %0, %1, %2 = quant_tensor.order_groups %w by %g : tensor<8x64xbf16, #w4>, tensor<64xi32> -> tensor<8x64xbf16, #w3>, tensor<64xi32>, tensor<64xi32>
  return
}

// -----

// order_groups C5
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%w: tensor<8x64xbf16, #w4>, %g: tensor<64xi32>) {
  // expected-error @below {{order and position must have the type of groups, 'tensor<64xi32>', got 'tensor<64xi64>'}}
  %0, %1, %2 = quant_tensor.order_groups %w by %g : tensor<8x64xbf16, #w4>, tensor<64xi32> -> tensor<8x64xbf16, #w4>, tensor<64xi32>, tensor<64xi64>
  return
}

// -----

// poison_scales C1
#fp4 = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #fp4>) {
  // expected-error @below {{'quant_tensor.poison_scales' op source must have storage f8E4M3FN or f8E5M2, whose codes may be NaN, got 'f4E2M1FN'}}
  %0 = quant_tensor.poison_scales %q : tensor<8x64xbf16, #fp4> -> tensor<8x64xbf16, #fp4>
  return
}

// -----

// poison_scales C2
#fp8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #fp8>) {
  // expected-error @below {{'quant_tensor.poison_scales' op source and result must have the same element type, got 'bf16' and 'f32'}}
  %0 = quant_tensor.poison_scales %q : tensor<8x64xbf16, #fp8> -> tensor<8x64xf32, #fp8>
  return
}

// -----

// poison_scales C2
#fp8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #fp8>) {
  // expected-error @below {{'quant_tensor.poison_scales' op source and result must have agreeing shapes, got}}
  %0 = quant_tensor.poison_scales %q : tensor<8x64xbf16, #fp8> -> tensor<16x64xbf16, #fp8>
  return
}

// -----

// poison_scales C3
#fp8 = #quant_tensor.encoding<{storage = f8E5M2, block = [8, 32], scale = bf16}>
func.func @f(%q: tensor<8x64xbf16, #fp8>) {
  // expected-error @below {{'quant_tensor.poison_scales' op result encoding must be #quant_tensor.encoding<{storage = f8E5M2, block = [1, 32], scale = bf16}>, got #quant_tensor.encoding<{storage = f8E5M2, block = [8, 32], scale = bf16}>}}
  %0 = quant_tensor.poison_scales %q : tensor<8x64xbf16, #fp8> -> tensor<8x64xbf16, #fp8>
  return
}

// -----

// observe C1
func.func @f(%x: tensor<8xi8>) {
  // expected-error @below {{'quant_tensor.observe' op source must have a float element type, got 'i8'}}
  %0 = quant_tensor.observe %x name("a") kinds([minmax]) : tensor<8xi8>
  return
}

// -----

// observe C4
func.func @observe_axis(%x: tensor<8x4xf32>) {
  // expected-error @below {{'quant_tensor.observe' op axis 2 is no dimension of a tensor of rank 2}}
  %0 = quant_tensor.observe %x name("a") kinds([minmax]) {axis = 2 : i64} : tensor<8x4xf32>
  return
}

// -----

// observe C4
func.func @observe_scalar_axis(%x: tensor<f32>) {
  // expected-error @below {{'quant_tensor.observe' op axis 0 is no dimension of a tensor of rank 0}}
  %0 = quant_tensor.observe %x name("a") kinds([minmax]) {axis = 0 : i64} : tensor<f32>
  return
}

// -----

// observe C2
func.func @f(%x: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.observe' op name must not be empty}}
  %0 = quant_tensor.observe %x name("") kinds([minmax]) : tensor<8xf32>
  return
}

// -----

// observe C3
func.func @f(%x: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.observe' op kinds must name at least one statistic}}
  %0 = quant_tensor.observe %x name("a") kinds([]) : tensor<8xf32>
  return
}

// -----

// observe C3
func.func @f(%x: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.observe' op kinds names xtx twice}}
  %0 = quant_tensor.observe %x name("a") kinds([xtx, minmax, xtx]) : tensor<8xf32>
  return
}

// -----

// observe syntax
func.func @f(%x: tensor<8xf32>) {
  // expected-error @below {{unknown statistic 'median'}}
  %0 = quant_tensor.observe %x name("a") kinds([median]) : tensor<8xf32>
  return
}

// -----

// int_matmul C1
func.func @f(%l: tensor<4x64xi4>, %r: tensor<8x64xi8>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op lhs and rhs must be codes of type i8, got 'i4' and 'i8'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi4>, tensor<8x64xi8>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C1
func.func @f(%l: tensor<64xi8>, %r: tensor<8x64xi8>, %i: tensor<8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op expects an lhs [.., M, K] of rank 2 or more and an rhs [.., N, K] of rank 2 up to that of lhs, got}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<64xi8>, tensor<8x64xi8>)
      outs(%i : tensor<8xi32>) -> tensor<8xi32>
  return
}

// -----

// int_matmul C1
func.func @f(%l: tensor<4x64xi8>, %r: tensor<2x8x64xi8>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op expects an lhs [.., M, K] of rank 2 or more and an rhs [.., N, K] of rank 2 up to that of lhs, got}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<2x8x64xi8>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C2
func.func @f(%l: tensor<2x4x64xi8>, %r: tensor<3x8x64xi8>, %i: tensor<2x4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op lhs and rhs must agree on batch dimension 0, got 2 and 3}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<2x4x64xi8>, tensor<3x8x64xi8>)
      outs(%i : tensor<2x4x8xi32>) -> tensor<2x4x8xi32>
  return
}

// -----

// int_matmul C2
func.func @f(%l: tensor<4x64xi8>, %r: tensor<64x8xi8>, %i: tensor<4x64xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op lhs and rhs must agree on K, their last dimension, got 64 and 8}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<64x8xi8>)
      outs(%i : tensor<4x64xi32>) -> tensor<4x64xi32>
  return
}

// -----

// int_matmul C3
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<8x4xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op init must be [.., M, N] = 'tensor<4x8xi32>', got 'tensor<8x4xi32>'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>)
      outs(%i : tensor<8x4xi32>) -> tensor<8x4xi32>
  return
}

// -----

// int_matmul C3
func.func @f(%l: tensor<2x4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<3x4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op init must be [.., M, N] = 'tensor<2x4x8xi32>', got 'tensor<3x4x8xi32>'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<2x4x64xi8>, tensor<8x64xi8>)
      outs(%i : tensor<3x4x8xi32>) -> tensor<3x4x8xi32>
  return
}

// -----

// int_matmul C3
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op init must have element type i32, got 'f32'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>)
      outs(%i : tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// int_matmul C3
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op expected type of operand #2 ('tensor<4x8xi32>') to match type of corresponding result ('tensor<4x?xi32>')}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x?xi32>
  return
}

// -----

// int_matmul C4
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xi32>, %lz: tensor<8x1xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op lhs_zero_points must be 'tensor<4x1xi32>' or have extents of 1, got 'tensor<8x1xi32>'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>) lhs_zero_points(%lz : tensor<8x1xi32>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C4
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xi32>, %lz: tensor<4x1xi8>) {
  // expected-error @below {{'quant_tensor.int_matmul' op lhs_zero_points must be 'tensor<4x1xi32>' or have extents of 1, got 'tensor<4x1xi8>'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>) lhs_zero_points(%lz : tensor<4x1xi8>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C4
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xi32>, %lz: tensor<i32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op lhs_zero_points must be 'tensor<4x1xi32>' or have extents of 1, got 'tensor<i32>'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>) lhs_zero_points(%lz : tensor<i32>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C5
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xi32>, %rz: tensor<8x64xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op rhs_zero_points must be 'tensor<8x1xi32>' or have extents of 1, got 'tensor<8x64xi32>'}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>) rhs_zero_points(%rz : tensor<8x64xi32>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C6
func.func @f(%l: tensor<4x131072xi8>, %r: tensor<8x131072xi8>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op an i32 sum of K = 131072 products could overflow: these codes allow K up to 131071}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x131072xi8>, tensor<8x131072xi8>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C6
func.func @f(%l: tensor<4x?xi8>, %r: tensor<8x65794xi8>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op an i32 sum of K = 65794 products could overflow: these codes allow K up to 65793}}
  %0 = quant_tensor.int_matmul lhs_unsigned ins(%l, %r : tensor<4x?xi8>, tensor<8x65794xi8>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// int_matmul C6
func.func @f(%l: tensor<4x33026xi8>, %r: tensor<8x33026xi8>, %i: tensor<4x8xi32>, %lz: tensor<4x1xi32>, %rz: tensor<1x1xi32>) {
  // expected-error @below {{'quant_tensor.int_matmul' op an i32 sum of K = 33026 products could overflow: these codes allow K up to 33025}}
  %0 = quant_tensor.int_matmul ins(%l, %r : tensor<4x33026xi8>, tensor<8x33026xi8>) lhs_zero_points(%lz : tensor<4x1xi32>) rhs_zero_points(%rz : tensor<1x1xi32>)
      outs(%i : tensor<4x8xi32>) -> tensor<4x8xi32>
  return
}

// -----

// scaled_matmul C1
func.func @f(%l: tensor<4x64xi32>, %r: tensor<8x64xi32>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op operands must have element type i8, f8E4M3FN, f8E5M2, f16, bf16 or f32, got}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xi32>, tensor<8x64xi32>)
      maps []
      outs(%i : tensor<4x8xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x8xi32>
  return
}

// -----

// scaled_matmul C1
func.func @f(%l: tensor<4x64xf32>, %r: tensor<2x8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expects an lhs [.., M, K] of rank 2 or more and an rhs [.., N, K] of rank 2 up to that of lhs, got}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<2x8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C1: an encoded rhs of rank 3
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 1, 0], scale = f32}>
func.func @f(%l: tensor<2x4x64xf32>, %r: tensor<2x8x64xf32, #w8>, %i: tensor<2x4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expects an encoded rhs N×K of rank 2, got}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<2x4x64xf32>, tensor<2x8x64xf32, #w8>)
      maps []
      outs(%i : tensor<2x4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<2x4x8xf32>
  return
}

// -----

// scaled_matmul C1: pairs of each batch
func.func @f(%l: tensor<2x4x64xf32>, %r: tensor<2x8x64xf32>, %i: tensor<2x4x4xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expects a paired rhs 2N×K of rank 2, got 'tensor<2x8x64xf32>'}}
  %0 = quant_tensor.scaled_matmul paired ins(%l, %r : tensor<2x4x64xf32>, tensor<2x8x64xf32>)
      maps []
      outs(%i : tensor<2x4x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    quant_tensor.yield %a : f32
  } -> tensor<2x4x4xf32>
  return
}

// -----

// scaled_matmul C3: half a pair
func.func @f(%l: tensor<4x64xf32>, %r: tensor<7x64xf32>, %i: tensor<4x3xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expects an even number of rows of a paired rhs, got 'tensor<7x64xf32>'}}
  %0 = quant_tensor.scaled_matmul paired ins(%l, %r : tensor<4x64xf32>, tensor<7x64xf32>)
      maps []
      outs(%i : tensor<4x3xf32>) {
  ^bb0(%a: f32, %b: f32):
    quant_tensor.yield %a : f32
  } -> tensor<4x3xf32>
  return
}

// -----

// scaled_matmul C3: as many columns as rows of pairs
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op init must be [.., M, N] = 'tensor<4x4xf32>', got 'tensor<4x8xf32>'}}
  %0 = quant_tensor.scaled_matmul paired ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    quant_tensor.yield %a : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C7: one accumulator of two
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %s: tensor<4xf32>, %i: tensor<4x4xi32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region's arguments must be ('i32', 'i32', 'f32'): the accumulators of a pair and one element of each epilogue operand; got ('i32', 'f32')}}
  %0 = quant_tensor.scaled_matmul paired ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>)
      epilogue(%s : tensor<4xf32>) maps [affine_map<(m, n) -> (n)>]
      outs(%i : tensor<4x4xi32>) {
  ^bb0(%a: i32, %p: f32):
    quant_tensor.yield %a : i32
  } -> tensor<4x4xi32>
  return
}

// -----

// scaled_matmul C11: an encoded lhs alone
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%l: tensor<4x64xf32, #token>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op has an encoded lhs beside a plain rhs}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32, #token>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C11: integers
#token = #quant_tensor.encoding<{storage = i8, block = [1, 32], scale = f32}>
#block = #quant_tensor.encoding<{storage = f8E4M3FN, block = [8, 32], scale = f32}>
func.func @f(%l: tensor<4x64xf32, #token>, %r: tensor<8x64xf32, #block>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op of two encoded operands expects row-major codes of f8E4M3FN or f8E5M2 without zero points, got lhs with #quant_tensor.encoding<{storage = i8, block = [1, 32], scale = f32}>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32, #token>, tensor<8x64xf32, #block>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C11: rows of activations that share scales
#token = #quant_tensor.encoding<{storage = f8E5M2, block = [0, 32], scale = f32}>
#block = #quant_tensor.encoding<{storage = f8E4M3FN, block = [8, 32], scale = f32}>
func.func @f(%l: tensor<4x64xf32, #token>, %r: tensor<8x64xf32, #block>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op each row of an encoded lhs has scales of its own, got #quant_tensor.encoding<{storage = f8E5M2, block = [0, 32], scale = f32}>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32, #token>, tensor<8x64xf32, #block>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C2
func.func @f(%l: tensor<4x64xf32>, %r: tensor<64x8xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op lhs and rhs must agree on K, their last dimension, got 64 and 8}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<64x8xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C2
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%l: tensor<4x64xf32>, %r: tensor<64x32xbf16, #w4>, %i: tensor<4x64xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op lhs and rhs must agree on K, their last dimension, got 64 and 32}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<64x32xbf16, #w4>)
      maps []
      outs(%i : tensor<4x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x64xf32>
  return
}

// -----

// scaled_matmul C3
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<8x4xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op init must be [.., M, N] = 'tensor<4x8xf32>', got 'tensor<8x4xf32>'}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<8x4xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x4xf32>
  return
}

// -----

// scaled_matmul C3
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xcomplex<f32>>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op init must have an integer or float element type, got 'complex<f32>'}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xcomplex<f32>>) {
  ^bb0(%acc: f32):
    quant_tensor.yield
  } -> tensor<4x8xcomplex<f32>>
  return
}

// -----

// scaled_matmul C3
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expected type of operand #2 ('tensor<4x8xf32>') to match type of corresponding result ('tensor<?x8xf32>')}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x8xf32>
  return
}

// -----

// scaled_matmul C4
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op lhs_unsigned needs an lhs of i8, got 'tensor<4x64xf32>'}}
  %0 = quant_tensor.scaled_matmul lhs_unsigned ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C4
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op rhs_unsigned needs a plain rhs of i8, got 'tensor<8x64xf32>'}}
  %0 = quant_tensor.scaled_matmul rhs_unsigned ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C4
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xbf16, #w4>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op rhs_unsigned needs a plain rhs of i8, got}}
  %0 = quant_tensor.scaled_matmul rhs_unsigned ins(%l, %r : tensor<4x64xf32>, tensor<8x64xbf16, #w4>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C5
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expects one map per epilogue operand, got 0 for 1}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C5
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op expects one map per epilogue operand, got 1 for 0}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps [affine_map<(m, n) -> (n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C5
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op map #0 must go from 2 dimensions to 1 results without symbols, got affine_map<(d0) -> (d0)>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(n) -> (n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C5
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op map #0 must go from 2 dimensions to 1 results without symbols, got affine_map<(d0, d1) -> (d0, d1)>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n) -> (m, n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C5
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op map #0 must go from 2 dimensions to 1 results without symbols, got affine_map<(d0, d1)[s0] -> (d1)>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n)[s] -> (n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C6
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op each result of map #0 must be 0 or a dimension that no other result is, got affine_map<(d0, d1) -> (d1 + 1)>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n) -> (n + 1)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C6
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op each result of map #0 must be 0 or a dimension that no other result is, got affine_map<(d0, d1) -> (1)>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n) -> (1)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C6
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op each result of map #0 must be 0 or a dimension that no other result is, got affine_map<(d0, d1) -> (d1, d1)>}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8x8xf32>)
      maps [affine_map<(m, n) -> (n, n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C6
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op epilogue operand #0 of type 'tensor<8xf32>' has extent 8 where its map affine_map<(d0, d1) -> (d0)> reads 4}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n) -> (m)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C6
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<4x0xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op epilogue operand #0 of type 'tensor<4x0xf32>' has extent 0 where its map affine_map<(d0, d1) -> (d0, 0)> reads 1}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<4x0xf32>)
      maps [affine_map<(m, n) -> (m, 0)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C7
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region's arguments must be ('f32', 'f32'): the accumulator and one element of each epilogue operand; got ('f32')}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n) -> (n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C7
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %e0: tensor<8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region's arguments must be ('f32', 'f32'): the accumulator and one element of each epilogue operand; got ('f32', 'bf16')}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      epilogue(%e0 : tensor<8xf32>)
      maps [affine_map<(m, n) -> (n)>]
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32, %a: bf16):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C7
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xi8>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region's arguments must be ('i32'): the accumulator and one element of each epilogue operand; got ('f32')}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xi8>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C7
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%l: tensor<4x64xi8>, %r: tensor<8x64xf32, #token>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region's arguments must be ('f32'): the accumulator and one element of each epilogue operand; got ('i32')}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xi8>, tensor<8x64xf32, #token>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C8
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region may hold only arith and math ops on scalars, without side effects}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    // expected-note @below {{found 'tensor.empty' here}}
    %t = tensor.empty() : tensor<8xf32>
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C8
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op the region may hold only arith and math ops on scalars, without side effects}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    // expected-note @below {{found 'arith.constant' here}}
    %t = arith.constant dense<1.0> : tensor<8xf32>
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C9
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    // expected-error @below {{'quant_tensor.yield' op must yield one value of the result's element type 'f32', got ()}}
    quant_tensor.yield
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C9
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xbf16>) {
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xbf16>) {
  ^bb0(%acc: f32):
    // expected-error @below {{'quant_tensor.yield' op must yield one value of the result's element type 'bf16', got ('f32')}}
    quant_tensor.yield %acc : f32
  } -> tensor<4x8xbf16>
  return
}

// -----

// scaled_matmul C9
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>) {
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps []
      outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    // expected-error @below {{'quant_tensor.yield' op must yield one value of the result's element type 'f32', got ('f32', 'f32')}}
    quant_tensor.yield %acc, %acc : f32, f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scaled_matmul C10
func.func @f(%l: tensor<4x131072xi8>, %r: tensor<8x131072xi8>, %i: tensor<4x8xi32>) {
  // expected-error @below {{'quant_tensor.scaled_matmul' op an i32 sum of K = 131072 products could overflow: these codes allow K up to 131071}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x131072xi8>, tensor<8x131072xi8>)
      maps []
      outs(%i : tensor<4x8xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x8xi32>
  return
}

// -----

// scaled_matmul: the region sees nothing from outside.
func.func @f(%l: tensor<4x64xf32>, %r: tensor<8x64xf32>, %i: tensor<4x8xf32>, %s: f32) {
  // expected-note @below {{required by region isolation constraints}}
  %0 = quant_tensor.scaled_matmul ins(%l, %r : tensor<4x64xf32>, tensor<8x64xf32>)
      maps [] outs(%i : tensor<4x8xf32>) {
  ^bb0(%acc: f32):
    // expected-error @below {{using value defined outside the region}}
    %0 = arith.mulf %acc, %s : f32
    quant_tensor.yield %0 : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// yield belongs in a scaled_matmul.
func.func @f(%x: f32) {
  // expected-error @below {{'quant_tensor.yield' op expects parent op 'quant_tensor.scaled_matmul'}}
  quant_tensor.yield %x : f32
}

// -----

// expected-error @below {{'func.func' op argument #0: quant_tensor.name must be a non-empty string, got ""}}
func.func private @f(tensor<8xf32> {quant_tensor.name = ""})

// -----

// expected-error @below {{'func.func' op result #0: quant_tensor.name must be a non-empty string, got 3}}
func.func private @f() -> (tensor<8xf32> {quant_tensor.name = 3})

// -----

// expected-error @below {{'func.func' op argument #0: quant_tensor.weight is a unit, got true}}
func.func private @f(tensor<8xf32> {quant_tensor.weight = true})

// -----

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{'func.func' op argument #0 must have the pinned encoding #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>, got type 'tensor<8x8xf32>'}}
func.func private @f(tensor<8x8xf32> {quant_tensor.pinned_encoding = #token})

// -----

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// expected-error @below {{'func.func' op result #0 must have the pinned encoding 1 : i64, got type}}
func.func private @f() -> (tensor<8x8xf32, #token> {quant_tensor.pinned_encoding = 1})

// -----

// choose_params syntax
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{unknown method 'median', expected absmax, minmax, percentile, mse or kl}}
  %0 = quant_tensor.choose_params %x method(median) encoding(#token) : tensor<8x64xf32> -> tensor<8x1xf32>
  return
}

// -----

// expected-error @below {{'func.func' op argument #0: quant_tensor.constant must be elements of type 'tensor<4xf32>', got dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>}}
func.func private @constant_type(tensor<4xf32> {quant_tensor.constant = dense<[1.0, 2.0]> : tensor<2xf32>})

// -----

// fake_quantize C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<64xf32>) {
  // expected-error @below {{'quant_tensor.fake_quantize' op encoding does not fit the source: block has 2 extents, but the tensor has rank 1}}
  %0 = quant_tensor.fake_quantize %x encoding(#token) : tensor<64xf32>
  return
}

// -----

// fake_quantize C1
#high = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.fake_quantize' op encoding must be row_major, got layout}}
  %0 = quant_tensor.fake_quantize %x encoding(#high) : tensor<8x64xf32>
  return
}

// -----

// fake_quantize C2
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %s: tensor<8x2xf32>) {
  // expected-error @below {{'quant_tensor.fake_quantize' op scales must be 'tensor<8x1xf32>', got 'tensor<8x2xf32>'}}
  %0 = quant_tensor.fake_quantize %x encoding(#token) scales(%s : tensor<8x2xf32>) : tensor<8x64xf32>
  return
}

// -----

// fake_quantize C3
#asym = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, zero_point = i8}>
func.func @f(%x: tensor<8x64xf32>, %z: tensor<8x1xi8>) {
  // expected-error @below {{'quant_tensor.fake_quantize' op zero points are given without scales}}
  %0 = quant_tensor.fake_quantize %x encoding(#asym) zero_points(%z : tensor<8x1xi8>) : tensor<8x64xf32>
  return
}

// -----

// fake_quantize C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %s: tensor<8x1xf32>) {
  // expected-error @below {{'quant_tensor.fake_quantize' op takes scales or a method to choose them, got both}}
  %0 = quant_tensor.fake_quantize %x encoding(#token) scales(%s : tensor<8x1xf32>) method(mse) : tensor<8x64xf32>
  return
}

// -----

// fake_quantize C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) {
  // expected-error @below {{'quant_tensor.fake_quantize' op method minmax needs an encoding with a zero_point}}
  %0 = quant_tensor.fake_quantize %x encoding(#token) method(minmax) : tensor<8x64xf32>
  return
}

// -----

// outlier_matmul C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xi8>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op lhs must have elements of f16, bf16 or f32, got 'i8'}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xi8>, tensor<16x64xf32, #token>) threshold(6.0) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C1
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op expects an lhs [.., M, K] of rank 2 or more}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<64xf32>, tensor<16x64xf32, #token>) threshold(6.0) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C2
#asym = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, zero_point = i8}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #asym>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op rhs must be N×K with storage i8, no zero_point and block [1, 0] or [0, 0]}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #asym>) threshold(6.0) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C3
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x32xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op lhs and rhs must agree on K, their last dimension, got 32 and 64}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x32xf32>, tensor<16x64xf32, #token>) threshold(6.0) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x8xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op init must be [.., M, N] = 'tensor<8x16xf32>', got 'tensor<8x8xf32>'}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) threshold(6.0) outs(%i : tensor<8x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

// outlier_matmul C4
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf64>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op init must have elements of f16, bf16 or f32, got 'f64'}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) threshold(6.0) outs(%i : tensor<8x16xf64>) -> tensor<8x16xf64>
  return
}

// -----

// outlier_matmul C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op takes either a threshold or columns, got neither}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>)  outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C5
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op takes either a threshold or columns, got both}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) threshold(6.0) columns([1]) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C6
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op threshold must be positive, got}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) threshold(0.0) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C6
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op columns must ascend from 0 to below K = 64, got 3 after 3}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) columns([3, 3]) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C6
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op columns must ascend from 0 to below K = 64, got 64 after -1}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) columns([64]) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C6
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x?xf32>, %w: tensor<16x?xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op columns are given of a dynamic K}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x?xf32>, tensor<16x?xf32, #token>) columns([3]) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C8
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>, %o: tensor<16x2xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op outlier_rhs must be N×1 of f16, bf16 or f32 with the N of rhs, got 'tensor<16x2xf32>'}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) columns([3]) outlier_rhs(%o : tensor<16x2xf32>) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C8
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>, %w: tensor<16x64xf32, #token>, %i: tensor<8x16xf32>, %o: tensor<16x2xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op outlier_rhs goes with columns}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x64xf32>, tensor<16x64xf32, #token>) threshold(6.0) outlier_rhs(%o : tensor<16x2xf32>) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}

// -----

// outlier_matmul C7
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x140000xf32>, %w: tensor<16x140000xf32, #token>, %i: tensor<8x16xf32>) {
  // expected-error @below {{'quant_tensor.outlier_matmul' op an i32 sum of K = 140000 products could overflow}}
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<8x140000xf32>, tensor<16x140000xf32, #token>) threshold(6.0) outs(%i : tensor<8x16xf32>) -> tensor<8x16xf32>
  return
}
