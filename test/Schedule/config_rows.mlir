// RUN: quant-opt --quant-tile-group-rows --select-row-schedule=chip=sm_90a %s -split-input-file --remarks-filter-passed=schedule 2>&1 | FileCheck %s
// RUN: quant-opt --quant-tile-group-rows --select-row-schedule=chip=sm_90a %s -split-input-file --remarks-filter-passed=schedule -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not quant-opt --quant-tile-group-rows --select-row-schedule=chip=sm_70 %s -split-input-file 2>&1 | FileCheck %s --check-prefix=CHIP

// CHIP: error: unknown chip 'sm_70', expected one of: sm_80, sm_89, sm_90a

// A softmax of long rows of bf16: four warps hold 32 columns a thread.
// CHECK: remark: {{.*}}4 warps a row, vectors of 8
// CHECK-LABEL: func.func @long
// CHECK: quant_tile.row_group columns 4096 schedule <chip = "sm_90a", warps = 4, rows = 1, vector = 8, occupancy = 9>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @long(%x: tensor<32x4096xbf16>, %f: tensor<32xbf16>, %e: tensor<32x4096xbf16>) -> tensor<32x4096xbf16> {
  %zero = arith.constant 0.0 : bf16
  %f0 = linalg.fill ins(%zero : bf16) outs(%f : tensor<32xbf16>) -> tensor<32xbf16>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<32x4096xbf16>) outs(%f0 : tensor<32xbf16>) {
  ^bb0(%v: bf16, %acc: bf16):
    %r = arith.maximumf %v, %acc : bf16
    linalg.yield %r : bf16
  } -> tensor<32xbf16>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<32x4096xbf16>, tensor<32xbf16>) outs(%e : tensor<32x4096xbf16>) {
  ^bb0(%v: bf16, %w: bf16, %o: bf16):
    %d = arith.subf %v, %w : bf16
    linalg.yield %d : bf16
  } -> tensor<32x4096xbf16>
  return %y : tensor<32x4096xbf16>
}

// -----

// A row that one warp holds without a vector too many needs no barrier.
// CHECK-LABEL: func.func @exact
// CHECK: quant_tile.row_group columns 1280 schedule <chip = "sm_90a", warps = 1, rows = 8, vector = 8, occupancy = 3>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @exact(%x: tensor<32x1280xbf16>, %f: tensor<32xbf16>, %e: tensor<32x1280xbf16>) -> tensor<32x1280xbf16> {
  %zero = arith.constant 0.0 : bf16
  %f0 = linalg.fill ins(%zero : bf16) outs(%f : tensor<32xbf16>) -> tensor<32xbf16>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<32x1280xbf16>) outs(%f0 : tensor<32xbf16>) {
  ^bb0(%v: bf16, %acc: bf16):
    %r = arith.maximumf %v, %acc : bf16
    linalg.yield %r : bf16
  } -> tensor<32xbf16>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<32x1280xbf16>, tensor<32xbf16>) outs(%e : tensor<32x1280xbf16>) {
  ^bb0(%v: bf16, %w: bf16, %o: bf16):
    %d = arith.subf %v, %w : bf16
    linalg.yield %d : bf16
  } -> tensor<32x1280xbf16>
  return %y : tensor<32x1280xbf16>
}

// -----

// Rows so long that two blocks fit an SM only with as few threads as possible,
// which keep what they load packed; so few that the next ones are asked for.
// REMARK: remark: {{.*}}14 warps a row, vectors of 8, kept packed
// CHECK-LABEL: func.func @packed
// CHECK: quant_tile.row_group columns 28672 schedule <chip = "sm_90a", warps = 14, rows = 1, vector = 8, packed = true, occupancy = 2, prefetch = 264>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @packed(%x: tensor<32x28672xbf16>, %f: tensor<32xbf16>, %e: tensor<32x28672xbf16>) -> tensor<32x28672xbf16> {
  %zero = arith.constant 0.0 : bf16
  %f0 = linalg.fill ins(%zero : bf16) outs(%f : tensor<32xbf16>) -> tensor<32xbf16>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<32x28672xbf16>) outs(%f0 : tensor<32xbf16>) {
  ^bb0(%v: bf16, %acc: bf16):
    %r = arith.maximumf %v, %acc : bf16
    linalg.yield %r : bf16
  } -> tensor<32xbf16>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<32x28672xbf16>, tensor<32xbf16>) outs(%e : tensor<32x28672xbf16>) {
  ^bb0(%v: bf16, %w: bf16, %o: bf16):
    %d = arith.subf %v, %w : bf16
    linalg.yield %d : bf16
  } -> tensor<32x28672xbf16>
  return %y : tensor<32x28672xbf16>
}

// -----

// Rows of which an SM computes one, on the way through shared memory: two at a
// time, or one where no more fit. Two blocks cannot share them: half a row is
// not of whole copies, and values of 64 bits are not exchanged.
// CHECK-LABEL: func.func @staged
// CHECK: quant_tile.row_group columns 28680 schedule <chip = "sm_90a", warps = 25, rows = 1, vector = 4, stages = 2, resident = 1>
// CHECK-LABEL: func.func @one_stage
// CHECK: quant_tile.row_group columns 32768 schedule <chip = "sm_90a", warps = 16, rows = 1, vector = 4, stages = 1, resident = 1>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#column = affine_map<(m, k) -> (k)>
func.func @staged(%x: tensor<32x28680xbf16>, %g: tensor<28680xf32>, %f: tensor<32xf64>, %e: tensor<32x28680xf32>) -> tensor<32xf64> {
  %zero = arith.constant 0.0 : f64
  %f0 = linalg.fill ins(%zero : f64) outs(%f : tensor<32xf64>) -> tensor<32xf64>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x28680xbf16>, tensor<28680xf32>) outs(%e : tensor<32x28680xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x28680xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x28680xf32>) outs(%f0 : tensor<32xf64>) {
  ^bb0(%v: f32, %acc: f64):
    %w = arith.extf %v : f32 to f64
    %r = arith.maximumf %w, %acc : f64
    linalg.yield %r : f64
  } -> tensor<32xf64>
  return %max : tensor<32xf64>
}
func.func @one_stage(%x: tensor<32x32768xbf16>, %g: tensor<32768xf32>, %f: tensor<32xf64>, %e: tensor<32x32768xf32>) -> tensor<32xf64> {
  %zero = arith.constant 0.0 : f64
  %f0 = linalg.fill ins(%zero : f64) outs(%f : tensor<32xf64>) -> tensor<32xf64>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x32768xbf16>, tensor<32768xf32>) outs(%e : tensor<32x32768xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x32768xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x32768xf32>) outs(%f0 : tensor<32xf64>) {
  ^bb0(%v: f32, %acc: f64):
    %w = arith.extf %v : f32 to f64
    %r = arith.maximumf %w, %acc : f64
    linalg.yield %r : f64
  } -> tensor<32xf64>
  return %max : tensor<32xf64>
}

// -----

// Rows side by side, which share what all rows read: each of one warp, or of
// several, as many as there are registers for; and rows of which no two fit
// beside that, nor one, and more columns than a thread holds once computed (half
// a row is not of whole copies, so that two blocks cannot share it).
// CHECK-LABEL: func.func @warps
// CHECK: quant_tile.row_group columns 768 schedule <chip = "sm_90a", warps = 1, rows = 28, vector = 4, stages = 1, resident = 1>
// CHECK-LABEL: func.func @beside
// CHECK: quant_tile.row_group columns 5120 schedule <chip = "sm_90a", warps = 4, rows = 5, vector = 4, stages = 1, resident = 1>
// CHECK-LABEL: func.func @two
// CHECK: quant_tile.row_group columns 14336 schedule <chip = "sm_90a", warps = 8, rows = 2, vector = 4, stages = 1, resident = 1>
// CHECK-LABEL: func.func @too_long
// CHECK: quant_tile.row_group columns 53256 schedule <chip = "sm_90a", warps = 30, rows = 1, vector = 4, packed = true, prefetch = 132>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#column = affine_map<(m, k) -> (k)>
func.func @warps(%x: tensor<32x768xbf16>, %g: tensor<768xf32>, %f: tensor<32xf32>, %e: tensor<32x768xf32>) -> tensor<32xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x768xbf16>, tensor<768xf32>) outs(%e : tensor<32x768xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x768xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x768xf32>) outs(%f0 : tensor<32xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.maximumf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<32xf32>
  return %max : tensor<32xf32>
}
func.func @beside(%x: tensor<32x5120xbf16>, %g: tensor<5120xf32>, %f: tensor<32xf32>, %e: tensor<32x5120xf32>) -> tensor<32xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x5120xbf16>, tensor<5120xf32>) outs(%e : tensor<32x5120xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x5120xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x5120xf32>) outs(%f0 : tensor<32xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.maximumf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<32xf32>
  return %max : tensor<32xf32>
}
func.func @two(%x: tensor<32x14336xbf16>, %g: tensor<14336xf32>, %f: tensor<32xf32>, %e: tensor<32x14336xf32>) -> tensor<32xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x14336xbf16>, tensor<14336xf32>) outs(%e : tensor<32x14336xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x14336xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x14336xf32>) outs(%f0 : tensor<32xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.maximumf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<32xf32>
  return %max : tensor<32xf32>
}
func.func @too_long(%x: tensor<32x53256xbf16>, %g: tensor<53256xf32>, %f: tensor<32xf32>, %e: tensor<32x53256xf32>) -> tensor<32xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#full, #column, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %g : tensor<32x53256xbf16>, tensor<53256xf32>) outs(%e : tensor<32x53256xf32>) {
  ^bb0(%v: bf16, %w: f32, %o: f32):
    %v32 = arith.extf %v : bf16 to f32
    %p = arith.mulf %v32, %w : f32
    linalg.yield %p : f32
  } -> tensor<32x53256xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<32x53256xf32>) outs(%f0 : tensor<32xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.maximumf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<32xf32>
  return %max : tensor<32xf32>
}

// -----

// Odd rows are read element by element.
// CHECK-LABEL: func.func @odd
// CHECK: quant_tile.row_group columns 77 schedule <chip = "sm_90a", warps = 1, rows = 8, vector = 1, occupancy = 4>
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @odd(%x: tensor<3x77xf32>, %f: tensor<3xf32>, %e: tensor<3x77xf32>) -> tensor<3x77xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<3xf32>) -> tensor<3xf32>
  %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<3x77xf32>) outs(%f0 : tensor<3xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %r = arith.addf %v, %acc : f32
    linalg.yield %r : f32
  } -> tensor<3xf32>
  %y = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<3x77xf32>, tensor<3xf32>) outs(%e : tensor<3x77xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %d = arith.subf %v, %w : f32
    linalg.yield %d : f32
  } -> tensor<3x77xf32>
  return %y : tensor<3x77xf32>
}
