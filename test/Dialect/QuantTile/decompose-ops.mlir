// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-decompose-ops))" --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK-NOT: linalg.softmax
// CHECK: linalg.generic
// CHECK: arith.maxnumf
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK: arith.divf
func.func @softmax(%x: tensor<4x8xf32>, %e: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func.func @concat
// CHECK: %[[E:.*]] = tensor.empty() : tensor<6xf32>
// CHECK: %[[A:.*]] = tensor.insert_slice %{{.*}} into %[[E]][0] [4] [1]
// CHECK: tensor.insert_slice %{{.*}} into %[[A]][4] [2] [1]
func.func @concat(%x: tensor<4xf32>, %y: tensor<2xf32>) -> tensor<6xf32> {
  %c = tensor.concat dim(0) %x, %y : (tensor<4xf32>, tensor<2xf32>) -> tensor<6xf32>
  return %c : tensor<6xf32>
}

// -----

// CHECK-LABEL: func.func @generate
// CHECK: linalg.generic
// CHECK: linalg.index 0
func.func @generate() -> tensor<4xi32> {
  %g = tensor.generate {
  ^bb0(%i: index):
    %v = arith.index_cast %i : index to i32
    tensor.yield %v : i32
  } : tensor<4xi32>
  return %g : tensor<4xi32>
}

// -----

// CHECK-LABEL: func.func @element
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%{{.*}} : tensor<1xf32>)
func.func @element(%x: f32) -> tensor<1xf32> {
  %t = tensor.from_elements %x : tensor<1xf32>
  return %t : tensor<1xf32>
}

// -----

func.func @elements(%x: f32, %y: f32) -> tensor<2xf32> {
  // expected-error @below {{has no kernel}}
  %t = tensor.from_elements %x, %y : tensor<2xf32>
  return %t : tensor<2xf32>
}

// -----

// CHECK-LABEL: func.func @pack
// CHECK: tensor.expand_shape
// CHECK: linalg.transpose ins(%{{.*}} : tensor<5x4x16x4xf32>) outs(%{{.*}} : tensor<5x16x4x4xf32>)
// CHECK-NOT: linalg.pack
// CHECK: return
func.func @pack(%x: tensor<20x64xf32>) -> tensor<5x16x4x4xf32> {
  %e = tensor.empty() : tensor<5x16x4x4xf32>
  %p = linalg.pack %x inner_dims_pos = [0, 1] inner_tiles = [4, 4] into %e : tensor<20x64xf32> -> tensor<5x16x4x4xf32>
  return %p : tensor<5x16x4x4xf32>
}

// -----

// CHECK-LABEL: func.func @unpack
// CHECK: linalg.transpose
// CHECK: tensor.collapse_shape
// CHECK-NOT: linalg.unpack
// CHECK: return
func.func @unpack(%x: tensor<5x16x4x4xf32>) -> tensor<20x64xf32> {
  %e = tensor.empty() : tensor<20x64xf32>
  %p = linalg.unpack %x inner_dims_pos = [0, 1] inner_tiles = [4, 4] into %e : tensor<5x16x4x4xf32> -> tensor<20x64xf32>
  return %p : tensor<20x64xf32>
}

// -----

func.func @dynamic_tile(%x: tensor<8x64xf32>, %m: index, %q: index) -> tensor<?x64x?xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty(%q, %m) : tensor<?x64x?xf32>
  // expected-error @below {{cannot be decomposed into simple ops}}
  %p = linalg.pack %x padding_value(%z : f32) inner_dims_pos = [0] inner_tiles = [%m] into %e : tensor<8x64xf32> -> tensor<?x64x?xf32>
  return %p : tensor<?x64x?xf32>
}
