// RUN: quant-opt %s -select-schedule=chip=sm_90a | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#w4f16 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f16}>
#w4g32 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>

// Few weights: blocks share them along K, so that each SM has some, and two
// warpgroups of a block do, which scale sums: of few rows that costs them less
// than making pairs of scales does.
// CHECK-LABEL: @few
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [32, 64, 128], warps = [1, 4, 2], stages = {{[0-9]+}}, split_k = 2, weights
// CHECK-NOT: scale_decoded
func.func @few(%x: tensor<32x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<32x4096xf32>) -> tensor<32x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<32x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<32x4096xf32>
  return %y : tensor<32x4096xf32>
}

// As many tiles as SMs, or nearly: of two blocks' parts, three warpgroups each,
// which decode longer than they multiply.
// CHECK-LABEL: @wide
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [64, 192, 128], warps = [1, 12, 1], stages = {{[0-9]+}}, split_k = 2, weights
// CHECK-SAME: warpgroups = <cooperative>
func.func @wide(%x: tensor<64x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>, %init: tensor<64x11008xf32>) -> tensor<64x11008xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps [] outs(%init : tensor<64x11008xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x11008xf32>
  return %y : tensor<64x11008xf32>
}

// Where two blocks for each tile leave a third of the SMs idle, four of wider tiles
// share K.
// CHECK-LABEL: @few_outputs
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [64, 192, 128], warps = [1, 12, 1], stages = {{[0-9]+}}, split_k = 4, weights
func.func @few_outputs(%x: tensor<64x13824xbf16>, %w: tensor<5120x13824xbf16, #w4>, %init: tensor<64x5120xf32>) -> tensor<64x5120xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x13824xbf16>, tensor<5120x13824xbf16, #w4>) maps [] outs(%init : tensor<64x5120xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x5120xf32>
  return %y : tensor<64x5120xf32>
}

// Two warpgroups that share K would have less than two rounds of the loop each.
// CHECK-LABEL: @few_steps
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [64, 64, 128], warps = [1, 4, 1], stages = {{[0-9]+}}, split_k = 2, weights
func.func @few_steps(%x: tensor<64x3072xbf16>, %w: tensor<3072x3072xbf16, #w4>, %init: tensor<64x3072xf32>) -> tensor<64x3072xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x3072xbf16>, tensor<3072x3072xbf16, #w4>) maps [] outs(%init : tensor<64x3072xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x3072xf32>
  return %y : tensor<64x3072xf32>
}

// Of more rows than one tile has, where these are few.
// CHECK-LABEL: @few_tiles
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [32, 64, 128], warps = [1, 4, 2], stages = {{[0-9]+}}, split_k = 2, weights
func.func @few_tiles(%x: tensor<128x8192xbf16>, %w: tensor<1024x8192xbf16, #w4>, %init: tensor<128x1024xf32>) -> tensor<128x1024xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<128x8192xbf16>, tensor<1024x8192xbf16, #w4>) maps [] outs(%init : tensor<128x1024xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<128x1024xf32>
  return %y : tensor<128x1024xf32>
}

// 128 rows are one tile of one warpgroup, which decodes each weight once.
// CHECK-LABEL: @high
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [128, 64, 128], warps = [1, 4, 1], stages = {{[0-9]+}}, split_k = 2, weights
func.func @high(%x: tensor<128x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<128x4096xf32>) -> tensor<128x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<128x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<128x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<128x4096xf32>
  return %y : tensor<128x4096xf32>
}

// Many rows: the sums of 256 of them leave room for none of a group, so each
// weight is scaled, and rounded. Two blocks share activations.
// CHECK-LABEL: @many
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1]
// CHECK-SAME: u_decode = 0.00393676757812
// CHECK-SAME: dependent_launch = true, warpgroups = <cooperative, cluster = [1, 2], group_m = 4>, scale_decoded = true>
func.func @many(%x: tensor<4096x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<4096x4096xbf16>) -> tensor<4096x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<4096x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<4096x4096xbf16>
  return %y : tensor<4096x4096xbf16>
}

// Few rows of a large layer: four warpgroups hide what each waits for, and tiles
// of 256 weights ask for activations half as often as those of 128.
// CHECK-LABEL: @few_of_large
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [32, 256, 128], warps = [1, 16, 1]
func.func @few_of_large(%x: tensor<32x8192xbf16>, %w: tensor<28672x8192xbf16, #w4>, %init: tensor<32x28672xbf16>) -> tensor<32x28672xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x8192xbf16>, tensor<28672x8192xbf16, #w4>) maps [] outs(%init : tensor<32x28672xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<32x28672xbf16>
  return %y : tensor<32x28672xbf16>
}

// Results in f32 take the registers of such a tile.
// CHECK-LABEL: @many_wide
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [128, 128, 128], warps = [1, 8, 1]
func.func @many_wide(%x: tensor<4096x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<4096x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}

// In f16 scales of f16 multiply whole numbers: products have its least unit.
// CHECK-LABEL: @f16
// CHECK: <wgmma_decode, {{.*}}u_decode = 4.8875808715820313E-4
// CHECK-SAME: scale_decoded = true
func.func @f16(%x: tensor<4096x4096xf16>, %w: tensor<4096x4096xf16, #w4f16>, %init: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xf16>, tensor<4096x4096xf16, #w4f16>) maps [] outs(%init : tensor<4096x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}

// There a scale is an instruction for each pair of weights, so few rows scale
// sums: of 16 rows four warpgroups have registers for that, of 32 three, whose
// tiles blocks divide where they are a few more than the SMs.
// CHECK-LABEL: @f16_sixteen
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [16, 256, 128], warps = [1, 16, 1],
// CHECK-NOT: scale_decoded
func.func @f16_sixteen(%x: tensor<16x8192xf16>, %w: tensor<28672x8192xf16, #w4f16>, %init: tensor<16x28672xf16>) -> tensor<16x28672xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xf16>, tensor<28672x8192xf16, #w4f16>) maps [] outs(%init : tensor<16x28672xf16>) {
  ^bb0(%acc: f32):
    %narrow = arith.truncf %acc : f32 to f16
    quant_tensor.yield %narrow : f16
  } -> tensor<16x28672xf16>
  return %y : tensor<16x28672xf16>
}

// CHECK-LABEL: @f16_few
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [32, 192, 128], warps = [1, 12, 1],
// CHECK-SAME: warpgroups = <cooperative>, stream_k = {{[0-9]+}}>
func.func @f16_few(%x: tensor<32x8192xf16>, %w: tensor<28672x8192xf16, #w4f16>, %init: tensor<32x28672xf32>) -> tensor<32x28672xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x8192xf16>, tensor<28672x8192xf16, #w4f16>) maps [] outs(%init : tensor<32x28672xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<32x28672xf32>
  return %y : tensor<32x28672xf32>
}

// Tiles that are fewer than the SMs are not divided.
// CHECK-LABEL: @f16_fewer
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [32, 192, 128], warps = [1, 12, 1],
// CHECK-NOT: stream_k
func.func @f16_fewer(%x: tensor<32x4096xf16>, %w: tensor<22016x4096xf16, #w4f16>, %init: tensor<32x22016xf32>) -> tensor<32x22016xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x4096xf16>, tensor<22016x4096xf16, #w4f16>) maps [] outs(%init : tensor<32x22016xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<32x22016xf32>
  return %y : tensor<32x22016xf32>
}

// Scales of f32 may be too small for it, as may entries of a codebook times them.
#w4f32 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32}>
// CHECK-LABEL: @f16_f32
// CHECK: <wgmma_decode, {{.*}}u_decode = 0.000000e+00
// CHECK-NOT: scale_decoded
func.func @f16_f32(%x: tensor<4096x4096xf16>, %w: tensor<4096x4096xf16, #w4f32>, %init: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xf16>, tensor<4096x4096xf16, #w4f32>) maps [] outs(%init : tensor<4096x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}

#nf4 = #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = f16, codebook = nf4}>
// CHECK-LABEL: @f16_codebook
// CHECK: <wgmma_decode
// CHECK-NOT: scale_decoded
func.func @f16_codebook(%x: tensor<4096x4096xf16>, %w: tensor<4096x4096xf16, #nf4>, %init: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xf16>, tensor<4096x4096xf16, #nf4>) maps [] outs(%init : tensor<4096x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}

// A scale for each row is the result's.
// CHECK-LABEL: @rows
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1]
// CHECK-SAME: u_decode = 0.000000e+00
func.func @rows(%x: tensor<4096x4096xbf16>, %w: tensor<4096x4096xbf16, #w8>, %init: tensor<4096x4096xbf16>) -> tensor<4096x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xbf16>, tensor<4096x4096xbf16, #w8>) maps [] outs(%init : tensor<4096x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<4096x4096xbf16>
  return %y : tensor<4096x4096xbf16>
}

// Tiles of 2-bit weights have 128 columns, and steps whole ones.
#w2 = #quant_tensor.encoding<{storage = i2, block = [1, 64], scale = f32}>
// CHECK-LABEL: @narrow
// CHECK: <wgmma_decode, {{.*}}tile = [{{[0-9]+}}, {{[0-9]+}}, {{128|256}}], {{.*}}weights = <fragment, tile = [16, 128]>
func.func @narrow(%x: tensor<64x4096xbf16>, %w: tensor<4096x4096xbf16, #w2>, %init: tensor<64x4096xf32>) -> tensor<64x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xbf16>, tensor<4096x4096xbf16, #w2>) maps [] outs(%init : tensor<64x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x4096xf32>
  return %y : tensor<64x4096xf32>
}

// Small groups of narrow codes have many scales and zero points in a step, and
// as many sums where those are scaled: of few rows and weights at a time.
#w2g32 = #quant_tensor.encoding<{storage = i2, block = [1, 32], scale = f32, zero_point = i8}>
// CHECK-LABEL: @small_groups
// CHECK: <wgmma_decode, {{.*}}tile = [16, 64, 128], warps = [1, 4, 1]
func.func @small_groups(%x: tensor<64x384xf16>, %w: tensor<384x384xf16, #w2g32>, %init: tensor<64x384xf32>) -> tensor<64x384xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x384xf16>, tensor<384x384xf16, #w2g32>) maps [] outs(%init : tensor<64x384xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x384xf32>
  return %y : tensor<64x384xf32>
}

// 344 tiles of 132 SMs: 80 in the last round, which all blocks divide.
// CHECK-LABEL: @uneven
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1]
// CHECK-SAME: warpgroups = <cooperative, cluster = [1, 2], group_m = 4>, scale_decoded = true, stream_k = 8{{[0-9]}}>
func.func @uneven(%x: tensor<1024x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>, %init: tensor<1024x11008xbf16>) -> tensor<1024x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1024x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps [] outs(%init : tensor<1024x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1024x11008xbf16>
  return %y : tensor<1024x11008xbf16>
}

// 128 tiles fill all but four of them.
// CHECK-LABEL: @even
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1]
// CHECK-NOT: stream_k
func.func @even(%x: tensor<1024x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<1024x4096xbf16>) -> tensor<1024x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1024x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<1024x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1024x4096xbf16>
  return %y : tensor<1024x4096xbf16>
}

// Columns that are no whole rounds of the loop over steps cannot be divided.
// CHECK-LABEL: @ragged
// CHECK: <wgmma_decode,
// CHECK-NOT: stream_k
func.func @ragged(%x: tensor<1024x4160xbf16>, %w: tensor<11008x4160xbf16, #w4>, %init: tensor<1024x11008xbf16>) -> tensor<1024x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1024x4160xbf16>, tensor<11008x4160xbf16, #w4>) maps [] outs(%init : tensor<1024x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1024x11008xbf16>
  return %y : tensor<1024x11008xbf16>
}

// How many rows there are is known later, and blocks see then what there is to
// divide.
// CHECK-LABEL: @any
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], {{.*}}stream_k = 8{{[0-9]}}>]
func.func @any(%x: tensor<?x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>, %init: tensor<?x11008xbf16>) -> tensor<?x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps [] outs(%init : tensor<?x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<?x11008xbf16>
  return %y : tensor<?x11008xbf16>
}

// So do those of small groups, whose scales each warpgroup makes pairs of.
// CHECK-LABEL: @small_groups_of_large
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [64, 256, 128], warps = [1, 16, 1]
func.func @small_groups_of_large(%x: tensor<64x8192xbf16>, %w: tensor<28672x8192xbf16, #w4g32>, %init: tensor<64x28672xbf16>) -> tensor<64x28672xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x8192xbf16>, tensor<28672x8192xbf16, #w4g32>) maps [] outs(%init : tensor<64x28672xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<64x28672xbf16>
  return %y : tensor<64x28672xbf16>
}

// A gate of 16 bits leaves room for the largest tiles.
// CHECK-LABEL: @gated(
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [256, 128, 64]
func.func @gated(%x: tensor<4096x4096xbf16>, %w: tensor<14336x4096xbf16, #w4>, %gate: tensor<4096x14336xbf16>, %init: tensor<4096x14336xbf16>) -> tensor<4096x14336xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xbf16>, tensor<14336x4096xbf16, #w4>) epilogue(%gate : tensor<4096x14336xbf16>) maps [affine_map<(m, n) -> (m, n)>] outs(%init : tensor<4096x14336xbf16>) {
  ^bb0(%acc: f32, %g: bf16):
    %t = math.tanh %acc : f32
    %e = arith.extf %g : bf16 to f32
    %p = arith.mulf %t, %e : f32
    %r = arith.truncf %p : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<4096x14336xbf16>
  return %y : tensor<4096x14336xbf16>
}

// One of 32 bits does not: ptxas asks ahead for it.
// CHECK-LABEL: @gated_by_wide(
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [128, 128, 128]
func.func @gated_by_wide(%x: tensor<4096x4096xbf16>, %w: tensor<14336x4096xbf16, #w4>, %gate: tensor<4096x14336xf32>, %init: tensor<4096x14336xbf16>) -> tensor<4096x14336xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xbf16>, tensor<14336x4096xbf16, #w4>) epilogue(%gate : tensor<4096x14336xf32>) maps [affine_map<(m, n) -> (m, n)>] outs(%init : tensor<4096x14336xbf16>) {
  ^bb0(%acc: f32, %g: f32):
    %t = math.tanh %acc : f32
    %p = arith.mulf %t, %g : f32
    %r = arith.truncf %p : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<4096x14336xbf16>
  return %y : tensor<4096x14336xbf16>
}

// Groups of less than a segment: scales are of some runs of it, and weights are
// multiplied by them.
// CHECK-LABEL: @nvfp4(
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [64, 192, 64], warps = [1, 12, 1], {{.*}}split_k = 2, {{.*}}u_decode = 0.0{{.*}}scale_decoded = true
#nvfp4 = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 16], scale = f8E4M3FN}>
func.func @nvfp4(%x: tensor<64x4096xbf16>, %w: tensor<11008x4096xbf16, #nvfp4>, %init: tensor<64x11008xbf16>) -> tensor<64x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xbf16>, tensor<11008x4096xbf16, #nvfp4>) maps [] outs(%init : tensor<64x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<64x11008xbf16>
  return %y : tensor<64x11008xbf16>
}

// As many rows of weights as leave some SMs twice as much to stream as others.
// CHECK-LABEL: @nvfp4_of_few_rows(
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [16, 192, 128], warps = [1, 12, 1], {{.*}}split_k = 4
func.func @nvfp4_of_few_rows(%x: tensor<16x5120xbf16>, %w: tensor<5120x5120xbf16, #nvfp4>, %init: tensor<16x5120xbf16>) -> tensor<16x5120xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x5120xbf16>, tensor<5120x5120xbf16, #nvfp4>) maps [] outs(%init : tensor<16x5120xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<16x5120xbf16>
  return %y : tensor<16x5120xbf16>
}

// Bytes wait for memory: short steps and many stages leave more of them on their
// way where two warpgroups share K.
// CHECK-LABEL: @shared_steps_of_bytes
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [64, 64, 64], warps = [1, 4, 2], stages = 16, split_k = 2, weights
func.func @shared_steps_of_bytes(%x: tensor<64x4096xbf16>, %w: tensor<4096x4096xbf16, #w8>, %init: tensor<64x4096xf32>) -> tensor<64x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xbf16>, tensor<4096x4096xbf16, #w8>) maps [] outs(%init : tensor<64x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x4096xf32>
  return %y : tensor<64x4096xf32>
}

// Sixteen rows of a large layer, where streams would scale the sums of groups of
// 32 in f16.
#w4g32f16 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f16}>
// CHECK-LABEL: @many_sums
// CHECK: <wgmma_decode, chip = "sm_90a", tile = [16, 256, 128], warps = [1, 16, 1], {{.*}}scale_decoded = true
func.func @many_sums(%x: tensor<16x8192xf16>, %w: tensor<28672x8192xf16, #w4g32f16>, %init: tensor<16x28672xf16>) -> tensor<16x28672xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xf16>, tensor<28672x8192xf16, #w4g32f16>) maps [] outs(%init : tensor<16x28672xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<16x28672xf16>
  return %y : tensor<16x28672xf16>
}

// Where f16 does not hold weights times their scales, sums of groups are scaled
// with any number of rows: three warpgroups have the time and the registers for
// one step's, two for those of more rows. No block has a part of a tile besides.
#mxfp4 = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 32], scale = f8E8M0FNU}>
// CHECK-LABEL: @scaled_sums
// CHECK-SAME: tensor<64x4096xf16>
// CHECK: tile = [64, 192, 64], warps = [1, 12, 1], {{.*}}split_k = 2
// CHECK-NOT: scale_decoded
func.func @scaled_sums(%x: tensor<64x4096xf16>, %w: tensor<11008x4096xf16, #mxfp4>, %init: tensor<64x11008xf16>) -> tensor<64x11008xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xf16>, tensor<11008x4096xf16, #mxfp4>) maps [] outs(%init : tensor<64x11008xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<64x11008xf16>
  return %y : tensor<64x11008xf16>
}
// CHECK-LABEL: @scaled_sums_of_many_rows
// CHECK: tile = [128, 128, 64], warps = [1, 8, 1], {{.*}}warpgroups = <cooperative
// CHECK-NOT: stream_k
// CHECK-NOT: scale_decoded
func.func @scaled_sums_of_many_rows(%x: tensor<1024x4096xf16>, %w: tensor<11008x4096xf16, #mxfp4>, %init: tensor<1024x11008xf16>) -> tensor<1024x11008xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1024x4096xf16>, tensor<11008x4096xf16, #mxfp4>) maps [] outs(%init : tensor<1024x11008xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<1024x11008xf16>
  return %y : tensor<1024x11008xf16>
}
// What bf16 holds is scaled before it is multiplied.
// CHECK-LABEL: @scaled_weights
// CHECK: <wgmma_decode, {{.*}}scale_decoded = true
func.func @scaled_weights(%x: tensor<64x4096xbf16>, %w: tensor<11008x4096xbf16, #mxfp4>, %init: tensor<64x11008xbf16>) -> tensor<64x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xbf16>, tensor<11008x4096xbf16, #mxfp4>) maps [] outs(%init : tensor<64x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<64x11008xbf16>
  return %y : tensor<64x11008xbf16>
}
