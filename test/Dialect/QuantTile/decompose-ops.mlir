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
