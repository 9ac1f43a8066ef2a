// RUN: quant-compile %s --emit=manifest | %python -c "import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))" | FileCheck %s

// A dispatch on a dimension is a condition on each step; a slice is an offset.
// CHECK: "launch": "elementwise_{{[0-9]+}}", "when": ["eq", "d0", 1]}
// CHECK-SAME: "launch": "elementwise_{{[0-9]+}}", "when": ["not", ["eq", "d0", 1]]}
func.func @dispatch(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %one = arith.cmpi eq, %m, %c1 : index
  %r = scf.if %one -> tensor<?x64xf32> {
    %x1 = tensor.cast %x : tensor<?x64xf32> to tensor<1x64xf32>
    %e = tensor.empty() : tensor<1x64xf32>
    %y = linalg.add ins(%x1, %x1 : tensor<1x64xf32>, tensor<1x64xf32>) outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
    %yc = tensor.cast %y : tensor<1x64xf32> to tensor<?x64xf32>
    scf.yield %yc : tensor<?x64xf32>
  } else {
    %e = tensor.empty(%m) : tensor<?x64xf32>
    %y = linalg.add ins(%x, %x : tensor<?x64xf32>, tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
    scf.yield %y : tensor<?x64xf32>
  }
  return %r : tensor<?x64xf32>
}

// CHECK-SAME: "name": "slice"
// CHECK-SAME: {"buffer": 0}, {"buffer": 0}, {"i64": 36}, {"i64": 4}, {"i64": 8}, {"i64": 16}, {"i64": 1}
func.func @slice(%x: tensor<8x16xf32>) -> tensor<4x8xf32> {
  %s = tensor.extract_slice %x[2, 4] [4, 8] [1, 1] : tensor<8x16xf32> to tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// A reshape of what the kernel writes: the result has the caller's shape.
// CHECK-SAME: "role": "output", "shape": [2, 32]
// CHECK-SAME: "name": "reshaped"
func.func @reshaped(%x: tensor<64xf32>) -> tensor<2x32xf32> {
  %e = tensor.empty() : tensor<64xf32>
  %y = linalg.add ins(%x, %x : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
  %r = tensor.expand_shape %y [[0, 1]] output_shape [2, 32] : tensor<64xf32> into tensor<2x32xf32>
  return %r : tensor<2x32xf32>
}
