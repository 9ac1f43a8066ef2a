// RUN: quant-opt %s --import-dequantize --split-input-file | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// A named op converts what it multiplies.
// CHECK: #[[E:.+]] = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32}>
// CHECK-LABEL: func @named
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<5x64xbf16>, %[[W:[a-z0-9]+]]: tensor<32x64xi8>
// CHECK: %[[A:.+]] = quant_tensor.assemble %[[W]], %{{.+}} -> tensor<32x64xf32, #[[E]]>
// CHECK: %[[D:.+]] = quant_tensor.dequantize %[[A]]
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[D]] : tensor<5x64xbf16>, tensor<32x64xf32>)
// CHECK: %[[L:.+]] = arith.extf %{{.+}} : bf16 to f32
// CHECK: arith.mulf %[[L]], %{{.+}} : f32
func.func @named(%x: tensor<5x64xbf16>, %w: tensor<32x64xi8>, %init: tensor<5x32xf32>) -> tensor<5x32xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<5x64xbf16>, tensor<32x64xi8>)
      outs(%init : tensor<5x32xf32>) -> tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}

// -----

// Zero points and scales of groups, read beside the codes; K first.
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#group = affine_map<(m, n, k) -> (k floordiv 16, n)>
#n = affine_map<(m, n, k) -> (n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK: #[[E:.+]] = #quant_tensor.encoding<{storage = ui8, block = [16, 1], scale = bf16, zero_point = ui8}>
// CHECK-LABEL: func @decoded
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<5x64xf16>, %[[W:[a-z0-9]+]]: tensor<64x32xi8>, %[[S:[a-z0-9]+]]: tensor<4x32xbf16>, %[[Z:[a-z0-9]+]]: tensor<4x32xi8>
// CHECK: quant_tensor.assemble %[[W]], %[[S]], %[[Z]] : {{.*}} -> tensor<64x32xf32, #[[E]]>
// CHECK: quant_tensor.dequantize
// CHECK: linalg.generic {{.*}} ins(%{{.+}}, %[[X]] : tensor<64x32xf32>, tensor<5x64xf16>)
func.func @decoded(%x: tensor<5x64xf16>, %w: tensor<64x32xi8>, %s: tensor<4x32xbf16>, %z: tensor<4x32xi8>,
                   %init: tensor<5x32xf32>) -> tensor<5x32xf32> {
  %y = linalg.generic {indexing_maps = [#kn, #group, #group, #mk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%w, %s, %z, %x : tensor<64x32xi8>, tensor<4x32xbf16>, tensor<4x32xi8>, tensor<5x64xf16>)
      outs(%init : tensor<5x32xf32>) {
  ^bb0(%c: i8, %scale: bf16, %zero: i8, %a: f16, %o: f32):
    %0 = arith.extui %c : i8 to i32
    %1 = arith.extui %zero : i8 to i32
    %2 = arith.subi %0, %1 : i32
    %3 = arith.sitofp %2 : i32 to f32
    %4 = arith.extf %scale : bf16 to f32
    %5 = arith.mulf %3, %4 : f32
    %6 = arith.extf %a : f16 to f32
    %7 = arith.mulf %5, %6 : f32
    %8 = arith.addf %7, %o : f32
    linalg.yield %8 : f32
  } -> tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}

// -----

// Codes on both sides.
// CHECK-LABEL: func @both
// CHECK-COUNT-2: quant_tensor.dequantize
// CHECK: linalg.generic {{.*}} : tensor<5x64xf32>, tensor<64x32xf32>)
func.func @both(%x: tensor<5x64xi8>, %w: tensor<64x32xi8>, %init: tensor<5x32xf32>) -> tensor<5x32xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<5x64xi8>, tensor<64x32xi8>) outs(%init : tensor<5x32xf32>) -> tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}

// -----

// What is read once only is decoded where it is.
#id = affine_map<(m, k) -> (m, k)>
#m = affine_map<(m, k) -> (m)>
// CHECK-LABEL: func @once
// CHECK-NOT: quant_tensor
// CHECK: arith.sitofp
// CHECK: linalg.yield
func.func @once(%x: tensor<5x64xf32>, %w: tensor<5x64xi8>, %init: tensor<5xf32>) -> tensor<5xf32> {
  %y = linalg.generic {indexing_maps = [#id, #id, #m], iterator_types = ["parallel", "reduction"]}
      ins(%x, %w : tensor<5x64xf32>, tensor<5x64xi8>) outs(%init : tensor<5xf32>) {
  ^bb0(%a: f32, %c: i8, %o: f32):
    %0 = arith.sitofp %c : i8 to f32
    %1 = arith.mulf %a, %0 : f32
    %2 = arith.addf %o, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<5xf32>
  return %y : tensor<5xf32>
}

// -----

// 8-bit floats, scaled in blocks.
#mn = affine_map<(m, n) -> (m, n)>
#block = affine_map<(m, n) -> (m floordiv 16, n floordiv 32)>
// CHECK: #[[E:.+]] = #quant_tensor.encoding<{storage = f8E4M3FN, block = [16, 32], scale = f32}>
// CHECK-LABEL: func @floats
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x64xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<2x2xf32>
// CHECK: quant_tensor.assemble %[[W]], %[[S]] : {{.*}} -> tensor<32x64xbf16, #[[E]]>
func.func @floats(%w: tensor<32x64xf8E4M3FN>, %s: tensor<2x2xf32>, %e: tensor<32x64xbf16>) -> tensor<32x64xbf16> {
  %d = linalg.generic {indexing_maps = [#mn, #block, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x64xf8E4M3FN>, tensor<2x2xf32>) outs(%e : tensor<32x64xbf16>) {
  ^bb0(%a: f8E4M3FN, %b: f32, %o: bf16):
    %0 = arith.extf %a : f8E4M3FN to f32
    %1 = arith.mulf %0, %b : f32
    %2 = arith.truncf %1 : f32 to bf16
    linalg.yield %2 : bf16
  } -> tensor<32x64xbf16>
  return %d : tensor<32x64xbf16>
}

// -----

// Scales that are powers of two (MXFP8).
#mn = affine_map<(m, n) -> (m, n)>
#group = affine_map<(m, n) -> (m, n floordiv 32)>
// CHECK: #[[E:.+]] = #quant_tensor.encoding<{storage = f8E5M2, block = [1, 32], scale = f8E8M0FNU}>
// CHECK-LABEL: func @exponents
func.func @exponents(%w: tensor<32x64xf8E5M2>, %s: tensor<32x2xf8E8M0FNU>, %e: tensor<32x64xf32>) -> tensor<32x64xf32> {
  // CHECK: quant_tensor.assemble {{.*}} -> tensor<32x64xf32, #[[E]]>
  %d = linalg.generic {indexing_maps = [#mn, #group, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x64xf8E5M2>, tensor<32x2xf8E8M0FNU>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f8E5M2, %b: f8E8M0FNU, %o: f32):
    %0 = arith.extf %a : f8E5M2 to f32
    %1 = arith.extf %b : f8E8M0FNU to f32
    %2 = arith.mulf %0, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// Alone they are a cast, which products look through; beside 16-bit floats they
// are codes.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK: #[[E:.+]] = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0, 0], scale = f32}>
// CHECK-LABEL: func @mixed
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<5x64xbf16>, %[[W:[a-z0-9]+]]: tensor<32x64xf8E4M3FN>
// CHECK: %[[A:.+]] = quant_tensor.assemble %[[W]], %{{.+}} -> tensor<32x64xbf16, #[[E]]>
// CHECK: %[[D:.+]] = quant_tensor.dequantize %[[A]]
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[D]] : tensor<5x64xbf16>, tensor<32x64xbf16>)
// CHECK-LABEL: func @equal
// CHECK-NOT: quant_tensor
// CHECK: linalg.matmul
func.func @mixed(%x: tensor<5x64xbf16>, %w: tensor<32x64xf8E4M3FN>, %init: tensor<5x32xf32>) -> tensor<5x32xf32> {
  %wide = arith.extf %w : tensor<32x64xf8E4M3FN> to tensor<32x64xbf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %wide : tensor<5x64xbf16>, tensor<32x64xbf16>)
      outs(%init : tensor<5x32xf32>) -> tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}
func.func @equal(%x: tensor<5x64xf8E5M2>, %w: tensor<32x64xf8E4M3FN>, %init: tensor<5x32xf32>) -> tensor<5x32xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<5x64xf8E5M2>, tensor<32x64xf8E4M3FN>)
      outs(%init : tensor<5x32xf32>) -> tensor<5x32xf32>
  return %y : tensor<5x32xf32>
}

// -----

// Scales by groups of 8, zero points by rows and groups of 16: a block has one
// of each.
#mn = affine_map<(m, n) -> (m, n)>
#g = affine_map<(m, n) -> (m, n floordiv 8)>
#h = affine_map<(m, n) -> (n floordiv 16)>
// CHECK-DAG: #[[E:.+]] = #quant_tensor.encoding<{storage = i8, block = [1, 8], scale = f32, zero_point = f32}>
// CHECK-DAG: #[[FROM:.+]] = affine_map<(d0, d1) -> (0, d1 floordiv 2)>
// CHECK-LABEL: func @blocks
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x32xi8>, %[[S:[a-z0-9]+]]: tensor<32x4xf32>, %[[Z:[a-z0-9]+]]: tensor<2xf32>
// CHECK: %[[Z2:.+]] = tensor.expand_shape %[[Z]] {{.*}} into tensor<1x2xf32>
// CHECK: %[[ALL:.+]] = linalg.generic {indexing_maps = [#[[FROM]], #{{.+}}]{{.*}} ins(%[[Z2]] : tensor<1x2xf32>) outs(%{{.+}} : tensor<32x4xf32>)
// CHECK: quant_tensor.assemble %[[W]], %[[S]], %[[ALL]] : {{.*}} -> tensor<32x32xf32, #[[E]]>
func.func @blocks(%w: tensor<32x32xi8>, %s: tensor<32x4xf32>, %z: tensor<2xf32>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  %d = linalg.generic {indexing_maps = [#mn, #g, #h, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s, %z : tensor<32x32xi8>, tensor<32x4xf32>, tensor<2xf32>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %b: f32, %c: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.subf %0, %c : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}

// -----

// Numbers that the body sees from outside; the only element of a tensor is read
// where it lies.
#mn = affine_map<(m, n) -> (m, n)>
// CHECK: #[[E:.+]] = #quant_tensor.encoding<{storage = i8, block = [0, 0], scale = f32, zero_point = i32}>
// CHECK-LABEL: func @captured
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x32xi8>, %[[S:[a-z0-9]+]]: tensor<1xf32>, %[[Z:[a-z0-9]+]]: i32
// CHECK-DAG: %[[T:.+]] = tensor.collapse_shape %[[S]] [] : tensor<1xf32> into tensor<f32>
// CHECK-DAG: %[[SCALE:.+]] = tensor.expand_shape %[[T]] [] {{.*}} into tensor<1x1xf32>
// CHECK-DAG: %[[POINT:.+]] = tensor.from_elements %[[Z]] : tensor<1x1xi32>
// CHECK: quant_tensor.assemble %[[W]], %[[SCALE]], %[[POINT]] : {{.*}} -> tensor<32x32xf32, #[[E]]>
func.func @captured(%w: tensor<32x32xi8>, %s: tensor<1xf32>, %z: i32) -> tensor<32x32xf32> {
  %c0 = arith.constant 0 : index
  %scale = tensor.extract %s[%c0] : tensor<1xf32>
  %e = tensor.empty() : tensor<32x32xf32>
  %d = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<32x32xi8>) outs(%e : tensor<32x32xf32>) {
  ^bb0(%a: i8, %o: f32):
    %0 = arith.extsi %a : i8 to i32
    %1 = arith.subi %0, %z : i32
    %2 = arith.sitofp %1 : i32 to f32
    %3 = arith.mulf %2, %scale : f32
    linalg.yield %3 : f32
  } -> tensor<32x32xf32>
  return %d : tensor<32x32xf32>
}
