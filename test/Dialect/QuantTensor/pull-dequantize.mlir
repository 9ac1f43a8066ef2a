// RUN: quant-opt %s --quant-tensor-pull-dequantize --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-pull-dequantize --split-input-file | FileCheck %s --check-prefix=LAYOUT

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// An encoded operand of a matmul: the sum is in f32 and rounded once.
// CHECK-LABEL: func @encoded
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x128xbf16>, %[[W:[a-z0-9]+]]: tensor<64x128xbf16, #{{.+}}>
// CHECK: %[[D:.+]] = tensor.dim %[[X]]
// CHECK: %[[E:.+]] = tensor.empty(%[[D]]) : tensor<?x64xbf16>
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[W]] : {{.+}}) maps [] outs(%[[E]] : tensor<?x64xbf16>)
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32):
// CHECK-NEXT: %[[R:.+]] = arith.truncf %[[ACC]] : f32 to bf16
// CHECK-NEXT: quant_tensor.yield %[[R]] : bf16
func.func @encoded(%x: tensor<?x128xbf16>, %w: tensor<64x128xbf16, #w4>) -> tensor<?x64xbf16> {
  %i0 = arith.constant 0 : index
  %c = arith.constant 0.0 : bf16
  %m = tensor.dim %x, %i0 : tensor<?x128xbf16>
  %e = tensor.empty(%m) : tensor<?x64xbf16>
  %zero = linalg.fill ins(%c : bf16) outs(%e : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x128xbf16>, tensor<64x128xbf16, #w4>)
      outs(%zero : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// A dequantize that is rounded, transposed and multiplied; what was already in
// the init is added.
// CHECK-LABEL: func @through
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x128xbf16>, %[[W:[a-z0-9]+]]: tensor<64x128xbf16, #{{.+}}>, %[[INIT:[a-z0-9]+]]: tensor<8x64xf32>
// CHECK-NOT: linalg
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[W]] : {{.+}}) epilogue(%[[INIT]] : tensor<8x64xf32>)
// CHECK: arith.addf
func.func @through(%x: tensor<8x128xbf16>, %w: tensor<64x128xbf16, #w4>, %init: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %d = quant_tensor.dequantize %w : tensor<64x128xbf16, #w4> -> tensor<64x128xf32>
  %b = arith.truncf %d : tensor<64x128xf32> to tensor<64x128xbf16>
  %e = tensor.empty() : tensor<128x64xbf16>
  %t = linalg.transpose ins(%b : tensor<64x128xbf16>) outs(%e : tensor<128x64xbf16>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<8x128xbf16>, tensor<128x64xbf16>) outs(%init : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// The weights on the left: computed the other way round, then transposed.
// CHECK-LABEL: func @weights_left
// CHECK: %[[Y:.+]] = quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<8x128xf16>, tensor<64x128xbf16, #{{.+}}>)
// CHECK: linalg.transpose ins(%[[Y]] : tensor<8x64xf32>) outs(%{{.+}} : tensor<64x8xf32>) permutation = [1, 0]
func.func @weights_left(%x: tensor<8x128xf16>, %w: tensor<64x128xbf16, #w4>) -> tensor<64x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<64x8xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%w, %x : tensor<64x128xbf16, #w4>, tensor<8x128xf16>)
      outs(%zero : tensor<64x8xf32>) -> tensor<64x8xf32>
  return %y : tensor<64x8xf32>
}

// CHECK-LABEL: func @matvec
// CHECK: %[[ROW:.+]] = tensor.expand_shape %{{.+}} : tensor<128xf32> into tensor<1x128xf32>
// CHECK: quant_tensor.scaled_matmul ins(%[[ROW]], %{{.+}} : tensor<1x128xf32>, tensor<64x128xbf16, #{{.+}}>)
// CHECK: tensor.collapse_shape %{{.+}} : tensor<1x64xf32> into tensor<64xf32>
func.func @matvec(%w: tensor<64x128xbf16, #w4>, %x: tensor<128xf32>) -> tensor<64xf32> {
  %zero = arith.constant dense<0.0> : tensor<64xf32>
  %y = linalg.matvec ins(%w, %x : tensor<64x128xbf16, #w4>, tensor<128xf32>) outs(%zero : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----

// K x N weights, 4 bit: the same bytes under a layout that says so.
#w4 = #quant_tensor.encoding<{storage = i4, block = [32, 1], scale = bf16}>
// LAYOUT: block = [1, 32], scale = bf16, layout = <packed, word = 8, axis = 0, order = [0, 1], permutation = [1, 0]>
// CHECK-LABEL: func @k_by_n
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<128x64xbf16
// CHECK: %[[CODES:.+]], %[[SCALES:.+]] = quant_tensor.disassemble %[[W]]
// CHECK: %[[T:.+]] = linalg.transpose ins(%[[SCALES]] : tensor<4x64xbf16>) outs(%{{.+}} : tensor<64x4xbf16>)
// CHECK: %[[N:.+]] = quant_tensor.assemble %[[CODES]], %[[T]] : tensor<128x32xi8>, tensor<64x4xbf16> -> tensor<64x128xbf16, #{{.+}}>
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %[[N]] : tensor<2x8x128xf32>, tensor<64x128xbf16, #{{.+}}>)
func.func @k_by_n(%x: tensor<2x8x128xf32>, %w: tensor<128x64xbf16, #w4>) -> tensor<2x8x64xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x8x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (k, n)>,
                                        affine_map<(b, m, n, k) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x8x128xf32>, tensor<128x64xbf16, #w4>) outs(%zero : tensor<2x8x64xf32>) {
  ^bb0(%a: f32, %b: bf16, %c: f32):
    %0 = arith.extf %b : bf16 to f32
    %1 = arith.mulf %a, %0 : f32
    %2 = arith.addf %c, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x8x64xf32>
  return %y : tensor<2x8x64xf32>
}

// 8 bit codes are moved.
#w8 = #quant_tensor.encoding<{storage = i8, block = [0, 1], scale = f32}>
// CHECK-LABEL: func @k_by_n_8bit
// CHECK: linalg.transpose ins(%{{.+}} : tensor<128x64xi8>) outs(%{{.+}} : tensor<64x128xi8>)
// CHECK: quant_tensor.assemble %{{.+}} : tensor<64x128xi8>, tensor<64x1xf32> -> tensor<64x128xf32, #{{.+}}>
// CHECK: quant_tensor.scaled_matmul
func.func @k_by_n_8bit(%x: tensor<128xf32>, %w: tensor<128x64xf32, #w8>) -> tensor<64xf32> {
  %zero = arith.constant dense<0.0> : tensor<64xf32>
  %y = linalg.vecmat ins(%x, %w : tensor<128xf32>, tensor<128x64xf32, #w8>) outs(%zero : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----

// A named op rounds its operands to the result's type: an encoded one is read
// as the exact value, as where it is rounded in front.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func @rounded_in_the_body
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<8x64xbf16>, tensor<32x64xf32, #{{.+}}>)
// CHECK: arith.truncf %{{.+}} : f32 to bf16
// CHECK-LABEL: func @dense_rounded
// CHECK-NOT: quant_tensor.scaled_matmul
// CHECK: linalg.matmul
func.func @rounded_in_the_body(%x: tensor<8x64xbf16>, %w: tensor<32x64xf32, #w4>, %i: tensor<8x32xbf16>) -> tensor<8x32xbf16> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xbf16>, tensor<32x64xf32, #w4>)
      outs(%i : tensor<8x32xbf16>) -> tensor<8x32xbf16>
  return %y : tensor<8x32xbf16>
}
func.func @dense_rounded(%x: tensor<8x64xf32>, %w: tensor<32x64xf32, #w4>, %i: tensor<8x32xbf16>) -> tensor<8x32xbf16> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32, #w4>)
      outs(%i : tensor<8x32xbf16>) -> tensor<8x32xbf16>
  return %y : tensor<8x32xbf16>
}

// -----

// One row that is multiplied elementwise and summed.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#nk = affine_map<(n, k) -> (n, k)>
#k = affine_map<(n, k) -> (k)>
// CHECK-LABEL: func @multiplied_and_summed
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<128xbf16>, %[[W:[a-z0-9]+]]: tensor<64x128xbf16, #{{.+}}>
// CHECK: %[[ROW:.+]] = tensor.expand_shape %[[X]]
// CHECK: quant_tensor.scaled_matmul ins(%[[ROW]], %[[W]] : tensor<1x128xbf16>, tensor<64x128xbf16, #{{.+}}>)
// CHECK-NOT: linalg.reduce
func.func @multiplied_and_summed(%x: tensor<128xbf16>, %w: tensor<64x128xbf16, #w4>, %z: tensor<64xf32>) -> tensor<64xf32> {
  %d = quant_tensor.dequantize %w : tensor<64x128xbf16, #w4> -> tensor<64x128xbf16>
  %e = tensor.empty() : tensor<64x128xf32>
  %p = linalg.generic {indexing_maps = [#nk, #k, #nk], iterator_types = ["parallel", "parallel"]}
      ins(%d, %x : tensor<64x128xbf16>, tensor<128xbf16>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %1, %0 : f32
    linalg.yield %2 : f32
  } -> tensor<64x128xf32>
  %y = linalg.reduce {arith.addf} ins(%p : tensor<64x128xf32>) outs(%z : tensor<64xf32>) dimensions = [1]
  return %y : tensor<64xf32>
}

// -----

// What is rounded before it is summed is not.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#nk = affine_map<(n, k) -> (n, k)>
#k = affine_map<(n, k) -> (k)>
// CHECK-LABEL: func @rounded_and_summed
// CHECK-NOT: quant_tensor.scaled_matmul
// CHECK: linalg.generic
func.func @rounded_and_summed(%x: tensor<128xf32>, %w: tensor<64x128xf32, #w4>, %z: tensor<64xbf16>) -> tensor<64xbf16> {
  %d = quant_tensor.dequantize %w : tensor<64x128xf32, #w4> -> tensor<64x128xf32>
  %e = tensor.empty() : tensor<64x128xbf16>
  %p = linalg.generic {indexing_maps = [#nk, #k, #nk], iterator_types = ["parallel", "parallel"]}
      ins(%d, %x : tensor<64x128xf32>, tensor<128xf32>) outs(%e : tensor<64x128xbf16>) {
  ^bb0(%a: f32, %b: f32, %o: bf16):
    %0 = arith.mulf %b, %a : f32
    %1 = arith.truncf %0 : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<64x128xbf16>
  %y = linalg.reduce {arith.addf} ins(%p : tensor<64x128xbf16>) outs(%z : tensor<64xbf16>) dimensions = [1]
  return %y : tensor<64xbf16>
}
