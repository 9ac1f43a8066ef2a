// RUN: quant-opt %s -split-input-file -verify-diagnostics

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{has rows of 64 columns, but says 32}}
  %r = quant_tile.row_group columns 32 -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{vectors of 8 elements do not divide 60 columns}}
  %r = quant_tile.row_group columns 60 schedule <chip = "sm_90a", warps = 1, rows = 1, vector = 8> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{yields 'tensor<4xf32>', but has results of 'tensor<4x64xf32>'}}
  %r = quant_tile.row_group columns 64 -> (tensor<4x64xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %r = quant_tile.row_group columns 64 -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    // expected-error @below {{has no place in a row group}}
    %t = tensor.empty() : tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{has no reduction of rows}}
  %r = quant_tile.row_group columns 64 -> (tensor<4x64xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #full], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
    ^bb0(%v: f32, %o: f32):
      linalg.yield %v : f32
    } -> tensor<4x64xf32>
    quant_tile.yield %sum : tensor<4x64xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{yields a value that no op of it computes}}
  %r = quant_tile.row_group columns 64 -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %f : tensor<4xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %e: tensor<4x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %r = quant_tile.row_group columns 64 -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    // expected-error @below {{is not row-local in its group: it reads an operand across rows}}
    %y = linalg.generic {indexing_maps = [#full, affine_map<(m, k) -> (m, k floordiv 2)>, #full], iterator_types = ["parallel", "parallel"]}
        ins(%x, %x : tensor<4x64xf32>, tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) {
    ^bb0(%v: f32, %w: f32, %o: f32):
      linalg.yield %w : f32
    } -> tensor<4x64xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %r = quant_tile.row_group columns 64 -> (tensor<4xf32>) {
    // expected-error @below {{in a row group may add and drop dimensions of size 1 only}}
    %y = tensor.expand_shape %x [[0], [1, 2]] output_shape [4, 8, 8] : tensor<4x64xf32> into tensor<4x8x8xf32>
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}

// -----

// expected-error @below {{a warp waits for no other, so that it keeps nothing packed}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 1, rows = 8, vector = 8, packed = true>} {}

// -----

// expected-error @below {{a row has 1 to 32 warps, got 33}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 33, rows = 1, vector = 8>} {}

// -----

// expected-error @below {{a block has 1 to 32 rows, got 0}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 8, rows = 0, vector = 8>} {}

// -----

// expected-error @below {{vector must be 1, 2, 4, 8 or 16 elements, got 3}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 1, rows = 1, vector = 3>} {}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x64xf32>, %f: tensor<4xf32>) {
  // expected-error @below {{yields nothing}}
  "quant_tile.row_group"() <{columns = 64 : i64}> ({
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x64xf32>) outs(%f : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield
  }) : () -> ()
  return
}

// -----

// expected-error @below {{an SM has 64 warps, got 5 blocks of 16}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 16, rows = 1, vector = 8, occupancy = 5>} {}

// -----

// expected-error @below {{a block has barriers for 15 rows of several warps, got 16}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 16, vector = 8>} {}

// -----

// expected-error @below {{a block has 32 warps, got 3 rows of 11}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 11, rows = 3, vector = 8>} {}

// -----

// expected-error @below {{rows that come into shared memory are not kept packed as well}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, packed = true, stages = 1>} {}

// -----

// expected-error @below {{rows are prefetched 0 to 1048576 rows ahead, got -1}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, prefetch = -1>} {}

// -----

// expected-error @below {{a row has 0, 1, 2, 4 or 8 stages, got 3}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, stages = 3>} {}

// -----

// expected-error @below {{rows that come into shared memory are not prefetched as well}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, prefetch = 2, stages = 2>} {}

// -----

// expected-error @below {{operands of all rows stay where there are stages, got 1}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, resident = 1>} {}

// -----

// expected-error @below {{1, 2, 4 or 8 blocks share a row, got 3}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, stages = 1, blocks = 3>} {}

// -----

// expected-error @below {{blocks share rows of several warps that come into shared memory}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 2, rows = 1, vector = 8, blocks = 2>} {}

// -----

// expected-error @below {{blocks share rows of several warps that come into shared memory}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 1, rows = 4, vector = 8, stages = 1, blocks = 2>} {}

// -----

// expected-error @below {{of 32 warps a lane knows one each, got 8 blocks with 5 warps a row}}
module attributes {quant_tile.s = #quant_tile.row_schedule<chip = "sm_90a", warps = 5, rows = 1, vector = 8, stages = 1, blocks = 8>} {}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @f(%x: tensor<4x72xf32>, %f: tensor<4xf32>) {
  // expected-error @below {{9 vectors are not shared by 2 blocks equally}}
  %r = quant_tile.row_group columns 72 schedule <chip = "sm_90a", warps = 2, rows = 1, vector = 8, stages = 1, blocks = 2> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x72xf32>) outs(%f : tensor<4xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %s = arith.addf %v, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return
}
