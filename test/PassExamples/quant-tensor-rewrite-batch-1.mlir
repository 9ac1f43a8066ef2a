// RUN: quant-opt --quant-tensor-rewrite-batch-1 %s | FileCheck %s

func.func @vecmat(%x: tensor<1x64xf32>, %w: tensor<64x32xf32>,
                  %init: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<1x64xf32>, tensor<64x32xf32>)
                     outs(%init : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
// CHECK-LABEL: func @vecmat
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "parallel"]
// CHECK: arith.mulf
// CHECK: linalg.reduce
