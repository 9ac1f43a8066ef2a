// RUN: quant-opt %s -select-schedule="chip=sm_90a tuned=%S/Inputs/timings.jsonl" --remarks-filter=schedule 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARKS < %t.remarks
// RUN: quant-compile %s --emit=schedule --tuned=%S/Inputs/timings.jsonl | FileCheck %s --check-prefix=COMPILE
// RUN: quant-opt %s -quant-schedule="chip=sm_90a tuned=%S/Inputs/timings.jsonl" | FileCheck %s --check-prefix=COMPILE
// RUN: quant-opt %s -select-schedule="chip=sm_89 tuned=%S/Inputs/timings.jsonl" 2>&1 | FileCheck %s --check-prefix=OTHER

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>

// A schedule for each number of rows that was measured, up to which it is used;
// the fastest at 16 is the fastest at 64 too, so they are one. The line that
// was measured twice counts as the second time, failures do not count.
// CHECK-LABEL: @dynamic
// CHECK: quant_tile.schedules = [#quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 32, 256], warps = [1, 1, 4], stages = 3, {{.*}}max_m = 1, {{[^#]*}}>, #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 64, 128], warps = [1, 2, 2], stages = 4, weights = <fragment, tile = [16, 64]>, contract = {{[^#]*}}]
// REMARKS: [Passed] Schedule {{.*}}Function=dynamic {{.*}}"tuned for 16 rows: mma_sync with tile 16x64x128 takes 8.25 us on NVIDIA H200"
// REMARKS: [Missed] Schedule {{.*}}Function=other {{.*}}Reason="no timing of m=17 n=2048 k=4096 lhs=i8 rhs=i8 out=f32 args=[] epilogue=[arith.sitofp]", Remark="not tuned"
// COMPILE: tile = [16, 32, 256]
// The chip has no timings here, so its ops get what the heuristics choose.
// OTHER: warning: none of the 0 timings for sm_89 in '{{.*}}timings.jsonl' is of an op of this module
// OTHER: @dynamic
// OTHER: max_m = 128
func.func @dynamic(%x: tensor<?x4096xbf16>, %w: tensor<2048x4096xbf16, #w4>, %init: tensor<?x2048xf32>) -> tensor<?x2048xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x4096xbf16>, tensor<2048x4096xbf16, #w4>) maps [] outs(%init : tensor<?x2048xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x2048xf32>
  return %y : tensor<?x2048xf32>
}

// CHECK-LABEL: @static
// CHECK: quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [32, 64, 256], warps = [1, 4, 2], stages = 3>
func.func @static(%x: tensor<17x4096xi8>, %w: tensor<2048x4096xi8>, %init: tensor<17x2048xi32>) -> tensor<17x2048xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<17x4096xi8>, tensor<2048x4096xi8>) maps [] outs(%init : tensor<17x2048xi32>) {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<17x2048xi32>
  return %y : tensor<17x2048xi32>
}

// Another epilogue has no timing.
// CHECK-LABEL: @other
// CHECK: quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a"
// CHECK-NOT: tile = [32, 64, 256]
func.func @other(%x: tensor<17x4096xi8>, %w: tensor<2048x4096xi8>, %init: tensor<17x2048xf32>) -> tensor<17x2048xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<17x4096xi8>, tensor<2048x4096xi8>) maps [] outs(%init : tensor<17x2048xf32>) {
  ^bb0(%acc: i32):
    %0 = arith.sitofp %acc : i32 to f32
    quant_tensor.yield %0 : f32
  } -> tensor<17x2048xf32>
  return %y : tensor<17x2048xf32>
}
