// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile | FileCheck %s --check-prefix=HOST
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Blocks divide tiles along K: who has the end of one gives its sums to who has
// the start, through memory.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// Flags are cleared once who read them is done.
// CHECK-LABEL: gpu.func @clear_flags_0(
// CHECK-SAME: memref<1056xi32>
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK: nvvm.griddepcontrol wait
// CHECK: memref.store

// CHECK-LABEL: gpu.func @matmul_wgmma_decode_1(
// CHECK: nvvm.setmaxregister increase 232
// CHECK: nvvm.griddepcontrol wait
// One of a block's turns: the units of a tile.
// CHECK: scf.for
// CHECK: scf.for
// CHECK: quant_tile.wgmma a(
// CHECK: quant_tile.wgmma_wait 0
// All sums go, and the flag after those of all lanes.
// CHECK: scf.if
// CHECK: llvm.store %{{.*}}, %[[START:.*]] {alignment = 16 : i64} : vector<4xf32>
// CHECK: llvm.getelementptr %[[START]][2048] :
// CHECK-COUNT-31: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>
// CHECK: nvvm.bar.warp.sync
// CHECK: llvm.store {{.*}} syncscope("device") release {alignment = 4 : i64}
// Or all that were given come, in the order of the blocks, before any is stored.
// CHECK: } else {
// CHECK: scf.for
// CHECK: scf.while
// CHECK: llvm.load {{.*}} syncscope("device") acquire {alignment = 4 : i64}
// CHECK-COUNT-32: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK: nvvm.stmatrix

// A launch clears flags for the next. As many blocks as divide tiles, up to one
// for each SM; sums of one tile of each.
// HOST-LABEL: func.func @stream
// HOST: %[[FLAGS:.*]] = quant_tile.launch @kernels::@clear_flags_0 {{.*}} dependent_launch outs(%{{.*}} : tensor<1056xi32>)
// HOST: %[[UNITS:.*]] = arith.constant 1376 : index
// HOST: %[[BLOCKS:.*]] = arith.muli %{{.*}}, %[[UNITS]]
// HOST: %[[SMS:.*]] = arith.constant 132 : index
// HOST: %[[GRID:.*]] = arith.minui %[[BLOCKS]], %[[SMS]]
// HOST: quant_tile.launch @kernels::@matmul_wgmma_decode_1 grid(%[[GRID]],
// HOST-SAME: reads_outs [2]
// HOST-SAME: outs(%{{.*}}, %{{.*}}, %[[FLAGS]] : tensor<?x11008xbf16>, tensor<4325376xf32>, tensor<1056xi32>)

// PTX: .entry matmul_wgmma_decode_1
// PTX: st.release.gpu.global
// PTX: ld.acquire.gpu.global
// PTX-NOT: .extern .func

// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning
func.func @stream(%x: tensor<?x4096xbf16>, %w: tensor<11008x4096xbf16, #w4>) -> tensor<?x11008xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %init = tensor.empty(%m) : tensor<?x11008xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<11008x4096xbf16, #w4>) maps []
      outs(%init : tensor<?x11008xbf16>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [256, 128, 64],
          warps = [1, 8, 1], stages = 5, weights = <fragment, tile = [16, 64]>, dependent_launch = true,
          warpgroups = <cooperative, group_m = 4>, scale_decoded = true, stream_k = 80>} {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %r : bf16
  } -> tensor<?x11008xbf16>
  return %y : tensor<?x11008xbf16>
}
