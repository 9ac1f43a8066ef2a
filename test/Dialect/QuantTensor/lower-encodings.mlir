// RUN: quant-opt %s --quant-tensor-lower-encodings -split-input-file -verify-diagnostics | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16, zero_point = i4}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>

// CHECK-LABEL: func private @external
// CHECK-SAME: tensor<4x8xi8> {quant_tensor.name = "arg0.codes", quant_tensor.weight}
// CHECK-SAME: tensor<4x1xf32> {quant_tensor.name = "arg0.scales", quant_tensor.weight}
// CHECK-SAME: tensor<2xf32> {quant_tensor.name = "x"}
// CHECK-SAME: -> (tensor<?x8xi8> {quant_tensor.name = "y.codes"}, tensor<?x1xf32> {quant_tensor.name = "y.scales"}, tensor<2xf32> {quant_tensor.name = "result1"})
func.func private @external(tensor<4x8xf32, #w8>, tensor<2xf32> {quant_tensor.name = "x"}) -> (tensor<?x8xf32, #w8> {quant_tensor.name = "y"}, tensor<2xf32>)

// Attributes stay with their argument.
// CHECK-LABEL: func @attributes
// CHECK-SAME: (%{{.*}}: f32 {quant_tensor.name = "arg0", test.first},
// CHECK-SAME: %[[C:.*]]: tensor<8x32xi8> {quant_tensor.name = "w.codes", quant_tensor.weight, test.second},
// CHECK-SAME: %[[S:.*]]: tensor<8x2xbf16> {quant_tensor.name = "w.scales", quant_tensor.weight, test.second},
// CHECK-SAME: %[[Z:.*]]: tensor<8x2xi8> {quant_tensor.name = "w.zero_points", quant_tensor.weight, test.second},
// CHECK-SAME: %{{.*}}: i32 {quant_tensor.name = "arg2", test.third})
// CHECK: return %[[C]], %[[S]], %[[Z]]
func.func @attributes(%a: f32 {test.first}, %w: tensor<8x64xbf16, #w4> {test.second, quant_tensor.name = "w"}, %b: i32 {test.third}) -> tensor<8x64xbf16, #w4> {
  return %w : tensor<8x64xbf16, #w4>
}

// CHECK-LABEL: func @call
// CHECK: %[[R:.*]]:4 = call @two(%{{.*}}, %{{.*}}, %{{.*}}) {test.keep} : (tensor<8x32xi8>, tensor<8x2xbf16>, tensor<8x2xi8>) -> (tensor<8x32xi8>, tensor<8x2xbf16>, tensor<8x2xi8>, f32)
// CHECK: return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func private @two(tensor<8x64xbf16, #w4>) -> (tensor<8x64xbf16, #w4>, f32)
func.func @call(%w: tensor<8x64xbf16, #w4>) -> tensor<8x64xbf16, #w4> {
  %r:2 = func.call @two(%w) {test.keep} : (tensor<8x64xbf16, #w4>) -> (tensor<8x64xbf16, #w4>, f32)
  return %r#0 : tensor<8x64xbf16, #w4>
}

// CHECK-LABEL: func @structured
// CHECK: scf.for {{.*}} -> (tensor<4x8xi8>, tensor<4x1xf32>)
// CHECK: scf.if %{{.*}} -> (tensor<4x8xi8>, tensor<4x1xf32>)
// CHECK: scf.while {{.*}} : (tensor<4x8xi8>, tensor<4x1xf32>) -> (tensor<4x8xi8>, tensor<4x1xf32>)
// CHECK-NOT: quant_tensor.{{(dis)?}}assemble
func.func @structured(%a: tensor<4x8xf32, #w8>, %b: tensor<4x8xf32, #w8>, %c: i1, %n: index) -> tensor<4x8xf32, #w8> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %a) -> (tensor<4x8xf32, #w8>) {
    %1 = scf.if %c -> tensor<4x8xf32, #w8> {
      scf.yield %acc : tensor<4x8xf32, #w8>
    } else {
      scf.yield %b : tensor<4x8xf32, #w8>
    }
    scf.yield %1 : tensor<4x8xf32, #w8>
  }
  %2 = scf.while (%x = %0) : (tensor<4x8xf32, #w8>) -> tensor<4x8xf32, #w8> {
    scf.condition(%c) %x : tensor<4x8xf32, #w8>
  } do {
  ^bb0(%x: tensor<4x8xf32, #w8>):
    scf.yield %x : tensor<4x8xf32, #w8>
  }
  return %2 : tensor<4x8xf32, #w8>
}

// CHECK-LABEL: func @branches
// CHECK: cf.cond_br %{{.*}}, ^bb1(%{{.*}}, %{{.*}} : tensor<4x8xi8>, tensor<4x1xf32>), ^bb2
// CHECK: ^bb1(%{{.*}}: tensor<4x8xi8>, %{{.*}}: tensor<4x1xf32>):
// CHECK: cf.br ^bb3(%{{.*}}, %{{.*}} : tensor<4x8xi8>, tensor<4x1xf32>)
// CHECK: ^bb2:
// CHECK: arith.select %{{.*}} : tensor<4x8xi8>
// CHECK: arith.select %{{.*}} : tensor<4x1xf32>
func.func @branches(%a: tensor<4x8xf32, #w8>, %b: tensor<4x8xf32, #w8>, %c: i1) -> tensor<4x8xf32, #w8> {
  cf.cond_br %c, ^bb1(%a : tensor<4x8xf32, #w8>), ^bb2
^bb1(%x: tensor<4x8xf32, #w8>):
  cf.br ^bb3(%x : tensor<4x8xf32, #w8>)
^bb2:
  %s = arith.select %c, %a, %b : tensor<4x8xf32, #w8>
  cf.br ^bb3(%s : tensor<4x8xf32, #w8>)
^bb3(%y: tensor<4x8xf32, #w8>):
  return %y : tensor<4x8xf32, #w8>
}

// CHECK-LABEL: func @tensor_ops
// CHECK-SAME: (%[[C:.*]]: tensor<?x32xi8> {{.*}}, %[[S:.*]]: tensor<?x2xbf16> {{.*}}, %[[Z:.*]]: tensor<?x2xi8>
// CHECK: tensor.dim %[[C]], %{{.*}} : tensor<?x32xi8>
// CHECK: tensor.extract_slice %[[C]][0, 16] [4, 16] [1, 1] : tensor<?x32xi8> to tensor<4x16xi8>
// CHECK: tensor.extract_slice %[[S]][0, 1] [4, 1] [1, 1] : tensor<?x2xbf16> to tensor<4x1xbf16>
// CHECK: tensor.extract_slice %[[Z]][0, 1] [4, 1] [1, 1] : tensor<?x2xi8> to tensor<4x1xi8>
// CHECK: tensor.cast %[[C]] : tensor<?x32xi8> to tensor<8x32xi8>
func.func @tensor_ops(%w: tensor<?x64xbf16, #w4>) -> (index, tensor<4x32xbf16, #w4>, tensor<8x64xbf16, #w4>) {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %w, %c0 : tensor<?x64xbf16, #w4>
  %s = tensor.extract_slice %w[0, 32] [4, 32] [1, 1] : tensor<?x64xbf16, #w4> to tensor<4x32xbf16, #w4>
  %c = tensor.cast %w : tensor<?x64xbf16, #w4> to tensor<8x64xbf16, #w4>
  return %d, %s, %c : index, tensor<4x32xbf16, #w4>, tensor<8x64xbf16, #w4>
}

// What computes with encoded tensors reads an assemble.
// CHECK-LABEL: func @compute
// CHECK-SAME: (%[[C:.*]]: tensor<4x8xi8> {{.*}}, %[[S:.*]]: tensor<4x1xf32>
// CHECK: %[[W:.*]] = quant_tensor.assemble %[[C]], %[[S]]
// CHECK: quant_tensor.dequantize %[[W]]
func.func @compute(%w: tensor<4x8xf32, #w8>) -> tensor<4x8xf32> {
  %d = quant_tensor.dequantize %w : tensor<4x8xf32, #w8> -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @cut(%w: tensor<8x64xbf16, #w4>) -> tensor<8x32xbf16, #w4> {
  // expected-error @below {{'tensor.extract_slice' op slice offset 16 cuts a block of 32 in dimension #1}}
  %s = tensor.extract_slice %w[0, 16] [8, 32] [1, 1] : tensor<8x64xbf16, #w4> to tensor<8x32xbf16, #w4>
  return %s : tensor<8x32xbf16, #w4>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @arithmetic(%w: tensor<8x64xbf16, #w4>) -> tensor<8x64xbf16, #w4> {
  // expected-error @below {{'arith.addf' op has no form on the parts of an encoded tensor}}
  %s = arith.addf %w, %w : tensor<8x64xbf16, #w4>
  return %s : tensor<8x64xbf16, #w4>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @recast(%w: tensor<8x64xbf16, #w4>) -> tensor<8x64xbf16> {
  // expected-error @below {{'tensor.cast' op changes the encoding}}
  %s = tensor.cast %w : tensor<8x64xbf16, #w4> to tensor<8x64xbf16>
  return %s : tensor<8x64xbf16>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func private @callee(tensor<8x64xbf16, #w4>)
func.func @by_value() {
  // expected-error @below {{refers to a function of encoded tensors by value: only direct calls are lowered}}
  %f = func.constant @callee : (tensor<8x64xbf16, #w4>) -> ()
  return
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @stride(%w: tensor<8x64xbf16, #w4>) -> tensor<4x64xbf16, #w4> {
  // expected-error @below {{slices dimension #0 with a stride}}
  %s = tensor.extract_slice %w[0, 0] [4, 64] [2, 1] : tensor<8x64xbf16, #w4> to tensor<4x64xbf16, #w4>
  return %s : tensor<4x64xbf16, #w4>
}

// -----

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
func.func @position(%w: tensor<8x64xbf16, #w4>, %i: index) -> tensor<8x32xbf16, #w4> {
  // expected-error @below {{slices dimension #1 at a dynamic position, which may cut a block or a byte}}
  %s = tensor.extract_slice %w[0, %i] [8, 32] [1, 1] : tensor<8x64xbf16, #w4> to tensor<8x32xbf16, #w4>
  return %s : tensor<8x32xbf16, #w4>
}

// -----

#c4 = #quant_tensor.encoding<{storage = i4, block = [1, 1], scale = bf16}>
func.func @byte(%w: tensor<8x64xbf16, #c4>) -> tensor<8x32xbf16, #c4> {
  // expected-error @below {{slice offset 3 cuts a byte of codes in dimension #1}}
  %s = tensor.extract_slice %w[0, 3] [8, 32] [1, 1] : tensor<8x64xbf16, #c4> to tensor<8x32xbf16, #c4>
  return %s : tensor<8x32xbf16, #c4>
}
