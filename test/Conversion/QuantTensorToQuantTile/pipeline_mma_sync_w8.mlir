// RUN: quant-opt %s --pass-pipeline="builtin.module(convert-quant-tensor-to-quant-tile,symbol-dce,gpu.module(canonicalize,cse,convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-gpu-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts),nvvm-attach-target{chip=sm_90a features=+ptx80 O=3},gpu-module-to-binary{format=isa})" \
// RUN:   | FileCheck %s --check-prefix=PTX

// int8 weights for bf16 activations: two lop3 and a packed subtraction make two
// codes, which lie 16 bits apart, floats.

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32, layout = <fragment, tile = [16, 32]>}>

// PTX: .entry matmul_mma_sync_0
// PTX-COUNT-2: lop3.b32
// PTX: sub.rn.bf16x2
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT: .extern .func
func.func private @m8(%x: tensor<?x4096xbf16>, %w: tensor<4096x4096xbf16, #w8>, %bias : tensor<4096xf32>, %init: tensor<?x4096xbf16>) -> tensor<?x4096xbf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<4096x4096xbf16, #w8>) epilogue(%bias : tensor<4096xf32>) maps [affine_map<(m,n)->(n)>]
      outs(%init : tensor<?x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [128, 128, 64], warps = [2, 4, 1], stages = 4, weights = <fragment, tile = [16, 32]>>} {
  ^bb0(%acc: f32, %b : f32):
    %1 = arith.addf %acc, %b : f32
    %3 = arith.truncf %1 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}
