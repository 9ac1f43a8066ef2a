// RUN: split-file %s %t
// RUN: quant-opt %t/scaled.mlir --transform-interpreter --canonicalize --cse --quant-tensor-verify-encodings | FileCheck %t/scaled.mlir
// RUN: quant-opt %t/batched.mlir --transform-interpreter --canonicalize --cse | FileCheck %t/batched.mlir
// RUN: quant-opt %t/int.mlir --transform-interpreter --canonicalize --cse | FileCheck %t/int.mlir
// RUN: quant-opt %t/fuse.mlir --transform-interpreter --canonicalize --cse | FileCheck %t/fuse.mlir
// RUN: not quant-opt %t/cut.mlir --transform-interpreter 2>&1 | FileCheck %t/cut.mlir

//--- scaled.mlir
// M and N tiles, the last ones short; 48 rows are three blocks of 16.
// CHECK-LABEL: @linear
// CHECK: scf.for %[[M:[a-z0-9]*]] =
// CHECK: scf.for %[[N:[a-z0-9]*]] =
// CHECK-DAG: %[[X:.*]] = tensor.extract_slice %{{.*}}[0, %[[M]], 0] [2, %{{.*}}, 256] [1, 1, 1] : tensor<2x?x256xbf16> to tensor<2x?x256xbf16>
// CHECK-DAG: %[[W:.*]] = tensor.extract_slice %{{.*}}[%[[N]], 0] [%{{.*}}, 256] [1, 1] : tensor<500x256xbf16, #[[E:.*]]> to tensor<?x256xbf16, #[[E]]>
// CHECK-DAG: %[[A:.*]] = tensor.extract_slice %{{.*}}[0, %[[M]], 0] [2, %{{.*}}, 1] [1, 1, 1] : tensor<2x?x1xf32>
// CHECK-DAG: %[[B:.*]] = tensor.extract_slice %{{.*}}[%[[N]]] [%{{.*}}] [1] : tensor<500xf32> to tensor<?xf32>
// CHECK: quant_tensor.scaled_matmul ins(%[[X]], %[[W]] : tensor<2x?x256xbf16>, tensor<?x256xbf16, #[[E]]>) epilogue(%[[A]], %[[B]]
// CHECK: tensor.insert_slice
#w = #quant_tensor.encoding<{storage = i8, block = [16, 128], scale = f32}>
func.func @linear(%x: tensor<2x?x256xbf16>, %w: tensor<500x256xbf16, #w>, %a: tensor<2x?x1xf32>, %b: tensor<500xf32>, %i: tensor<2x?x500xf32>) -> tensor<2x?x500xf32> {
  %0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<2x?x256xbf16>, tensor<500x256xbf16, #w>)
      epilogue(%a, %b : tensor<2x?x1xf32>, tensor<500xf32>)
      maps [affine_map<(b, m, n) -> (b, m, 0)>, affine_map<(b, m, n) -> (n)>]
      outs(%i : tensor<2x?x500xf32>) {
  ^bb0(%acc: f32, %s: f32, %t: f32):
    %1 = arith.mulf %acc, %s : f32
    %2 = arith.addf %1, %t : f32
    quant_tensor.yield %2 : f32
  } -> tensor<2x?x500xf32>
  return %0 : tensor<2x?x500xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["quant_tensor.scaled_matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2:2 = transform.structured.tile_using_for %0 tile_sizes [0, 32, 48] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- paired.mlir
// Twice as many rows of weights as columns of the result.
// CHECK-LABEL: @paired
// CHECK: scf.for %[[N:.*]] = %c0 to %c20 step %c8
// CHECK: %[[SIZE:.*]] = affine.min
// CHECK-DAG: %[[FROM:.*]] = arith.muli %[[N]], %c2
// CHECK-DAG: %[[ROWS:.*]] = arith.muli %[[SIZE]], %c2
// CHECK: %[[W:.*]] = tensor.extract_slice %{{.*}}[%[[FROM]], 0] [%[[ROWS]], 64] [1, 1] : tensor<40x64xf32, #[[E:.*]]> to tensor<?x64xf32, #[[E]]>
// CHECK: quant_tensor.scaled_matmul paired ins(%{{.*}}, %[[W]] : {{.*}} outs(%{{.*}} : tensor<8x?xf32>)
#w = #quant_tensor.encoding<{storage = i8, block = [1, 32], scale = f32}>
func.func @paired(%x: tensor<8x64xf32>, %w: tensor<40x64xf32, #w>, %i: tensor<8x20xf32>) -> tensor<8x20xf32> {
  %0 = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<8x64xf32>, tensor<40x64xf32, #w>) maps [] outs(%i : tensor<8x20xf32>) {
  ^bb0(%a: f32, %b: f32):
    %1 = arith.mulf %a, %b : f32
    quant_tensor.yield %1 : f32
  } -> tensor<8x20xf32>
  return %0 : tensor<8x20xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["quant_tensor.scaled_matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.tile_using_for %0 tile_sizes [0, 8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- batched.mlir
// A tile of batches takes its own right-hand sides and their zero points.
// CHECK-LABEL: @matmul
// CHECK: scf.forall
// CHECK-DAG: %[[X:.*]] = tensor.extract_slice %{{.*}}[%[[B:.*]], 0, 0] [2, 64, 64] [1, 1, 1] : tensor<4x64x64xi8> to tensor<2x64x64xi8>
// CHECK-DAG: %[[W:.*]] = tensor.extract_slice %{{.*}}[%[[B]], %[[N:.*]], 0] [2, 8, 64] [1, 1, 1] : tensor<4x32x64xi8> to tensor<2x8x64xi8>
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %{{.*}}[%[[B]], %[[N]], 0] [2, 8, 1] [1, 1, 1] : tensor<4x32x1xi32> to tensor<2x8x1xi32>
// CHECK: quant_tensor.int_matmul ins(%[[X]], %[[W]] : tensor<2x64x64xi8>, tensor<2x8x64xi8>) rhs_zero_points(%[[Z]] : tensor<2x8x1xi32>)
func.func @matmul(%x: tensor<4x64x64xi8>, %w: tensor<4x32x64xi8>, %z: tensor<4x32x1xi32>, %i: tensor<4x64x32xi32>) -> tensor<4x64x32xi32> {
  %0 = quant_tensor.int_matmul ins(%x, %w : tensor<4x64x64xi8>, tensor<4x32x64xi8>)
      rhs_zero_points(%z : tensor<4x32x1xi32>)
      outs(%i : tensor<4x64x32xi32>) -> tensor<4x64x32xi32>
  return %0 : tensor<4x64x32xi32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["quant_tensor.int_matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.tile_using_forall %0 tile_sizes [2, 0, 8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- int.mlir
// Zero points of one row follow no tile.
// CHECK-LABEL: @matmul
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in
// CHECK-DAG: %[[X:.*]] = tensor.extract_slice %{{.*}}[%{{.*}}, 0] [16, 64] [1, 1] : tensor<64x64xi8> to tensor<16x64xi8>
// CHECK-DAG: %[[W:.*]] = tensor.extract_slice %{{.*}}[%{{.*}}, 0] [8, 64] [1, 1] : tensor<32x64xi8> to tensor<8x64xi8>
// CHECK-DAG: %[[L:.*]] = tensor.extract_slice %{{.*}}[%{{.*}}, 0] [16, 1] [1, 1] : tensor<64x1xi32> to tensor<16x1xi32>
// CHECK: quant_tensor.int_matmul ins(%[[X]], %[[W]] : tensor<16x64xi8>, tensor<8x64xi8>) lhs_zero_points(%[[L]] : tensor<16x1xi32>) rhs_zero_points(%{{.*}} : tensor<1x1xi32>) outs(%{{.*}} : tensor<16x8xi32>)
func.func @matmul(%x: tensor<64x64xi8>, %w: tensor<32x64xi8>, %lz: tensor<64x1xi32>, %rz: tensor<1x1xi32>, %i: tensor<64x32xi32>) -> tensor<64x32xi32> {
  %0 = quant_tensor.int_matmul ins(%x, %w : tensor<64x64xi8>, tensor<32x64xi8>)
      lhs_zero_points(%lz : tensor<64x1xi32>) rhs_zero_points(%rz : tensor<1x1xi32>)
      outs(%i : tensor<64x32xi32>) -> tensor<64x32xi32>
  return %0 : tensor<64x32xi32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["quant_tensor.int_matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.tile_using_forall %0 tile_sizes [16, 8] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- fuse.mlir
// Tiling the consumer brings the contraction into the loop.
// CHECK-LABEL: @fuse
// CHECK: scf.for
// CHECK: quant_tensor.scaled_matmul {{.*}} tensor<16x64xf32>, tensor<8x64xf32>
// CHECK: linalg.generic
#id = affine_map<(d0, d1) -> (d0, d1)>
func.func @fuse(%x: tensor<64x64xf32>, %w: tensor<8x64xf32>, %i: tensor<64x8xf32>) -> tensor<64x8xf32> {
  %0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<64x64xf32>, tensor<8x64xf32>) maps [] outs(%i : tensor<64x8xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<64x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<64x8xf32>) outs(%i : tensor<64x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %2 = math.exp %a : f32
    linalg.yield %2 : f32
  } -> tensor<64x8xf32>
  return %1 : tensor<64x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["linalg.generic"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.fuse %0 tile_sizes [16, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

//--- cut.mlir
// A tile of 24 rows cuts blocks of 16.
// CHECK: remark: cannot be tiled: rhs: offset of dimension #0 is not provably a multiple of 16
// CHECK: error: 'quant_tensor.scaled_matmul' op failed to generate tiling loops
#w = #quant_tensor.encoding<{storage = i8, block = [16, 128], scale = f32}>
func.func @linear(%x: tensor<8x256xbf16>, %w: tensor<480x256xbf16, #w>, %i: tensor<8x480xf32>) -> tensor<8x480xf32> {
  %0 = quant_tensor.scaled_matmul ins(%x, %w : tensor<8x256xbf16>, tensor<480x256xbf16, #w>) maps [] outs(%i : tensor<8x480xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<8x480xf32>
  return %0 : tensor<8x480xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %0 = transform.structured.match ops{["quant_tensor.scaled_matmul"]} in %root : (!transform.any_op) -> !transform.any_op
    %1, %2 = transform.structured.tile_using_for %0 tile_sizes [0, 24] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
