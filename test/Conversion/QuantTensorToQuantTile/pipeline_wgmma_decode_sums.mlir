// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Where weights cannot be scaled, sums of all groups of a round of the loop may
// be under way at once: a round is as many steps as there are registers for.

// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning

#mxfp4 = #quant_tensor.encoding<{storage = f4E2M1FN, block = [1, 32], scale = f8E8M0FNU, layout = <fragment, tile = [16, 64]>}>

// Of 64 rows in three warpgroups one step's: two groups, of two instructions each.
// CHECK-LABEL: gpu.func @matmul_wgmma_decode_0(
// CHECK: nvvm.setmaxregister increase 160
// CHECK: scf.for
// CHECK: scf.for
// CHECK: nvvm.mbarrier.try_wait
// CHECK: nvvm.ldmatrix
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false) n = 64 types(f16, f16)
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK: quant_tile.wgmma_wait 0
// CHECK-COUNT-32: llvm.intr.fma
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%false)
// CHECK: quant_tile.wgmma a({{.*}} accumulate(%true)
// CHECK-NOT: quant_tile.wgmma a(
// CHECK: quant_tile.wgmma_wait 0
// CHECK-COUNT-32: llvm.intr.fma
// CHECK-NOT: quant_tile.wgmma a(
// CHECK: scf.yield
func.func @one_step(%x: tensor<?x4096xf16>, %w: tensor<3072x4096xf16, #mxfp4>) -> tensor<?x3072xf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xf16>
  %init = tensor.empty(%m) : tensor<?x3072xf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xf16>, tensor<3072x4096xf16, #mxfp4>) maps []
      outs(%init : tensor<?x3072xf16>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [64, 192, 64],
          warps = [1, 12, 1], stages = 8, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<?x3072xf16>
  return %y : tensor<?x3072xf16>
}

// Of 16 rows four steps': eight groups.
// CHECK-LABEL: gpu.func @matmul_wgmma_decode_1(
// CHECK: nvvm.setmaxregister increase 160
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-16: quant_tile.wgmma a(
// CHECK-NOT: quant_tile.wgmma a(
// CHECK: scf.yield
func.func @four_steps(%x: tensor<?x4096xf16>, %w: tensor<3072x4096xf16, #mxfp4>) -> tensor<?x3072xf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xf16>
  %init = tensor.empty(%m) : tensor<?x3072xf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xf16>, tensor<3072x4096xf16, #mxfp4>) maps []
      outs(%init : tensor<?x3072xf16>)
      attributes {quant_tile.schedule = #quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = [16, 192, 64],
          warps = [1, 12, 1], stages = 8, weights = <fragment, tile = [16, 64]>, warpgroups = <cooperative>>} {
  ^bb0(%acc: f32):
    %r = arith.truncf %acc : f32 to f16
    quant_tensor.yield %r : f16
  } -> tensor<?x3072xf16>
  return %y : tensor<?x3072xf16>
}
