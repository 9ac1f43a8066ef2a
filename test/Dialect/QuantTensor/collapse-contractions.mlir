// RUN: quant-opt %s --quant-tensor-collapse-contractions --split-input-file --remarks-filter="quant-tensor-collapse.*" --verify-diagnostics | FileCheck %s

#x = affine_map<(m, n, h, d) -> (m, h, d)>
#w = affine_map<(m, n, h, d) -> (n, h, d)>
#y = affine_map<(m, n, h, d) -> (m, n)>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 1, 8], scale = f32, zero_point = i8}>
// Groups of 8 of the inner dimension stay groups of 8.
// CHECK-DAG: #[[GROUPS:.+]] = #quant_tensor.encoding<{storage = i4, block = [1, 8], scale = f32, zero_point = i8}>
// CHECK-LABEL: func @encoded
// CHECK: %[[C:.+]], %[[S:.+]], %[[Z:.+]] = quant_tensor.disassemble
// CHECK: %[[CC:.+]] = tensor.collapse_shape %[[C]] {{.*}} : tensor<48x4x8xi8> into tensor<48x32xi8>
// CHECK: %[[SS:.+]] = tensor.collapse_shape %[[S]] {{.*}} : tensor<48x4x2xf32> into tensor<48x8xf32>
// CHECK: %[[ZZ:.+]] = tensor.collapse_shape %[[Z]]
// CHECK: quant_tensor.assemble %[[CC]], %[[SS]], %[[ZZ]] : {{.*}} -> tensor<48x64xf32, #[[GROUPS]]>
func.func @encoded(%x: tensor<20x4x16xf32>, %w: tensor<48x4x16xf32, #w4>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{collapsed 2 contracted dimensions into one}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x16xf32>, tensor<48x4x16xf32, #w4>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

// -----

#x = affine_map<(m, n, h, d) -> (m, h, d)>
#w = affine_map<(m, n, h, d) -> (n, h, d)>
#y = affine_map<(m, n, h, d) -> (m, n)>
#heads = #quant_tensor.encoding<{storage = i8, block = [1, 3, 0], scale = f32}>
// Three heads at a time, the last block short, below a dequantize.
// CHECK-DAG: #[[HEADS:.+]] = #quant_tensor.encoding<{storage = i8, block = [1, 48], scale = f32}>
// CHECK-LABEL: func @dequantized
// CHECK: %[[E:.+]] = quant_tensor.assemble {{.*}} -> tensor<48x64xf32, #[[HEADS]]>
// CHECK: quant_tensor.dequantize %[[E]] : tensor<48x64xf32, #[[HEADS]]> -> tensor<48x64xf32>
func.func @dequantized(%x: tensor<?x4x16xf32>, %w: tensor<48x4x16xf32, #heads>, %i: tensor<?x48xf32>) -> tensor<?x48xf32> {
  %d = quant_tensor.dequantize %w : tensor<48x4x16xf32, #heads> -> tensor<48x4x16xf32>
  // expected-remark @below {{collapsed 2 contracted dimensions into one}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %d : tensor<?x4x16xf32>, tensor<48x4x16xf32>) outs(%i : tensor<?x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}

// -----

// Columns in two dimensions, of an encoded operand; the init stays a fill, and
// what follows is computed before they are split again.
#x = affine_map<(m, h, d, k) -> (m, k)>
#w = affine_map<(m, h, d, k) -> (h, d, k)>
#y = affine_map<(m, h, d, k) -> (m, h, d)>
#all = affine_map<(m, h, d) -> (m, h, d)>
#column = affine_map<(m, h, d) -> (h, d)>
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 1, 32], scale = f32}>
// CHECK-LABEL: func @columns
// CHECK-SAME: %{{.+}}: tensor<?x64xf32>, %{{.+}}: tensor<4x12x64xf32, #{{.+}}>, %[[B:.+]]: tensor<4x12xf32>,
// CHECK: %[[W:.+]] = quant_tensor.assemble {{.*}} -> tensor<48x64xf32, #
// CHECK: %[[Z:.+]] = linalg.fill ins(%{{.+}} : f32) outs(%{{.+}} : tensor<?x48xf32>)
// CHECK: %[[Y:.+]] = linalg.generic {{.*}} ins(%{{.+}}, %[[W]] : tensor<?x64xf32>, tensor<48x64xf32, #{{.+}}>) outs(%[[Z]] : tensor<?x48xf32>)
// CHECK: %[[BIAS:.+]] = tensor.collapse_shape %[[B]]
// CHECK: %[[R:.+]] = linalg.generic {{.*}} ins(%[[Y]], %[[BIAS]] : tensor<?x48xf32>, tensor<48xf32>)
// CHECK: tensor.expand_shape
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @columns(%x: tensor<?x64xf32>, %w: tensor<4x12x64xf32, #w4>, %bias: tensor<4x12xf32>, %e: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %zero = arith.constant 0.0 : f32
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  // expected-remark @below {{collapsed 2 dimensions of columns into one}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x64xf32>, tensor<4x12x64xf32, #w4>) outs(%i : tensor<?x4x12xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x4x12xf32>
  %1 = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0, %bias : tensor<?x4x12xf32>, tensor<4x12xf32>) outs(%e : tensor<?x4x12xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x4x12xf32>
  return %1 : tensor<?x4x12xf32>
}

// -----

// Both at once, and rows in two dimensions, which nothing has to collapse.
// CHECK-LABEL: func @both
// CHECK: linalg.generic {{.*}} ins(%{{.+}}, %{{.+}} : tensor<2x5x64xf32>, tensor<64x24xf32>) outs(%{{.+}} : tensor<2x5x24xf32>)
// CHECK: tensor.expand_shape %{{.+}} {{\[\[}}0], [1], [2, 3]] output_shape [2, 5, 3, 8]
func.func @both(%x: tensor<2x5x4x16xf32>, %w: tensor<4x16x3x8xf32>, %i: tensor<2x5x3x8xf32>) -> tensor<2x5x3x8xf32> {
  // expected-remark @below {{collapsed 2 contracted dimensions into one}}
  // expected-remark @below {{collapsed 2 dimensions of columns into one}}
  %0 = linalg.generic {indexing_maps = [affine_map<(b, m, n, o, h, d) -> (b, m, h, d)>, affine_map<(b, m, n, o, h, d) -> (h, d, n, o)>, affine_map<(b, m, n, o, h, d) -> (b, m, n, o)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<2x5x4x16xf32>, tensor<4x16x3x8xf32>) outs(%i : tensor<2x5x3x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<2x5x3x8xf32>
  return %0 : tensor<2x5x3x8xf32>
}

// -----

// Near misses.
#x = affine_map<(m, n, h, d) -> (m, h, d)>
#apart = affine_map<(m, n, h, d) -> (h, m, d)>
#w = affine_map<(m, n, h, d) -> (n, h, d)>
#turned = affine_map<(m, n, h, d) -> (n, d, h)>
#part = affine_map<(m, n, h, d) -> (n, h)>
#y = affine_map<(m, n, h, d) -> (m, n)>
#cut = #quant_tensor.encoding<{storage = i8, block = [1, 2, 8], scale = f32}>
#tails = #quant_tensor.encoding<{storage = i8, block = [1, 1, 6], scale = f32}>
#padded = #quant_tensor.encoding<{storage = i3, block = [1, 0, 0], scale = f32}>
#packed = #quant_tensor.encoding<{storage = i4, block = [1, 0, 0], scale = f32, layout = <packed, word = 8, axis = 2, order = [1, 0]>}>
#byte = #quant_tensor.encoding<{storage = i8, block = [1, 0, 0], scale = f32}>

func.func @apart(%x: tensor<4x20x16xf32>, %w: tensor<48x4x16xf32>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{its 2 contracted dimensions are not side by side in operand #0}}
  %0 = linalg.generic {indexing_maps = [#apart, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<4x20x16xf32>, tensor<48x4x16xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @turned(%x: tensor<20x4x16xf32>, %w: tensor<48x16x4xf32>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{its 2 contracted dimensions have another order in operand #1}}
  %0 = linalg.generic {indexing_maps = [#x, #turned, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x16xf32>, tensor<48x16x4xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @part(%x: tensor<20x4x16xf32>, %w: tensor<48x4xf32>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{operand #1 is not read along all 2 contracted dimensions}}
  %0 = linalg.generic {indexing_maps = [#x, #part, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x16xf32>, tensor<48x4xf32>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @cut(%x: tensor<20x4x16xf32>, %w: tensor<48x4x16xf32, #cut>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{blocks of an encoded operand are no runs of the collapsed dimensions}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x16xf32>, tensor<48x4x16xf32, #cut>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @tails(%x: tensor<20x4x16xf32>, %w: tensor<48x4x16xf32, #tails>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{blocks of an encoded operand end at each of the collapsed dimensions}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x16xf32>, tensor<48x4x16xf32, #tails>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @padded(%x: tensor<20x4x15xf32>, %w: tensor<48x4x15xf32, #padded>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{rows of an encoded operand are padded to whole bytes}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x15xf32>, tensor<48x4x15xf32, #padded>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @packed(%x: tensor<20x4x16xf32>, %w: tensor<48x4x16xf32, #packed>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{an encoded operand is not row-major}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x4x16xf32>, tensor<48x4x16xf32, #packed>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}

func.func @byte(%x: tensor<20x?x16xf32>, %w: tensor<48x?x16xf32, #byte>, %i: tensor<20x48xf32>) -> tensor<20x48xf32> {
  // expected-remark @below {{a dimension to collapse of an encoded operand is dynamic}}
  %0 = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<20x?x16xf32>, tensor<48x?x16xf32, #byte>) outs(%i : tensor<20x48xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %0 : tensor<20x48xf32>
}
