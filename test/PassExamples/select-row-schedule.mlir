// RUN: quant-opt --quant-tile-group-rows --select-row-schedule=chip=sm_90a %s | FileCheck %s

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#rowOnly = affine_map<(m) -> (m)>
func.func @quantize(%x: tensor<?x256xf32>) -> (tensor<?xf32>, tensor<?x256xi8>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %c127 = arith.constant 127.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x256xf32>
  %e0 = tensor.empty(%m) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e0 : tensor<?xf32>) -> tensor<?xf32>
  %max = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x256xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %a = math.absf %v : f32
    %r = arith.maxnumf %a, %acc : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [#rowOnly, #rowOnly], iterator_types = ["parallel"]}
      ins(%max : tensor<?xf32>) outs(%e0 : tensor<?xf32>) {
  ^bb0(%v: f32, %o: f32):
    %r = arith.divf %v, %c127 : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %e1 = tensor.empty(%m) : tensor<?x256xi8>
  %q = linalg.generic {indexing_maps = [#full, #row, #full], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<?x256xf32>, tensor<?xf32>) outs(%e1 : tensor<?x256xi8>) {
  ^bb0(%v: f32, %w: f32, %o: i8):
    %d = arith.divf %v, %w : f32
    %n = math.roundeven %d : f32
    %i = arith.fptosi %n : f32 to i8
    linalg.yield %i : i8
  } -> tensor<?x256xi8>
  return %s, %q : tensor<?xf32>, tensor<?x256xi8>
}
// CHECK: quant_tile.row_group columns 256 schedule <chip = "sm_90a", warps = 1, rows = 8, vector = 4, occupancy = 4>
