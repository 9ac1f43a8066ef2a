// RUN: quant-opt %s --import-packed-integers --split-input-file --verify-diagnostics | FileCheck %s

// Rows of odd length end in half a byte.
// CHECK-LABEL: func.func @odd
// CHECK-SAME: %[[B:.*]]: tensor<?x4xi8>
// CHECK: %[[J:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}[0, 1] [%{{.*}}, 4] [1, 2] : tensor<?x4xi4> into tensor<?x8xi4>
// CHECK: tensor.extract_slice %[[J]][0, 0] [%{{.*}}, 7] [1, 1] : tensor<?x8xi4> to tensor<?x7xi4>
func.func @odd(%w: tensor<?x7xi4>) -> tensor<?x7xi8> {
  %y = arith.extsi %w : tensor<?x7xi4> to tensor<?x7xi8>
  return %y : tensor<?x7xi8>
}

// -----

// Calls keep their i4, and go to a copy that does.
// CHECK-LABEL: func.func @callee(%{{.*}}: tensor<2xi8>)
// CHECK-LABEL: func.func @caller(%{{.*}}: tensor<2xi8>)
// CHECK: call @callee_0(%{{.*}}) : (tensor<4xi4>) -> tensor<4xi8>
// CHECK-LABEL: func.func private @callee_0(%{{.*}}: tensor<4xi4>)
func.func @callee(%w: tensor<4xi4>) -> tensor<4xi8> {
  %y = arith.extsi %w : tensor<4xi4> to tensor<4xi8>
  return %y : tensor<4xi8>
}
func.func @caller(%w: tensor<4xi4>) -> tensor<4xi8> {
  %y = func.call @callee(%w) : (tensor<4xi4>) -> tensor<4xi8>
  return %y : tensor<4xi8>
}

// -----

// Constants: -1, 2 and 3, -8, then 5 in half a byte. Splats stay.
// CHECK-LABEL: func.func @constants
// CHECK-DAG: arith.constant dense<[47, -125, 5]> : tensor<3xi8>
// CHECK-DAG: arith.constant dense<-8> : tensor<5xi4>
// CHECK-DAG: arith.constant dense<[18, 3]> : tensor<2xi8>
func.func @constants() -> (tensor<5xi8>, tensor<3xi8>) {
  %c = arith.constant dense<[-1, 2, 3, -8, 5]> : tensor<5xi4>
  %s = arith.constant dense<8> : tensor<5xi4>
  %r = arith.constant dense_resource<blob> : tensor<3xi4>
  %0 = arith.addi %c, %s : tensor<5xi4>
  %1 = arith.extsi %0 : tensor<5xi4> to tensor<5xi8>
  %2 = arith.extsi %r : tensor<3xi4> to tensor<3xi8>
  return %1, %2 : tensor<5xi8>, tensor<3xi8>
}
{-# dialect_resources: { builtin: { blob: "0x01000000020103" } } #-}

// -----

// expected-error @below {{argument #0 of @unknown has type 'tensor<4x?xi4>': i4 is packed two to a byte along the last dimension, which must be static}}
func.func @unknown(%w: tensor<4x?xi4>) -> tensor<4x?xi8> {
  %y = arith.extsi %w : tensor<4x?xi4> to tensor<4x?xi8>
  return %y : tensor<4x?xi8>
}

// -----

// expected-error @below {{returns a tensor of i4: extend it to i8 first, which has a buffer of its own}}
func.func @returns(%w: tensor<4xi8>) -> tensor<4xi4> {
  %y = arith.trunci %w : tensor<4xi8> to tensor<4xi4>
  return %y : tensor<4xi4>
}
