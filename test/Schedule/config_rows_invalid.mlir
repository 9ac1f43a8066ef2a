// RUN: quant-opt %s --select-row-schedule=chip=sm_80 -split-input-file -verify-diagnostics

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @other_chip(%x: tensor<4x64xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{schedule is for chip "sm_90a", but the target is "sm_80"}}
  %r = quant_tile.row_group columns 64 schedule <chip = "sm_90a", warps = 1, rows = 1, vector = 4> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @no_prefetch(%x: tensor<4x64xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{prefetches rows, which sm_80 cannot}}
  %r = quant_tile.row_group columns 64 schedule <chip = "sm_80", warps = 1, rows = 1, vector = 4, prefetch = 8> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @no_stages(%x: tensor<4x64xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{has stages, which sm_80 cannot fill}}
  %r = quant_tile.row_group columns 64 schedule <chip = "sm_80", warps = 1, rows = 1, vector = 4, stages = 2> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
