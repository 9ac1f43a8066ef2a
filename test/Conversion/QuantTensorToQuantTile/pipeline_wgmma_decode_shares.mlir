// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Two warpgroups take the steps of a tile of 64 weights in turn, each with every
// second stage. The second leaves its sums, the first adds and finishes them.

// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// A stage has one reader, of four warps.
// CHECK-LABEL: gpu.func @matmul_wgmma_decode_0(
// CHECK: %[[FOUR:.*]] = arith.constant 4 : i32
// CHECK: nvvm.mbarrier.init %{{.*}}, %[[FOUR]]
// CHECK: nvvm.setmaxregister increase
// CHECK: quant_tile.wgmma a(
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
// CHECK: scf.if
// CHECK-COUNT-8: llvm.store {{.*}} vector<4xf32>
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %{{.*}}
// CHECK: scf.if
// CHECK-COUNT-8: llvm.load {{.*}} vector<4xf32>

// PTX: bar.sync 4, 256
// PTX-COUNT-8: st.shared.v4
// PTX: bar.sync 4, 256
// PTX: ld.shared.v4
func.func @shares(%x: tensor<64x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>) -> tensor<64x4096xbf16> {
  %init = tensor.empty() : tensor<64x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<64x4096xbf16>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 64, 128],
          warps = [1, 4, 2], stages = 8, weights = <fragment, tile = [16, 64]>, dependent_launch = true,
          warpgroups = <cooperative>, scale_decoded = true>} {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<64x4096xbf16>
  return %y : tensor<64x4096xbf16>
}
