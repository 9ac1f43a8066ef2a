// RUN: quant-opt %s -select-schedule=chip=sm_90a -split-input-file -verify-diagnostics

#w3 = #quant_tensor.encoding<{storage = ui5, block = [1, 0], scale = f32, codebook = [-16.0, -15.0, -14.0, -13.0, -12.0, -11.0, -10.0, -9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]}>
func.func @f(%x: tensor<4x64xbf16>, %w: tensor<7x64xbf16, #w3>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{has no kernel: a codebook of 32 values has no decode, expected up to 16}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<7x64xbf16, #w3>) maps [] outs(%init : tensor<4x7xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

// Loops take any shape, but no storage that has no decode.
#w3 = #quant_tensor.encoding<{storage = ui5, block = [1, 0], scale = f32, codebook = [-16.0, -15.0, -14.0, -13.0, -12.0, -11.0, -10.0, -9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]}>
func.func @f(%x: tensor<4x64xbf16>, %w: tensor<?x64xbf16, #w3>, %init: tensor<4x?xf32>) -> tensor<4x?xf32> {
  // expected-error @below {{has no kernel: the shape of the encoded weights is dynamic}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<?x64xbf16, #w3>) maps [] outs(%init : tensor<4x?xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

#far = #quant_tensor.encoding<{storage = ui2, block = [1, 0], scale = f32, codebook = [-1.0, 0.0, 1.0, 100000.0]}>
func.func @f(%x: tensor<4x64xf16>, %w: tensor<7x64xf16, #far>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{has no kernel: a value of the codebook is out of the range of f16}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xf16>, tensor<7x64xf16, #far>) maps [] outs(%init : tensor<4x7xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

#near = #quant_tensor.encoding<{storage = ui2, block = [1, 0], scale = f32, codebook = [3.2e-8, 0.25, 0.5, 1.0]}>
func.func @f(%x: tensor<4x64xf16>, %w: tensor<7x64xf16, #near>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{has no kernel: a value of the codebook is too small for f16}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xf16>, tensor<7x64xf16, #near>) maps [] outs(%init : tensor<4x7xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

// A schedule of wgmma_decode says that it scales weights where groups are small.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 16], scale = bf16}>
func.func @f(%x: tensor<64x256xbf16>, %w: tensor<64x256xbf16, #w4>, %init: tensor<64x64xf32>) -> tensor<64x64xf32> {
  // expected-error @below {{groups of 16 columns are no multiple of 32, so that weights have to be scaled (scale_decoded)}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x256xbf16>, tensor<64x256xbf16, #w4>) maps []
      outs(%init : tensor<64x64xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 64], warps = [1, 4, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<1x64xf32>, %w: tensor<7x64xf32, #w8>, %init: tensor<1x7xf32>) -> tensor<1x7xf32> {
  // expected-error @below {{schedule is for chip "sm_80", but the target is "sm_90a"}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xf32>, tensor<7x64xf32, #w8>) maps [] outs(%init : tensor<1x7xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 32], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x7xf32>
  return %y : tensor<1x7xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<1x64xf32>, %w: tensor<7x64xf32, #w8>, %init: tensor<1x7xf32>) -> tensor<1x7xf32> {
  // expected-error @below {{mma_sync cannot compute this: activations are f32, expected f16 or bf16}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xf32>, tensor<7x64xf32, #w8>) maps [] outs(%init : tensor<1x7xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x7xf32>
  return %y : tensor<1x7xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<4x64xbf16>, %w: tensor<7x64xbf16, #w8>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{mma_sync reads encoded weights in fragment layout}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<7x64xbf16, #w8>) maps [] outs(%init : tensor<4x7xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<4x66xbf16>, %w: tensor<7x66xbf16, #w8>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{copies of 16 bytes need rows aligned to them, but rows of 66 x 'bf16' are aligned to 4}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x66xbf16>, tensor<7x66xbf16, #w8>) maps [] outs(%init : tensor<4x7xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<4x64xbf16>, %w: tensor<7x64xbf16, #w8>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{tile k = 32 does not give each warp along k a multiple of 64 columns (128 bytes)}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<7x64xbf16, #w8>) maps [] outs(%init : tensor<4x7xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [8, 16, 32], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

func.func @f(%x: tensor<4x64xi8>, %w: tensor<7x64xi8>, %init: tensor<4x7xi32>) -> tensor<4x7xi32> {
  // expected-error @below {{schedule needs 262144 bytes of shared memory, sm_90a has 232448}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<7x64xi8>) maps [] outs(%init : tensor<4x7xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 128], warps = [2, 4, 1], stages = 8>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}

// -----

#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<8x64xf32>) -> (tensor<8x1xf32>, tensor<8x64xf32, #token>) {
  // expected-error @below {{'quant_tensor.choose_params' op chooses parameters by 'kl', for which there is no kernel}}
  %s = quant_tensor.choose_params %x method(kl) encoding(#token) : tensor<8x64xf32> -> tensor<8x1xf32>
  // expected-error @below {{'quant_tensor.quantize' op chooses parameters by 'kl', for which there is no kernel}}
  %q = quant_tensor.quantize %x method(kl) : tensor<8x64xf32> -> tensor<8x64xf32, #token>
  return %s, %q : tensor<8x1xf32>, tensor<8x64xf32, #token>
}

// -----

func.func @f(%x: tensor<4x68xi8>, %w: tensor<7x68xi8>, %init: tensor<4x7xi32>) -> tensor<4x7xi32> {
  // expected-error @below {{wgmma cannot compute this: rows of 68 x i8 are no multiple of 16 bytes}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x68xi8>, tensor<7x68xi8>) maps [] outs(%init : tensor<4x7xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}

// -----

func.func @f(%x: tensor<4x64xi8>, %w: tensor<7x64xi8>, %init: tensor<4x7xf64>) -> tensor<4x7xf64> {
  // expected-error @below {{wgmma cannot compute this: results are f64, expected elements of 8, 16 or 32 bits}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<7x64xi8>) maps [] outs(%init : tensor<4x7xf64>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong>>} {
  ^bb0(%acc: i32):
    %0 = arith.sitofp %acc : i32 to f64
    quant_tensor.yield %0 : f64
  } -> tensor<4x7xf64>
  return %y : tensor<4x7xf64>
}

// -----

func.func @f(%x: tensor<4x64xbf16>, %w: tensor<7x64xbf16>, %init: tensor<4x7xf32>) -> tensor<4x7xf32> {
  // expected-error @below {{tile k = 128 of bf16 is not 128 bytes}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<7x64xbf16>) maps [] outs(%init : tensor<4x7xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x7xf32>
  return %y : tensor<4x7xf32>
}

// -----

func.func @f(%x: tensor<4x64xi8>, %w: tensor<7x64xi8>, %init: tensor<4x7xi32>) -> tensor<4x7xi32> {
  // expected-error @below {{a tile of 128 x 256 needs 256 accumulators in a thread, more than 128}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<7x64xi8>) maps [] outs(%init : tensor<4x7xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 256, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}

// -----

func.func @f(%x: tensor<4x64xi8>, %w: tensor<7x64xi8>, %init: tensor<4x7xi32>) -> tensor<4x7xi32> {
  // expected-error @below {{the blocks of a cluster cannot share a tile in parts of a multiple of 8 rows}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<7x64xi8>) maps [] outs(%init : tensor<4x7xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 16, 128], warps = [4, 1, 1], stages = 3, warpgroups = <pingpong, cluster = [4, 1]>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}

// -----

func.func @f(%x: tensor<4x64xi8>, %w: tensor<7x64xi8>, %init: tensor<4x7xi32>) -> tensor<4x7xi32> {
  // expected-error @below {{schedule needs 278632 bytes of shared memory, sm_90a has 232448}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<7x64xi8>) maps [] outs(%init : tensor<4x7xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 256, 128], warps = [8, 1, 1], stages = 5, warpgroups = <cooperative>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}

// -----

// Two warpgroups that multiply have registers for 192 accumulators beside scales
// and halves, and for fewer beside a third operand.
func.func @f(%x: tensor<400x1024xi8>, %w: tensor<384x1024xi8>, %s: tensor<384xf32>, %init: tensor<400x384xbf16>) -> tensor<400x384xbf16> {
  // expected-error @below {{a tile of 128 x 192 needs 192 accumulators in a thread, more than 176}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<400x1024xi8>, tensor<384x1024xi8>) epilogue(%s, %s, %s : tensor<384xf32>, tensor<384xf32>, tensor<384xf32>) maps [affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>] outs(%init : tensor<400x384xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 192, 128], warps = [4, 1, 1], stages = 4, warpgroups = <pingpong>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32, %c: f32):
    %f = arith.sitofp %acc : i32 to f32
    %0 = arith.mulf %f, %a : f32
    %1 = arith.mulf %0, %b : f32
    %2 = arith.addf %1, %c : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<400x384xbf16>
  return %y : tensor<400x384xbf16>
}

// -----

func.func @f(%x: tensor<4x144xi8>, %w: tensor<7x144xi8>, %init: tensor<4x7xi32>) -> tensor<4x7xi32> {
  // expected-error @below {{split_k = 4, but K has 2 steps of 128 bytes}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x144xi8>, tensor<7x144xi8>) maps [] outs(%init : tensor<4x7xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 4, split_k = 4, warpgroups = <cooperative>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x7xi32>
  return %y : tensor<4x7xi32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 36], scale = f32}>
func.func @f(%x: tensor<16x480xbf16>, %w: tensor<32x480xbf16, #w4>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{mma_sync cannot compute this: groups of 36 columns are no multiple of 8}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x480xbf16>, tensor<32x480xbf16, #w4>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

func.func @f(%x: tensor<2097152x64xbf16>, %w: tensor<32x64xbf16>, %init: tensor<2097152x32xf32>) -> tensor<2097152x32xf32> {
  // expected-error @below {{2097152 rows in tiles of 16 are more than 65535 blocks}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<2097152x64xbf16>, tensor<32x64xbf16>) maps []
      outs(%init : tensor<2097152x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 64], warps = [1, 1, 1], stages = 2>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<2097152x32xf32>
  return %y : tensor<2097152x32xf32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
func.func @f(%x: tensor<2097152x256xbf16>, %w: tensor<32x256xbf16, #w4>, %init: tensor<2097152x32xf32>) -> tensor<2097152x32xf32> {
  // expected-error @below {{2097152 rows in tiles of 16 are more than 65535 blocks}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<2097152x256xbf16>, tensor<32x256xbf16, #w4>) maps []
      outs(%init : tensor<2097152x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [16, 16, 256], warps = [1, 1, 2], stages = 1, weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<2097152x32xf32>
  return %y : tensor<2097152x32xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<1x64xbf16>, %w: tensor<2097152x64xbf16, #w8>, %init: tensor<1x2097152xf32>) -> tensor<1x2097152xf32> {
  // expected-error @below {{2097152 rows of weights in tiles of 16 are more than 65535 blocks}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xbf16>, tensor<2097152x64xbf16, #w8>) maps []
      outs(%init : tensor<1x2097152xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<reduce, chip = "sm_90a", tile = [1, 16, 32], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x2097152xf32>
  return %y : tensor<1x2097152xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{contract promises u_acc = 0}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>, contract = <u_acc = 0.0, u_decode = 0.0, offset = 0.0>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{quant_tile.schedules must be a non-empty array of #quant_tile.schedule and stand alone, got []}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedules = []} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16, #w8>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{quant_tile.schedules must ascend by max_m, the last one without}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16, #w8>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedules = [#quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>, max_m = 16>, #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>, max_m = 8>, #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>]} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

func.func @f(%x: tensor<16x512xbf16>, %w: tensor<32x512xbf16>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // expected-error @below {{schedule is for chip "sm_89", but the target is "sm_90a"}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x512xbf16>, tensor<32x512xbf16>) maps []
      outs(%init : tensor<16x32xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_89", tile = [64, 64, 64], warps = [4, 1, 1], stages = 4, warpgroups = <pingpong>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}

// -----

#e = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%x: tensor<4x64xf32>) -> tensor<4x64xf32, #e> {
  // expected-error @below {{chooses parameters by 'kl', for which there is no kernel: choose them in advance, or by absmax, minmax, percentile or mse}}
  %q = quant_tensor.quantize %x method(kl) : tensor<4x64xf32> -> tensor<4x64xf32, #e>
  return %q : tensor<4x64xf32, #e>
}

// -----

func.func @f(%x: tensor<16x64xbf16>, %w: tensor<32x64xbf16>, %init: tensor<16x32xf64>) -> tensor<16x32xf64> {
  // expected-error @below {{wgmma cannot compute this: results are f64, expected elements of 8, 16 or 32 bits}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x64xbf16>, tensor<32x64xbf16>) maps []
      outs(%init : tensor<16x32xf64>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 64], warps = [4, 1, 1], stages = 4, warpgroups = <pingpong>>} {
  ^bb0(%acc: f32):
    %e = arith.extf %acc : f32 to f64
    quant_tensor.yield %e : f64
  } -> tensor<16x32xf64>
  return %y : tensor<16x32xf64>
}

// -----

func.func @f(%x: tensor<2147483648x64xi8>, %w: tensor<32x64xi8>, %init: tensor<2147483648x32xi32>) -> tensor<2147483648x32xi32> {
  // expected-error @below {{wgmma cannot compute this: more than 2147479552 rows or columns}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<2147483648x64xi8>, tensor<32x64xi8>) maps []
      outs(%init : tensor<2147483648x32xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 4, warpgroups = <pingpong>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<2147483648x32xi32>
  return %y : tensor<2147483648x32xi32>
}

// -----

// Families that decode have nothing to decode.
func.func @plain(%x: tensor<1x64xbf16>, %w: tensor<8x64xbf16>, %init: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // expected-error @below {{reduce cannot compute this: the weights are plain}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xbf16>, tensor<8x64xbf16>) maps [] outs(%init : tensor<1x8xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<reduce, chip = "sm_90a", tile = [1, 16, 32], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

func.func @plain_stream(%x: tensor<1x64xbf16>, %w: tensor<16x64xbf16>, %init: tensor<1x16xf32>) -> tensor<1x16xf32> {
  // expected-error @below {{mma_stream cannot compute this: the weights are plain}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xbf16>, tensor<16x64xbf16>) maps [] outs(%init : tensor<1x16xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

// Results of pairs are half as many, and stored in rows of a multiple of 16 bytes.
func.func @pairs(%x: tensor<64x256xi8>, %w: tensor<96x256xi8>, %init: tensor<64x48xi8>) -> tensor<64x48xi8> {
  // expected-error @below {{24 columns of results of a warpgroup are rows of no multiple of 16 bytes}}
  %y = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<64x256xi8>, tensor<96x256xi8>) maps [] outs(%init : tensor<64x48xi8>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 48, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>>} {
  ^bb0(%a: i32, %b: i32):
    %0 = arith.trunci %a : i32 to i8
    quant_tensor.yield %0 : i8
  } -> tensor<64x48xi8>
  return %y : tensor<64x48xi8>
}

// -----

// Integers lose nothing.
func.func @promotion(%x: tensor<64x256xi8>, %w: tensor<128x256xi8>, %init: tensor<64x128xi32>) -> tensor<64x128xi32> {
  // expected-error @below {{accumulators of i8 need no promotion}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x256xi8>, tensor<128x256xi8>) maps [] outs(%init : tensor<64x128xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, promote = 1>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<64x128xi32>
  return %y : tensor<64x128xi32>
}

// -----

// Two blocks of rows take turns with all steps of a run.
func.func @promotion(%x: tensor<64x8192xf8E4M3FN>, %w: tensor<128x8192xf8E4M3FN>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  // expected-error @below {{a tile of 128 rows promotes after 8 steps, more than the 4 stages that hold them}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x8192xf8E4M3FN>, tensor<128x8192xf8E4M3FN>) maps [] outs(%init : tensor<64x128xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 64, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, promote = 8>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// -----

// Sums stand beside accumulators.
func.func @promotion(%x: tensor<64x256xf8E4M3FN>, %w: tensor<128x256xf8E5M2>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  // expected-error @below {{a tile of 64 x 256 needs 128 accumulators in a thread, more than 96}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x256xf8E4M3FN>, tensor<128x256xf8E5M2>) maps [] outs(%init : tensor<64x128xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 256, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, promote = 2>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// -----

// Scales change after each step.
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>
#w = #quant_tensor.encoding<{storage = f8E4M3FN, block = [64, 128], scale = f32}>
func.func @promotion(%x: tensor<64x256xf32, #x>, %w: tensor<128x256xf32, #w>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  // expected-error @below {{sums of a block of scales are promoted after each step}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x256xf32, #x>, tensor<128x256xf32, #w>) maps [] outs(%init : tensor<64x128xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, promote = 2>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// -----

// Addresses of a cluster's parts and of so many rows' scales.
#x = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>
#w = #quant_tensor.encoding<{storage = f8E4M3FN, block = [128, 128], scale = f32}>
func.func @scaled_rows(%x: tensor<512x1024xf32, #x>, %w: tensor<128x1024xf32, #w>, %init: tensor<512x128xbf16>) -> tensor<512x128xbf16> {
  // expected-error @below {{the loader of 2 blocks in a cluster has no registers to copy the scales of 256 rows, more than 192}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<512x1024xf32, #x>, tensor<128x1024xf32, #w>) maps [] outs(%init : tensor<512x128xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [256, 64, 128], warps = [8, 1, 1], stages = 4, warpgroups = <cooperative, cluster = [2, 1]>, promote = 1>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<512x128xbf16>
  return %y : tensor<512x128xbf16>
}

// -----

// Rows beyond the sixteenth would not be loaded.
func.func @any_rows(%x: tensor<?x256xi8>, %w: tensor<128x256xi8>, %init: tensor<?x128xi32>) -> tensor<?x128xi32> {
  // expected-error @below {{has any number of rows, but its only schedule max_m = 16}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x256xi8>, tensor<128x256xi8>) maps [] outs(%init : tensor<?x128xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 4, max_m = 16, warpgroups = <cooperative>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x128xi32>
  return %y : tensor<?x128xi32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
func.func @f(%x: tensor<300x4160xbf16>, %w: tensor<512x4160xbf16, #w4>, %init: tensor<300x512xf32>) -> tensor<300x512xf32> {
  // expected-error @below {{stream_k divides K in 2 to 65536 units of 256 columns, which 4160 columns are not}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<300x4160xbf16>, tensor<512x4160xbf16, #w4>) maps [] outs(%init : tensor<300x512xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [128, 128, 64], warps = [1, 8, 1], stages = 5,
          weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, scale_decoded = true, stream_k = 80>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<300x512xf32>
  return %y : tensor<300x512xf32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
func.func @f(%x: tensor<8x1024xbf16>, %w: tensor<64x1024xbf16, #w4>, %init: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // expected-error @below {{split_k = 4 blocks cannot each have a part of 1024 columns in steps of 512}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x1024xbf16>, tensor<64x1024xbf16, #w4>) maps [] outs(%init : tensor<8x64xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 32, 512], warps = [1, 1, 8], stages = 1, split_k = 4,
          weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
func.func @f(%x: tensor<8x1024xbf16>, %w: tensor<4096x1024xbf16, #w4>, %init: tensor<8x4096xf32>) -> tensor<8x4096xf32> {
  // expected-error @below {{schedule needs about 1024 registers in each of 64 threads, which have 255}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x1024xbf16>, tensor<4096x1024xbf16, #w4>) maps [] outs(%init : tensor<8x4096xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 2048, 128], warps = [1, 1, 2], stages = 1,
          weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x4096xf32>
  return %y : tensor<8x4096xf32>
}

// -----

// Whose sums these are is kept beside those that are scaled, and their total.
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
func.func @f(%x: tensor<96x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<96x4096xf32>) -> tensor<96x4096xf32> {
  // expected-error @below {{schedule needs about 270 registers in each thread that multiplies, which has 250}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<96x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<96x4096xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [96, 64, 64], warps = [1, 4, 1], stages = 4,
          weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, stream_k = 80>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<96x4096xf32>
  return %y : tensor<96x4096xf32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
func.func @f(%x: tensor<64x640xbf16>, %w: tensor<64x640xbf16, #w4>, %init: tensor<64x64xf32>) -> tensor<64x64xf32> {
  // expected-error @below {{split_k = 4 blocks cannot each have a part of 640 columns in steps of 64 for 2 warpgroups that share k}}
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x640xbf16>, tensor<64x640xbf16, #w4>) maps [] outs(%init : tensor<64x64xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 64], warps = [1, 4, 2], stages = 6, split_k = 4,
          weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}
