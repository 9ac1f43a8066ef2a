// RUN: quant-opt --quant-tile-group-rows --select-row-schedule=chip=sm_90a %s | FileCheck %s
// RUN: quant-opt --quant-tile-group-rows --select-row-schedule=chip=sm_90a %s --remarks-filter-passed=schedule -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Where two rows do not fit beside what all rows read, or no two have registers,
// two blocks share each; or four.
// REMARK: remark: {{.*}}8 warps a row in each of 2 blocks, vectors of 4
// CHECK-LABEL: func.func @two_blocks
// CHECK: quant_tile.row_group columns 28672 schedule <chip = "sm_90a", warps = 8, rows = 2, vector = 4, stages = 1, resident = 1, blocks = 2>
// CHECK-LABEL: func.func @four_blocks
// CHECK: quant_tile.row_group columns 45056 schedule <chip = "sm_90a", warps = 8, rows = 2, vector = 4, stages = 1, resident = 1, blocks = 4>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#column = affine_map<(m, k) -> (k)>
func.func @two_blocks(%x: tensor<32x28672xbf16>, %g: tensor<28672xf32>, %f: tensor<32xf32>, %e: tensor<32x28672xf32>) -> tensor<32xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x28672xbf16>, tensor<28672xf32>) outs(%e : tensor<32x28672xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x28672xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x28672xf32>) outs(%f0 : tensor<32xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.maximumf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<32xf32>
  return %max : tensor<32xf32>
}
func.func @four_blocks(%x: tensor<32x45056xbf16>, %g: tensor<45056xf32>, %f: tensor<32xf32>, %e: tensor<32x45056xf32>) -> tensor<32xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x45056xbf16>, tensor<45056xf32>) outs(%e : tensor<32x45056xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x45056xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x45056xf32>) outs(%f0 : tensor<32xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.maximumf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<32xf32>
  return %max : tensor<32xf32>
}
