// RUN: quant-opt %s --quant-tensor-order-groups --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-order-groups --remarks-filter='quant-tensor-order-groups' \
// RUN:     --split-input-file --verify-diagnostics -o /dev/null

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#packed = #quant_tensor.encoding<{storage = ui4, block = [1, 32], scale = f16, zero_point = ui8, layout = <packed, word = 32, axis = 1, order = [0, 1, 2, 3, 4, 5, 6, 7], permutation = [1, 0]>}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Two products that share activations and index share the gather; a cast and a
// transposition stand between weights and product.
// CHECK-LABEL: func @shared
// CHECK: quant_tensor.order_groups %arg1 by %arg3
// CHECK: quant_tensor.dequantize
// CHECK: %[[XS:.*]] = linalg.generic
// CHECK: tensor.extract %arg0
// CHECK: linalg.matmul {{.*}} ins(%[[XS]],
// CHECK-NOT: tensor.extract
// CHECK: linalg.matmul ins(%[[XS]],
func.func @shared(%x: tensor<8x128xf16>, %w: tensor<64x128xf16, #packed>, %v: tensor<32x128xf16, #w4>,
                  %g: tensor<128xi32>, %i: tensor<8x64xf32>, %e: tensor<128x64xf16>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  %d = quant_tensor.dequantize_indexed %w by %g : tensor<64x128xf16, #packed>, tensor<128xi32> -> tensor<64x128xf16>
  // expected-remark @below {{sorts the columns of its weights by group}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %d : tensor<8x128xf16>, tensor<64x128xf16>) outs(%i : tensor<8x64xf32>) -> tensor<8x64xf32>
  %t = linalg.transpose ins(%d : tensor<64x128xf16>) outs(%e : tensor<128x64xf16>) permutation = [1, 0]
  // expected-remark @below {{sorts the columns of its weights by group}}
  %z = linalg.matmul ins(%x, %t : tensor<8x128xf16>, tensor<128x64xf16>) outs(%y : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y, %z : tensor<8x64xf32>, tensor<8x64xf32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Activations are gathered before whole rows of them are quantized.
// CHECK-LABEL: func @quantized
// CHECK: %[[XS:.*]] = linalg.generic
// CHECK: tensor.extract %arg0
// CHECK: %[[Q:.*]] = quant_tensor.quantize %[[XS]]
// CHECK: linalg.matmul {{.*}} ins(%[[Q]],
func.func @quantized(%x: tensor<8x128xf32>, %w: tensor<64x128xf32, #w4>, %g: tensor<128xi32>,
                     %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %q = quant_tensor.quantize %x : tensor<8x128xf32> -> tensor<8x128xf32, #token>
  %d = quant_tensor.dequantize_indexed %w by %g : tensor<64x128xf32, #w4>, tensor<128xi32> -> tensor<64x128xf32>
  // expected-remark @below {{sorts the columns of its weights by group}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%q, %d : tensor<8x128xf32, #token>, tensor<64x128xf32>) outs(%i : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----

// What is not ordered, and why.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#grouped = #quant_tensor.encoding<{storage = i8, block = [1, 32], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @misses
// CHECK-COUNT-3: linalg.matmul
// CHECK-NOT: order_groups
func.func @misses(%a: tensor<8x128xf32, #token>, %b: tensor<8x128xf32>, %x: tensor<8x64xf32>,
                  %w: tensor<64x128xf32, #w4>, %g: tensor<128xi32>,
                  %i: tensor<8x64xf32>, %j: tensor<8x128xf32>)
    -> (tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x128xf32>) {
  %d = quant_tensor.dequantize_indexed %w by %g : tensor<64x128xf32, #w4>, tensor<128xi32> -> tensor<64x128xf32>
  // expected-remark @below {{the other operand comes encoded: its codes are not gathered}}
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%a, %d : tensor<8x128xf32, #token>, tensor<64x128xf32>) outs(%i : tensor<8x64xf32>) -> tensor<8x64xf32>
  %q = quant_tensor.quantize %b : tensor<8x128xf32> -> tensor<8x128xf32, #grouped>
  // expected-remark @below {{blocks of some of its columns}}
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%q, %d : tensor<8x128xf32, #grouped>, tensor<64x128xf32>) outs(%i : tensor<8x64xf32>) -> tensor<8x64xf32>
  // expected-remark @below {{does not run along the columns that have groups}}
  %2 = linalg.matmul ins(%x, %d : tensor<8x64xf32>, tensor<64x128xf32>) outs(%j : tensor<8x128xf32>) -> tensor<8x128xf32>
  return %0, %1, %2 : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x128xf32>
}
