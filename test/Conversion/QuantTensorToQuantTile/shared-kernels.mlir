// RUN: quant-opt %s -quant-tensor-apply-layout -convert-quant-tensor-to-quant-tile | FileCheck %s

// Ranges of rows share a kernel where their schedules differ in nothing but
// where they end.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <fragment, tile = [16, 64]>}>
#few = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, max_m = 8>
#some = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [32, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, max_m = 32>
#more = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, max_m = 40>
#many = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [32, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>>

// Where there are fewer rows than a tile of wgmma has, its kernel loads no more
// of them, and is one of its own.
#short = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, max_m = 16>
#tile = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, max_m = 128>
#tall = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>>

// CHECK: gpu.func @matmul_mma_sync_0(
// CHECK: gpu.func @matmul_mma_sync_1(
// CHECK: gpu.func @matmul_wgmma_2(
// CHECK: gpu.func @matmul_wgmma_3(
// CHECK: gpu.func @matmul_wgmma_4(
// CHECK: gpu.func @matmul_wgmma_5(
// CHECK-NOT: gpu.func

// CHECK-LABEL: func @decoded
// CHECK: quant_tile.launch @kernels::@matmul_mma_sync_0
// CHECK: quant_tile.launch @kernels::@matmul_mma_sync_1
// CHECK: quant_tile.launch @kernels::@matmul_mma_sync_0
// CHECK: quant_tile.launch @kernels::@matmul_mma_sync_1
func.func @decoded(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16, #w4>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xbf16>, tensor<32x64xbf16, #w4>) maps [] outs(%init : tensor<?x32xf32>) attributes {quant_tile.schedules = [#few, #some, #more, #many]} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// CHECK-LABEL: func @integers
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_2
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_3
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_3
func.func @integers(%x: tensor<?x256xi8>, %w: tensor<128x256xi8>, %init: tensor<?x128xi32>) -> tensor<?x128xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x256xi8>, tensor<128x256xi8>) maps [] outs(%init : tensor<?x128xi32>) attributes {quant_tile.schedules = [#short, #tile, #tall]} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x128xi32>
  return %y : tensor<?x128xi32>
}

// Weights that are given are not waited for, those that are computed are: how a
// kernel is launched is part of it.
#early = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 128, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, dependent_launch = true>

// CHECK-LABEL: func @given
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_4 {{.*}}dependent_launch
func.func @given(%x: tensor<?x256xi8>, %w: tensor<128x256xi8> {quant_tensor.weight}, %init: tensor<?x128xi32>) -> tensor<?x128xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x256xi8>, tensor<128x256xi8>) maps [] outs(%init : tensor<?x128xi32>) attributes {quant_tile.schedule = #early} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x128xi32>
  return %y : tensor<?x128xi32>
}

// CHECK-LABEL: func @computed
// CHECK-NOT: dependent_launch
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_5
// CHECK-NOT: dependent_launch
func.func @computed(%x: tensor<?x256xi8>, %w: tensor<128x256xi8>, %init: tensor<?x128xi32>) -> tensor<?x128xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x256xi8>, tensor<128x256xi8>) maps [] outs(%init : tensor<?x128xi32>) attributes {quant_tile.schedule = #early} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x128xi32>
  return %y : tensor<?x128xi32>
}
