// RUN: quant-opt %s -quant-tensor-apply-layout -cse | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#reduce = #quant_tile.schedule<reduce, chip = "sm_80", tile = [1, 16, 64], warps = [1, 1, 1], stages = 1, weights = <fragment, tile = [16, 64]>, max_m = 1>
#few = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, max_m = 8>
#some = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [16, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>, max_m = 16>
#many = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [32, 16, 64], warps = [1, 1, 1], stages = 2, weights = <fragment, tile = [16, 64]>>
#fp8 = #quant_tensor.encoding<{storage = f8E4M3FN, block = [8, 32], scale = bf16}>
#fp8fragments = #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 32], scale = bf16, layout = <fragment, tile = [16, 64]>}>
#ints = #quant_tile.schedule<mma_sync, chip = "sm_80", tile = [8, 16, 128], warps = [1, 1, 1], stages = 2>
#plain = #quant_tile.schedule<plain, chip = "sm_80">

// CHECK: #[[PACKED:.*]] = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, layout = <fragment, tile = [16, 64]>}>

// CHECK-LABEL: func @static
// CHECK: %[[P:.*]] = quant_tensor.repack %{{.*}} : tensor<32x64xbf16, #{{.*}}> -> tensor<32x64xbf16, #[[PACKED]]>
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}, %[[P]] : {{.*}}schedule<mma_sync
func.func @static(%x: tensor<4x64xbf16>, %w: tensor<32x64xbf16, #w4>, %init: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<32x64xbf16, #w4>) maps [] outs(%init : tensor<4x32xf32>) attributes {quant_tile.schedule = #many} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// One repack for all branches; rows of a batch are multiplied out.
// CHECK-LABEL: func @dynamic
// CHECK: %[[P:.*]] = quant_tensor.repack
// CHECK-NOT: quant_tensor.repack
// CHECK: %[[D:.*]] = tensor.dim %{{.*}}, %c1
// CHECK: %[[M:.*]] = arith.muli %[[D]], %c2
// CHECK: %[[ONE:.*]] = arith.cmpi ule, %[[M]], %c1
// CHECK: scf.if %[[ONE]]
// CHECK: ins(%{{.*}}, %[[P]] : {{.*}}quant_tile.schedule = #quant_tile.schedule<reduce
// CHECK: } else {
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %[[M]], %c8
// CHECK: scf.if %[[FEW]]
// CHECK: ins(%{{.*}}, %[[P]] : {{.*}}tile = [8, 16, 64]
// CHECK: } else {
// CHECK: ins(%{{.*}}, %[[P]] : {{.*}}tile = [32, 16, 64]
func.func @dynamic(%x: tensor<2x?x64xbf16>, %w: tensor<32x64xbf16, #w4>, %init: tensor<2x?x32xf32>) -> tensor<2x?x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<2x?x64xbf16>, tensor<32x64xbf16, #w4>) maps [] outs(%init : tensor<2x?x32xf32>) attributes {quant_tile.schedules = [#reduce, #few, #many]} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<2x?x32xf32>
  return %y : tensor<2x?x32xf32>
}

// Each test halves the ranges, so that no branch is nested deeper than needed.
// CHECK-LABEL: func @halves
// CHECK: %[[M:.*]] = tensor.dim
// CHECK: %[[UP_TO_8:.*]] = arith.cmpi ule, %[[M]], %c8
// CHECK: scf.if %[[UP_TO_8]]
// CHECK: %[[UP_TO_1:.*]] = arith.cmpi ule, %[[M]], %c1
// CHECK: scf.if %[[UP_TO_1]]
// CHECK: quant_tile.schedule<reduce
// CHECK: } else {
// CHECK: tile = [8, 16, 64]
// CHECK: } else {
// CHECK: %[[UP_TO_16:.*]] = arith.cmpi ule, %[[M]], %c16
// CHECK: scf.if %[[UP_TO_16]]
// CHECK: tile = [16, 16, 64]
// CHECK: } else {
// CHECK: tile = [32, 16, 64]
func.func @halves(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16, #w4>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xbf16>, tensor<32x64xbf16, #w4>) maps [] outs(%init : tensor<?x32xf32>) attributes {quant_tile.schedules = [#reduce, #few, #some, #many]} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// Plain codes are read as they are; a plain schedule is no schedule.
// CHECK-LABEL: func @asis
// CHECK-NOT: repack
// CHECK: quant_tensor.scaled_matmul{{.*}}quant_tile.schedule = #quant_tile.schedule<mma_sync
// CHECK: quant_tensor.scaled_matmul
// CHECK-NOT: quant_tile
// CHECK: return
func.func @asis(%x: tensor<4x64xi8>, %w: tensor<32x64xi8>, %init: tensor<4x32xi32>) -> (tensor<4x32xi32>, tensor<4x32xi32>) {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<32x64xi8>) maps [] outs(%init : tensor<4x32xi32>) attributes {quant_tile.schedule = #ints} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x32xi32>
  %z = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xi8>, tensor<32x64xi8>) maps [] outs(%init : tensor<4x32xi32>) attributes {quant_tile.schedule = #plain} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<4x32xi32>
  return %y, %z : tensor<4x32xi32>, tensor<4x32xi32>
}

// Codes that are not finite are told by scales, once for all layouts, and not
// where the reference lowering decodes the codes.
// CHECK-LABEL: func @poisoned
// CHECK-SAME: %[[W:[^:]*]]: tensor<32x64xbf16, #[[FP8:[^>]*]]>
// CHECK: %[[S:.*]] = quant_tensor.poison_scales %[[W]] : tensor<32x64xbf16, #[[FP8]]> -> tensor<32x64xbf16, #[[ROWS:.*]]>
// CHECK: %[[P:.*]] = quant_tensor.repack %[[S]] : tensor<32x64xbf16, #[[ROWS]]> -> tensor<32x64xbf16, #[[FRAGMENTS:.*]]>
// CHECK-NOT: quant_tensor.poison_scales
// CHECK: scf.if
// CHECK: ins(%{{.*}}, %[[P]] : tensor<?x64xbf16>, tensor<32x64xbf16, #[[FRAGMENTS]]>{{.*}}schedule<reduce
// CHECK: scf.if
// CHECK: ins(%{{.*}}, %[[P]] : tensor<?x64xbf16>, tensor<32x64xbf16, #[[FRAGMENTS]]>{{.*}}schedule<mma_sync
// CHECK: } else {
// CHECK: ins(%{{.*}}, %[[W]] :
func.func @poisoned(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16, #fp8>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xbf16>, tensor<32x64xbf16, #fp8>) maps [] outs(%init : tensor<?x32xf32>) attributes {quant_tile.schedules = [#reduce, #few, #plain]} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// Codes that have the layout already keep it.
// CHECK-LABEL: func @fragments
// CHECK-NOT: quant_tensor.repack
// CHECK: %[[S:.*]] = quant_tensor.poison_scales
// CHECK-NOT: quant_tensor.repack
// CHECK: quant_tensor.scaled_matmul ins(%{{.*}}, %[[S]] :
func.func @fragments(%x: tensor<4x64xbf16>, %w: tensor<32x64xbf16, #fp8fragments>, %init: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<4x64xbf16>, tensor<32x64xbf16, #fp8fragments>) maps [] outs(%init : tensor<4x32xf32>) attributes {quant_tile.schedule = #many} {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}
