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

// Of nested tests of one size, a step asks for the two that are next to its
// range; tests of another size, or for something else, stay.
// CHECK-SAME: "name": "nested"
// CHECK-SAME: "when": ["and", ["le", "d0", 8], ["le", "d1", 4]]}
// CHECK-SAME: "when": ["and", ["le", "d0", 8], ["not", ["le", "d1", 4]]]}
// CHECK-SAME: "when": ["and", ["not", ["le", "d0", 8]], ["le", "d0", 16]]}
// CHECK-SAME: "when": ["not", ["le", "d0", 16]]}
func.func @nested(%x: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %n = tensor.dim %x, %c1 : tensor<?x?xf32>
  %few = arith.cmpi ule, %m, %c8 : index
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %r = scf.if %few -> tensor<?x?xf32> {
    %narrow = arith.cmpi ule, %n, %c4 : index
    %0 = scf.if %narrow -> tensor<?x?xf32> {
      %y = linalg.add ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
      scf.yield %y : tensor<?x?xf32>
    } else {
      %y = linalg.mul ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
      scf.yield %y : tensor<?x?xf32>
    }
    scf.yield %0 : tensor<?x?xf32>
  } else {
    %some = arith.cmpi ule, %m, %c16 : index
    %0 = scf.if %some -> tensor<?x?xf32> {
      %y = linalg.sub ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
      scf.yield %y : tensor<?x?xf32>
    } else {
      %y = linalg.max ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
      scf.yield %y : tensor<?x?xf32>
    }
    scf.yield %0 : tensor<?x?xf32>
  }
  return %r : tensor<?x?xf32>
}
