// RUN: quant-opt --quant-tile-group-rows %s -split-input-file | FileCheck %s
// RUN: quant-opt --quant-tile-group-rows=max-columns=32 %s -split-input-file --remarks-filter-missed=rows 2>&1 | FileCheck %s --check-prefix=LIMIT

// Unit dimensions between the ops do not matter: their reshapes come along.
// CHECK-LABEL: func.func @units
// CHECK: quant_tile.row_group columns 64 -> (tensor<4x64xf32>) {
// CHECK:   linalg.generic {{.*}} ins(%{{.*}} : tensor<4x1x64xf32>)
// CHECK:   tensor.collapse_shape
// CHECK:   linalg.generic
// CHECK:   quant_tile.yield
// LIMIT: remark: {{.*}}rows have 64 columns, more than 32{{.*}}not grouped
// LIMIT-LABEL: func.func @units
// LIMIT-NOT: row_group
#blocked = affine_map<(m, g, k) -> (m, g, k)>
#group = affine_map<(m, g, k) -> (m, g)>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @units(%x: tensor<4x64xf32>, %e: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<4x1xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4x1xf32>) -> tensor<4x1xf32>
  %b = tensor.expand_shape %x [[0], [1, 2]] output_shape [4, 1, 64] : tensor<4x64xf32> into tensor<4x1x64xf32>
  %sum = linalg.generic {indexing_maps = [#blocked, #group], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%b : tensor<4x1x64xf32>) outs(%f : tensor<4x1xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.addf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<4x1xf32>
  %s = tensor.collapse_shape %sum [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<4x64xf32>, tensor<4xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %d = arith.divf %v, %w : f32
    linalg.yield %d : f32
  } -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

// An op outside of the group stands between: what comes after it stays out.
// CHECK-LABEL: func.func @between
// CHECK-NOT: row_group
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func private @other(tensor<4xf32>) -> tensor<4xf32>
func.func @between(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.addf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %s = call @other(%sum) : (tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<4x64xf32>, tensor<4xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %d = arith.divf %v, %w : f32
    linalg.yield %d : f32
  } -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

// Reads across rows, and of blocks of a row, are no reads of a row.
// CHECK-LABEL: func.func @across
// CHECK-NOT: row_group
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#column = affine_map<(m, k) -> (k)>
func.func @across(%x: tensor<64x64xf32>, %f: tensor<64xf32>, %e: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<64xf32>) -> tensor<64xf32>
  %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x64xf32>) outs(%f0 : tensor<64xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.addf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<64xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<64x64xf32>, tensor<64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %d = arith.divf %v, %w : f32
    linalg.yield %d : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// -----

// A reduction that must keep its order stays a kernel of its own.
// CHECK-LABEL: func.func @ordered
// CHECK-NOT: row_group
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @ordered(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.divf %acc, %v : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<4x64xf32>, tensor<4xf32>) outs(%e : tensor<4x64xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %d = arith.divf %v, %w : f32
    linalg.yield %d : f32
  } -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----

// Rows without columns are nobody's to share: a plain kernel writes the sums.
// CHECK-LABEL: func.func @no_columns
// CHECK-NOT: row_group
// CHECK: return
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @no_columns(%x: tensor<4x0xf32>, %init: tensor<4xf32>, %e: tensor<4x0xf32>) -> (tensor<4xf32>, tensor<4x0xf32>) {
  %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x0xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.addf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<4x0xf32>, tensor<4xf32>) outs(%e : tensor<4x0xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %d = arith.divf %v, %w : f32
    linalg.yield %d : f32
  } -> tensor<4x0xf32>
  return %sum, %y : tensor<4xf32>, tensor<4x0xf32>
}
