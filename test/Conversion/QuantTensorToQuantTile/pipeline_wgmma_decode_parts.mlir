// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Three warpgroups that scale sums multiply groups in parts: registers hold the
// sums of one group beside the totals, and the decoded weights of two parts.

// No spill, no stack, and no note that wgmma is serialized (C7510 and others).
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f16, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_0(
// CHECK: nvvm.setmaxregister increase 160
// A group's first part takes no accumulators in,
// CHECK: nvvm.ldmatrix
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-NOT: accumulate(%true)
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false) n = 32 types(f16, f16)
// CHECK-COUNT-2: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK: %[[PART:.*]] = quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// the second one goes on with its sums: nothing waits for these in between.
// CHECK-NOT: quant_tile.wgmma_wait
// CHECK: nvvm.ldmatrix
// CHECK-NOT: quant_tile.wgmma_wait
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: quant_tile.wgmma a({{.*}} into %[[PART]] accumulate(%true)
// CHECK-COUNT-2: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK: %[[SUMS:.*]] = quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// The first part's weights are in nobody's hands any more.
// CHECK-NEXT: quant_tile.wgmma_wait 1{{$}}
// The next step's first part is decoded before the group is waited for, which
// gives its stage back, and scales its sums, once.
// CHECK-NOT: quant_tile.wgmma
// CHECK-NOT: llvm.intr.fma
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.ldmatrix
// CHECK-NOT: quant_tile.wgmma a(
// CHECK: %[[DONE:.*]] = quant_tile.wgmma_wait 0, %[[SUMS]]
// CHECK-NOT: quant_tile.wgmma
// CHECK: nvvm.mbarrier.arrive
// CHECK: llvm.extractvalue %[[DONE]][0]
// CHECK-COUNT-16: llvm.intr.fma
// CHECK-NOT: llvm.intr.fma
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-NOT: accumulate(%true)
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false)
func.func @groups_of_two_parts(%x: tensor<?x4096xf16>, %w: tensor<3072x4096xf16, #w4>) -> tensor<?x3072xf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xf16>
  %init = tensor.empty(%m) : tensor<?x3072xf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xf16>, tensor<3072x4096xf16, #w4>) maps []
      outs(%init : tensor<?x3072xf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [32, 192, 128], warps = [1, 12, 1], stages = 7, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to f16
    quant_tensor.yield %0 : f16
  } -> tensor<?x3072xf16>
  return %y : tensor<?x3072xf16>
}

#w4x96 = #quant_tensor.encoding<{storage = i4, block = [1, 96], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// A group of 96 columns ends within the second part of 64, whose last 32 are the
// next group's: these are multiplied once the sums of the first are scaled.
// CHECK-LABEL: gpu.func @matmul_wgmma_decode_1(
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false) n = 16 types(bf16, bf16)
// CHECK-COUNT-3: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK: %[[FIRST:.*]] = quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK-NEXT: quant_tile.wgmma_wait 1{{$}}
// CHECK: quant_tile.wgmma_wait 0, %[[FIRST]]
// CHECK-COUNT-8: llvm.intr.fma
// CHECK-NOT: accumulate(%true)
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false)
// CHECK: %[[SECOND:.*]] = quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK: quant_tile.wgmma a({{.*}} into %[[SECOND]] accumulate(%true)
// CHECK-COUNT-3: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NEXT: nvvm.wgmma.commit.group.sync.aligned
// CHECK-NEXT: quant_tile.wgmma_wait 1{{$}}
// CHECK: quant_tile.wgmma_wait 0, %
// CHECK-COUNT-8: llvm.intr.fma
// CHECK-NOT: llvm.intr.fma
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false)
func.func @groups_that_end_within_parts(%x: tensor<?x1152xbf16>, %w: tensor<192x1152xbf16, #w4x96>) -> tensor<?x192xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x1152xbf16>
  %init = tensor.empty(%m) : tensor<?x192xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1152xbf16>, tensor<192x1152xbf16, #w4x96>) maps []
      outs(%init : tensor<?x192xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [16, 192, 192], warps = [1, 12, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x192xbf16>
  return %y : tensor<?x192xbf16>
}
