// RUN: quant-opt %s | quant-opt | FileCheck %s
// RUN: quant-opt %s -emit-bytecode | quant-opt | FileCheck %s

// CHECK: #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 64], warps = [2, 4, 1], stages = 4, weights = <fragment, tile = [16, 64]>, contract = <u_acc = {{.*}}, u_decode = 0.000000e+00, offset = 0.000000e+00>>
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 64], warps = [2, 4, 1], stages = 4, weights = <fragment, tile = [16, 64]>, contract = <u_acc = 5.9604644775390625E-8>>} {}

// CHECK: #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 512], warps = [1, 1, 8], stages = 4, copy = 8, weights = <fragment, tile = [16, 64]>, max_m = 1>
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 512], warps = [1, 1, 8], stages = 4, copy = 8, weights = <fragment, tile = [16, 64]>, max_m = 1>} {}

// Row major is the absence of a layout.
// CHECK: #quant_tile.schedule<mma_sync, chip = "sm_89", tile = [16, 64, 512], warps = [1, 1, 4], stages = 2>
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, tile = [16, 64, 512], warps = [1, 1, 4], stages = 2, weights = <row_major>, chip = "sm_89">} {}

// CHECK: #quant_tile.schedule<plain, chip = "sm_89">
module attributes {quant_tile.s = #quant_tile.schedule<plain, chip = "sm_89">} {}

// CHECK: #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 256, 128], warps = [8, 1, 1], stages = 4, warpgroups = <cooperative, cluster = [2, 1], group_m = 16>>
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 256, 128], warps = [8, 1, 1], stages = 4, warpgroups = <cooperative, group_m = 16, cluster = [2, 1]>>} {}
// CHECK: #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [128, 192, 64], warps = [1, 12, 1], stages = 8, weights = <fragment, tile = [16, 64]>, dependent_launch = true, warpgroups = <alternating>, scale_decoded = true>
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [128, 192, 64], warps = [1, 12, 1], stages = 8, weights = <fragment, tile = [16, 64]>, dependent_launch = true, warpgroups = <alternating>, scale_decoded = true>} {}

// CHECK: #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 6, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, scale_decoded = true>
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 6, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, scale_decoded = true>} {}
// CHECK: #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1], stages = 5, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, scale_decoded = true, stream_k = 80>
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1], stages = 5, stream_k = 80, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, scale_decoded = true>} {}
// CHECK: #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 64], warps = [4, 1, 1], stages = 2, warpgroups = <pingpong>>
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 64], warps = [4, 1, 1], stages = 2, warpgroups = <pingpong, cluster = [1, 1], group_m = 1>>} {}
// CHECK: #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 1, 1], stages = 2, warpgroups = <pingpong>, promote = 4>
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 1, 1], stages = 2, promote = 4, warpgroups = <pingpong>>} {}
// CHECK: #quant_tile.tensor_map<box = [128, 64], swizzle = 128, l2_promotion = 256>
module attributes {quant_tile.m = #quant_tile.tensor_map<l2_promotion = 256, box = [128, 64], swizzle = 128>} {}
// CHECK: #quant_tile.tensor_map<box = [1, 16]>
module attributes {quant_tile.m = #quant_tile.tensor_map<box = [1, 16], swizzle = 0>} {}
