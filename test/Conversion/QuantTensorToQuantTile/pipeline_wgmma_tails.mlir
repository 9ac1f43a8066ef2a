// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-compile %s --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=PTXAS

// Nothing divides, and types of every width.

// Rows of 257 floats are no multiple of 16 bytes: chunks are copied by threads.
// CHECK-LABEL: gpu.func @matmul_wgmma_0(
// CHECK: quant_tile.wgmma a({{.*}} n = 32 types(i8, i8)
// CHECK-NOT: nvvm.cp.async.bulk.tensor.global.shared.cta
// CHECK: memref.store

// Bytes: no stmatrix. One warpgroup that multiplies keeps its registers.
// CHECK-LABEL: gpu.func @matmul_wgmma_1(
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK-NOT: nvvm.setmaxregister
// CHECK-NOT: nvvm.stmatrix
// CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta

// CHECK-LABEL: gpu.func @matmul_wgmma_2(
// CHECK-LABEL: gpu.func @matmul_wgmma_3(
// CHECK: quant_tile.wgmma a({{.*}} n = 96 types(f8E4M3FN, f8E5M2)
// CHECK-LABEL: gpu.func @matmul_wgmma_4(
// CHECK: quant_tile.wgmma a({{.*}} n = 128 types(bf16, bf16)

// CHECK-LABEL: func.func @odd
// CHECK: tensor_maps [0, 1] [
// CHECK-LABEL: func.func @small
// CHECK: quant_tile.launch @kernels::@matmul_wgmma_1 grid(%c14, %c1, %c1) block [256, 1, 1]
// CHECK-SAME: #quant_tile.tensor_map<box = [64, 32], swizzle = 32, l2_promotion = 256>]

// PTX: wgmma.mma_async.sync.aligned.m64n32k32.s32.s8.s8
// PTX: wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8
// PTX: wgmma.mma_async.sync.aligned.m64n96k32.f32.e4m3.e5m2
// PTX: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// PTX-NOT: .extern .func

// No spill, no stack, and no note that wgmma is serialized (C7510 and others).
// PTXAS: ptxas info
// PTXAS-NOT: {{[1-9][0-9]*}} bytes spill
// PTXAS-NOT: {{[1-9][0-9]*}} bytes stack
// PTXAS-NOT: C75
// PTXAS-NOT: warning
func.func @odd(%x: tensor<?x1040xi8>, %w: tensor<257x1040xi8>, %sx: tensor<?x1xf32>, %sw: tensor<257xf32>) -> tensor<?x257xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x1040xi8>
  %init = tensor.empty(%m) : tensor<?x257xf32>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1040xi8>, tensor<257x1040xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<257xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x257xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 2, 1], stages = 8, warpgroups = <cooperative, cluster = [1, 1], group_m = 1>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    quant_tensor.yield %2 : f32
  } -> tensor<?x257xf32>
  return %y : tensor<?x257xf32>
}

func.func @small(%x: tensor<100x400xi8>, %w: tensor<208x400xi8>, %sx: tensor<100x1xf32>, %sw: tensor<208xf32>) -> tensor<100x208xi8> {
  %init = tensor.empty() : tensor<100x208xi8>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<100x400xi8>, tensor<208x400xi8>)
      epilogue(%sx, %sw : tensor<100x1xf32>, tensor<208xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<100x208xi8>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 32, 128], warps = [4, 1, 1], stages = 8, warpgroups = <cooperative, cluster = [1, 1], group_m = 1>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %lo = arith.constant -128.0 : f32
    %hi = arith.constant 127.0 : f32
    %r = math.roundeven %2 : f32
    %r1 = arith.maximumf %r, %lo : f32
    %r2 = arith.minimumf %r1, %hi : f32
    %3 = arith.fptosi %r2 : f32 to i8
    quant_tensor.yield %3 : i8
  } -> tensor<100x208xi8>
  return %y : tensor<100x208xi8>
}

// Leading dimensions are rows; any arithmetic is an epilogue.
func.func @rank3(%x: tensor<3x?x512xi8>, %w: tensor<320x512xi8>, %sx: tensor<3x?xf32>, %sw: tensor<320xf32>, %bias: tensor<320xbf16>, %res: tensor<3x?x320xf16>, %init: tensor<3x?x320xf16>) -> tensor<3x?x320xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<3x?x512xi8>, tensor<320x512xi8>)
      epilogue(%sx, %sw, %bias, %res : tensor<3x?xf32>, tensor<320xf32>, tensor<320xbf16>, tensor<3x?x320xf16>)
      maps [affine_map<(b, m, n) -> (b, m)>, affine_map<(b, m, n) -> (n)>, affine_map<(b, m, n) -> (n)>, affine_map<(b, m, n) -> (b, m, n)>]
      outs(%init : tensor<3x?x320xf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 128], warps = [4, 1, 1], stages = 5, warpgroups = <pingpong, cluster = [2, 1], group_m = 4>>} {
  ^bb0(%acc: i32, %a: f32, %b: f32, %c: bf16, %d: f16):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.extf %c : bf16 to f32
    %4 = arith.addf %2, %3 : f32
    %5 = math.tanh %4 : f32
    %6 = arith.extf %d : f16 to f32
    %7 = arith.addf %5, %6 : f32
    %8 = arith.truncf %7 : f32 to f16
    quant_tensor.yield %8 : f16
  } -> tensor<3x?x320xf16>
  return %y : tensor<3x?x320xf16>
}

func.func @fp8(%x: tensor<?x272xf8E4M3FN>, %w: tensor<136x272xf8E5M2>, %s: tensor<136xf32>, %init: tensor<?x136xf32>) -> tensor<?x136xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x272xf8E4M3FN>, tensor<136x272xf8E5M2>)
      epilogue(%s : tensor<136xf32>) maps [affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x136xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 96, 128], warps = [4, 1, 1], stages = 6, contract = <u_acc = 1.258850097656250E-4, u_decode = 0.0, offset = 0.0>, warpgroups = <pingpong, cluster = [1, 1], group_m = 16>>} {
  ^bb0(%acc: f32, %a: f32):
    %0 = arith.mulf %acc, %a : f32
    quant_tensor.yield %0 : f32
  } -> tensor<?x136xf32>
  return %y : tensor<?x136xf32>
}

func.func @bf16(%x: tensor<?x264xbf16>, %w: tensor<136x264xbf16>, %init: tensor<?x136xbf16>) -> tensor<?x136xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x264xbf16>, tensor<136x264xbf16>) maps []
      outs(%init : tensor<?x136xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [128, 128, 64], warps = [4, 1, 1], stages = 6, warpgroups = <pingpong, cluster = [1, 1], group_m = 16>>} {
  ^bb0(%acc: f32):
    %0 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %0 : bf16
  } -> tensor<?x136xbf16>
  return %y : tensor<?x136xbf16>
}
