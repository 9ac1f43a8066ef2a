// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Four blocks share a tile along K: 9 steps are 3 + 2 + 2 + 2. Each finishes one
// of the four chunks of 16 columns, and sends the others its sums of theirs.

// CHECK-LABEL: gpu.func @matmul_wgmma_0(
// CHECK: %[[RANK:.*]] = arith.remui %{{.*}}, %c2_i32
// Two stages' barriers, and two for the sums.
// CHECK-COUNT-14: nvvm.mbarrier.init
// CHECK-NOT: nvvm.mbarrier.init
// CHECK: nvvm.cluster.arrive
// Only blocks with the same steps share an operand.
// CHECK: arith.shli %c3_i16
// CHECK: quant_tile.wgmma_wait 0
// CHECK: nvvm.mbarrier.try_wait {{.*}}scope = #nvvm.mem_scope<cluster>
// The barrier of who gets sums counts their bytes, so that nobody waits for what
// was written.
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: quant_tile.store_async {{.*}} : vector<4xi32>
// CHECK-NOT: nvvm.mbarrier.arrive
// CHECK: nvvm.mbarrier.try_wait {{.*}}scope = #nvvm.mem_scope<cluster>
// CHECK-COUNT-6: llvm.load {{.*}} : !llvm.ptr<3> -> vector<4xi32>
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK: nvvm.mbarrier.arrive {{.*}}scope = #nvvm.mem_scope<cluster>{{.*}} : !llvm.ptr<7>
// CHECK-LABEL: func.func @split
// CHECK: cluster [8, 1, 1]

// PTX: mbarrier.try_wait.parity.acquire.cluster.shared.b64
// PTX: st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32
// PTX: mbarrier.arrive.release.cluster.shared::cluster.b64

// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
func.func @split(%x: tensor<100x1040xi8>, %w: tensor<208x1040xi8>, %sx: tensor<100x1xf32>, %sw: tensor<208xf32>) -> tensor<100x208xbf16> {
  %init = tensor.empty() : tensor<100x208xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<100x1040xi8>, tensor<208x1040xi8>)
      epilogue(%sx, %sw : tensor<100x1xf32>, tensor<208xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<100x208xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 1, 1], stages = 6, split_k = 4, warpgroups = <cooperative, cluster = [1, 2], group_m = 1>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<100x208xbf16>
  return %y : tensor<100x208xbf16>
}
