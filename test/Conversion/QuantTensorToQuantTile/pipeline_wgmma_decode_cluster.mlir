// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Two blocks with neighbouring weights share activations: each loads half of their
// rows into both.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_1(
// Of both blocks each warp of two warpgroups tells that it is done with a stage.
// CHECK-DAG: %[[USERS:.*]] = arith.constant 16 : i32
// CHECK-DAG: %[[BOTH:.*]] = arith.constant 3 : i16
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[USERS]]
// CHECK: nvvm.cluster.arrive.relaxed
// CHECK: nvvm.cluster.wait
// The first steps and those after them.
// CHECK: nvvm.griddepcontrol wait
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}}multicast_mask = %[[BOTH]]
// CHECK: scf.for
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}}multicast_mask = %[[BOTH]]
// No block ends while another may still write to it, or tell it something.
// CHECK: scf.for
// CHECK: scf.while
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.setmaxregister increase
// CHECK: quant_tile.wgmma_wait
// CHECK: nvvm.mapa
// CHECK: nvvm.mbarrier.arrive

// CHECK-LABEL: func.func @shared
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_decode_1 {{.*}}cluster [2, 1, 1]
// CHECK-SAME: #quant_tile.tensor_map<box = [128, 64],

// PTX: .entry matmul_wgmma_decode_1
// PTX-DAG: cp.async.bulk.tensor.2d.shared::cluster.global{{.*}}.multicast::cluster
// PTX-DAG: mapa
// PTX-NOT: .extern .func

// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning
func.func @shared(%x: tensor<?x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>) -> tensor<?x11008xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %init = tensor.empty(%m) : tensor<?x11008xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps []
      outs(%init : tensor<?x11008xbf16>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [256, 128, 64],
          warps = [1, 8, 1], stages = 5, weights = <fragment, tile = [16, 64]>, dependent_launch = true,
          warpgroups = <cooperative, cluster = [1, 2], group_m = 4>, scale_decoded = true, stream_k = 80>} {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<?x11008xbf16>
  return %y : tensor<?x11008xbf16>
}
