// RUN: quant-opt %s -convert-quant-tensor-to-quant-tile -canonicalize -cse | FileCheck %s
// RUN: quant-opt %s --pass-pipeline="builtin.module(convert-quant-tensor-to-quant-tile,symbol-dce,gpu.module(canonicalize,cse,convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-gpu-to-nvvm,convert-nvvm-to-llvm,reconcile-unrealized-casts),nvvm-attach-target{chip=sm_90a features=+ptx80 O=3},gpu-module-to-binary{format=isa})" \
// RUN:   | FileCheck %s --check-prefix=PTX

// Nothing divides: odd K (copies through registers), N and M guarded, a batch
// flattened, zero points, groups of 32, warps along K added up at the end.

#u4z = #quant_tensor.encoding<{storage = ui4, block = [1, 32], scale = f16, zero_point = ui4, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: gpu.func @matmul_mma_sync_0(
// CHECK-NOT: nvgpu.device_async_copy
// CHECK: vector.store %{{.*}} {alignment = 16 : i64}
// CHECK: quant_tile.decode %{{.*}}[0] biased storage(ui4) : vector<2xf16>
// CHECK: arith.subf %{{.*}} : vector<2xf16>
// CHECK: nvvm.mma.sync
// CHECK: gpu.barrier
// CHECK: scf.if

// CHECK-LABEL: func private @mz
// CHECK: %[[M:.*]] = tensor.dim %arg0, %c1
// CHECK: cf.assert
// CHECK: %[[ROWS:.*]] = arith.muli %[[M]], %c3
// CHECK: %[[BLOCKS:.*]] = arith.ceildivui %[[ROWS]], %c16
// CHECK: quant_tile.launch @kernels::@matmul_mma_sync_0 grid(%c17, %[[BLOCKS]], %c1) block [128, 1, 1]

// PTX: .entry matmul_mma_sync_0
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// PTX-NOT: .extern .func
func.func private @mz(%x: tensor<3x?x1003xf16>, %w: tensor<517x1003xf16, #u4z>, %init: tensor<3x?x517xf16>) -> tensor<3x?x517xf16> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<3x?x1003xf16>, tensor<517x1003xf16, #u4z>) maps []
      outs(%init : tensor<3x?x517xf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 256], warps = [1, 1, 4], stages = 3, copy = 2, weights = <fragment, tile = [16, 64]>>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to f16
    quant_tensor.yield %3 : f16
  } -> tensor<3x?x517xf16>
  return %y : tensor<3x?x517xf16>
}
