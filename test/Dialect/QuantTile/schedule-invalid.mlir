// RUN: quant-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{unknown kernel family 'magic', expected plain, reduce, mma_sync, mma_stream, wgmma or wgmma_decode}}
module attributes {quant_tile.s = #quant_tile.schedule<magic, chip = "sm_90a">} {}

// -----

// expected-error @below {{a schedule needs a chip}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, tile = [8, 16, 64]>} {}

// -----

// expected-error @below {{unknown schedule field 'tiles', expected one of: chip, tile, warps, stages, copy, split_k, weights, max_m, contract, dependent_launch, occupancy, warpgroups}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tiles = [8, 16, 64]>} {}

// -----

// expected-error @below {{field 'stages' is given twice}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", stages = 2, stages = 3>} {}

// -----

// expected-error @below {{a plain schedule has a chip only}}
module attributes {quant_tile.s = #quant_tile.schedule<plain, chip = "sm_80", stages = 2>} {}

// -----

// expected-error @below {{mma_sync needs tile = [m, n, k], got 2 extents}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16], warps = [1, 1, 1], stages = 2>} {}

// -----

// expected-error @below {{warps extents are in [1, 16384], got 0}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 0, 1], stages = 2>} {}

// -----

// expected-error @below {{a block has at most 32 warps, got 64}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [64, 128, 512], warps = [8, 8, 1], stages = 2>} {}

// -----

// expected-error @below {{copy must be 16, 8, 4, 2 or 1 bytes, got 3}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1], stages = 2, copy = 3>} {}

// -----

// expected-error @below {{mma_sync has no split_k over blocks, only mma_stream, wgmma and wgmma_decode have; got 2}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1], stages = 2, split_k = 2>} {}

// -----

// expected-error @below {{reduce reads weights in row_major or fragment layout}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 1, 1], stages = 2, weights = <packed, word = 8, axis = 1, order = [0, 1]>>} {}

// -----

// expected-error @below {{a fragment tile has 16 rows and a multiple of 32 columns}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [8, 64]>>} {}

// -----

// expected-error @below {{tile k = 64 does not give each of 2 warps along k a multiple of 64 columns}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 1, 2], stages = 2, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{stages must be in [1, 16], got 0}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1]>} {}

// -----

// expected-error @below {{reduce computes one row of activations, so tile and warps have m = 1}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{a warp of reduce computes 16 outputs, so tile n = 32, got 16}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 2, 1], stages = 2, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{reduce reads weights in fragment layout}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 1, 1], stages = 2>} {}

// -----

// expected-error @below {{tile m = 12 does not give each of 1 warps a multiple of 8 rows}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [12, 16, 32], warps = [1, 1, 1], stages = 2>} {}

// -----

// expected-error @below {{tile n = 16 does not give each of 2 warps a multiple of 16 columns}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 2, 1], stages = 2>} {}

// -----

// expected-error @below {{mma_sync needs at least 2 stages, got 1}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1], stages = 1>} {}

// -----

// expected-error @below {{mma_sync has no dependent launch, only reduce, mma_stream, wgmma and wgmma_decode do}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [64, 64, 64], warps = [2, 2, 1], stages = 2, weights = <fragment, tile = [16, 64]>, dependent_launch = true>} {}

// -----

// expected-error @below {{mma_sync has no occupancy to choose, only mma_stream has}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1], stages = 2, occupancy = 2>} {}

// -----

// expected-error @below {{expected true or false, got maybe}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", dependent_launch = maybe>} {}

// -----

// expected-error @below {{codes come through a ring of mma_stream with stages = 1, got mma_stream and stages = 2}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, ring = 4>} {}

// -----

// expected-error @below {{codes come through a ring of mma_stream with stages = 1, got reduce and stages = 1}}
module attributes {quant_tile.s = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 1, 1], stages = 1, weights = <fragment, tile = [16, 64]>, ring = 4>} {}

// -----

// expected-error @below {{ring must be 0, 2, 4, 8 or 16 slots, got 3}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 1, weights = <fragment, tile = [16, 64]>, ring = 3>} {}

// -----

// expected-error @below {{occupancy must be in [1, 32], got 0}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, occupancy = 0>} {}

// -----

// expected-error @below {{mma_stream reads weights in fragment layout}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2>} {}

// -----

// expected-error @below {{mma_stream computes up to 32 rows of activations in each warp, so tile m is at most 32 and warps have m = 1}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [64, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{tile n = 16 does not give each of 2 warps a multiple of 16 columns}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [8, 16, 64], warps = [1, 2, 1], stages = 2, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{max_m must not be negative, got -1}}
module attributes {quant_tile.s = #quant_tile.schedule<plain, chip = "sm_80", max_m = -1>} {}

// -----

// expected-error @below {{u_acc must be in [0, 0.5), got 1}}
module attributes {quant_tile.s = #quant_tile.contract<u_acc = 1.0>} {}

// -----

// expected-error @below {{unknown contract field 'u', expected one of: u_acc, u_decode, offset}}
module attributes {quant_tile.s = #quant_tile.contract<u = 1.0>} {}

// -----

// expected-error @below {{wgmma needs warpgroups = <..>}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 2>} {}

// -----

// expected-error @below {{mma_sync has no warpgroups}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, warpgroups = <pingpong>>} {}

// -----

// expected-error @below {{wgmma has warps = [4 x warpgroups, n, 1], got [2, 1, 1]}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [2, 1, 1], stages = 2, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{a tile has at most 3 warpgroups, of pingpong ones 1, got 2}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 64, 128], warps = [8, 1, 1], stages = 2, warpgroups = <pingpong>>} {}

// -----

// expected-error @below {{tile m = 64 does not give each of 2 warpgroups a multiple of 64 rows up to 256 in all}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [8, 1, 1], stages = 2, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{tile n = 24 does not give each of 1 warpgroups a multiple of 16 columns up to 256 in all}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 24, 128], warps = [4, 1, 1], stages = 2, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma reads row-major weights, 16 bytes or more at a time}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 2, copy = 8, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma needs at least 2 stages, got 1}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 1, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{unknown kind of warpgroups 'tennis'}}
module attributes {quant_tile.s = #quant_tile.warpgroups<tennis>} {}

// -----

// expected-error @below {{a cluster is [m, n], got 3 extents}}
module attributes {quant_tile.s = #quant_tile.warpgroups<pingpong, cluster = [2, 1, 1]>} {}

// -----

// expected-error @below {{a cluster has 1 to 8 blocks, got 16 x 1}}
module attributes {quant_tile.s = #quant_tile.warpgroups<pingpong, cluster = [16, 1]>} {}

// -----

// expected-error @below {{blocks of a cluster lie along m or n, got 2 x 2}}
module attributes {quant_tile.s = #quant_tile.warpgroups<pingpong, cluster = [2, 2]>} {}

// -----

// expected-error @below {{group_m must be positive, got 0}}
module attributes {quant_tile.s = #quant_tile.warpgroups<pingpong, group_m = 0>} {}

// -----

// expected-error @below {{a box is [rows, columns], or has up to five extents, got 1}}
module attributes {quant_tile.s = #quant_tile.tensor_map<box = [64]>} {}

// -----

// expected-error @below {{box extents are in [1, 256], got 512}}
module attributes {quant_tile.s = #quant_tile.tensor_map<box = [64, 512]>} {}

// -----

// expected-error @below {{swizzle is 0, 32, 64 or 128 bytes, got 16}}
module attributes {quant_tile.s = #quant_tile.tensor_map<box = [64, 64], swizzle = 16>} {}

// -----

// expected-error @below {{l2_promotion is 0, 64, 128 or 256 bytes, got 32}}
module attributes {quant_tile.s = #quant_tile.tensor_map<box = [64, 64], l2_promotion = 32>} {}

// -----

// expected-error @below {{split_k is for cooperative warpgroups}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 4, split_k = 2, warpgroups = <pingpong>>} {}

// -----

// expected-error @below {{a cluster has 1 to 8 blocks, got 2 times split_k = 8}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [8, 1, 1], stages = 4, split_k = 8, warpgroups = <cooperative, cluster = [2, 1]>>} {}

// -----
// expected-error @below {{a block has 1 to 32 warps of 32 threads, got 48 threads}}
func.func private @f() attributes {a = #quant_tile.plain_schedule<threads = 48, lanes = 1>}

// -----

// expected-error @below {{a block has 1 to 32 warps of 32 threads, got 2048 threads}}
func.func private @f() attributes {a = #quant_tile.plain_schedule<threads = 2048, lanes = 1>}

// -----

// expected-error @below {{lanes must be 1, 32 or all 256 threads, got 64}}
func.func private @f() attributes {a = #quant_tile.plain_schedule<threads = 256, lanes = 64>}

// -----

// expected-error @below {{offset must be finite}}
module attributes {quant_tile.s = #quant_tile.contract<u_acc = 0.0, offset = 0x7FF0000000000000>} {}

// -----

// expected-error @below {{wgmma_decode needs warpgroups = <..>}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{wgmma_decode reads weights in fragment layout, and activations 16 bytes or more at a time}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma_decode has one to four warpgroups, along n or as shares of k, warps = [1, 4 x warpgroups, shares], got [4, 1, 1]}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 1, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma_decode has cooperative or alternating warpgroups and no clusters that share weights}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <pingpong>>} {}

// -----

// expected-error @below {{wgmma_decode has cooperative or alternating warpgroups and no clusters that share weights}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative, cluster = [2, 1]>>} {}

// -----

// expected-error @below {{a cluster of wgmma_decode has 1 to 8 blocks that share activations, or K, got 2 and split_k = 2}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, split_k = 2, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative, cluster = [1, 2]>>} {}

// -----

// expected-error @below {{tile m = 16 does not give each of a cluster's 4 blocks a multiple of 8 rows to load}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [16, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative, cluster = [1, 4]>>} {}

// -----

// expected-error @below {{tile m = 24 is no multiple of 16 rows up to 256}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [24, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{tile n = 64 does not give each of 2 warpgroups a multiple of 64 up to 512 in all}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{tile k = 32 is no multiple of 64 up to 512}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 32], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 32]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma_decode needs at least 4 stages, got 3}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 128], warps = [1, 4, 2], stages = 3, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma_decode has one to four warpgroups, along n or as shares of k, warps = [1, 4 x warpgroups, shares], got [1, 8, 3]}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 3], stages = 6, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// Those that fall behind each other would mistake a phase for another.
// expected-error @below {{warpgroups that share k have stages of their own: 5 are no multiple of 2}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 128], warps = [1, 4, 2], stages = 5, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{warpgroups that share k have tiles of 64 rows or less for each 64 weights}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [80, 64, 64], warps = [1, 4, 2], stages = 6, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{wgmma_decode needs at least 2 stages, got 1}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 1, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{mma_sync does not scale decoded weights, only mma_stream and wgmma_decode can}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1], stages = 2, scale_decoded = true>} {}

// -----

// expected-error @below {{mma_sync does not promote accumulators, only wgmma can}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 32], warps = [1, 1, 1], stages = 2, promote = 1>} {}

// -----

// expected-error @below {{promote is in [0, 1024] steps, got -1}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 1, 1], stages = 2, warpgroups = <pingpong>, promote = -1>} {}

// -----

// expected-error @below {{wgmma does not divide tiles with stream_k, only wgmma_decode can}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 1, 1], stages = 2, warpgroups = <pingpong>, stream_k = 80>} {}

// -----

// expected-error @below {{stream_k is in [0, 100] percent of the SMs, got 101}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, stream_k = 101>} {}

// -----

// expected-error @below {{stream_k and split_k = 2 would both divide tiles along K}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, split_k = 2, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>, stream_k = 80>} {}

// -----

// expected-error @below {{split_k is in [1, 8], got 9}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 128, 128], warps = [1, 8, 1], stages = 4, split_k = 9, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {}

// -----

// expected-error @below {{one warpgroup has none to alternate with}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 128], warps = [1, 4, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <alternating>>} {}

// -----

// expected-error @below {{wgmma has cooperative or pingpong warpgroups: none decodes while another multiplies}}
module attributes {quant_tile.s = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [8, 1, 1], stages = 4, warpgroups = <alternating>>} {}

// -----

// expected-error @below {{split_k is in [1, 8], got 9}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [8, 16, 512], warps = [1, 1, 8], stages = 2, split_k = 9, weights = <fragment, tile = [16, 64]>>} {}

// -----

// expected-error @below {{tile = [1, 16, ..] does not give each of split_k = 8 blocks a multiple of 4 results to finish}}
module attributes {quant_tile.s = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [1, 16, 512], warps = [1, 1, 8], stages = 2, split_k = 8, weights = <fragment, tile = [16, 64]>>} {}
