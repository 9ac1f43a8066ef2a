// RUN: quant-compile %s --chip=sm_90a -o %t --cubin
// RUN: FileCheck %s --check-prefix=PTX --input-file=%t/module.ptx

// Weights and scales are asked for first, 16 bytes at a time. The kernel before
// may still be running then, so activations come after the wait, and not
// through the read-only cache.

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>

// PTX: .entry matmul_mma_stream_0
// PTX-NOT: griddepcontrol
// PTX-COUNT-8: ld.global.nc.v4.b32
// PTX: griddepcontrol.launch_dependents;
// PTX-NEXT: griddepcontrol.wait;
// PTX-NOT: ld.global.nc
// PTX: ld.global.v4.b32
// PTX-NOT: sub.rn.bf16x2
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT: ld.global.nc
// PTX: bar.sync
// PTX: st.global.b16
// PTX-NOT: .extern .func
func.func @linear(%x: tensor<1x4096xbf16>, %w: tensor<4096x4096xbf16, #w4>) -> tensor<1x4096xbf16> {
  %init = tensor.empty() : tensor<1x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x4096xbf16>, tensor<4096x4096xbf16, #w4>) maps []
      outs(%init : tensor<1x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [1, 16, 1024], warps = [1, 1, 8], stages = 4, weights = <fragment, tile = [16, 64]>, dependent_launch = true, occupancy = 2>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}

// More rows: codes are taken from where they lie in a byte, and their bias goes
// with the multiplication that this needs. No product sums activations: of two
// row tiles and two column tiles, four for each 16 columns.
// PTX: .entry matmul_mma_stream_{{[1-9]}}
// PTX: griddepcontrol.wait;
// PTX-NOT: mma.sync
// PTX: fma.rn.bf16x2
// PTX-COUNT-32: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT: mma.sync
// PTX: bar.sync
func.func @rows(%x: tensor<16x128xbf16>, %w: tensor<4096x128xbf16, #w4>) -> tensor<16x4096xbf16> {
  %init = tensor.empty() : tensor<16x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x128xbf16>, tensor<4096x128xbf16, #w4>) maps []
      outs(%init : tensor<16x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 1, weights = <fragment, tile = [16, 64]>, dependent_launch = true>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<16x4096xbf16>
  return %y : tensor<16x4096xbf16>
}

// In f16 the bias is taken away as well: from two of four pairs by what makes
// them smaller.
// PTX: .entry matmul_mma_stream_{{[1-9]}}
// PTX: griddepcontrol.wait;
// PTX-NOT: mma.sync
// PTX: fma.rn.f16x2
// PTX-COUNT-32: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// PTX-NOT: mma.sync
// PTX: bar.sync
#h4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f16}>
func.func @halves(%x: tensor<16x128xf16>, %w: tensor<4096x128xf16, #h4>) -> tensor<16x4096xf16> {
  %init = tensor.empty() : tensor<16x4096xf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<16x128xf16>, tensor<4096x128xf16, #h4>) maps []
      outs(%init : tensor<16x4096xf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [16, 32, 128], warps = [1, 1, 1], stages = 1, weights = <fragment, tile = [16, 64]>, dependent_launch = true>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to f16
    quant_tensor.yield %3 : f16
  } -> tensor<16x4096xf16>
  return %y : tensor<16x4096xf16>
}

// One row: its activations are summed by one product for 128 columns, beside
// one for each 16, and codes lie where a mantissa has them, three of eight in a
// word without a move.
// PTX: .entry matmul_mma_stream_{{[1-9]}}
// PTX: griddepcontrol.wait;
// PTX-NOT: mma.sync
// PTX-COUNT-9: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// PTX-NOT: mma.sync
// PTX: bar.sync
#w2 = #quant_tensor.encoding<{storage = i2, block = [1, 128], scale = bf16}>
func.func @one_row(%x: tensor<1x128xbf16>, %w: tensor<4096x128xbf16, #w2>) -> tensor<1x4096xbf16> {
  %init = tensor.empty() : tensor<1x4096xbf16>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<1x128xbf16>, tensor<4096x128xbf16, #w2>) maps []
      outs(%init : tensor<1x4096xbf16>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_stream, chip = "sm_90a", tile = [1, 16, 128], warps = [1, 1, 1], stages = 1, weights = <fragment, tile = [16, 128]>, dependent_launch = true>} {
  ^bb0(%acc: f32):
    %3 = arith.truncf %acc : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<1x4096xbf16>
  return %y : tensor<1x4096xbf16>
}
