// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-generalize-ops))" --split-input-file | FileCheck %s

// Elementwise ops and reductions become generic; what is looked for by name, or
// would repeat what is fused into it, does not.
// CHECK-LABEL: func @kinds
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel"]
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel"]
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "reduction"]
// CHECK: linalg.transpose
// CHECK: linalg.fill
// CHECK: linalg.matmul
func.func @kinds(%x: tensor<8x8xf32>, %b: tensor<8xf32>, %e: tensor<8x8xf32>, %z: tensor<8xf32>, %c: f32)
    -> (tensor<8xf32>, tensor<8x8xf32>) {
  %0 = linalg.broadcast ins(%b : tensor<8xf32>) outs(%e : tensor<8x8xf32>) dimensions = [0]
  %1 = linalg.exp ins(%0 : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = linalg.reduce { arith.addf } ins(%1 : tensor<8x8xf32>) outs(%z : tensor<8xf32>) dimensions = [1]
  %3 = linalg.transpose ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) permutation = [1, 0]
  %4 = linalg.fill ins(%c : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %5 = linalg.matmul ins(%3, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%4 : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %2, %5 : tensor<8xf32>, tensor<8x8xf32>
}

// -----

// CHECK-LABEL: func @softmax
// CHECK-NOT: linalg.softmax
// CHECK-COUNT-4: linalg.generic
func.func @softmax(%x: tensor<8x64xf32>, %e: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %0 = linalg.softmax dimension(1) ins(%x : tensor<8x64xf32>) outs(%e : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// An op on buffers has no neighbours to be fused with.
// CHECK-LABEL: func @buffers
// CHECK: linalg.exp
func.func @buffers(%x: memref<8xf32>, %y: memref<8xf32>) {
  linalg.exp ins(%x : memref<8xf32>) outs(%y : memref<8xf32>)
  return
}
