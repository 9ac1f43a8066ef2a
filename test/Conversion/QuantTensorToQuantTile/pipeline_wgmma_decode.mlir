// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// int4 weights in groups of 128: packed codes and activations come through
// tensor maps; decoded weights are the register operand.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_0(
// CHECK-SAME: known_block_size = array<i32: 384, 1, 1>
// CHECK-SAME: quant_tile.tensor_maps = 3
// CHECK: nvvm.setmaxregister decrease 40
// One lane of each warp: a copy for each panel of activations, of which two warps
// have one, and one for the codes of a step.
// CHECK: nvvm.shfl.sync idx
// CHECK: nvvm.elect.sync
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: scf.if
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}]
// CHECK: scf.if
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}]
// CHECK-NOT: nvvm.cp.async.bulk.shared.cluster.global
// CHECK: nvvm.setmaxregister increase 232
// CHECK: scf.for
// CHECK: nvvm.mbarrier.try_wait
// CHECK-COUNT-2: nvvm.ldmatrix {{.*}} num = 4
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-COUNT-8: quant_tile.wgmma a({{.*}} : i32, i32, i32, i32) b({{.*}} n = 32 types(bf16, bf16)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// The next step is decoded while this is multiplied, and its multiplications
// are issued before anything waits.
// CHECK-NOT: quant_tile.wgmma_wait
// CHECK: nvvm.mbarrier.try_wait
// CHECK-NOT: quant_tile.wgmma_wait
// CHECK-COUNT-2: nvvm.ldmatrix
// CHECK-NOT: quant_tile.wgmma_wait
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: %[[DONE:.*]] = quant_tile.wgmma_wait 1, %
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.mbarrier.arrive
// One scale for all sums of a row and group.
// CHECK: llvm.extractvalue %[[DONE]][0]
// CHECK: llvm.intr.fma
// At the end of the loop none is under way.
// CHECK: quant_tile.wgmma_wait 1
// CHECK: quant_tile.wgmma_wait 1
// CHECK-NOT: quant_tile.wgmma_wait 1
// CHECK: quant_tile.wgmma_wait 0
// CHECK: scf.yield
// What decoded weights are shrunk by.
// CHECK: arith.mulf {{.*}}, %{{.*}} : f32
// CHECK: nvvm.stmatrix {{.*}} layout = #nvvm.mma_layout<col>

// PTX: .entry matmul_wgmma_decode_0
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: lop3.b32
// PTX: fma.rn.bf16x2
// PTX: wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {%{{.*}}}, {%r{{[0-9]+}}, %r{{[0-9]+}}, %r{{[0-9]+}}, %r{{[0-9]+}}},
// Of the next step, after the multiplications of this one have been issued.
// PTX: wgmma.commit_group.sync.aligned
// PTX: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX: fma.rn.bf16x2
// PTX: wgmma.commit_group.sync.aligned
// PTX: wgmma.wait_group.sync.aligned 1
// PTX: stmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX: cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
// PTX-NOT: .extern .func

// No spill, no stack, and no note that wgmma is serialized (C7510 and others).
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning
func.func @sums(%x: tensor<?x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>) -> tensor<?x4096xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %init = tensor.empty(%m) : tensor<?x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [32, 128, 128], warps = [1, 8, 1], stages = 8, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}

// Many rows: weights are scaled as they are decoded, so that a thread has room
// for the sums of 256.
// CHECK-LABEL: gpu.func @matmul_wgmma_decode_1(
// CHECK: scf.for
// CHECK: nvvm.ldmatrix
// CHECK: quant_tile.decode {{.*}} shrunk scaled(%
// CHECK-NOT: arith.mulf {{.*}} : vector<2xbf16>
// CHECK: quant_tile.wgmma a({{.*}} n = 256 types(bf16, bf16)
// Sums stay in the hands of the multiplications.
// CHECK: quant_tile.wgmma_wait 1{{$}}
// CHECK: quant_tile.wgmma_wait 0, %
// CHECK-NOT: llvm.intr.fma
// CHECK: nvvm.stmatrix
func.func @weights(%x: tensor<?x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>) -> tensor<?x4096xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %init = tensor.empty(%m) : tensor<?x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [256, 128, 64], warps = [1, 8, 1], stages = 4, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative, group_m = 8>, scale_decoded = true>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}

// Three warpgroups multiply in turn: each waits for its turn, and passes it on
// with half of its multiplications still to be issued. Weights are asked for
// before the kernel in front has ended.
// CHECK-LABEL: gpu.func @matmul_wgmma_decode_2(
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>
// CHECK: nvvm.setmaxregister decrease 32
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}]
// CHECK: nvvm.griddepcontrol wait
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}]
// CHECK: nvvm.setmaxregister increase 160
// CHECK: nvvm.griddepcontrol wait
// CHECK: scf.for
// CHECK: nvvm.ldmatrix
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-COUNT-2: quant_tile.wgmma a({{.*}} n = 128 types(bf16, bf16)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.bar.warp.sync
// CHECK: nvvm.mbarrier.arrive
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-COUNT-2: quant_tile.wgmma a({{.*}} n = 128 types(bf16, bf16)
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.ldmatrix
// CHECK: quant_tile.wgmma_wait 2{{$}}

// CHECK-LABEL: func.func @sums
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_decode_0 {{.*}} block [384, 1, 1]
// CHECK-SAME: tensor_maps [0, 1, 3] [#quant_tile.tensor_map<box = [32, 64], swizzle = 128, l2_promotion = 256>,
// CHECK-SAME: #quant_tile.tensor_map<box = [8, 2, 128], l2_promotion = 256>,
// CHECK-SAME: #quant_tile.tensor_map<box = [32, 64], swizzle = 128, l2_promotion = 256>]
func.func @turns(%x: tensor<?x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>) -> tensor<?x4096xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %init = tensor.empty(%m) : tensor<?x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [128, 192, 64], warps = [1, 12, 1], stages = 8, weights = <fragment, tile = [16, 64]>, dependent_launch = true, warpgroups = <alternating>, scale_decoded = true>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}
