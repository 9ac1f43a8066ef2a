// Every storage, scale, zero point, range, rounding, overflow, codebook and
// layout, and every op, in text, generic text and bytecode and back.

// RUN: quant-opt %s -o %t.mlir
// RUN: quant-opt %t.mlir | diff %t.mlir -
// RUN: quant-opt %s --emit-bytecode -o %t.mlirbc
// RUN: quant-opt %t.mlirbc | diff %t.mlir -
// RUN: quant-opt %s --mlir-print-op-generic | quant-opt | diff %t.mlir -
// RUN: FileCheck %s < %t.mlir

// CHECK-DAG: #{{.*}} = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
// CHECK-DAG: #q_nf4 = #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, codebook = nf4}>
// Defaults are not printed, row major among them.
// CHECK-NOT: nearest_even
// CHECK-NOT: overflow = saturate
// CHECK-NOT: row_major

func.func private @storage_i2(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_i3(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_i4(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_i5(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i5, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i5, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i5, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i5, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i5, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_i6(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i6, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i6, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i6, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i6, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i6, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_i7(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i7, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i7, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i7, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i7, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i7, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_i8(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui2(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui2, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui2, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui2, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui2, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui2, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui3(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui3, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui3, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui3, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui3, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui3, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui4(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui5(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui5, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui5, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui5, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui5, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui5, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui6(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui6, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui6, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui6, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui6, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui6, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui7(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui7, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui7, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui7, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui7, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui7, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_ui8(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui8, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = ui8, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = ui8, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui8, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui8, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_f8E4M3FN(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_f8E5M2(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @storage_f4E2M1FN(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 128], scale = f32}>>,
    tensor<64x256xf16, #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 128], scale = f16}>>,
    tensor<64x256xbf16, #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 128], scale = bf16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 128], scale = f8E8M0FNU}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 128], scale = f8E4M3FN}>>)

func.func private @zero_points(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = ui4}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = i8}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = ui8}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = i2}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = i16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = ui16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = i32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = ui32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = f16}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, zero_point = bf16}>>)

func.func private @fields(
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, range = [-7, 7]}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, range = [-8, 7]}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, rounding = nearest_even}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, rounding = nearest_away}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, rounding = toward_zero}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, rounding = downward}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, rounding = upward}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, overflow = saturate}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, overflow = wrap}>>,
    tensor<64x256xf64, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <row_major>}>>)

func.func private @codebooks(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, codebook = nf4}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui2, block = [1, 128], scale = f32, codebook = [-1.0, -0.25, 0.25, 1.0]}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui3, block = [1, 128], scale = f32, codebook = [-1.0e-40, 0.0, 0.1, 0.333333333333333314829616256247, 1.0, 2.5, 1.0e10, 3.4028234663852886e38]}>>)

func.func private @granularities(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [0, 1], scale = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [16, 16], scale = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [64, 256], scale = f32}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [3, 100], scale = f32}>>,
    tensor<7xf32, #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>>,
    tensor<2x3x5x7xf32, #quant_tensor.encoding<{storage = i8, block = [1, 0, 2, 7], scale = f32}>>,
    tensor<?x?xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32}>>,
    tensor<?x5xf32, #quant_tensor.encoding<{storage = i3, block = [1, 0], scale = f32}>>,
    tensor<0x0xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32}>>,
    tensor<4611686018427387904x9223372036854775807xf32, #quant_tensor.encoding<{storage = i5, block = [1, 9223372036854775807], scale = f32}>>)

func.func private @layouts(
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1], halves = true>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 0, order = [0, 1]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, layout = <packed, word = 32, axis = 1, order = [0, 1, 2, 3, 4, 5, 6, 7], permutation = [1, 0]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f32, layout = <packed, word = 32, axis = 0, order = [0, 2, 4, 6, 1, 3, 5, 7], permutation = [1, 0]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 1, order = [3, 2, 1, 0]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32, layout = <packed, word = 32, axis = 1, order = [0, 1, 2, 3]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 1, order = [0], permutation = [1, 0]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <fragment, tile = [16, 64]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32, layout = <fragment, tile = [16, 32]>}>>,
    tensor<64x256xf32, #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = f32, layout = <fragment, tile = [16, 128]>}>>)

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#asym = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#high = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <packed, word = 8, axis = 1, order = [1, 0]>}>

// CHECK-LABEL: func @bundle
// CHECK: quant_tensor.assemble %{{.*}}, %{{.*}} : tensor<512x128xi8>, tensor<512x2xbf16> -> tensor<512x256xbf16, #
// CHECK: quant_tensor.assemble %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x256xi8>, tensor<?x1xf32>, tensor<?x1xi8> -> tensor<?x256xf32, #
// CHECK: %{{.*}}, %{{.*}} = quant_tensor.disassemble %{{.*}} : tensor<512x256xbf16, #{{.*}}> -> tensor<512x128xi8>, tensor<512x2xbf16>
// CHECK: quant_tensor.disassemble %{{.*}} : tensor<?x256xf32, #{{.*}}> -> tensor<?x256xi8>, tensor<?x1xf32>, tensor<?x1xi8>
func.func @bundle(%c: tensor<512x128xi8>, %s: tensor<512x2xbf16>, %d: tensor<?x256xi8>, %t: tensor<?x1xf32>, %z: tensor<?x1xi8>) {
  %w = quant_tensor.assemble %c, %s : tensor<512x128xi8>, tensor<512x2xbf16> -> tensor<512x256xbf16, #w4>
  %q = quant_tensor.assemble %d, %t, %z : tensor<?x256xi8>, tensor<?x1xf32>, tensor<?x1xi8> -> tensor<?x256xf32, #asym>
  %0:2 = quant_tensor.disassemble %w : tensor<512x256xbf16, #w4> -> tensor<512x128xi8>, tensor<512x2xbf16>
  %1:3 = quant_tensor.disassemble %q : tensor<?x256xf32, #asym> -> tensor<?x256xi8>, tensor<?x1xf32>, tensor<?x1xi8>
  return
}

// CHECK-LABEL: func @params
// CHECK: quant_tensor.choose_params %{{.*}} method(absmax) encoding(#{{.*}}) : tensor<?x256xf32> -> tensor<?x1xf32>
// CHECK: quant_tensor.choose_params %{{.*}} method(minmax) encoding(#{{.*}}) : tensor<?x256xf32> -> tensor<?x1xf32>, tensor<?x1xi8>
// CHECK: method(percentile) encoding(#{{.*}}) {percent = 9.500000e+01 : f64}
// CHECK: method(mse) encoding(#{{.*}}) {candidates = 16 : i64}
// CHECK: method(kl) encoding(
func.func @params(%x: tensor<?x256xf32>) {
  %0 = quant_tensor.choose_params %x method(absmax) encoding(#token) : tensor<?x256xf32> -> tensor<?x1xf32>
  %1:2 = quant_tensor.choose_params %x method(minmax) encoding(#asym) : tensor<?x256xf32> -> tensor<?x1xf32>, tensor<?x1xi8>
  %2 = quant_tensor.choose_params %x method(percentile) encoding(#token) {percent = 95.0 : f64} : tensor<?x256xf32> -> tensor<?x1xf32>
  %3 = quant_tensor.choose_params %x method(mse) encoding(#token) {candidates = 16 : i64} : tensor<?x256xf32> -> tensor<?x1xf32>
  %4 = quant_tensor.choose_params %x method(kl) encoding(#token) : tensor<?x256xf32> -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: func @quantize
// CHECK: quant_tensor.quantize %{{.*}} : tensor<?x256xf32> -> tensor<?x256xf32, #
// CHECK: quant_tensor.quantize %{{.*}} scales(%{{.*}} : tensor<?x1xf32>) : tensor<?x256xf32> ->
// CHECK: quant_tensor.quantize %{{.*}} scales(%{{.*}} : tensor<?x1xf32>) zero_points(%{{.*}} : tensor<?x1xi8>) : tensor<?x256xf32> ->
// CHECK: quant_tensor.quantize %{{.*}} method(mse) : tensor<?x256xf32> ->
// CHECK: quant_tensor.requantize %{{.*}} : tensor<?x256xf32, #{{.*}}> -> tensor<?x256xf32, #
// CHECK: quant_tensor.requantize %{{.*}} scales(%{{.*}} : tensor<?x1xf32>) zero_points(%{{.*}} : tensor<?x1xi8>) : tensor<?x256xf32, #
// CHECK: quant_tensor.requantize %{{.*}} method(minmax) :
// CHECK: quant_tensor.dequantize %{{.*}} : tensor<?x256xf32, #{{.*}}> -> tensor<?x256xbf16>
// CHECK: quant_tensor.repack %{{.*}} : tensor<512x256xbf16, #{{.*}}> -> tensor<512x256xbf16, #
// CHECK: quant_tensor.observe %{{.*}} name("layer0.in") kinds([minmax, absmean, histogram, xtx]) : tensor<?x256xf32>
func.func @quantize(%x: tensor<?x256xf32>, %s: tensor<?x1xf32>, %z: tensor<?x1xi8>, %w: tensor<512x256xbf16, #w4>) {
  %0 = quant_tensor.quantize %x : tensor<?x256xf32> -> tensor<?x256xf32, #token>
  %1 = quant_tensor.quantize %x scales(%s : tensor<?x1xf32>) : tensor<?x256xf32> -> tensor<?x256xf32, #token>
  %2 = quant_tensor.quantize %x scales(%s : tensor<?x1xf32>) zero_points(%z : tensor<?x1xi8>) : tensor<?x256xf32> -> tensor<?x256xf32, #asym>
  %3 = quant_tensor.quantize %x method(mse) : tensor<?x256xf32> -> tensor<?x256xf32, #token>
  %4 = quant_tensor.requantize %0 : tensor<?x256xf32, #token> -> tensor<?x256xf32, #asym>
  %5 = quant_tensor.requantize %0 scales(%s : tensor<?x1xf32>) zero_points(%z : tensor<?x1xi8>) : tensor<?x256xf32, #token> -> tensor<?x256xf32, #asym>
  %6 = quant_tensor.requantize %0 method(minmax) : tensor<?x256xf32, #token> -> tensor<?x256xf32, #asym>
  %7 = quant_tensor.dequantize %6 : tensor<?x256xf32, #asym> -> tensor<?x256xbf16>
  %8 = quant_tensor.repack %w : tensor<512x256xbf16, #w4> -> tensor<512x256xbf16, #high>
  %9 = quant_tensor.observe %x name("layer0.in") kinds([minmax, absmean, histogram, xtx]) : tensor<?x256xf32>
  return
}

// CHECK-LABEL: func @fake_quantize
// CHECK: quant_tensor.fake_quantize %{{.*}} encoding(#{{.*}}) : tensor<?x256xf32>
// CHECK: quant_tensor.fake_quantize %{{.*}} encoding(#{{.*}}) scales(%{{.*}} : tensor<?x1xf32>) zero_points(%{{.*}} : tensor<?x1xi8>) : tensor<?x256xf32>
// CHECK: quant_tensor.fake_quantize %{{.*}} encoding(#{{.*}}) method(mse) : tensor<?x256xf32>
func.func @fake_quantize(%x: tensor<?x256xf32>, %s: tensor<?x1xf32>, %z: tensor<?x1xi8>) {
  %0 = quant_tensor.fake_quantize %x encoding(#token) : tensor<?x256xf32>
  %1 = quant_tensor.fake_quantize %x encoding(#asym) scales(%s : tensor<?x1xf32>) zero_points(%z : tensor<?x1xi8>) : tensor<?x256xf32>
  %2 = quant_tensor.fake_quantize %x encoding(#token) method(mse) : tensor<?x256xf32>
  return
}

// CHECK-LABEL: func @outlier_matmul
// CHECK: quant_tensor.outlier_matmul ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, tensor<64x256xf32, #{{.*}}>) threshold(6.000000e+00) outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
// CHECK: quant_tensor.outlier_matmul ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, tensor<64x256xf32, #{{.*}}>) columns([3, 255]) outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
// CHECK: quant_tensor.outlier_matmul ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, tensor<64x256xf32, #{{.*}}>) columns([3, 255]) outlier_rhs(%{{.*}} : tensor<64x2xf16>) outs(%{{.*}} : tensor<?x64xf32>) -> tensor<?x64xf32>
func.func @outlier_matmul(%x: tensor<?x256xf32>, %w: tensor<64x256xf32, #token>, %i: tensor<?x64xf32>, %o: tensor<64x2xf16>) {
  %0 = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x256xf32>, tensor<64x256xf32, #token>) threshold(6.0) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x256xf32>, tensor<64x256xf32, #token>) columns([3, 255]) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  %2 = quant_tensor.outlier_matmul ins(%x, %w : tensor<?x256xf32>, tensor<64x256xf32, #token>) columns([3, 255]) outlier_rhs(%o : tensor<64x2xf16>) outs(%i : tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: func @poison_scales
// CHECK: quant_tensor.poison_scales %{{.*}} : tensor<?x256xbf16, #{{.*}}> -> tensor<?x256xbf16, #
func.func @poison_scales(%w: tensor<?x256xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [8, 32], scale = bf16}>>) {
  %0 = quant_tensor.poison_scales %w : tensor<?x256xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [8, 32], scale = bf16}>> -> tensor<?x256xbf16, #quant_tensor.encoding<{storage = f8E5M2, block = [1, 32], scale = bf16}>>
  return
}

// CHECK-LABEL: func @int_matmul
// CHECK: quant_tensor.int_matmul ins(%{{.*}}, %{{.*}} : tensor<2x?x256xi8>, tensor<512x256xi8>) outs(%{{.*}} : tensor<2x?x512xi32>) -> tensor<2x?x512xi32>
// CHECK: quant_tensor.int_matmul lhs_unsigned rhs_unsigned ins(%{{.*}}) lhs_zero_points(%{{.*}} : tensor<2x?x1xi32>) rhs_zero_points(%{{.*}} : tensor<512x1xi32>) outs(
func.func @int_matmul(%x: tensor<2x?x256xi8>, %w: tensor<512x256xi8>, %i: tensor<2x?x512xi32>, %lz: tensor<2x?x1xi32>, %rz: tensor<512x1xi32>) {
  %0 = quant_tensor.int_matmul ins(%x, %w : tensor<2x?x256xi8>, tensor<512x256xi8>) outs(%i : tensor<2x?x512xi32>) -> tensor<2x?x512xi32>
  %1 = quant_tensor.int_matmul lhs_unsigned rhs_unsigned ins(%x, %w : tensor<2x?x256xi8>, tensor<512x256xi8>)
      lhs_zero_points(%lz : tensor<2x?x1xi32>) rhs_zero_points(%rz : tensor<512x1xi32>)
      outs(%i : tensor<2x?x512xi32>) -> tensor<2x?x512xi32>
  return
}

// CHECK-LABEL: func @scaled_matmul
// CHECK: quant_tensor.scaled_matmul lhs_unsigned ins(%{{.*}}, %{{.*}} : tensor<?x256xi8>, tensor<512x256xi8>) epilogue(%{{.*}}, %{{.*}} : tensor<?x1xf32>, tensor<512xf32>) maps [#{{.*}}, #{{.*}}] outs(%{{.*}} : tensor<?x512xbf16>) {
// CHECK: quant_tensor.yield %{{.*}} : bf16
// CHECK: } -> tensor<?x512xbf16>
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}, %{{.*}} : tensor<1x3x256xbf16>, tensor<512x256xbf16, #{{.*}}>) maps [] outs(%{{.*}} : tensor<1x3x512xf32>) attributes {note = 1 : i64} {
func.func @scaled_matmul(%x: tensor<?x256xi8>, %v: tensor<512x256xi8>, %sx: tensor<?x1xf32>, %sw: tensor<512xf32>, %i: tensor<?x512xbf16>,
                         %y: tensor<1x3x256xbf16>, %w: tensor<512x256xbf16, #w4>, %j: tensor<1x3x512xf32>) {
  %0 = quant_tensor.scaled_matmul lhs_unsigned ins(%x, %v : tensor<?x256xi8>, tensor<512x256xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<512xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%i : tensor<?x512xbf16>) {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %2 = arith.sitofp %acc : i32 to f32
    %3 = arith.mulf %2, %a : f32
    %4 = arith.mulf %3, %b : f32
    %5 = math.tanh %4 : f32
    %6 = arith.truncf %5 : f32 to bf16
    quant_tensor.yield %6 : bf16
  } -> tensor<?x512xbf16>
  %1 = quant_tensor.scaled_matmul ins(%y, %w : tensor<1x3x256xbf16>, tensor<512x256xbf16, #w4>)
      maps [] outs(%j : tensor<1x3x512xf32>) attributes {note = 1} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x3x512xf32>
  return
}

// silu(x * gateᵀ) * (x * upᵀ), the rows of gate and up in turn.
// CHECK-LABEL: func @paired
// CHECK: quant_tensor.scaled_matmul paired ins(%{{.*}}, %{{.*}} : tensor<1x256xbf16>, tensor<34x256xbf16, #{{.*}}>) maps [] outs(%{{.*}} : tensor<1x17xf32>) {
// CHECK-NEXT: ^bb0(%[[GATE:.*]]: f32, %[[UP:.*]]: f32):
func.func @paired(%h: tensor<1x256xbf16>, %gu: tensor<34x256xbf16, #w4>, %i: tensor<1x17xf32>) {
  %z = quant_tensor.scaled_matmul paired ins(%h, %gu : tensor<1x256xbf16>, tensor<34x256xbf16, #w4>)
      maps [] outs(%i : tensor<1x17xf32>) {
  ^bb0(%gate: f32, %up: f32):
    %one = arith.constant 1.0 : f32
    %0 = arith.negf %gate : f32
    %1 = math.exp %0 : f32
    %2 = arith.addf %1, %one : f32
    %3 = arith.divf %gate, %2 : f32
    %4 = arith.mulf %3, %up : f32
    quant_tensor.yield %4 : f32
  } -> tensor<1x17xf32>
  return
}

// CHECK-LABEL: func private @signature
// CHECK-SAME: quant_tensor.name = "w", quant_tensor.pinned_encoding = #{{.*}}, quant_tensor.weight
func.func private @signature(tensor<512x256xbf16, #w4> {quant_tensor.name = "w", quant_tensor.weight, quant_tensor.pinned_encoding = #w4}) -> (tensor<8xf32> {quant_tensor.name = "y"})
