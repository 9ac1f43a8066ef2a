// RUN: quant-opt %s --quant-tensor-outline-constants=max-bytes=16 --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-outline-constants=max-bytes=16 --split-input-file --remarks-filter-missed="quant-tensor.*" -o /dev/null 2>&1 \
// RUN:     | FileCheck %s --check-prefix=REMARK

// The second is a table of 16 bytes, which a kernel holds; the third one value.
// CHECK-LABEL: func @limit
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<5xf32> {quant_tensor.constant = dense<[1.000000e+00, {{.*}}]> : tensor<5xf32>, quant_tensor.name = "constant1", quant_tensor.weight}
// CHECK: arith.constant dense<[1.0
// CHECK: arith.constant dense<2.0
// CHECK: linalg.add ins(%{{.*}}, %[[W]]
func.func @limit(%x: tensor<5xf32> {quant_tensor.name = "constant0"}, %y: tensor<4xf32>) -> (tensor<5xf32>, tensor<4xf32>, tensor<5xf32>) {
  %a = arith.constant dense<[1.0, 2.0, 3.0, 4.0, 5.0]> : tensor<5xf32>
  %b = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %c = arith.constant dense<2.0> : tensor<5xf32>
  %0 = linalg.add ins(%x, %a : tensor<5xf32>, tensor<5xf32>) outs(%x : tensor<5xf32>) -> tensor<5xf32>
  %1 = linalg.add ins(%y, %b : tensor<4xf32>, tensor<4xf32>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  %2 = linalg.add ins(%x, %c : tensor<5xf32>, tensor<5xf32>) outs(%x : tensor<5xf32>) -> tensor<5xf32>
  return %0, %1, %2 : tensor<5xf32>, tensor<4xf32>, tensor<5xf32>
}

// -----

// Equal constants have one name in the module, and one argument in a function;
// no kernel holds what is bundled.
#q = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// CHECK-LABEL: func @twice
// CHECK-SAME: %[[C:[a-z0-9]+]]: tensor<2x2xi8> {{.*}}name = "constant0"{{.*}}, %[[S:[a-z0-9]+]]: tensor<2x1xf32> {{.*}}name = "constant1"
// CHECK: assemble %[[C]], %[[S]]
// CHECK: assemble %[[C]], %[[S]]
func.func @twice() -> (tensor<2x2xf32, #q>, tensor<2x2xf32, #q>) {
  %c = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %t = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %0 = quant_tensor.assemble %c, %s : tensor<2x2xi8>, tensor<2x1xf32> -> tensor<2x2xf32, #q>
  %1 = quant_tensor.assemble %c, %t : tensor<2x2xi8>, tensor<2x1xf32> -> tensor<2x2xf32, #q>
  return %0, %1 : tensor<2x2xf32, #q>, tensor<2x2xf32, #q>
}
// CHECK-LABEL: func @again
// CHECK-SAME: quant_tensor.name = "constant1"
func.func @again() -> tensor<2x1xf32> {
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  return %s : tensor<2x1xf32>
}

// -----

// A resource is a constant like any other.
// CHECK-LABEL: func @resource
// CHECK-SAME: quant_tensor.constant = dense_resource<w> : tensor<2xf32>
func.func @resource() -> tensor<2xf32> {
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}
{-#
  dialect_resources: { builtin: { w: "0x040000000000803f00000040" } }
#-}

// -----

// REMARK: remark: [Missed]{{.*}}the function is called: its signature must stay{{.*}}constants left in place
// CHECK-LABEL: func private @callee
// CHECK-SAME: ()
func.func private @callee() -> tensor<2xf32> {
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %w : tensor<2xf32>
}
func.func @caller() -> tensor<2xf32> {
  %0 = call @callee() : () -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// A transposition is no reader: it would become a constant for somebody else.
// CHECK-LABEL: func @transposed
// CHECK-SAME: quant_tensor.constant
func.func @transposed() -> tensor<2x1xf32> {
  %w = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %e = tensor.empty() : tensor<2x1xf32>
  %t = linalg.transpose ins(%w : tensor<1x2xf32>) outs(%e : tensor<2x1xf32>) permutation = [1, 0]
  return %t : tensor<2x1xf32>
}
