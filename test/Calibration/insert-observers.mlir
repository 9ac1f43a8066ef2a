// RUN: quant-opt --quant-tensor-insert-observers --remarks-filter=.* %s 2>%t.remarks | FileCheck %s
// RUN: FileCheck --check-prefix=REMARK %s < %t.remarks
// RUN: quant-opt --quant-tensor-insert-observers="weights=true overrides=*batch*=none;*=int4" %s | FileCheck %s --check-prefix=WEIGHTS
// RUN: not quant-opt --quant-tensor-insert-observers="kinds=minmax,mean" %s 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not quant-opt --quant-tensor-insert-observers="kinds=xtx,xtx" %s 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not quant-opt --quant-tensor-insert-observers="scheme=int4,token" %s 2>&1 | FileCheck %s --check-prefix=SCHEME
// KIND: error: 'mean' is no statistic
// TWICE: error: the statistic 'xtx' is asked for twice
// SCHEME: error: scheme 'int4,token': weights have no tokens

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// A weight seen through a transposition keeps its name; one that two functions
// call the same is told apart by the function.
// CHECK-LABEL: func.func @transposed
// CHECK: quant_tensor.observe %arg0 name("transposed.fc.input") kinds([minmax, absmean, histogram]) : tensor<8x64xf32>
// CHECK-NOT: observe
// WEIGHTS-LABEL: func.func @transposed
// WEIGHTS: %[[X:.*]] = quant_tensor.observe %arg0 name("transposed.fc.input")
// WEIGHTS: %[[W:.*]] = quant_tensor.observe %arg1 name("transposed.fc.weight") kinds([minmax, absmean, histogram]) : tensor<32x64xf32>
// WEIGHTS: %[[T:.*]] = linalg.transpose ins(%[[W]] :
// WEIGHTS: linalg.matmul ins(%[[X]], %[[T]] :
func.func @transposed(%x: tensor<8x64xf32>,
    %w: tensor<32x64xf32> {quant_tensor.name = "fc.weight", quant_tensor.weight},
    %init: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %e = tensor.empty() : tensor<64x32xf32>
  %t = linalg.transpose ins(%w : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<8x64xf32>, tensor<64x32xf32>)
      outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %y : tensor<8x32xf32>
}

// Two uses of one weight are two layers.
// CHECK-LABEL: func.func @twice
// CHECK: observe %arg0 name("twice.fc.input")
// CHECK: observe %{{.*}} name("twice.fc#2.input")
func.func @twice(%x: tensor<8x32xf32>,
    %w: tensor<32x32xf32> {quant_tensor.name = "fc", quant_tensor.weight},
    %init: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %0 = linalg.matmul ins(%x, %w : tensor<8x32xf32>, tensor<32x32xf32>)
      outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  %1 = linalg.matmul ins(%0, %w : tensor<8x32xf32>, tensor<32x32xf32>)
      outs(%init : tensor<8x32xf32>) -> tensor<8x32xf32>
  return %1 : tensor<8x32xf32>
}

// A constant has no name but its location's; the left-hand side is the weight.
// CHECK-LABEL: func.func @constant
// CHECK: observe %arg0 name("constant.0.input") kinds([minmax, absmean, histogram]) {axis = 0 : i64} : tensor<2x8xf32>
func.func @constant(%x: tensor<2x8xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %y = linalg.matmul ins(%w, %x : tensor<2x2xf32>, tensor<2x8xf32>)
      outs(%init : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// What is computed from weights alone is one; a product of activations has none.
// CHECK-LABEL: func.func @activations
// CHECK: observe %arg0 name("w.input")
// CHECK: linalg.matmul
// CHECK-NOT: observe
// REMARK: activations | Reason="neither operand is a weight {{.*}}", Remark="no layer to quantize"
func.func @activations(%x: tensor<8x8xf32>,
    %w: tensor<8x8xf32> {quant_tensor.name = "w", quant_tensor.weight},
    %init: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %d = arith.mulf %w, %w : tensor<8x8xf32>
  %0 = linalg.matmul ins(%x, %d : tensor<8x8xf32>, tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = linalg.matmul ins(%0, %x : tensor<8x8xf32>, tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// An override leaves it alone.
// CHECK-LABEL: func.func @batch
// WEIGHTS-LABEL: func.func @batch
// WEIGHTS-NOT: observe
func.func @batch(%x: tensor<8x8xf32>,
    %w: tensor<8x8xf32> {quant_tensor.name = "batch.weight", quant_tensor.weight},
    %init: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>)
      outs(%init : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}
