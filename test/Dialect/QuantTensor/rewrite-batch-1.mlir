// RUN: quant-opt %s --quant-tensor-rewrite-batch-1 --split-input-file | FileCheck %s
// RUN: quant-opt %s --quant-tensor-rewrite-batch-1="max-m=2 types=bf16,i8" --split-input-file --verify-diagnostics \
// RUN:     --remarks-filter-missed="quant-tensor.*" | FileCheck %s --check-prefix=GATED

// RUN: quant-opt %s --quant-tensor-rewrite-batch-1="test-m=false generic-sum" --split-input-file | FileCheck %s --check-prefix=STATIC

// CHECK-DAG: #[[LHS:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[RHS:.+]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-DAG: #[[ALL:.+]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-LABEL: func @one_row
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x64xf32>, %[[W:[a-z0-9]+]]: tensor<64x32xf32>, %[[INIT:[a-z0-9]+]]: tensor<1x32xf32>
// CHECK: %[[P:.+]] = linalg.generic {indexing_maps = [#[[LHS]], #[[RHS]], #[[ALL]]], iterator_types = ["parallel", "parallel", "parallel"]}
// CHECK-SAME: ins(%[[X]], %[[W]] : {{.+}}) outs(%{{.+}} : tensor<1x32x64xf32>)
// CHECK: arith.mulf
// CHECK-NOT: addf
// CHECK: linalg.yield
// CHECK: linalg.reduce ins(%[[P]] : tensor<1x32x64xf32>) outs(%[[INIT]] : tensor<1x32xf32>) dimensions = [2]
// CHECK: arith.addf
// GATED-LABEL: func @one_row
// GATED: linalg.matmul
func.func @one_row(%x: tensor<1x64xf32>, %w: tensor<64x32xf32>, %init: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // expected-remark @below {{element type f32 is not among the types to rewrite}}
  %y = linalg.matmul ins(%x, %w : tensor<1x64xf32>, tensor<64x32xf32>) outs(%init : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// The product is in the type of the sum.
// CHECK-LABEL: func @vector
// CHECK: linalg.generic
// CHECK: arith.extsi %{{.+}} : i8 to i32
// CHECK: arith.extsi %{{.+}} : i8 to i32
// CHECK: arith.muli
// CHECK: linalg.reduce
// CHECK: arith.addi
// GATED-LABEL: func @vector
// GATED: linalg.reduce
func.func @vector(%w: tensor<32x64xi8>, %x: tensor<64xi8>, %init: tensor<32xi32>) -> tensor<32xi32> {
  %y = linalg.matvec ins(%w, %x : tensor<32x64xi8>, tensor<64xi8>) outs(%init : tensor<32xi32>) -> tensor<32xi32>
  return %y : tensor<32xi32>
}

// -----

// One column.
// CHECK-LABEL: func @one_column
// CHECK-NOT: linalg.matmul
// CHECK: linalg.reduce ins(%{{.+}} : tensor<8x1x64xbf16>)
// GATED-LABEL: func @one_column
// GATED: linalg.reduce
func.func @one_column(%x: tensor<8x64xbf16>, %w: tensor<64x1xbf16>, %init: tensor<8x1xbf16>) -> tensor<8x1xbf16> {
  %y = linalg.matmul ins(%x, %w : tensor<8x64xbf16>, tensor<64x1xbf16>) outs(%init : tensor<8x1xbf16>) -> tensor<8x1xbf16>
  return %y : tensor<8x1xbf16>
}

// -----

// Dynamic M: both, behind a test.
// CHECK-LABEL: func @dynamic
// CHECK: %[[M:.+]] = tensor.dim %{{.+}}, %c0
// CHECK: %[[C:.+]] = arith.cmpi sle, %[[M]], %c1
// CHECK: scf.if %[[C]] -> (tensor<?x32xbf16>) {
// CHECK: linalg.reduce
// CHECK: } else {
// CHECK: linalg.matmul {quant_tensor.large_m}
// CHECK-NOT: scf.if
// GATED-LABEL: func @dynamic
// GATED: arith.cmpi sle, %{{.+}}, %c2
func.func @dynamic(%x: tensor<?x64xbf16>, %w: tensor<64x32xbf16>, %init: tensor<?x32xbf16>) -> tensor<?x32xbf16> {
  %y = linalg.matmul ins(%x, %w : tensor<?x64xbf16>, tensor<64x32xbf16>) outs(%init : tensor<?x32xbf16>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// Too many rows; two is within the gate of the second run.
// CHECK-LABEL: func @rows
// CHECK-COUNT-2: linalg.matmul
// GATED-LABEL: func @rows
// GATED: linalg.reduce
// GATED: linalg.matmul
func.func @rows(%x: tensor<2x64xbf16>, %z: tensor<4x64xbf16>, %w: tensor<64x32xbf16>, %init: tensor<2x32xbf16>, %i4: tensor<4x32xbf16>)
    -> (tensor<2x32xbf16>, tensor<4x32xbf16>) {
  %y = linalg.matmul ins(%x, %w : tensor<2x64xbf16>, tensor<64x32xbf16>) outs(%init : tensor<2x32xbf16>) -> tensor<2x32xbf16>
  // expected-remark @below {{M = 4 and N = 32 exceed 2}}
  %v = linalg.matmul ins(%z, %w : tensor<4x64xbf16>, tensor<64x32xbf16>) outs(%i4 : tensor<4x32xbf16>) -> tensor<4x32xbf16>
  return %y, %v : tensor<2x32xbf16>, tensor<4x32xbf16>
}

// -----

// Which of the two dimensions is M?
// CHECK-LABEL: func @ambiguous
// CHECK: linalg.contract
func.func @ambiguous(%x: tensor<?x?x64xbf16>, %w: tensor<32x64xbf16>, %init: tensor<?x?x32xbf16>) -> tensor<?x?x32xbf16> {
  // expected-remark @below {{M is a product of dimensions that are not all known}}
  %y = linalg.contract indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%x, %w : tensor<?x?x64xbf16>, tensor<32x64xbf16>) outs(%init : tensor<?x?x32xbf16>) -> tensor<?x?x32xbf16>
  return %y : tensor<?x?x32xbf16>
}

// -----

// Without a test of M only what is known is rewritten; the sum is generic.
// STATIC-LABEL: func @known_or_not
// STATIC-NOT: linalg.reduce
// STATIC: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel"]
// STATIC: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// STATIC-NOT: scf.if
// STATIC: linalg.matmul
func.func @known_or_not(%x: tensor<1x64xbf16>, %z: tensor<?x64xbf16>, %w: tensor<64x32xbf16>, %init: tensor<1x32xbf16>, %large: tensor<?x32xbf16>)
    -> (tensor<1x32xbf16>, tensor<?x32xbf16>) {
  %y = linalg.matmul ins(%x, %w : tensor<1x64xbf16>, tensor<64x32xbf16>) outs(%init : tensor<1x32xbf16>) -> tensor<1x32xbf16>
  %v = linalg.matmul ins(%z, %w : tensor<?x64xbf16>, tensor<64x32xbf16>) outs(%large : tensor<?x32xbf16>) -> tensor<?x32xbf16>
  return %y, %v : tensor<1x32xbf16>, tensor<?x32xbf16>
}
