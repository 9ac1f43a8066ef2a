// RUN: quant-opt %s --quant-tensor-fuse-epilogue --split-input-file | FileCheck %s

// Per token x per channel scaling, as a linalg.generic. The K x N right-hand
// side is turned round.

#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>
// CHECK-DAG: #[[$M:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$N:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @token_channel
// CHECK-SAME: %[[X:.+]]: tensor<8x64xi8>, %[[W:.+]]: tensor<64x32xi8>, %[[SX:.+]]: tensor<8xf32>, %[[SW:.+]]: tensor<32xf32>, %{{.+}}: tensor<8x32xf32>
// CHECK: %[[WT:.+]] = linalg.transpose ins(%[[W]] : tensor<64x32xi8>) outs(%{{.+}} : tensor<32x64xi8>) permutation = [1, 0]
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[WT]] : tensor<8x64xi8>, tensor<32x64xi8>)
// CHECK-SAME: epilogue(%[[SX]], %[[SW]] : tensor<8xf32>, tensor<32xf32>) maps [#[[$M]], #[[$N]]] outs(%{{.+}} : tensor<8x32xf32>)
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: i32, %[[A:.+]]: f32, %[[B:.+]]: f32):
// CHECK-NEXT: %[[F:.+]] = arith.sitofp %[[ACC]] : i32 to f32
// CHECK-NEXT: %[[G:.+]] = arith.mulf %[[F]], %[[A]]
// CHECK-NEXT: %[[H:.+]] = arith.mulf %[[G]], %[[B]]
// CHECK-NEXT: quant_tensor.yield %[[H]] : f32
// CHECK-NOT: xi32>
func.func @token_channel(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %sx: tensor<8xf32>, %sw: tensor<32xf32>,
                         %out: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %c0 = arith.constant 0 : i32
  %e = tensor.empty() : tensor<8x32xi32>
  %zero = linalg.fill ins(%c0 : i32) outs(%e : tensor<8x32xi32>) -> tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %sx, %sw : tensor<8x32xi32>, tensor<8xf32>, tensor<32xf32>) outs(%out : tensor<8x32xf32>) {
  ^bb0(%c: i32, %a: f32, %b: f32, %o: f32):
    %0 = arith.sitofp %c : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Tensor arithmetic and named ops: sitofp, a broadcast scale, bias, silu (which
// reads its input twice), residual. N x K right-hand side, dynamic M.

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func @named_chain
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<?x64xi8>, tensor<32x64xi8>)
// CHECK: arith.sitofp
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: math.exp
// CHECK: arith.divf
// CHECK: arith.addf
// CHECK: quant_tensor.yield %{{.+}} : f32
// CHECK-NEXT: } -> tensor<?x32xf32>
// CHECK-NOT: linalg.generic
// CHECK-NOT: linalg.add
// CHECK: return
func.func @named_chain(%x: tensor<?x64xi8>, %w: tensor<32x64xi8>, %sw: tensor<32xf32>, %bias: tensor<32xf32>,
                       %res: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %i0 = arith.constant 0 : index
  %c0 = arith.constant 0 : i32
  %one = arith.constant 1.0 : f32
  %m = tensor.dim %x, %i0 : tensor<?x64xi8>
  %e = tensor.empty(%m) : tensor<?x32xi32>
  %f = tensor.empty(%m) : tensor<?x32xf32>
  %zero = linalg.fill ins(%c0 : i32) outs(%e : tensor<?x32xi32>) -> tensor<?x32xi32>
  %acc = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x64xi8>, tensor<32x64xi8>)
      outs(%zero : tensor<?x32xi32>) -> tensor<?x32xi32>
  %0 = arith.sitofp %acc : tensor<?x32xi32> to tensor<?x32xf32>
  %s = linalg.broadcast ins(%sw : tensor<32xf32>) outs(%f : tensor<?x32xf32>) dimensions = [0]
  %1 = linalg.mul ins(%0, %s : tensor<?x32xf32>, tensor<?x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %b = linalg.broadcast ins(%bias : tensor<32xf32>) outs(%f : tensor<?x32xf32>) dimensions = [0]
  %2 = linalg.add ins(%1, %b : tensor<?x32xf32>, tensor<?x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %3 = linalg.negf ins(%2 : tensor<?x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %4 = linalg.exp ins(%3 : tensor<?x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %ones = linalg.fill ins(%one : f32) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %5 = arith.addf %4, %ones : tensor<?x32xf32>
  %6 = arith.divf %2, %5 : tensor<?x32xf32>
  %7 = arith.addf %6, %res : tensor<?x32xf32>
  return %7 : tensor<?x32xf32>
}

// -----

// A chain of generics; the last rounds to i8. Scalar scale, relu.

#mn = affine_map<(m, n) -> (m, n)>
#s = affine_map<(m, n) -> ()>
// CHECK-LABEL: func @requantize_by_hand
// CHECK-SAME: %[[S:[a-z0-9]+]]: f32
// CHECK: %[[T:.+]] = tensor.from_elements %[[S]] : tensor<f32>
// CHECK: quant_tensor.scaled_matmul
// CHECK: arith.maximumf
// CHECK: math.roundeven
// CHECK: arith.fptosi %{{.+}} : f32 to i8
// CHECK: -> tensor<8x32xi8>
// CHECK-NOT: linalg.generic
func.func @requantize_by_hand(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: f32) -> tensor<8x32xi8> {
  %c0 = arith.constant 0 : i32
  %zf = arith.constant 0.0 : f32
  %lo = arith.constant -128.0 : f32
  %hi = arith.constant 127.0 : f32
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %f = tensor.empty() : tensor<8x32xf32>
  %y = linalg.generic {indexing_maps = [#mn, #s, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %s : tensor<8x32xi32>, f32) outs(%f : tensor<8x32xf32>) {
  ^bb0(%c: i32, %a: f32, %o: f32):
    %0 = arith.sitofp %c : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.maximumf %1, %zf : f32
    linalg.yield %2 : f32
  } -> tensor<8x32xf32>
  %i = tensor.empty() : tensor<8x32xi8>
  %q = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<8x32xf32>) outs(%i : tensor<8x32xi8>) {
  ^bb0(%c: f32, %o: i8):
    %0 = math.roundeven %c : f32
    %1 = arith.maximumf %0, %lo : f32
    %2 = arith.minimumf %1, %hi : f32
    %3 = arith.fptosi %2 : f32 to i8
    linalg.yield %3 : i8
  } -> tensor<8x32xi8>
  return %q : tensor<8x32xi8>
}

// -----

// To 8-bit floats, which saturate.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#float8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 0], scale = f32}>
// CHECK-LABEL: func @requantize_float8
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<8x1xf32>
// CHECK: %[[Q:.+]] = quant_tensor.scaled_matmul
// CHECK: arith.divf
// CHECK: arith.maximumf
// CHECK: arith.minimumf
// CHECK: arith.truncf %{{.+}} : f32 to f8E4M3FN
// CHECK: -> tensor<8x32xf8E4M3FN>
// CHECK: quant_tensor.assemble %[[Q]], %[[S]]
func.func @requantize_float8(%x: tensor<8x64xi8>, %w: tensor<32x64xi8>, %s: tensor<8x1xf32>) -> tensor<8x32xf32, #float8> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xi8>, tensor<32x64xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  %q = quant_tensor.quantize %y scales(%s : tensor<8x1xf32>) : tensor<8x32xf32> -> tensor<8x32xf32, #float8>
  return %q : tensor<8x32xf32, #float8>
}

// -----

// quantize with given scales.

#tensor = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = i8}>
#mn = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @requantize
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<1x1xf32>, %[[Z:[a-z0-9]+]]: tensor<1x1xi8>
// CHECK: %[[Q:.+]] = quant_tensor.scaled_matmul
// CHECK-SAME: epilogue(%[[S]], %[[Z]] : tensor<1x1xf32>, tensor<1x1xi8>)
// CHECK: arith.sitofp %{{.+}} : i32 to f32
// CHECK: arith.divf
// CHECK: math.roundeven
// CHECK: arith.sitofp %{{.+}} : i8 to f32
// CHECK: arith.fptosi %{{.+}} : f32 to i8
// CHECK: -> tensor<8x32xi8>
// CHECK: quant_tensor.assemble %[[Q]], %[[S]], %[[Z]]
func.func @requantize(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<1x1xf32>, %z: tensor<1x1xi8>)
    -> tensor<8x32xf32, #tensor> {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  %q = quant_tensor.quantize %y scales(%s : tensor<1x1xf32>) zero_points(%z : tensor<1x1xi8>)
      : tensor<8x32xf32> -> tensor<8x32xf32, #tensor>
  return %q : tensor<8x32xf32, #tensor>
}

// -----

// Rank-3 activations as a broadcasting batch_matmul, codes read as unsigned on
// one side; the reshape that frameworks put between product and scale.

#bmk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (n, k)>
#bmn = affine_map<(b, m, n, k) -> (b, m, n)>
// CHECK-LABEL: func @rank3
// CHECK: quant_tensor.scaled_matmul lhs_unsigned ins(%{{.+}}, %{{.+}} : tensor<2x8x64xi8>, tensor<32x64xi8>)
// CHECK: -> tensor<2x8x32xf32>
// CHECK-NOT: linalg.generic
func.func @rank3(%x: tensor<2x8x64xi8>, %w: tensor<32x64xi8>) -> tensor<2x8x32xf32> {
  %zero = arith.constant dense<0> : tensor<2x8x32xi32>
  %scale = arith.constant dense<0.25> : tensor<2x8x32xf32>
  %acc = linalg.generic {indexing_maps = [#bmk, #nk, #bmn], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x8x64xi8>, tensor<32x64xi8>) outs(%zero : tensor<2x8x32xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %0 = arith.extui %a : i8 to i32
    %1 = arith.extsi %b : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %c, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<2x8x32xi32>
  %f = arith.sitofp %acc : tensor<2x8x32xi32> to tensor<2x8x32xf32>
  %y = arith.mulf %f, %scale : tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// CHECK-LABEL: func @reshaped
// CHECK-SAME: %[[X:.+]]: tensor<2x8x64xi8>
// CHECK-NOT: _shape
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %{{.+}} : tensor<2x8x64xi8>, tensor<32x64xi8>)
// CHECK: -> tensor<2x8x32xf32>
// CHECK-NOT: linalg.generic
func.func @reshaped(%x3: tensor<2x8x64xi8>, %w: tensor<64x32xi8>) -> tensor<2x8x32xf32> {
  %x = tensor.collapse_shape %x3 [[0, 1], [2]] : tensor<2x8x64xi8> into tensor<16x64xi8>
  %zero = arith.constant dense<0> : tensor<16x32xi32>
  %scale = arith.constant dense<0.25> : tensor<2x8x32xf32>
  %acc = linalg.matmul ins(%x, %w : tensor<16x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<16x32xi32>) -> tensor<16x32xi32>
  %r = tensor.expand_shape %acc [[0, 1], [2]] output_shape [2, 8, 32] : tensor<16x32xi32> into tensor<2x8x32xi32>
  %f = arith.sitofp %r : tensor<2x8x32xi32> to tensor<2x8x32xf32>
  %y = arith.mulf %f, %scale : tensor<2x8x32xf32>
  return %y : tensor<2x8x32xf32>
}

// -----

// The extension to i32 written as an op of its own; a vector; a bias as the
// init of a fill.

// CHECK-LABEL: func @matvec
// CHECK-SAME: %[[W:.+]]: tensor<32x64xi8>, %[[X:.+]]: tensor<64xi8>
// CHECK: %[[ROW:.+]] = tensor.expand_shape %[[X]]
// CHECK-SAME: tensor<64xi8> into tensor<1x64xi8>
// CHECK: quant_tensor.scaled_matmul
// CHECK-SAME: ins(%[[ROW]], %[[W]] : tensor<1x64xi8>, tensor<32x64xi8>)
// CHECK: %[[FIVE:.+]] = arith.constant 5 : i32
// CHECK: arith.addi %{{.+}}, %[[FIVE]]
// CHECK: arith.sitofp
// CHECK: tensor.collapse_shape
func.func @matvec(%w: tensor<32x64xi8>, %x: tensor<64xi8>) -> tensor<32xf32> {
  %five = arith.constant dense<5> : tensor<32xi32>
  %we = arith.extsi %w : tensor<32x64xi8> to tensor<32x64xi32>
  %xe = arith.extsi %x : tensor<64xi8> to tensor<64xi32>
  %acc = linalg.matvec ins(%we, %xe : tensor<32x64xi32>, tensor<64xi32>) outs(%five : tensor<32xi32>) -> tensor<32xi32>
  %f = arith.sitofp %acc : tensor<32xi32> to tensor<32xf32>
  return %f : tensor<32xf32>
}

// -----

// A batch of products; the split of its batch dimension splits both operands.
// CHECK-LABEL: @batched
//       CHECK: %[[T:.*]] = linalg.transpose ins(%{{.*}} : tensor<6x64x32xi8>) outs(%{{.*}} : tensor<6x32x64xi8>) permutation = [0, 2, 1]
//   CHECK-DAG: %[[X:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2], [3]] output_shape [2, 3, 8, 64]
//   CHECK-DAG: %[[W:.*]] = tensor.expand_shape %[[T]] {{\[\[}}0, 1], [2], [3]] output_shape [2, 3, 32, 64]
//       CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[W]] : tensor<2x3x8x64xi8>, tensor<2x3x32x64xi8>)
//   CHECK-NOT: xi32>
func.func @batched(%x: tensor<6x8x64xi8>, %w: tensor<6x64x32xi8>) -> tensor<2x3x8x32xf32> {
  %zero = arith.constant dense<0> : tensor<6x8x32xi32>
  %acc = linalg.batch_matmul ins(%x, %w : tensor<6x8x64xi8>, tensor<6x64x32xi8>) outs(%zero : tensor<6x8x32xi32>) -> tensor<6x8x32xi32>
  %e = tensor.expand_shape %acc [[0, 1], [2], [3]] output_shape [2, 3, 8, 32] : tensor<6x8x32xi32> into tensor<2x3x8x32xi32>
  %f = arith.sitofp %e : tensor<2x3x8x32xi32> to tensor<2x3x8x32xf32>
  return %f : tensor<2x3x8x32xf32>
}

// -----

// Each batch multiplies a vector.
// CHECK-LABEL: @batch_matvec
//   CHECK-DAG: %[[V:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2]] output_shape [3, 1, 64]
//       CHECK: quant_tensor.scaled_matmul ins(%[[V]], %{{.*}} : tensor<3x1x64xi8>, tensor<3x8x64xi8>)
//       CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<3x1x8xf32> into tensor<3x8xf32>
func.func @batch_matvec(%x: tensor<3x8x64xi8>, %v: tensor<3x64xi8>) -> tensor<3x8xf32> {
  %zero = arith.constant dense<0> : tensor<3x8xi32>
  %acc = linalg.batch_matvec ins(%x, %v : tensor<3x8x64xi8>, tensor<3x64xi8>) outs(%zero : tensor<3x8xi32>) -> tensor<3x8xi32>
  %f = arith.sitofp %acc : tensor<3x8xi32> to tensor<3x8xf32>
  return %f : tensor<3x8xf32>
}

// -----

// The sum continues one that is already there, of codes that lie K x M.
// CHECK-LABEL: @accumulates
//  CHECK-SAME: %[[X:.*]]: tensor<64x8xi8>, %{{.*}}: tensor<64x32xi8>, %[[INIT:.*]]: tensor<8x32xi32>
//       CHECK: linalg.transpose ins(%[[X]] : tensor<64x8xi8>)
//       CHECK: quant_tensor.scaled_matmul {{.*}} epilogue(%[[INIT]] : tensor<8x32xi32>)
//       CHECK: arith.addi
//       CHECK: arith.sitofp
func.func @accumulates(%x: tensor<64x8xi8>, %w: tensor<64x32xi8>, %init: tensor<8x32xi32>) -> tensor<8x32xf32> {
  %acc = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<64x8xi8>, tensor<64x32xi8>) outs(%init : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = arith.sitofp %acc : tensor<8x32xi32> to tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// The i32 sum itself is wanted.
// CHECK-LABEL: @sum
//       CHECK: quant_tensor.scaled_matmul ins(%{{.*}} : tensor<?x64xi8>, tensor<32x64xi8>) maps []
//       CHECK: ^bb0(%[[ACC:.*]]: i32):
//  CHECK-NEXT:   quant_tensor.yield %[[ACC]] : i32
func.func @sum(%x: tensor<?x64xi8>, %w: tensor<32x64xi8>, %init: tensor<?x32xi32>) -> tensor<?x32xi32> {
  %z = arith.constant 0 : i32
  %zero = linalg.fill ins(%z : i32) outs(%init : tensor<?x32xi32>) -> tensor<?x32xi32>
  %acc = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<?x64xi8>, tensor<32x64xi8>) outs(%zero : tensor<?x32xi32>) -> tensor<?x32xi32>
  return %acc : tensor<?x32xi32>
}

// -----

// 16-bit floats summed in f32, with a bias; one row is left for a product and a sum.
#fmn = affine_map<(m, n) -> (m, n)>
#fn = affine_map<(m, n) -> (n)>
// CHECK-LABEL: @floats
//       CHECK: quant_tensor.scaled_matmul ins(%{{.*}} : tensor<?x64xbf16>, tensor<32x64xbf16>) epilogue(%{{.*}}, %{{.*}} : tensor<?x32xf32>, tensor<32xf32>)
//       CHECK: linalg.matmul
func.func @floats(%x: tensor<?x64xbf16>, %v: tensor<1x64xbf16>, %w: tensor<64x32xbf16>, %b: tensor<32xf32>, %init: tensor<?x32xf32>, %one: tensor<1x32xf32>)
    -> (tensor<?x32xf32>, tensor<1x32xf32>) {
  %acc = linalg.matmul ins(%x, %w : tensor<?x64xbf16>, tensor<64x32xbf16>) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.generic {indexing_maps = [#fmn, #fn, #fmn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %b : tensor<?x32xf32>, tensor<32xf32>) outs(%init : tensor<?x32xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<?x32xf32>
  %z = linalg.matmul ins(%v, %w : tensor<1x64xbf16>, tensor<64x32xbf16>) outs(%one : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %z : tensor<?x32xf32>, tensor<1x32xf32>
}

// -----

// Plain floats of 8 bits, of two types.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func @float8
// CHECK: quant_tensor.scaled_matmul ins(%{{.+}}, %{{.+}} : tensor<8x64xf8E4M3FN>, tensor<32x64xf8E5M2>)
// CHECK: arith.addf
func.func @float8(%x: tensor<8x64xf8E4M3FN>, %w: tensor<32x64xf8E5M2>, %i: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xf8E4M3FN>, tensor<32x64xf8E5M2>)
      outs(%i : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// A narrow result is a sum in f32 from its init on, rounded once; what follows
// is fused as it is.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>
// CHECK-LABEL: func @narrow
// CHECK: quant_tensor.scaled_matmul {{.*}} epilogue(%{{.+}}, %{{.+}} : tensor<8x32xbf16>, tensor<32xbf16>)
// CHECK: ^bb0(%[[ACC:.+]]: f32, %[[INIT:.+]]: bf16, %[[BIAS:.+]]: bf16):
// CHECK: %[[START:.+]] = arith.extf %[[INIT]] : bf16 to f32
// CHECK: %[[SUM:.+]] = arith.addf %[[ACC]], %[[START]] : f32
// CHECK: %[[Y:.+]] = arith.truncf %[[SUM]] : f32 to bf16
// CHECK: arith.addf %[[Y]], %[[BIAS]] : bf16
func.func @narrow(%x: tensor<8x64xbf16>, %w: tensor<32x64xbf16>, %i: tensor<8x32xbf16>, %b: tensor<32xbf16>,
                  %e: tensor<8x32xbf16>) -> tensor<8x32xbf16> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<8x64xbf16>, tensor<32x64xbf16>)
      outs(%i : tensor<8x32xbf16>) -> tensor<8x32xbf16>
  %z = linalg.generic {indexing_maps = [#id, #n, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<8x32xbf16>, tensor<32xbf16>) outs(%e : tensor<8x32xbf16>) {
  ^bb0(%p: bf16, %q: bf16, %o: bf16):
    %s = arith.addf %p, %q : bf16
    linalg.yield %s : bf16
  } -> tensor<8x32xbf16>
  return %z : tensor<8x32xbf16>
}

// -----

// A bias that is broadcast into the init is read as it is, by rows of a result
// that is stored transposed too.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#nm = affine_map<(m, n, k) -> (n, m)>
// CHECK: #[[ROWS:.+]] = affine_map<(d0, d1) -> (d0)>
// CHECK: #[[COLUMNS:.+]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @bias
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<8x64xi8>, %[[W:[a-z0-9]+]]: tensor<32x64xi8>, %[[B:[a-z0-9]+]]: tensor<32xi32>
// CHECK-NOT: linalg.broadcast
// CHECK: quant_tensor.scaled_matmul ins(%[[W]], %[[X]] : {{.*}} epilogue(%[[B]] : tensor<32xi32>) maps [#[[ROWS]]]
// CHECK-LABEL: func @float_bias
// CHECK-NOT: linalg.broadcast
// CHECK: quant_tensor.scaled_matmul {{.*}} epilogue(%{{.+}} : tensor<32xbf16>) maps [#[[COLUMNS]]]
func.func @bias(%x: tensor<8x64xi8>, %w: tensor<32x64xi8>, %b: tensor<32xi32>) -> tensor<32x8xf32> {
  %e = tensor.empty() : tensor<32x8xi32>
  %i = linalg.broadcast ins(%b : tensor<32xi32>) outs(%e : tensor<32x8xi32>) dimensions = [1]
  %y = linalg.contract indexing_maps = [#mk, #nk, #nm] ins(%x, %w : tensor<8x64xi8>, tensor<32x64xi8>)
      outs(%i : tensor<32x8xi32>) -> tensor<32x8xi32>
  %f = arith.sitofp %y : tensor<32x8xi32> to tensor<32x8xf32>
  return %f : tensor<32x8xf32>
}
func.func @float_bias(%x: tensor<8x64xbf16>, %w: tensor<64x32xbf16>, %b: tensor<32xbf16>) -> tensor<8x32xbf16> {
  %e = tensor.empty() : tensor<8x32xbf16>
  %i = linalg.broadcast ins(%b : tensor<32xbf16>) outs(%e : tensor<8x32xbf16>) dimensions = [0]
  %y = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x32xbf16>) outs(%i : tensor<8x32xbf16>) -> tensor<8x32xbf16>
  return %y : tensor<8x32xbf16>
}

// -----

// A scale of a tensor of one element is read where it lies, without a kernel
// that copies it.
#id = affine_map<(m, n) -> (m, n)>
// CHECK: #[[SCALAR:.+]] = affine_map<(d0, d1) -> ()>
// CHECK-LABEL: func @only_element
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<1x1xf32>
// CHECK: %[[T:.+]] = tensor.collapse_shape %[[S]] [] : tensor<1x1xf32> into tensor<f32>
// CHECK: quant_tensor.scaled_matmul {{.*}} epilogue(%[[T]] : tensor<f32>) maps [#[[SCALAR]]]
func.func @only_element(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<1x1xf32>, %e: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %scale = tensor.extract %s[%c0, %c0] : tensor<1x1xf32>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xi32>) outs(%e : tensor<8x32xf32>) {
  ^bb0(%a: i32, %o: f32):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// -----

// Values and their codes in one op: the codes are computed of the values, which
// are the contraction's result. No i32 matrix is left.
#id = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>
// CHECK-LABEL: func @several_results
// CHECK-SAME: %{{.+}}: tensor<8x64xi8>, %{{.+}}: tensor<64x32xi8>, %[[S:[a-z0-9]+]]: tensor<32xf32>
// CHECK: %[[Y:.+]] = quant_tensor.scaled_matmul {{.*}} epilogue(%[[S]] : tensor<32xf32>)
// CHECK: %[[Q:.+]] = linalg.generic {{.*}} ins({{.*}}%[[Y]]{{.*}}) outs(%{{.+}} : tensor<8x32xi8>)
// CHECK: math.roundeven
// CHECK: return %[[Y]], %[[Q]]
func.func @several_results(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>, %s: tensor<32xf32>) -> (tensor<8x32xf32>, tensor<8x32xi8>) {
  %zero = arith.constant dense<0> : tensor<8x32xi32>
  %e = tensor.empty() : tensor<8x32xf32>
  %f = tensor.empty() : tensor<8x32xi8>
  %acc = linalg.matmul ins(%x, %w : tensor<8x64xi8>, tensor<64x32xi8>) outs(%zero : tensor<8x32xi32>) -> tensor<8x32xi32>
  %y:2 = linalg.generic {indexing_maps = [#id, #n, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %s : tensor<8x32xi32>, tensor<32xf32>) outs(%e, %f : tensor<8x32xf32>, tensor<8x32xi8>) {
  ^bb0(%a: i32, %b: f32, %o: f32, %p: i8):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %b : f32
    %2 = math.roundeven %1 : f32
    %3 = arith.fptosi %2 : f32 to i8
    linalg.yield %1, %3 : f32, i8
  } -> (tensor<8x32xf32>, tensor<8x32xi8>)
  return %y#0, %y#1 : tensor<8x32xf32>, tensor<8x32xi8>
}

// -----

// A branch becomes a choice: an epilogue has none.
#mn = affine_map<(m, n) -> (m, n)>
// CHECK-LABEL: func @branch
// CHECK: quant_tensor.scaled_matmul
// CHECK-NEXT: ^bb0(%[[ACC:.+]]: f32):
// CHECK: %[[TEST:.+]] = arith.cmpf ogt, %[[ACC]]
// CHECK-NEXT: %[[EXP:.+]] = math.exp %[[ACC]]
// CHECK-NEXT: %[[Y:.+]] = arith.select %[[TEST]], %[[ACC]], %[[EXP]]
// CHECK-NEXT: quant_tensor.yield %[[Y]]
// CHECK-NOT: linalg.generic
func.func @branch(%x: tensor<8x64xbf16>, %w: tensor<32x64xbf16>, %out: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %c0 = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x32xf32>
  %zero = linalg.fill ins(%c0 : f32) outs(%e : tensor<8x32xf32>) -> tensor<8x32xf32>
  %acc = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<8x64xbf16>, tensor<32x64xbf16>) outs(%zero : tensor<8x32xf32>) -> tensor<8x32xf32>
  %y = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<8x32xf32>) outs(%out : tensor<8x32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %positive = arith.cmpf ogt, %a, %c0 : f32
    %r = scf.if %positive -> f32 {
      scf.yield %a : f32
    } else {
      %p = math.exp %a : f32
      scf.yield %p : f32
    }
    linalg.yield %r : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}
