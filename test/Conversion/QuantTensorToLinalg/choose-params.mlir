// RUN: quant-opt %s --convert-quant-tensor-to-linalg --canonicalize | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#u8 = #quant_tensor.encoding<{storage = ui8, block = [0, 0], scale = f32, zero_point = ui8}>
#mx = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 32], scale = f8E8M0FNU}>

// Groups that divide the row: split the dimension, reduce the inner one.
// CHECK-LABEL: func @groups
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2]] {{.*}} : tensor<?x128xf32> into tensor<?x4x32xf32>
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK: return %{{.*}} : tensor<?x4xbf16>
func.func @groups(%x: tensor<?x128xf32>) -> tensor<?x4xbf16> {
  %s = quant_tensor.choose_params %x method(absmax) encoding(#w4) : tensor<?x128xf32> -> tensor<?x4xbf16>
  return %s : tensor<?x4xbf16>
}

// One block: both extremes in one pass.
// CHECK-LABEL: func @minmax
// CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "reduction"]} {{.*}} outs(%{{.*}}, %{{.*}} : tensor<f32>, tensor<f32>)
// CHECK: math.roundeven
// CHECK: tensor.expand_shape %{{.*}} [] {{.*}} : tensor<f32> into tensor<1x1xf32>
// CHECK: tensor.expand_shape %{{.*}} [] {{.*}} : tensor<i8> into tensor<1x1xi8>
func.func @minmax(%x: tensor<?x?xf32>) -> (tensor<1x1xf32>, tensor<1x1xi8>) {
  %s, %z = quant_tensor.choose_params %x method(minmax) encoding(#u8) : tensor<?x?xf32> -> tensor<1x1xf32>, tensor<1x1xi8>
  return %s, %z : tensor<1x1xf32>, tensor<1x1xi8>
}

// A power-of-two scale, in integer arithmetic.
// CHECK-LABEL: func @e8m0
// CHECK: arith.shrui
// CHECK: arith.bitcast %{{.*}} : i8 to f8E8M0FNU
func.func @e8m0(%x: tensor<8x32xf32>) -> tensor<8x1xf8E8M0FNU> {
  %s = quant_tensor.choose_params %x method(absmax) encoding(#mx) : tensor<8x32xf32> -> tensor<8x1xf8E8M0FNU>
  return %s : tensor<8x1xf8E8M0FNU>
}

// The searches: one program per block.
// CHECK-LABEL: func @percentile
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} outs(%{{.*}} : tensor<4x2xbf16>)
// CHECK: scf.for
func.func @percentile(%x: tensor<4x64xf32>) -> tensor<4x2xbf16> {
  %s = quant_tensor.choose_params %x method(percentile) encoding(#w4) {percent = 99.0 : f64} : tensor<4x64xf32> -> tensor<4x2xbf16>
  return %s : tensor<4x2xbf16>
}

// CHECK-LABEL: func @mse
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x2xbf16>)
// CHECK: scf.for
// CHECK: arith.addf %{{.*}} : f64
func.func @mse(%x: tensor<4x64xf32>) -> tensor<4x2xbf16> {
  %s = quant_tensor.choose_params %x method(mse) encoding(#w4) {candidates = 20 : i64} : tensor<4x64xf32> -> tensor<4x2xbf16>
  return %s : tensor<4x2xbf16>
}

// The histogram has 8 magnitudes of i4 times 10 candidates bins.
// CHECK-LABEL: func @kl
// CHECK: linalg.fill {{.*}} -> tensor<4x2x80xi32>
// CHECK: tensor.insert
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<4x2xbf16>)
// CHECK: math.log
func.func @kl(%x: tensor<4x64xf32>) -> tensor<4x2xbf16> {
  %s = quant_tensor.choose_params %x method(kl) encoding(#w4) {candidates = 10 : i64} : tensor<4x64xf32> -> tensor<4x2xbf16>
  return %s : tensor<4x2xbf16>
}
