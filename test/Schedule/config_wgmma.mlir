// RUN: quant-opt %s -select-schedule=chip=sm_90a | FileCheck %s
// RUN: quant-opt %s '-select-schedule=chip=sm_90a fast-accumulation' | FileCheck %s --check-prefix=FAST
// RUN: quant-opt %s -select-schedule=chip=sm_90a -o %t --remarks-filter=schedule 2>&1 | FileCheck %s --check-prefix=REMARK

// Few rows: tiles of weights such that most SMs get one; more rows, larger tiles.
// Weights that do not stay in L2 are read once for a few rows of tiles. Kernels
// start before the one in front of them has ended.
// CHECK-LABEL: @dynamic
// Up to 16 rows are all that is loaded of a tile.
// CHECK: quant_tile.schedules = [#quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 2, 1], stages = 8, max_m = 16, contract
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 2, 1], stages = 8, max_m = 64
// CHECK-SAME: dependent_launch = true, warpgroups = <cooperative>>
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 96, 128], warps = [8, 1, 1], stages = 6, max_m = 128
// Two rows of tiles share their weights in clusters: all are asked for at the same time.
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 192, 128], warps = [8, 1, 1], stages = 4, max_m = 256
// CHECK-SAME: warpgroups = <cooperative, cluster = [2, 1]>>
// 99 tiles of 112 columns in each of four rows of tiles are three whole waves of SMs.
// Column by column, weights for the first wave come from memory sooner. From there on
// ranges end where the model says that another tile is better, and some tiles are good
// in several: each of two kernels here has two ranges. At powers of two, another has to
// be nearly as good as the best.
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 112, 128], warps = [4, 1, 1], stages = 7, max_m = 512
// CHECK-SAME: warpgroups = <pingpong, group_m = 16>>
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 144, 128], warps = [4, 1, 1], stages = 6, max_m = 640
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 6, max_m = 768
// CHECK-SAME: warpgroups = <pingpong, group_m = 16>>
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 112, 128], warps = [4, 1, 1], stages = 7, max_m = 1024
// CHECK-SAME: warpgroups = <pingpong, group_m = 16>>
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 6, max_m = 3072
// CHECK-SAME: warpgroups = <pingpong, cluster = [1, 2], group_m = 16>>
// CHECK-SAME: <wgmma, chip = "sm_90a", tile = [128, 160, 128], warps = [4, 1, 1], stages = 5, contract
// CHECK-SAME: warpgroups = <pingpong, group_m = 16>>]
func.func @dynamic(%x: tensor<?x4096xi8>, %w: tensor<11008x4096xi8>, %init: tensor<?x11008xi32>) -> tensor<?x11008xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<11008x4096xi8>) maps [] outs(%init : tensor<?x11008xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x11008xi32>
  return %y : tensor<?x11008xi32>
}

// Weights that do not stay in L2: many rows of tiles go through them together.
// Clusters of several rows of them would cost more than they save.
// CHECK-LABEL: @long
// CHECK: <wgmma, chip = "sm_90a", tile = [128, 176, 128], warps = [4, 1, 1], stages = 5
// CHECK-SAME: warpgroups = <pingpong, group_m = 16>>
func.func @long(%x: tensor<8192x8192xi8>, %w: tensor<8192x8192xi8>, %init: tensor<8192x8192xi32>) -> tensor<8192x8192xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8192x8192xi8>, tensor<8192x8192xi8>) maps [] outs(%init : tensor<8192x8192xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<8192x8192xi32>
  return %y : tensor<8192x8192xi32>
}

// Hopper adds products of 8-bit floats with 13 bits: accumulators are promoted
// after every other step of 128, so that the error of any K is as for 256.
// CHECK-LABEL: @fp8
// CHECK: <wgmma, {{.*}}contract = <u_acc = 1.3007{{[0-9]*}}E-4, u_decode = 0.000000e+00
// CHECK-SAME: promote = 2>
// Or they stay there, with the bound of 13 bits for all of K.
// FAST-LABEL: @fp8
// FAST: <wgmma, {{.*}}contract = <u_acc = 1.2195{{[0-9]*}}E-4, u_decode = 0.000000e+00
// FAST-NOT: promote
func.func @fp8(%x: tensor<64x256xf8E4M3FN>, %w: tensor<128x256xf8E5M2>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x256xf8E4M3FN>, tensor<128x256xf8E5M2>) maps [] outs(%init : tensor<64x128xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}

// What is promised for K = 16384 is no worse than for 256 (where two steps are all).
// CHECK-LABEL: @fp8_long
// CHECK: <wgmma, {{.*}}tile = [128, 128, 128], warps = [8, 1, 1]{{.*}}contract = <u_acc = 2.03{{[0-9]*}}E-6
// CHECK-SAME: warpgroups = <cooperative
// CHECK-SAME: promote = 2>
// Nothing is promised for it where accumulators stay: an error up to the sum of magnitudes.
// FAST-LABEL: @fp8_long
// FAST: <wgmma, {{.*}}contract = <u_acc = 3.05{{[0-9]*}}E-5
// FAST-NOT: promote
func.func @fp8_long(%x: tensor<4096x16384xf8E4M3FN>, %w: tensor<4096x16384xf8E4M3FN>, %init: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x16384xf8E4M3FN>, tensor<4096x16384xf8E4M3FN>) maps [] outs(%init : tensor<4096x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}

// Of tiles that fill SMs alike, those that ask least of shared memory.
// CHECK-LABEL: @fp8_large
// CHECK: <wgmma, {{.*}}tile = [128, 192, 128], warps = [8, 1, 1]{{.*}}group_m = 16>, promote = 2>
func.func @fp8_large(%x: tensor<8192x8192xf8E4M3FN>, %w: tensor<8192x8192xf8E4M3FN>, %init: tensor<8192x8192xbf16>) -> tensor<8192x8192xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8192x8192xf8E4M3FN>, tensor<8192x8192xf8E4M3FN>) maps [] outs(%init : tensor<8192x8192xbf16>) {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<8192x8192xbf16>
  return %y : tensor<8192x8192xbf16>
}

// Scales of 1x128 activations and 128x128 weights.
// CHECK-LABEL: @block_scaled
// CHECK: <wgmma, {{.*}}tile = [128, 128, 128]{{.*}}promote = 1>
// FAST-LABEL: @block_scaled
// FAST: promote = 1>
#x128 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>
#w128 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [128, 128], scale = f32}>
func.func @block_scaled(%x: tensor<4096x7168xbf16, #x128>, %w: tensor<4096x7168xbf16, #w128>, %init: tensor<4096x4096xf32>) -> tensor<4096x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x7168xbf16, #x128>, tensor<4096x7168xbf16, #w128>) maps [] outs(%init : tensor<4096x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4096x4096xf32>
  return %y : tensor<4096x4096xf32>
}

// Again, though some of these tiles start in the middle of a block.
// CHECK-LABEL: @block_scaled_large
// CHECK: <wgmma, {{.*}}tile = [128, 192, 128], warps = [8, 1, 1]{{.*}}group_m = 16>, promote = 1>
func.func @block_scaled_large(%x: tensor<8192x8192xbf16, #x128>, %w: tensor<8192x8192xbf16, #w128>, %init: tensor<8192x8192xbf16>) -> tensor<8192x8192xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8192x8192xbf16, #x128>, tensor<8192x8192xbf16, #w128>) maps [] outs(%init : tensor<8192x8192xbf16>) {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<8192x8192xbf16>
  return %y : tensor<8192x8192xbf16>
}

// Four rounds of tiles, nearly full, where there were six.
// CHECK-LABEL: @block_scaled_square
// CHECK: <wgmma, {{.*}}tile = [256, 128, 128], warps = [8, 1, 1]{{.*}}promote = 1>
func.func @block_scaled_square(%x: tensor<4096x4096xbf16, #x128>, %w: tensor<4096x4096xbf16, #w128>, %init: tensor<4096x4096xbf16>) -> tensor<4096x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xbf16, #x128>, tensor<4096x4096xbf16, #w128>) maps [] outs(%init : tensor<4096x4096xbf16>) {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<4096x4096xbf16>
  return %y : tensor<4096x4096xbf16>
}

// Few weights: one row of tiles after the other.
// CHECK-LABEL: @block_scaled_tall
// CHECK: <wgmma, {{.*}}tile = [192, 128, 128], warps = [12, 1, 1]{{.*}}warpgroups = <cooperative>, promote = 1>
func.func @block_scaled_tall(%x: tensor<65536x1280xbf16, #x128>, %w: tensor<5120x1280xbf16, #w128>, %init: tensor<65536x5120xbf16>) -> tensor<65536x5120xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<65536x1280xbf16, #x128>, tensor<5120x1280xbf16, #w128>) maps [] outs(%init : tensor<65536x5120xbf16>) {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<65536x5120xbf16>
  return %y : tensor<65536x5120xbf16>
}

// Blocks do not wait for each other to share the smaller part of their operands.
// CHECK-LABEL: @int8_tall
// CHECK: <wgmma, {{.*}}tile = [192, 128, 128], warps = [4, 1, 1]{{.*}}warpgroups = <pingpong>>
func.func @int8_tall(%x: tensor<65536x5120xi8>, %w: tensor<1280x5120xi8>, %init: tensor<65536x1280xbf16>) -> tensor<65536x1280xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<65536x5120xi8>, tensor<1280x5120xi8>) maps [] outs(%init : tensor<65536x1280xbf16>) {
  ^bb0(%acc: i32):
    %0 = arith.sitofp %acc : i32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<65536x1280xbf16>
  return %y : tensor<65536x1280xbf16>
}

// Blocks that no step of the kernel is a part of: loops, and a remark.
// CHECK-LABEL: @small_blocks
// CHECK: <plain
// REMARK: Reason="scales of the activations change after 32 columns, no multiple of 128", Remark="scheduled plain"
#x32 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 32], scale = f32}>
#w32 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [32, 32], scale = f32}>
func.func @small_blocks(%x: tensor<64x256xbf16, #x32>, %w: tensor<64x256xbf16, #w32>, %init: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x256xbf16, #x32>, tensor<64x256xbf16, #w32>) maps [] outs(%init : tensor<64x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// Rows that the accelerator cannot address stay with mma.sync, and it says so.
// CHECK-LABEL: @unaligned
// CHECK: <mma_sync
// REMARK: Reason="rows of 100 x i8 are no multiple of 16 bytes", Remark="not scheduled wgmma"
func.func @unaligned(%x: tensor<64x100xi8>, %w: tensor<128x100xi8>, %init: tensor<64x128xi32>) -> tensor<64x128xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x100xi8>, tensor<128x100xi8>) maps [] outs(%init : tensor<64x128xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<64x128xi32>
  return %y : tensor<64x128xi32>
}

// Pairs of rows of weights, of which one column of the result is made: results of
// bytes in tiles of which half as many are a multiple of 16.
// CHECK-LABEL: @paired
// CHECK: <wgmma, chip = "sm_90a", tile = [64, {{32|64|96|128}}, 128]
func.func @paired(%x: tensor<64x1024xi8>, %w: tensor<6336x1024xi8>, %init: tensor<64x3168xi8>) -> tensor<64x3168xi8> {
  %y = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<64x1024xi8>, tensor<6336x1024xi8>) maps [] outs(%init : tensor<64x3168xi8>) {
  ^bb0(%a: i32, %b: i32):
    %0 = arith.muli %a, %b : i32
    %1 = arith.trunci %0 : i32 to i8
    quant_tensor.yield %1 : i8
  } -> tensor<64x3168xi8>
  return %y : tensor<64x3168xi8>
}

// As many rows of tiles as columns are under way: blocks share activations.
// CHECK-LABEL: @shares_activations
// CHECK: <wgmma, chip = "sm_90a", tile = [128, 128, 128], {{.*}}warpgroups = <pingpong, cluster = [1, 2], group_m = 16>
func.func @shares_activations(%x: tensor<2048x4096xi8>, %w: tensor<11008x4096xi8>, %init: tensor<2048x11008xbf16>) -> tensor<2048x11008xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<2048x4096xi8>, tensor<11008x4096xi8>) maps [] outs(%init : tensor<2048x11008xbf16>) {
  ^bb0(%acc: i32):
    %0 = arith.sitofp %acc : i32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<2048x11008xbf16>
  return %y : tensor<2048x11008xbf16>
}

// Fewer: weights are what travels.
// CHECK-LABEL: @shares_nothing
// CHECK: <wgmma, chip = "sm_90a", tile = [128, 128, 128], {{.*}}warpgroups = <pingpong, group_m = 16>
func.func @shares_nothing(%x: tensor<829x5632xi8>, %w: tensor<12032x5632xi8>, %init: tensor<829x12032xbf16>) -> tensor<829x12032xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<829x5632xi8>, tensor<12032x5632xi8>) maps [] outs(%init : tensor<829x12032xbf16>) {
  ^bb0(%acc: i32):
    %0 = arith.sitofp %acc : i32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<829x12032xbf16>
  return %y : tensor<829x12032xbf16>
}

// A long K and few weights: blocks share the few tiles that there are.
// CHECK-LABEL: @few
// CHECK: <wgmma, chip = "sm_90a", tile = [64, 48, 128], warps = [4, 1, 1], stages = 8, split_k = 4
func.func @few(%x: tensor<64x8192xi8>, %w: tensor<1024x8192xi8>, %init: tensor<64x1024xi32>) -> tensor<64x1024xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x8192xi8>, tensor<1024x8192xi8>) maps [] outs(%init : tensor<64x1024xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<64x1024xi32>
  return %y : tensor<64x1024xi32>
}

// A run of steps of which nothing can be promised.
// CHECK-LABEL: @all_lost
// CHECK: <wgmma, {{.*}}promote = 64
func.func @all_lost(%x: tensor<64x8192xf8E4M3FN>, %w: tensor<128x8192xf8E4M3FN>, %init: tensor<64x128xf32>) -> tensor<64x128xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x8192xf8E4M3FN>, tensor<128x8192xf8E4M3FN>) maps []
      outs(%init : tensor<64x128xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, promote = 64>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x128xf32>
  return %y : tensor<64x128xf32>
}
