// RUN: quant-opt %s -select-schedule=chip=sm_90a | FileCheck %s --check-prefixes=CHECK,H100
// RUN: quant-opt %s -select-schedule=chip=sm_89 | FileCheck %s --check-prefixes=CHECK,L40

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#w4g48 = #quant_tensor.encoding<{storage = ui4, block = [1, 48], scale = f16, zero_point = f16}>

// One row: every warp takes a slice of K. Only the newer chip
// starts a kernel early.
// CHECK-LABEL: @batch1
// CHECK: quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_{{90a|89}}", tile = [1, 16, {{1024|2048}}], warps = [1, 1, {{16|8}}],
// Weights of two steps are asked for before the kernel in front has ended.
// H100-SAME: stages = 2,
// L40-SAME: stages = 1,
// CHECK-SAME: weights = <fragment, tile = [16, 64]>, contract = <u_acc = {{1.19.*}}, u_decode = 0.000000e+00, offset = 0.000000e+00>
// H100-SAME: dependent_launch = true
// L40-NOT: dependent_launch
func.func @batch1(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>, %init: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps [] outs(%init : tensor<1x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x4096xf32>
  return %y : tensor<1x4096xf32>
}

// More rows of weights in a block read the activations less often, but there are
// fewer blocks to deal out to the SMs.
// CHECK-LABEL: @batch16
// H100: <mma_stream, {{.*}}tile = [16, 64, 512], warps = [1, 1, 4], stages = 1, split_k = 2, {{.*}}occupancy = 3, scale_decoded = true>
// L40: <mma_stream, {{.*}}tile = [16, 64, 512], warps = [1, 1, 4], stages = 1, {{.*}}occupancy = 2>
func.func @batch16(%x: tensor<16x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>, %init: tensor<16x11008xf32>) -> tensor<16x11008xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps [] outs(%init : tensor<16x11008xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x11008xf32>
  return %y : tensor<16x11008xf32>
}

// A long K takes a loop, whose registers leave room for fewer warps. Three rows
// fill a tile of four.
// CHECK-LABEL: @long_k
// H100: <mma_stream, {{.*}}tile = [4, 32, 1024], warps = [1, 1, 16], stages = 2,
// L40: <mma_stream, {{.*}}tile = [4, 64, 1024], warps = [1, 1, 8], stages = 1,
func.func @long_k(%x: tensor<3x11008xbf16>, %w: tensor<4096x11008xbf16, #w4>, %init: tensor<3x4096xf32>) -> tensor<3x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<3x11008xbf16>, tensor<4096x11008xbf16, #w4>) maps [] outs(%init : tensor<3x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<3x4096xf32>
  return %y : tensor<3x4096xf32>
}

// Bytes come in steps of half as many columns.
// CHECK-LABEL: @int8_weights
// CHECK: <mma_stream, {{.*}}tile = [1, 16, 512], warps = [1, 1, 16], stages = 2, weights = <fragment, tile = [16, 32]>, {{.*}}offset = 0.000000e+00>
func.func @int8_weights(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w8>, %init: tensor<1x4096xf32>) -> tensor<1x4096xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w8>) maps [] outs(%init : tensor<1x4096xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x4096xf32>
  return %y : tensor<1x4096xf32>
}

// A short K leaves fewer warps and fewer loads in flight.
// CHECK-LABEL: @short_k
// CHECK: <reduce, {{.*}}tile = [1, 16, 128], warps = [1, 1, 4], stages = 1, weights = <fragment, tile = [16, 32]>
func.func @short_k(%x: tensor<1x150xf32>, %w: tensor<7x150xf32, #w8>, %init: tensor<1x7xf32>) -> tensor<1x7xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x150xf32>, tensor<7x150xf32, #w8>) maps [] outs(%init : tensor<1x7xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x7xf32>
  return %y : tensor<1x7xf32>
}

// Rows known at run time only: a schedule for each range.
// CHECK-LABEL: @dynamic
// H100: quant_tile.schedules = [#quant_tile.schedule<mma_stream, {{.*}}tile = [1, {{.*}}max_m = 1, {{.*}}>, #quant_tile.schedule<mma_stream, {{.*}}tile = [8, {{.*}}max_m = 8, {{.*}}>, #quant_tile.schedule<mma_stream, {{.*}}tile = [16, {{.*}}max_m = 16, {{.*}}>, #quant_tile.schedule<wgmma_decode, {{.*}}max_m = 32, {{.*}}>, #quant_tile.schedule<wgmma_decode, {{.*}}max_m = 64, {{.*}}>, #quant_tile.schedule<wgmma_decode, {{.*}}max_m = 128, {{.*}}>
// L40: quant_tile.schedules = [#quant_tile.schedule<mma_stream, {{.*}}tile = [1, {{.*}}max_m = 1, {{.*}}>, #quant_tile.schedule<mma_stream, {{.*}}tile = [8, {{.*}}max_m = 8, {{.*}}>, #quant_tile.schedule<mma_stream, {{.*}}tile = [16, {{.*}}max_m = 16, {{.*}}>, #quant_tile.schedule<mma_sync, {{.*}}tile = [32, 16, 512], warps = [1, 1, 8], {{.*}}max_m = 32, {{.*}}>, #quant_tile.schedule<mma_sync, {{.*}}tile = [64, 64, 128], warps = [2, 2, 2], {{.*}}max_m = 64, {{.*}}>, #quant_tile.schedule<mma_sync, {{.*}}tile = [128, 64, 128], warps = [2, 2, 2], {{.*}}max_m = 128, {{.*}}>, #quant_tile.schedule<mma_sync, {{.*}}tile = [128, 128, 64], warps = [2, 4, 1], stages = 4, weights
func.func @dynamic(%x: tensor<?x4096xbf16>, %w: tensor<2048x4096xbf16, #w4>, %init: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<2048x4096xbf16, #w4>) maps [] outs(%init : tensor<?x2048xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// A batch counts as rows. Rows of K = 4100 bf16 are aligned to 8 bytes.
// CHECK-LABEL: @batch
// CHECK: <mma_sync, {{.*}}tile = [64, {{[0-9]+}}, {{[0-9]+}}], {{.*}}copy = 8, weights
func.func @batch(%x: tensor<3x16x4100xbf16>, %w: tensor<2048x4100xbf16, #w4>, %init: tensor<3x16x2048xf32>) -> tensor<3x16x2048xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<3x16x4100xbf16>, tensor<2048x4100xbf16, #w4>) maps [] outs(%init : tensor<3x16x2048xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<3x16x2048xf32>
  return %y : tensor<3x16x2048xf32>
}

// Groups of 48 cut the instruction's columns, so rows go one at a time; a float
// zero point costs half an ulp of f32 of each weight.
// CHECK-LABEL: @group48
// CHECK: <reduce, {{.*}}u_decode = 5.96
func.func @group48(%x: tensor<8x480xf16>, %w: tensor<64x480xf16, #w4g48>, %init: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x480xf16>, tensor<64x480xf16, #w4g48>) maps [] outs(%init : tensor<8x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// Two operands through shared memory: warpgroups where there are any, else the
// smaller chip has room for 3 stages. Integers are exact.
// CHECK-LABEL: @int8
// H100: <wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 6, contract = <u_acc = 0.000000e+00, u_decode = 0.000000e+00, offset = 0.000000e+00>, dependent_launch = true, warpgroups = <pingpong, cluster = [2, 1]>>
// L40: <mma_sync, chip = "sm_89", tile = [128, 128, 128], warps = [2, 4, 1], stages = 3, contract
func.func @int8(%x: tensor<4096x4096xi8>, %w: tensor<4096x4096xi8>, %init: tensor<4096x4096xi32>) -> tensor<4096x4096xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4096x4096xi8>, tensor<4096x4096xi8>) maps [] outs(%init : tensor<4096x4096xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4096x4096xi32>
  return %y : tensor<4096x4096xi32>
}

// No family multiplies plain f32.
// CHECK-LABEL: @plain
// CHECK: #quant_tile.schedule<plain, chip
func.func @plain(%x: tensor<8x64xf32>, %w: tensor<32x64xf32>, %init: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x64xf32>, tensor<32x64xf32>) maps [] outs(%init : tensor<8x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// Nor has any a tile of encoded weights that it cannot count.
// CHECK-LABEL: @dynamic_weights
// CHECK: #quant_tile.schedule<plain, chip
func.func @dynamic_weights(%x: tensor<1x64xbf16>, %w: tensor<?x64xbf16, #w8>, %init: tensor<1x?xf32>) -> tensor<1x?xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xbf16>, tensor<?x64xbf16, #w8>) maps [] outs(%init : tensor<1x?xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x?xf32>
  return %y : tensor<1x?xf32>
}

// CHECK-LABEL: @empty
// CHECK: #quant_tile.schedule<plain, chip
func.func @empty(%x: tensor<1x0xbf16>, %w: tensor<8x0xbf16, #w8>, %init: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x0xbf16>, tensor<8x0xbf16, #w8>) maps [] outs(%init : tensor<1x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// One row of activations is aligned, but the rows of plain weights are not.
// CHECK-LABEL: @int8_odd
// CHECK: <mma_sync, {{.*}}copy = 1, contract
func.func @int8_odd(%x: tensor<1x1021xi8>, %w: tensor<509x1021xi8>, %init: tensor<1x509xi32>) -> tensor<1x509xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x1021xi8>, tensor<509x1021xi8>) maps [] outs(%init : tensor<1x509xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<1x509xi32>
  return %y : tensor<1x509xi32>
}

// Panels of 2-bit weights are 128 columns wide: two stages of 128 rows by 256
// columns would fill more than the shared memory of sm_89.
// CHECK-LABEL: @wide_panels
// L40: <mma_sync, chip = "sm_89", tile = [64, 64, 256], warps = [2, 2, 2], stages = 3, copy = 2
#w2 = #quant_tensor.encoding<{storage = ui2, block = [1, 0], scale = f32}>
func.func @wide_panels(%x: tensor<300x129xbf16>, %w: tensor<72x129xbf16, #w2>, %init: tensor<300x72xf32>) -> tensor<300x72xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<300x129xbf16>, tensor<72x129xbf16, #w2>) maps [] outs(%init : tensor<300x72xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<300x72xf32>
  return %y : tensor<300x72xf32>
}

// Steps of 256 columns with a scale and a zero point for each 32 leave few
// registers, of which blocks with few warps need more for copies.
// CHECK-LABEL: @few_registers
// CHECK: <mma_sync, {{.*}}tile = [8, 32, 512], warps = [1, 2, 2], stages = 2
#w7 = #quant_tensor.encoding<{storage = i7, block = [1, 32], scale = bf16, zero_point = i8}>
func.func @few_registers(%x: tensor<32x1024xbf16>, %w: tensor<1024x1024xbf16, #w7>, %init: tensor<32x1024xf32>) -> tensor<32x1024xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<32x1024xbf16>, tensor<1024x1024xbf16, #w7>) maps [] outs(%init : tensor<32x1024xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<32x1024xf32>
  return %y : tensor<32x1024xf32>
}

// Fewer yet where rows are copied in pieces: eight warps of one tile each, though
// there are weights for four.
// CHECK-LABEL: @fewer_registers
// CHECK: <mma_sync, {{.*}}tile = [8, 128, 256], warps = [1, 8, 1], stages = 2
#w7u = #quant_tensor.encoding<{storage = ui7, block = [1, 32], scale = f32, zero_point = i32}>
func.func @fewer_registers(%x: tensor<64x4098xbf16>, %w: tensor<64x4098xbf16, #w7u>, %init: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4098xbf16>, tensor<64x4098xbf16, #w7u>) maps [] outs(%init : tensor<64x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// As many blocks as the second extent of a grid has, at most.
// CHECK-LABEL: @very_many_rows
// CHECK: <mma_sync, {{.*}}tile = [256,
func.func @very_many_rows(%x: tensor<9000000x20xf16>, %w: tensor<16x20xf16>, %init: tensor<9000000x16xf32>) -> tensor<9000000x16xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<9000000x20xf16>, tensor<16x20xf16>) maps [] outs(%init : tensor<9000000x16xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<9000000x16xf32>
  return %y : tensor<9000000x16xf32>
}

// CHECK-LABEL: @very_many_columns
// CHECK: <reduce, {{.*}}tile = [1, 64,
#w4f = #quant_tensor.encoding<{storage = i4, block = [1, 0], scale = f32}>
func.func @very_many_columns(%x: tensor<1x64xf32>, %w: tensor<2200000x64xf32, #w4f>, %init: tensor<1x2200000xf32>) -> tensor<1x2200000xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x64xf32>, tensor<2200000x64xf32, #w4f>) maps [] outs(%init : tensor<1x2200000xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x2200000xf32>
  return %y : tensor<1x2200000xf32>
}
