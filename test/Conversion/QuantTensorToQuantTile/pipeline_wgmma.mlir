// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// int8 times int8 on warpgroups: one loads through tensor maps, two multiply.

// CHECK-LABEL: gpu.func @matmul_wgmma_0(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) kernel attributes
// CHECK-SAME: known_block_size = array<i32: 384, 1, 1>
// CHECK-SAME: quant_tile.tensor_maps = 4
// CHECK-COUNT-14: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.cluster.arrive
// CHECK: nvvm.cluster.wait
// CHECK: nvvm.setmaxregister decrease 40
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK-NOT: multicast_mask
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}}multicast_mask
// CHECK: nvvm.setmaxregister increase 232
// Two blocks of 64 rows, four steps of 32 columns each.
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-COUNT-8: quant_tile.wgmma a({{.*}} n = 128 types(i8, i8)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: scf.for
// CHECK-COUNT-8: quant_tile.wgmma a({{.*}} n = 128 types(i8, i8)
// CHECK: quant_tile.wgmma_wait 1
// CHECK: nvvm.mapa
// CHECK: nvvm.mbarrier.arrive {{.*}} : !llvm.ptr<7>
// CHECK: quant_tile.wgmma_wait 0, %{{.*}}#0, %{{.*}}#1
// Two blocks of two chunks.
// CHECK: nvvm.cp.async.bulk.wait_group 1
// CHECK: arith.sitofp
// CHECK: nvvm.stmatrix
// CHECK: nvvm.fence.proxy
// CHECK-COUNT-4: nvvm.cp.async.bulk.tensor.global.shared.cta

// CHECK-LABEL: func.func @linear
// CHECK: cf.assert %{{.*}}, "there are more rows than a kernel can count"
// CHECK: %[[BLOCKS:.*]] = arith.minui %{{.*}}, %c132
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_0 grid(%[[BLOCKS]], %c1, %c1) block [384, 1, 1] cluster [2, 1, 1]
// Activations twice: a tile whose last rows do not exist comes in quarters.
// CHECK-SAME: tensor_maps [0, 1, 0, 4] [#quant_tile.tensor_map<box = [128, 128], swizzle = 128, l2_promotion = 256>,
// CHECK-SAME: #quant_tile.tensor_map<box = [64, 128], swizzle = 128, l2_promotion = 256>,
// CHECK-SAME: #quant_tile.tensor_map<box = [32, 128], swizzle = 128, l2_promotion = 256>,
// CHECK-SAME: #quant_tile.tensor_map<box = [64, 64], swizzle = 128, l2_promotion = 256>]
// CHECK-SAME: dynamic_shared_memory = 229496

// PTX: .entry matmul_wgmma_0
// PTX: .param .align 64 .b8 matmul_wgmma_0_param_33[128]
// PTX: .minnctapersm 1
// PTX: wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8
// The plain form: with the scope of the cluster it would cost a membar.
// PTX-NOT: mbarrier.arrive.release.cluster
// PTX: mbarrier.arrive.shared::cluster.b64
// PTX: stmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster
// PTX: .entry matmul_wgmma_1
// PTX: wgmma.mma_async.sync.aligned.m64n256k32.s32.s8.s8
// PTX-NOT: .extern .func

// No spill, no stack, and no note that wgmma is serialized (C7510 and others).
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning
func.func @linear(%x: tensor<?x4096xi8>, %w: tensor<4096x4096xi8>, %sx: tensor<?x1xf32>, %sw: tensor<4096xf32>) -> tensor<?x4096xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xi8>
  %init = tensor.empty(%m) : tensor<?x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<4096x4096xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<4096xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 6, warpgroups = <pingpong, cluster = [2, 1], group_m = 16>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}

// Cooperative: each warpgroup has 64 of 128 rows; the pair of blocks shares
// activations.
func.func @cooperative(%x: tensor<?x4096xi8>, %w: tensor<4096x4096xi8>, %sx: tensor<?x1xf32>, %sw: tensor<4096xf32>) -> tensor<?x4096xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xi8>
  %init = tensor.empty(%m) : tensor<?x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xi8>, tensor<4096x4096xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<4096xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 256, 128], warps = [8, 1, 1], stages = 4, warpgroups = <cooperative, cluster = [1, 2], group_m = 1>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}
