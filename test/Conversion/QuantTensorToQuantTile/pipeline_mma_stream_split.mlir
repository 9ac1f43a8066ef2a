// RUN: quant-compile %s --chip=sm_90a -o %t --cubin
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t/module.ptx

// Two blocks of a cluster divide K: a block's warps take every other step of
// 256 columns. Each finishes half of the tile's sixteen rows of 32 results, 256
// sums, gets the other's 1024 bytes of these, and sends as many.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>

// PTX: .entry matmul_mma_stream_0
// PTX: mbarrier.init.shared
// PTX: fence.mbarrier_init
// PTX: barrier.cluster.arrive.relaxed
// PTX: ld.global.nc.v4.b32
// PTX: griddepcontrol.wait;
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX: bar.sync
// PTX: barrier.cluster.wait
// PTX: mbarrier.arrive.expect_tx.shared.b64
// PTX: mapa.shared::cluster
// PTX: st.async{{.*}}v4.f32
// PTX: mbarrier.try_wait
// PTX: st.global.b32
func.func @f(%x: tensor<16x1024xbf16>, %w: tensor<64x1024xbf16, #w4>) -> tensor<16x64xf32> {
  %init = tensor.empty() : tensor<16x64xf32>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x1024xbf16>, tensor<64x1024xbf16, #w4>) maps [] outs(%init : tensor<16x64xf32>)
      attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [16, 32, 256], warps = [1, 1, 4], stages = 1, split_k = 2,
          weights = <fragment, tile = [16, 64]>, dependent_launch = true>} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<16x64xf32>
  return %y : tensor<16x64xf32>
}
