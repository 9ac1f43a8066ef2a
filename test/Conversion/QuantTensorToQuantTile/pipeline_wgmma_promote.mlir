// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Accumulators of 8-bit floats are added to sums in f32 after every other step:
// one step by itself, the other in a loop, and all of the group is waited for.
// The second block of 64 rows multiplies the same two steps after the first has
// been added up, and frees their stages.
// CHECK-LABEL: gpu.func @matmul_wgmma_0(
// CHECK: scf.for
// CHECK: quant_tile.wgmma a({{.*}} n = 64 types(f8E4M3FN, f8E5M2)
// CHECK: scf.for
// CHECK: quant_tile.wgmma a(
// CHECK-NOT: quant_tile.wgmma_wait 1
// CHECK: quant_tile.wgmma_wait 0,
// CHECK: arith.addf
// CHECK: quant_tile.wgmma a(
// CHECK: scf.for
// CHECK: quant_tile.wgmma a(
// CHECK: quant_tile.wgmma_wait 1
// CHECK: quant_tile.wgmma_wait 0,
// CHECK: arith.addf

// With scales of blocks, warps of the loader copy those of activations to shared
// memory, and another one the weights'. They are read, two rows' together, while
// a step is multiplied.
// CHECK-LABEL: gpu.func @matmul_wgmma_1(
// CHECK: nvvm.cp.async.shared.global {{.*}}, 4
// CHECK: nvvm.cp.async.wait.group 0
// CHECK: nvvm.mbarrier.arrive
// CHECK: quant_tile.load
// CHECK: nvvm.mbarrier.arrive
// CHECK: quant_tile.wgmma a({{.*}} n = 128 types(f8E4M3FN, f8E4M3FN)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.mbarrier.try_wait
// CHECK: llvm.load {{.*}} -> vector<2xf32>
// CHECK: arith.mulf
// CHECK: nvvm.mbarrier.arrive
// CHECK: quant_tile.wgmma_wait 0,
// CHECK: llvm.intr.fma

// Two blocks of 64 rows with scales: the first is added up before the second is
// multiplied, in the same registers, and LLVM leaves it at that.
// CHECK-LABEL: gpu.func @matmul_wgmma_2(
// CHECK: quant_tile.wgmma a({{.*}} n = 128 types(f8E4M3FN, f8E4M3FN)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: %[[DONE:.*]] = quant_tile.wgmma_wait 0,
// CHECK: llvm.intr.fma
// CHECK: quant_tile.wgmma_wait 0,
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: quant_tile.wgmma a({{.*}} into %[[DONE]] accumulate(%false)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: quant_tile.wgmma_wait 0,
// CHECK: llvm.intr.fma

// PTX-LABEL: .entry matmul_wgmma_0
// PTX: add.rn.f32
// PTX-LABEL: .entry matmul_wgmma_1
// PTX: fma.rn.f32
// PTX-LABEL: .entry matmul_wgmma_2
// PTX: wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3 {[[FIRST:%r[0-9]+]], {{.*}} p, 1, 1;
// PTX: wgmma.wait_group.sync.aligned 0;
// PTX-COUNT-64: fma.rn.f32
// PTX: wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3 {[[FIRST]], {{.*}} p, 1, 1;

// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: C75
// PTXAS: 0 bytes stack frame

#x128 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>
#w128 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [128, 128], scale = f32}>

func.func @promote(%x: tensor<?x1040xf8E4M3FN>, %w: tensor<136x1040xf8E5M2>, %init: tensor<?x136xf32>) -> tensor<?x136xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1040xf8E4M3FN>, tensor<136x1040xf8E5M2>) maps []
      outs(%init : tensor<?x136xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 64, 128], warps = [4, 1, 1], stages = 4, warpgroups = <pingpong>, promote = 2>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x136xf32>
  return %y : tensor<?x136xf32>
}

func.func @blocks(%x: tensor<?x1040xbf16, #x128>, %w: tensor<264x1040xbf16, #w128>, %init: tensor<?x264xbf16>) -> tensor<?x264xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1040xbf16, #x128>, tensor<264x1040xbf16, #w128>) maps []
      outs(%init : tensor<?x264xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [8, 1, 1], stages = 5, warpgroups = <cooperative, cluster = [2, 1]>, promote = 1>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x264xbf16>
  return %y : tensor<?x264xbf16>
}

func.func @tall(%x: tensor<?x1040xbf16, #x128>, %w: tensor<272x1040xbf16, #w128>, %init: tensor<?x272xbf16>) -> tensor<?x272xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1040xbf16, #x128>, tensor<272x1040xbf16, #w128>) maps []
      outs(%init : tensor<?x272xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [256, 128, 128], warps = [8, 1, 1], stages = 3, warpgroups = <cooperative>, promote = 1>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x272xbf16>
  return %y : tensor<?x272xbf16>
}
