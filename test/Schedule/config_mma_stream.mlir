// RUN: quant-opt %s -select-schedule=chip=sm_90a | FileCheck %s

// What streams is chosen by a model of how long it takes: these are the trades
// that it makes.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#w4row = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32}>
#w4g32 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w4g64h = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = f16}>
#nf4 = #quant_tensor.encoding<{storage = ui4, block = [1, 64], scale = bf16, codebook = nf4}>
#w2 = #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = bf16}>
#w3 = #quant_tensor.encoding<{storage = i3, block = [1, 128], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>

// 344 blocks of 64 rows are three in nearly every SM, all there at once. Of 32
// rows they would read the activations twice as often.
// CHECK-LABEL: @one_wave
// CHECK: tile = [8, 64, 512], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 3>
func.func @one_wave(%x: tensor<8x4096xbf16>, %w: tensor<22016x4096xbf16, #w4>, %init: tensor<8x22016xf32>) -> tensor<8x22016xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x4096xbf16>, tensor<22016x4096xbf16, #w4>) maps [] outs(%init : tensor<8x22016xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x22016xf32>
  return %y : tensor<8x22016xf32>
}

// 160 tiles of 32 rows would leave most SMs waiting for a few that have two: two
// blocks divide each along K.
// CHECK-LABEL: @uneven_tiles
// CHECK: split_k = 2
func.func @uneven_tiles(%x: tensor<16x13824xbf16>, %w: tensor<5120x13824xbf16, #w4>, %init: tensor<16x5120xf32>) -> tensor<16x5120xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x13824xbf16>, tensor<5120x13824xbf16, #w4>) maps [] outs(%init : tensor<16x5120xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x5120xf32>
  return %y : tensor<16x5120xf32>
}

// Many rows of weights: blocks of two warps end one after the other, and there
// is always one that reads.
// CHECK-LABEL: @many_blocks
// CHECK: tile = [8, 64, 256], warps = [1, 1, 2], stages = 1, {{.*}}occupancy = 6>
func.func @many_blocks(%x: tensor<8x8192xf16>, %w: tensor<49152x8192xf16, #w4>, %init: tensor<8x49152xf32>) -> tensor<8x49152xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x8192xf16>, tensor<49152x8192xf16, #w4>) maps [] outs(%init : tensor<8x49152xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x49152xf32>
  return %y : tensor<8x49152xf32>
}

// Few rows of weights and a long K: two blocks divide it, so that each reads half
// of the activations.
// CHECK-LABEL: @long_k
// CHECK: tile = [8, 32, 1024], warps = [1, 1, 8], stages = 1, split_k = 2, {{.*}}occupancy = 2>
func.func @long_k(%x: tensor<8x11008xbf16>, %w: tensor<4096x11008xbf16, #w4>, %init: tensor<8x4096xf32>) -> tensor<8x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x11008xbf16>, tensor<4096x11008xbf16, #w4>) maps [] outs(%init : tensor<8x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x4096xf32>
  return %y : tensor<8x4096xf32>
}

// Straight-line code for several rows takes few registers, so that an SM has two
// blocks where there are as many.
// CHECK-LABEL: @straight
// CHECK: tile = [8, 16, 2048], warps = [1, 1, 16], stages = 1, {{.*}}occupancy = 2>
func.func @straight(%x: tensor<8x3584xbf16>, %w: tensor<3584x3584xbf16, #w4>, %init: tensor<8x3584xf32>) -> tensor<8x3584xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x3584xbf16>, tensor<3584x3584xbf16, #w4>) maps [] outs(%init : tensor<8x3584xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x3584xf32>
  return %y : tensor<8x3584xf32>
}

// No more warps than there are steps of a short K.
// CHECK-LABEL: @short_k
// CHECK: tile = [8, 16, 256], warps = [1, 1, 4], stages = 1,
func.func @short_k(%x: tensor<8x256xbf16>, %w: tensor<512x256xbf16, #w4row>, %init: tensor<8x512xf32>) -> tensor<8x512xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x256xbf16>, tensor<512x256xbf16, #w4row>) maps [] outs(%init : tensor<8x512xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x512xf32>
  return %y : tensor<8x512xf32>
}

// Bytes: the same, in half as many columns, and two blocks of a tile.
// CHECK-LABEL: @bytes
// CHECK: tile = [16, 64, 256], warps = [1, 1, 4], stages = 1, split_k = 2, weights = <fragment, tile = [16, 32]>, {{.*}}occupancy = 3>
func.func @bytes(%x: tensor<16x4096xbf16>, %w: tensor<11008x4096xbf16, #w8>, %init: tensor<16x11008xf32>) -> tensor<16x11008xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<11008x4096xbf16, #w8>) maps [] outs(%init : tensor<16x11008xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x11008xf32>
  return %y : tensor<16x11008xf32>
}

// One row: scaling the sums of small groups takes fewer instructions than scaling
// weights, but registers, which leave room for fewer blocks.
// CHECK-LABEL: @small_groups
// CHECK: tile = [1, 32, 1024], warps = [1, 1, 16], stages = 2, {{.*}}offset = 0.000000e+00
// CHECK-NOT: scale_decoded
func.func @small_groups(%x: tensor<1x11008xbf16>, %w: tensor<4096x11008xbf16, #w4g32>, %init: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x11008xbf16>, tensor<4096x11008xbf16, #w4g32>) maps [] outs(%init : tensor<1x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x4096xf32>
  return %y : tensor<1x4096xf32>
}

// A table of pairs in shared memory leaves room for three blocks, and each takes
// its time to fill: two large ones in an SM are better.
// CHECK-LABEL: @codebook
// CHECK: tile = [16, 48, 1024], warps = [1, 1, 8], stages = 1, {{.*}}offset = 0.000000e+00>, {{.*}}occupancy = 2, scale_decoded = true>
func.func @codebook(%x: tensor<16x4096xbf16>, %w: tensor<11008x4096xbf16, #nf4>, %init: tensor<16x11008xf32>) -> tensor<16x11008xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<11008x4096xbf16, #nf4>) maps [] outs(%init : tensor<16x11008xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x11008xf32>
  return %y : tensor<16x11008xf32>
}

// Blocks that divide tiles of more rows of weights along K read activations less
// often. Without sums of each group there is room for more of them: worth
// rounding weights for.
// CHECK-LABEL: @scaled_for_registers
// CHECK: tile = [16, 32, 512], warps = [1, 1, 8], stages = 2, split_k = 2, {{.*}}occupancy = 2, scale_decoded = true>
func.func @scaled_for_registers(%x: tensor<16x11008xbf16>, %w: tensor<4096x11008xbf16, #w4>, %init: tensor<16x4096xf32>) -> tensor<16x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x11008xbf16>, tensor<4096x11008xbf16, #w4>) maps [] outs(%init : tensor<16x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x4096xf32>
  return %y : tensor<16x4096xf32>
}

// The same of weights of smaller groups, which are scaled anyway, and of a table,
// which takes longer steps: its blocks ask for as much at once in one stage.
// CHECK-LABEL: @small_groups_of_rows
// CHECK: tile = [16, 32, 512], warps = [1, 1, 8], stages = 2, split_k = 2, {{.*}}occupancy = 2, scale_decoded = true>
func.func @small_groups_of_rows(%x: tensor<16x4096xbf16>, %w: tensor<4096x4096xbf16, #w4g32>, %init: tensor<16x4096xf32>) -> tensor<16x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<4096x4096xbf16, #w4g32>) maps [] outs(%init : tensor<16x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x4096xf32>
  return %y : tensor<16x4096xf32>
}

// CHECK-LABEL: @codebook_of_few_blocks
// CHECK: tile = [16, 32, 1024], warps = [1, 1, 8], stages = 1, split_k = 2, {{.*}}occupancy = 2, scale_decoded = true>
func.func @codebook_of_few_blocks(%x: tensor<16x4096xbf16>, %w: tensor<4096x4096xbf16, #nf4>, %init: tensor<16x4096xf32>) -> tensor<16x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<4096x4096xbf16, #nf4>) maps [] outs(%init : tensor<16x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x4096xf32>
  return %y : tensor<16x4096xf32>
}

// Here it is not: there are more tiles than blocks that run at once, none of
// which would wait for another.
// CHECK-LABEL: @exact
// CHECK: tile = [16, 64, 256], warps = [1, 1, 4], stages = 1, weights = {{.*}}u_decode = 0.000000e+00, offset = 0.000000e+00>
// CHECK-NOT: scale_decoded
func.func @exact(%x: tensor<16x4096xbf16>, %w: tensor<22016x4096xbf16, #w4>, %init: tensor<16x22016xf32>) -> tensor<16x22016xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<22016x4096xbf16, #w4>) maps [] outs(%init : tensor<16x22016xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x22016xf32>
  return %y : tensor<16x22016xf32>
}

// Two bits: blocks of 48 rows have as many bytes on their way as those of four
// bits of 32 rows, and registers for two of them.
// CHECK-LABEL: @narrow
// CHECK: tile = [1, 48, 1024], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2>
func.func @narrow(%x: tensor<1x4096xbf16>, %w: tensor<11008x4096xbf16, #w2>, %init: tensor<1x11008xf32>) -> tensor<1x11008xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<11008x4096xbf16, #w2>) maps [] outs(%init : tensor<1x11008xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x11008xf32>
  return %y : tensor<1x11008xf32>
}

// Three bits and one row: a warp of two row tiles has few enough registers for
// sixteen of them in an SM.
// CHECK-LABEL: @straddling
// CHECK: tile = [1, 32, 1024], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 4>
func.func @straddling(%x: tensor<1x8192xbf16>, %w: tensor<28672x8192xbf16, #w3>, %init: tensor<1x28672xf32>) -> tensor<1x28672xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x8192xbf16>, tensor<28672x8192xbf16, #w3>) maps [] outs(%init : tensor<1x28672xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x28672xf32>
  return %y : tensor<1x28672xf32>
}

// Codes that take longer to decode than to read, and 16 rows: a block of wgmma
// reads activations once for 256 rows of weights.
// CHECK-LABEL: @slow_codes
// CHECK: wgmma_decode, {{.*}}tile = [16, 256, 128], warps = [1, 16, 1]
func.func @slow_codes(%x: tensor<16x8192xbf16>, %w: tensor<28672x8192xbf16, #nf4>, %init: tensor<16x28672xf32>) -> tensor<16x28672xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xbf16>, tensor<28672x8192xbf16, #nf4>) maps [] outs(%init : tensor<16x28672xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x28672xf32>
  return %y : tensor<16x28672xf32>
}

// So do not those of eight rows.
// CHECK-LABEL: @slow_codes_of_few_rows
// CHECK: mma_stream
func.func @slow_codes_of_few_rows(%x: tensor<8x8192xbf16>, %w: tensor<28672x8192xbf16, #nf4>, %init: tensor<8x28672xf32>) -> tensor<8x28672xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x8192xbf16>, tensor<28672x8192xbf16, #nf4>) maps [] outs(%init : tensor<8x28672xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x28672xf32>
  return %y : tensor<8x28672xf32>
}

// Codes of four bits that are a line are read and decoded as fast by warps of
// their own, unless there are enough to fill all SMs with such blocks.
// CHECK-LABEL: @fast_codes
// CHECK: mma_stream
func.func @fast_codes(%x: tensor<16x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>, %init: tensor<16x11008xf32>) -> tensor<16x11008xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps [] outs(%init : tensor<16x11008xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x11008xf32>
  return %y : tensor<16x11008xf32>
}

// CHECK-LABEL: @many_fast_codes
// CHECK: wgmma_decode, {{.*}}tile = [16, 256, 128], warps = [1, 16, 1]
func.func @many_fast_codes(%x: tensor<16x8192xbf16>, %w: tensor<28672x8192xbf16, #w4>, %init: tensor<16x28672xf32>) -> tensor<16x28672xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xbf16>, tensor<28672x8192xbf16, #w4>) maps [] outs(%init : tensor<16x28672xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x28672xf32>
  return %y : tensor<16x28672xf32>
}

// Not with zero points, of which no model compares the families.
#w4zp = #quant_tensor.encoding<{storage = ui4, block = [1, 128], scale = bf16, zero_point = ui4}>
// CHECK-LABEL: @many_zero_points
// CHECK: mma_stream
func.func @many_zero_points(%x: tensor<16x8192xbf16>, %w: tensor<28672x8192xbf16, #w4zp>, %init: tensor<16x28672xf32>) -> tensor<16x28672xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xbf16>, tensor<28672x8192xbf16, #w4zp>) maps [] outs(%init : tensor<16x28672xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x28672xf32>
  return %y : tensor<16x28672xf32>
}

// Two blocks divide K where zero points are decoded along: weights stay exact.
// CHECK-LABEL: @exact_zero_points
// CHECK: mma_stream, {{.*}}tile = [16, 32, 512], warps = [1, 1, 8], stages = 2, split_k = 2, {{.*}}occupancy = 2>}
func.func @exact_zero_points(%x: tensor<16x4096xbf16>, %w: tensor<4096x4096xbf16, #w4zp>, %init: tensor<16x4096xbf16>) -> tensor<16x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<4096x4096xbf16, #w4zp>) maps [] outs(%init : tensor<16x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<16x4096xbf16>
  return %y : tensor<16x4096xbf16>
}

// Twice the scales of a row that is the only one: three blocks fit an SM.
#w4g64 = #quant_tensor.encoding<{storage = i4, block = [1, 64], scale = bf16}>
// CHECK-LABEL: @one_row
// CHECK: tile = [1, 32, 1024], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 3>
func.func @one_row(%x: tensor<1x4096xbf16>, %w: tensor<11008x4096xbf16, #w4g64>, %init: tensor<1x11008xbf16>) -> tensor<1x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<11008x4096xbf16, #w4g64>) maps [] outs(%init : tensor<1x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x11008xbf16>
  return %y : tensor<1x11008xbf16>
}

// With the number of a row that may be any, they would of shorter steps only:
// weights that are scaled have registers for more of them.
// CHECK-LABEL: @any_row
// CHECK: tile = [1, 48, 1024], warps = [1, 1, 8], stages = 1, {{[^>]*}}>, max_m = 1, {{[^#]*}}occupancy = 2, scale_decoded = true>
func.func @any_row(%x: tensor<?x4096xbf16>, %w: tensor<11008x4096xbf16, #w4g64>, %init: tensor<?x11008xbf16>) -> tensor<?x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<11008x4096xbf16, #w4g64>) maps [] outs(%init : tensor<?x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<?x11008xbf16>
  return %y : tensor<?x11008xbf16>
}

// In f16 decoded bytes take constants, which leave bytes of 16 rows in two row
// tiles no second stage beside three more blocks.
// CHECK-LABEL: @bytes_of_half
// CHECK: tile = [16, 32, 256], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 4>
func.func @bytes_of_half(%x: tensor<16x8192xf16>, %w: tensor<28672x8192xf16, #w8>, %init: tensor<16x28672xf16>) -> tensor<16x28672xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xf16>, tensor<28672x8192xf16, #w8>) maps [] outs(%init : tensor<16x28672xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<16x28672xf16>
  return %y : tensor<16x28672xf16>
}

// 5120 rows are 107 tiles of 48, which nearly fill the SMs; 16 warps of each
// have more of a long K on the way than 8.
// CHECK-LABEL: @proven
// CHECK: tile = [1, 48, 2048], warps = [1, 1, 16], stages = 1,
func.func @proven(%x: tensor<1x13824xbf16>, %w: tensor<5120x13824xbf16, #w4>, %init: tensor<1x5120xbf16>) -> tensor<1x5120xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x13824xbf16>, tensor<5120x13824xbf16, #w4>) maps [] outs(%init : tensor<1x5120xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x5120xbf16>
  return %y : tensor<1x5120xbf16>
}

// Of a shorter K, clusters deal them out more evenly.
// CHECK-LABEL: @proven_split
// CHECK: tile = [1, 32, 512], warps = [1, 1, 4], stages = 2, split_k = 2, {{.*}}occupancy = 3>
func.func @proven_split(%x: tensor<1x5120xbf16>, %w: tensor<5120x5120xbf16, #w4>, %init: tensor<1x5120xbf16>) -> tensor<1x5120xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x5120xbf16>, tensor<5120x5120xbf16, #w4>) maps [] outs(%init : tensor<1x5120xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x5120xbf16>
  return %y : tensor<1x5120xbf16>
}

// One row of bytes: 256 blocks of 16 rows are all there at once.
// CHECK-LABEL: @bytes_of_one_wave
// CHECK: tile = [1, 16, 512], warps = [1, 1, 16], stages = 2, {{.*}}occupancy = 2>
func.func @bytes_of_one_wave(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w8>, %init: tensor<1x4096xbf16>) -> tensor<1x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w8>) maps [] outs(%init : tensor<1x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}

// 688 would come in three waves, the last one of few.
// CHECK-LABEL: @bytes_of_many_waves
// CHECK: tile = [1, 48, 512], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2>
func.func @bytes_of_many_waves(%x: tensor<1x4096xbf16>, %w: tensor<11008x4096xbf16, #w8>, %init: tensor<1x11008xbf16>) -> tensor<1x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<11008x4096xbf16, #w8>) maps [] outs(%init : tensor<1x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x11008xbf16>
  return %y : tensor<1x11008xbf16>
}

// Sums of four groups in each step would leave room for fewer blocks.
// CHECK-LABEL: @few_rows_small_groups
// CHECK: tile = [8, 64, 512], warps = [1, 1, 4], stages = 1, split_k = 2, {{.*}}occupancy = 3, scale_decoded = true>
func.func @few_rows_small_groups(%x: tensor<8x4096xbf16>, %w: tensor<11008x4096xbf16, #w4g32>, %init: tensor<8x11008xbf16>) -> tensor<8x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x4096xbf16>, tensor<11008x4096xbf16, #w4g32>) maps [] outs(%init : tensor<8x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x11008xbf16>
  return %y : tensor<8x11008xbf16>
}

// Two rows as well, and values of a table.
// CHECK-LABEL: @few_rows_table
// CHECK: tile = [2, 48, 1024], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2, scale_decoded = true>
func.func @few_rows_table(%x: tensor<2x4096xbf16>, %w: tensor<11008x4096xbf16, #nf4>, %init: tensor<2x11008xbf16>) -> tensor<2x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<2x4096xbf16>, tensor<11008x4096xbf16, #nf4>) maps [] outs(%init : tensor<2x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<2x11008xbf16>
  return %y : tensor<2x11008xbf16>
}

// f16 does not hold weights once they are scaled; a model chooses, all the same.
// CHECK-LABEL: @few_rows_of_half
// CHECK-NOT: scale_decoded
// CHECK: tile = [4, 64, 256], warps = [1, 1, 4], stages = 2, {{.*}}occupancy = 3>
func.func @few_rows_of_half(%x: tensor<4x4096xf16>, %w: tensor<22016x4096xf16, #w4g64h>, %init: tensor<4x22016xf16>) -> tensor<4x22016xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x4096xf16>, tensor<22016x4096xf16, #w4g64h>) maps [] outs(%init : tensor<4x22016xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<4x22016xf16>
  return %y : tensor<4x22016xf16>
}

// One row of 2 bits: a step of 256 columns for each of 16 warps is all of K.
// CHECK-LABEL: @one_row_of_two_bits
// CHECK: tile = [1, 16, 4096], warps = [1, 1, 16], stages = 1, {{.*}}occupancy = 2>
func.func @one_row_of_two_bits(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w2>, %init: tensor<1x4096xbf16>) -> tensor<1x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w2>) maps [] outs(%init : tensor<1x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}

// Bytes of few rows of weights: four blocks of three row tiles share K.
// CHECK-LABEL: @eight_rows_of_bytes
// CHECK: tile = [8, 48, 256], warps = [1, 1, 4], stages = 1, split_k = 4, {{.*}}occupancy = 4>
func.func @eight_rows_of_bytes(%x: tensor<8x5120xbf16>, %w: tensor<5120x5120xbf16, #w8>, %init: tensor<8x5120xbf16>) -> tensor<8x5120xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x5120xbf16>, tensor<5120x5120xbf16, #w8>) maps [] outs(%init : tensor<8x5120xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x5120xbf16>
  return %y : tensor<8x5120xbf16>
}

// One row and few rows of weights: so do four blocks of 16 warps.
// CHECK-LABEL: @one_row_of_few_bytes
// CHECK: tile = [1, 32, 512], warps = [1, 1, 16], stages = 1, split_k = 4, {{.*}}occupancy = 2>
func.func @one_row_of_few_bytes(%x: tensor<1x8192xbf16>, %w: tensor<1024x8192xbf16, #w8>, %init: tensor<1x1024xbf16>) -> tensor<1x1024xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x8192xbf16>, tensor<1024x8192xbf16, #w8>) maps [] outs(%init : tensor<1x1024xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x1024xbf16>
  return %y : tensor<1x1024xbf16>
}

// Bytes in groups of 128 have schedules of their own, of which the model picks.
#w8g128 = #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = bf16}>
// CHECK-LABEL: @bytes_in_groups
// CHECK: mma_stream, {{.*}}tile = [16, 64, 256], warps = [1, 1, 4], stages = 1, split_k = 2, {{.*}}occupancy = 3
func.func @bytes_in_groups(%x: tensor<16x4096xbf16>, %w: tensor<11008x4096xbf16, #w8g128>, %init: tensor<16x11008xbf16>) -> tensor<16x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<11008x4096xbf16, #w8g128>) maps [] outs(%init : tensor<16x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<16x11008xbf16>
  return %y : tensor<16x11008xbf16>
}

// CHECK-LABEL: @few_bytes_in_groups
// CHECK: mma_stream, {{.*}}tile = [16, 32, 512], warps = [1, 1, 8], stages = 1, split_k = 2, {{.*}}occupancy = 2
func.func @few_bytes_in_groups(%x: tensor<16x4096xbf16>, %w: tensor<4096x4096xbf16, #w8g128>, %init: tensor<16x4096xbf16>) -> tensor<16x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<4096x4096xbf16, #w8g128>) maps [] outs(%init : tensor<16x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<16x4096xbf16>
  return %y : tensor<16x4096xbf16>
}

// The largest layers are left to wgmma.
// CHECK-LABEL: @many_bytes_in_groups
// CHECK: wgmma_decode,
func.func @many_bytes_in_groups(%x: tensor<16x8192xbf16>, %w: tensor<28672x8192xbf16, #w8g128>, %init: tensor<16x28672xbf16>) -> tensor<16x28672xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x8192xbf16>, tensor<28672x8192xbf16, #w8g128>) maps [] outs(%init : tensor<16x28672xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<16x28672xbf16>
  return %y : tensor<16x28672xbf16>
}

// So have zero points in groups of 32 columns, whose weights are scaled, and
// those of whole rows, whose are not.
#w4zp32 = #quant_tensor.encoding<{storage = ui4, block = [1, 32], scale = bf16, zero_point = ui4}>
// CHECK-LABEL: @zero_points_of_small_groups
// CHECK: mma_stream, {{.*}}tile = [16, 32, 512], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 3, scale_decoded = true
func.func @zero_points_of_small_groups(%x: tensor<16x4096xbf16>, %w: tensor<11008x4096xbf16, #w4zp32>, %init: tensor<16x11008xbf16>) -> tensor<16x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<11008x4096xbf16, #w4zp32>) maps [] outs(%init : tensor<16x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<16x11008xbf16>
  return %y : tensor<16x11008xbf16>
}

#w4zprow = #quant_tensor.encoding<{storage = ui4, block = [1, 0], scale = f32, zero_point = ui4}>
// CHECK-LABEL: @zero_points_of_rows
// CHECK: mma_stream, {{.*}}tile = [8, 48, 1024], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2>
func.func @zero_points_of_rows(%x: tensor<8x4096xbf16>, %w: tensor<11008x4096xbf16, #w4zprow>, %init: tensor<8x11008xbf16>) -> tensor<8x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x4096xbf16>, tensor<11008x4096xbf16, #w4zprow>) maps [] outs(%init : tensor<8x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x11008xbf16>
  return %y : tensor<8x11008xbf16>
}

// Weights of 3 bits are scaled where their sums would be many, or where fewer
// registers let two blocks divide a tile.
#w3g64 = #quant_tensor.encoding<{storage = i3, block = [1, 64], scale = bf16}>
// CHECK-LABEL: @three_bits_in_small_groups
// CHECK: mma_stream, {{.*}}tile = [1, 16, 2048], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2, scale_decoded = true
func.func @three_bits_in_small_groups(%x: tensor<1x11008xbf16>, %w: tensor<4096x11008xbf16, #w3g64>, %init: tensor<1x4096xbf16>) -> tensor<1x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x11008xbf16>, tensor<4096x11008xbf16, #w3g64>) maps [] outs(%init : tensor<1x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}

// CHECK-LABEL: @few_rows_of_three_bits
// CHECK: mma_stream, {{.*}}tile = [8, 32, 2048], warps = [1, 1, 8], stages = 1, split_k = 2, {{.*}}occupancy = 2, scale_decoded = true
func.func @few_rows_of_three_bits(%x: tensor<8x11008xbf16>, %w: tensor<4096x11008xbf16, #w3>, %init: tensor<8x4096xbf16>) -> tensor<8x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x11008xbf16>, tensor<4096x11008xbf16, #w3>) maps [] outs(%init : tensor<8x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x4096xbf16>
  return %y : tensor<8x4096xbf16>
}

// CHECK-LABEL: @few_rows_of_two_bits
// CHECK: mma_stream, {{.*}}tile = [8, 32, 2048], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 3, scale_decoded = true
func.func @few_rows_of_two_bits(%x: tensor<8x8192xbf16>, %w: tensor<28672x8192xbf16, #w2>, %init: tensor<8x28672xbf16>) -> tensor<8x28672xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x8192xbf16>, tensor<28672x8192xbf16, #w2>) maps [] outs(%init : tensor<8x28672xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x28672xbf16>
  return %y : tensor<8x28672xbf16>
}

// Blocks of 16 columns have a scale each: warps that hold twice as many columns
// are two to an SM.
#w6 = #quant_tensor.encoding<{storage = i6, block = [1, 128], scale = bf16}>
#nv = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 16], scale = f8E4M3FN}>
// CHECK-LABEL: @blocks_of_sixteen
// CHECK: tile = [8, 32, 1024], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 2>
func.func @blocks_of_sixteen(%x: tensor<8x4096xbf16>, %w: tensor<11008x4096xbf16, #nv>, %init: tensor<8x11008xbf16>) -> tensor<8x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x4096xbf16>, tensor<11008x4096xbf16, #nv>) maps [] outs(%init : tensor<8x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x11008xbf16>
  return %y : tensor<8x11008xbf16>
}

// Two tiles of codes in a step.
// CHECK-LABEL: @one_row_of_six_bits
// CHECK: tile = [1, 16, 2048], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2>
func.func @one_row_of_six_bits(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w6>, %init: tensor<1x4096xbf16>) -> tensor<1x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w6>) maps [] outs(%init : tensor<1x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}

// Small groups with narrow scales: as many pairs of row tiles as SMs leave one
// block in each, which two of a cluster share.
// CHECK-LABEL: @small_groups_of_few_pairs(
// CHECK: tile = [8, 32, 1024], warps = [1, 1, 8], stages = 1, split_k = 2
func.func @small_groups_of_few_pairs(%x: tensor<8x11008xbf16>, %w: tensor<4096x11008xbf16, #nv>, %init: tensor<8x4096xbf16>) -> tensor<8x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x11008xbf16>, tensor<4096x11008xbf16, #nv>) maps [] outs(%init : tensor<8x4096xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x4096xbf16>
  return %y : tensor<8x4096xbf16>
}

// CHECK-LABEL: @small_groups_of_one_row(
// CHECK: tile = [1, 16, 2048], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2>
func.func @small_groups_of_one_row(%x: tensor<1x4096xf16>, %w: tensor<4096x4096xf16, #nv>, %init: tensor<1x4096xf16>) -> tensor<1x4096xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xf16>, tensor<4096x4096xf16, #nv>) maps [] outs(%init : tensor<1x4096xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<1x4096xf16>
  return %y : tensor<1x4096xf16>
}

#w2g64 = #quant_tensor.encoding<{storage = i2, block = [1, 64], scale = bf16}>
#w4zp64h = #quant_tensor.encoding<{storage = ui4, block = [1, 64], scale = f16, zero_point = ui4}>
#e2m1row = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 0], scale = f32}>
#w5row = #quant_tensor.encoding<{storage = i5, block = [1, 0], scale = f32}>
#w8zp = #quant_tensor.encoding<{storage = ui8, block = [1, 0], scale = f32, zero_point = ui8}>

// One row of f16 by bytes: three blocks share an SM, where two would leave some without work.
// CHECK-LABEL: @one_row_of_bytes_in_f16
// CHECK: tile = [1, 16, 512], warps = [1, 1, 8], stages = 2, {{.*}}occupancy = 3>
func.func @one_row_of_bytes_in_f16(%x: tensor<1x5120xf16>, %w: tensor<5120x5120xf16, #w8>, %init: tensor<1x5120xf16>) -> tensor<1x5120xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x5120xf16>, tensor<5120x5120xf16, #w8>) maps [] outs(%init : tensor<1x5120xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<1x5120xf16>
  return %y : tensor<1x5120xf16>
}

// Two scales in 128 columns: weights are scaled.
// CHECK-LABEL: @two_bits_in_small_groups
// CHECK: tile = [1, 48, 2048], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2, scale_decoded = true>
func.func @two_bits_in_small_groups(%x: tensor<1x4096xbf16>, %w: tensor<11008x4096xbf16, #w2g64>, %init: tensor<1x11008xbf16>) -> tensor<1x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<11008x4096xbf16, #w2g64>) maps [] outs(%init : tensor<1x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<1x11008xbf16>
  return %y : tensor<1x11008xbf16>
}

// Sums of small groups, and their zero points.
// CHECK-LABEL: @zero_points_of_f16
// CHECK: tile = [16, 32, 1024], warps = [1, 1, 16], stages = 1, {{.*}}dependent_launch = true>
func.func @zero_points_of_f16(%x: tensor<16x11008xf16>, %w: tensor<4096x11008xf16, #w4zp64h>, %init: tensor<16x4096xf16>) -> tensor<16x4096xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x11008xf16>, tensor<4096x11008xf16, #w4zp64h>) maps [] outs(%init : tensor<16x4096xf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<16x4096xf16>
  return %y : tensor<16x4096xf16>
}

// One scale in each row of values of a table.
// CHECK-LABEL: @table_of_rows
// CHECK: tile = [8, 48, 1024], warps = [1, 1, 8], stages = 1, {{.*}}occupancy = 2>
func.func @table_of_rows(%x: tensor<8x4096xbf16>, %w: tensor<11008x4096xbf16, #e2m1row>, %init: tensor<8x11008xbf16>) -> tensor<8x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x4096xbf16>, tensor<11008x4096xbf16, #e2m1row>) maps [] outs(%init : tensor<8x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x11008xbf16>
  return %y : tensor<8x11008xbf16>
}

// Codes that straddle words.
// CHECK-LABEL: @five_bits
// CHECK: tile = [8, 32, 1024], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 3>
func.func @five_bits(%x: tensor<8x3584xbf16>, %w: tensor<18944x3584xbf16, #w5row>, %init: tensor<8x18944xbf16>) -> tensor<8x18944xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x3584xbf16>, tensor<18944x3584xbf16, #w5row>) maps [] outs(%init : tensor<8x18944xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x18944xbf16>
  return %y : tensor<8x18944xbf16>
}

// Zero points of bytes.
// CHECK-LABEL: @bytes_with_zero_points
// CHECK: tile = [8, 64, 256], warps = [1, 1, 4], stages = 1, split_k = 2, {{.*}}occupancy = 3>
func.func @bytes_with_zero_points(%x: tensor<8x4096xbf16>, %w: tensor<11008x4096xbf16, #w8zp>, %init: tensor<8x11008xbf16>) -> tensor<8x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x4096xbf16>, tensor<11008x4096xbf16, #w8zp>) maps [] outs(%init : tensor<8x11008xbf16>) {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<8x11008xbf16>
  return %y : tensor<8x11008xbf16>
}
