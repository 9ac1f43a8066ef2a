// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Rows of weights are pairs: two accumulators of a thread make a result, and a tile of 128 columns 64 of
// them. A box of the result has as many; lanes write theirs one by one.

// CHECK-LABEL: gpu.func @matmul_wgmma_0(
// CHECK: quant_tile.wgmma a({{.*}} n = 128 types(i8, i8)
// CHECK-NOT: nvvm.stmatrix
// CHECK: llvm.store {{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<3>
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK-LABEL: gpu.func @matmul_wgmma_1(
// CHECK: quant_tile.wgmma a({{.*}} n = 96 types(f8E4M3FN, f8E4M3FN)
// CHECK: llvm.store {{.*}} {alignment = 1 : i64} : i8, !llvm.ptr<3>

// 4 rows by 4 columns of tiles.
// CHECK-LABEL: func.func @halves
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_0 grid(%c16, %c1, %c1)
// CHECK-SAME: #quant_tile.tensor_map<box = [64, 64], swizzle = 128, l2_promotion = 256>]
// CHECK-LABEL: func.func @bytes
// CHECK: #quant_tile.tensor_map<box = [64, 16], l2_promotion = 256>]

// PTX: wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8
// PTX: st.shared.b16
// PTX: wgmma.mma_async.sync.aligned.m64n96k32.f32.e4m3.e4m3
// PTX: st.shared.b8
// PTX-NOT: .extern .func

// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning

#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>
func.func @halves(%x: tensor<500x1024xi8>, %w: tensor<480x1024xi8>, %s: tensor<500xf32>, %g: tensor<240xf32>, %u: tensor<240xf32>) -> tensor<500x240xbf16> {
  %init = tensor.empty() : tensor<500x240xbf16>
  %y = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<500x1024xi8>, tensor<480x1024xi8>)
      epilogue(%s, %g, %u : tensor<500xf32>, tensor<240xf32>, tensor<240xf32>) maps [#m, #n, #n]
      outs(%init : tensor<500x240xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 5, warpgroups = <pingpong>>} {
  ^bb0(%a: i32, %b: i32, %p: f32, %q: f32, %r: f32):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %p : f32
    %2 = arith.mulf %1, %q : f32
    %3 = arith.maximumf %2, %p : f32
    %4 = arith.sitofp %b : i32 to f32
    %5 = arith.mulf %4, %p : f32
    %6 = arith.mulf %5, %r : f32
    %7 = arith.mulf %3, %6 : f32
    %8 = arith.truncf %7 : f32 to bf16
    quant_tensor.yield %8 : bf16
  } -> tensor<500x240xbf16>
  return %y : tensor<500x240xbf16>
}

func.func @bytes(%x: tensor<100x1024xf8E4M3FN>, %w: tensor<352x1024xf8E4M3FN>) -> tensor<100x176xf8E4M3FN> {
  %init = tensor.empty() : tensor<100x176xf8E4M3FN>
  %y = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<100x1024xf8E4M3FN>, tensor<352x1024xf8E4M3FN>) maps []
      outs(%init : tensor<100x176xf8E4M3FN>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 1, 1], stages = 4, warpgroups = <cooperative>, promote = 2>} {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.truncf %0 : f32 to f8E4M3FN
    quant_tensor.yield %1 : f8E4M3FN
  } -> tensor<100x176xf8E4M3FN>
  return %y : tensor<100x176xf8E4M3FN>
}
