// RUN: quant-compile %s --chip=sm_80 -o %t --cubin
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t/module.ptx
// RUN: FileCheck %s --check-prefix=MANIFEST --input-file=%t/manifest.json

// Codes come through four slots of shared memory, which cp.async fills up to
// three steps ahead, each lane for itself: a warp takes 64 of 1024 columns at a
// time, and sixteen rows of these are 512 bytes, 2 KiB a step. What it has read
// of one slot, it asks for again a step later. Behind the sums, 4 x 8 x 20 of
// 4 bytes, lie 8 KiB of slots.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>

// PTX: .entry matmul_mma_stream_0
// PTX-COUNT-3: cp.async.cg.shared.global
// PTX: cp.async.commit_group;
// PTX-NOT: cp.async.cg.shared.global
// PTX: cp.async.wait_group{{[[:space:]]+}}2;
// PTX: ld.shared.v4
// PTX: cp.async.cg.shared.global
// PTX: cp.async.commit_group;
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX: cp.async.wait_group{{[[:space:]]+}}2;
// PTX: cp.async.wait_group{{[[:space:]]+}}1;
// PTX: cp.async.wait_group{{[[:space:]]+}}0;
// PTX-NOT: cp.async
// PTX: st.global
// MANIFEST: "dynamic_shared_memory": 10752
func.func @f(%x: tensor<1x1024xbf16>, %w: tensor<16x1024xbf16, #w4>) -> tensor<1x16xf32> {
  %init = tensor.empty() : tensor<1x16xf32>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x1024xbf16>, tensor<16x1024xbf16, #w4>) maps [] outs(%init : tensor<1x16xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_80", tile = [1, 16, 256], warps = [1, 1, 4], stages = 1,
          weights = <fragment, tile = [16, 64]>, ring = 4>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}
