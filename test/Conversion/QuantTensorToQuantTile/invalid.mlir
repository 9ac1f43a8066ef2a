// RUN: quant-opt %s --select-plain-schedule --convert-quant-tensor-to-quant-tile --split-input-file --verify-diagnostics

#id = affine_map<(i) -> (i)>

func.func @host_scalar(%x: tensor<8xf32>, %s: f32, %init: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{uses a scalar of type 'f32' that only the host knows; pass it as a tensor of rank 0}}
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %1 = arith.mulf %a, %s : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

#id = affine_map<(i) -> (i)>
#w8 = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>

func.func @encoded(%x: tensor<8xf32, #w8>, %init: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{has an encoded operand of type 'tensor<8xf32, #quant_tensor.encoding}}
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32, #w8>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @diagonal(%x: tensor<8xf32>, %init: tensor<8x8xf32>) -> tensor<8x8xf32> {
  // expected-error @below {{has a loop that is neither parallel nor a reduction, or indexes an out diagonally}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i, i)>],
                       iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%init : tensor<8x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

// -----

#w = affine_map<(n, k) -> (n, k)>
func.func @big_table(%init: tensor<8192xf32>) -> tensor<8192xf32> {
  %c = arith.constant dense_resource<weights> : tensor<8192xf32>
  // expected-error @below {{reads a constant of type 'tensor<8192xf32>' that is not written out as numbers}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                       iterator_types = ["parallel"]}
      ins(%c : tensor<8192xf32>) outs(%init : tensor<8192xf32>) {
  ^bb0(%a: f32, %out: f32):
    %1 = arith.negf %a : f32
    linalg.yield %1 : f32
  } -> tensor<8192xf32>
  return %0 : tensor<8192xf32>
}

{-# dialect_resources: { builtin: { weights: "0x0400000000000000" } } #-}

// -----

// Panels of shared memory hold 128 columns of i8: a warp with 32 would read
// another one's.
func.func @narrow_share(%x: tensor<16x512xi8>, %w: tensor<32x512xi8>, %init: tensor<16x32xi32>) -> tensor<16x32xi32> {
  // expected-error @below {{tile k = 128 does not give each warp along k a multiple of 128 columns (128 bytes)}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xi8>, tensor<32x512xi8>) maps []
      outs(%init : tensor<16x32xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 4], stages = 2>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<16x32xi32>
  return %y : tensor<16x32xi32>
}

// -----

func.func @half_panel(%x: tensor<16x512xi8>, %w: tensor<32x512xi8>, %init: tensor<16x32xi32>) -> tensor<16x32xi32> {
  // expected-error @below {{tile k = 64 does not give each warp along k a multiple of 128 columns (128 bytes)}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xi8>, tensor<32x512xi8>) maps []
      outs(%init : tensor<16x32xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 64], warps = [1, 1, 1], stages = 2>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<16x32xi32>
  return %y : tensor<16x32xi32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 32]>}>
func.func @half_panel_bf16(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{tile k = 64 does not give each warp along k a multiple of 64 columns (128 bytes)}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 64], warps = [1, 1, 2], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{has no quant_tile.schedule: run select-schedule first}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{is scheduled plain, which convert-quant-tensor-to-linalg lowers}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<plain, chip = "sm_90a">} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{reads weights in another layout than its schedule says: run quant-tensor-apply-layout first}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{unknown chip 'sm_42', expected one of: sm_80, sm_89, sm_90a}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_42", tile = [16, 32, 64], warps = [1, 1, 1], stages = 2>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

func.func @out_per_step(%x: tensor<8x4xf32>, %init: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // expected-error @below {{writes out #1 once per step of reduction loop 1}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i, k)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x4xf32>) outs(%init : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    linalg.yield %a : f32
  } -> tensor<8x4xf32>
  return %0 : tensor<8x4xf32>
}

// -----

#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
func.func @group_prefetch(%x: tensor<4x65xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{asks for rows of 260 bytes before it computes them, which go by 16}}
  %r = quant_tile.row_group columns 65 schedule <chip = "sm_90a", warps = 1, rows = 1, vector = 1, prefetch = 2> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x65xf32>) outs(%f0 : tensor<4xf32>) {
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
func.func @group_stages(%x: tensor<4x65xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{asks for rows of 260 bytes before it computes them, which go by 16}}
  %r = quant_tile.row_group columns 65 schedule <chip = "sm_90a", warps = 1, rows = 1, vector = 1, stages = 2> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x65xf32>) outs(%f0 : tensor<4xf32>) {
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
func.func @group_resident(%x: tensor<4x64xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{has 0 operands of all rows, and 1 should be resident}}
  %r = quant_tile.row_group columns 64 schedule <chip = "sm_90a", warps = 1, rows = 1, vector = 4, stages = 2, resident = 1> -> (tensor<4xf32>) {
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
func.func @group_too_large(%x: tensor<4x1024xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{needs 262656 bytes of shared memory, and a block of sm_90a has 232448}}
  %r = quant_tile.row_group columns 1024 schedule <chip = "sm_90a", warps = 1, rows = 8, vector = 4, stages = 8> -> (tensor<4xf32>) {
    %sum = linalg.generic {indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<4x1024xf32>) outs(%f0 : tensor<4xf32>) {
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
func.func @group_without_schedule(%x: tensor<4x64xf32>, %f: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{has no schedule: run select-row-schedule first}}
  %r = quant_tile.row_group columns 64 -> (tensor<4xf32>) {
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
#none = affine_map<(m, k) -> ()>
func.func @group_scalar(%x: tensor<4x64xf32>, %f: tensor<4xf32>, %h: f32) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<4xf32>) -> tensor<4xf32>
  %r = quant_tile.row_group columns 64 schedule <chip = "sm_90a", warps = 1, rows = 1, vector = 1> -> (tensor<4xf32>) {
    // expected-error @below {{uses a scalar that only the host knows}}
    %sum = linalg.generic {indexing_maps = [#full, #none, #row], iterator_types = ["parallel", "reduction"]}
        ins(%x, %h : tensor<4x64xf32>, f32) outs(%f0 : tensor<4xf32>) {
    ^bb0(%v: f32, %g: f32, %acc: f32):
      %p = arith.mulf %v, %g : f32
      %s = arith.addf %p, %acc : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    quant_tile.yield %sum : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

func.func @parallel_sum(%x: tensor<8x4xf32>, %init: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{writes out #1 once per step of parallel loop 1, in no order}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i, k) -> (i, k)>, affine_map<(i, k) -> (i)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x4xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %1 = arith.addf %a, %o : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @no_such_dimension(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c7 = arith.constant 7 : index
  // expected-error @below {{asks for dimension 7 of a tensor of rank 2}}
  %d = tensor.dim %x, %c7 : tensor<?x4xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %0 = linalg.exp ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

func.func @pairs_write_one(%x: tensor<8xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{writes out #1 at one index along dimension 0 for several steps of its loops}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i floordiv 2)>],
                       iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%init : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @other_shape(%x: tensor<8x4xf32>) -> tensor<8x2x2xf32> {
  // expected-error @below {{has an output shape with 7 in the place of 2}}
  %0 = tensor.expand_shape %x [[0], [1, 2]] output_shape [8, 7, 2] : tensor<8x4xf32> into tensor<8x2x2xf32>
  return %0 : tensor<8x2x2xf32>
}
