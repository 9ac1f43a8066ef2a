// RUN: quant-opt %s --convert-quant-to-quant-tensor --split-input-file | FileCheck %s

// Per tensor with a zero point; per axis; sub-channel.
!tensor = !quant.uniform<i8:f32, 0.5:3>
!axis = !quant.uniform<u8:f32:0, {0.5, 0.25:7}>
!block = !quant.uniform<i4:f32:{0:1, 1:2}, {{1.0, 2.0}, {3.0, 4.0}}>
// CHECK-DAG: storage = i8, block = [0, 0], scale = f32, zero_point = i32}
// CHECK-DAG: storage = ui8, block = [1, 0], scale = f32, zero_point = i32}
// CHECK-DAG: storage = i4, block = [1, 2], scale = f32}
// CHECK-LABEL: func @casts
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4xf32>
// CHECK: %[[S:.+]] = arith.constant dense<5.000000e-01> : tensor<1x1xf32>
// CHECK: %[[Z:.+]] = arith.constant dense<3> : tensor<1x1xi32>
// CHECK: %[[Q:.+]] = quant_tensor.quantize %[[X]] scales(%[[S]] : tensor<1x1xf32>) zero_points(%[[Z]] : tensor<1x1xi32>)
// CHECK-SAME: -> tensor<2x4xf32, #
// CHECK: quant_tensor.dequantize %[[Q]]
// CHECK: arith.constant dense<{{\[}}[5.000000e-01], [2.500000e-01]]> : tensor<2x1xf32>
// CHECK: arith.constant dense<{{\[}}[0], [7]]> : tensor<2x1xi32>
// CHECK: arith.constant dense<{{\[}}[1.000000e+00, 2.000000e+00], [3.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
func.func @casts(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %q = quant.qcast %x : tensor<2x4xf32> to tensor<2x4x!tensor>
  %d = quant.dcast %q : tensor<2x4x!tensor> to tensor<2x4xf32>
  %qa = quant.qcast %x : tensor<2x4xf32> to tensor<2x4x!axis>
  %da = quant.dcast %qa : tensor<2x4x!axis> to tensor<2x4xf32>
  %qb = quant.qcast %x : tensor<2x4xf32> to tensor<2x4x!block>
  %db = quant.dcast %qb : tensor<2x4x!block> to tensor<2x4xf32>
  return %d, %da, %db : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// Storage casts, a range, and codes across function boundaries and branches.
!q = !quant.uniform<i8<-127:127>:f32, 0.5>
// CHECK: storage = i8, block = [0], scale = f32, range = [-127, 127]
// CHECK-LABEL: func @callee(%{{.+}}: tensor<8xi8>) -> tensor<8xi8>
// CHECK: quant_tensor.assemble
// CHECK: %[[C:.+]], %{{.+}} = quant_tensor.disassemble
// CHECK: return %[[C]] : tensor<8xi8>
func.func @callee(%q: tensor<8x!q>) -> tensor<8x!q> {
  return %q : tensor<8x!q>
}

// CHECK-LABEL: func @caller
// CHECK: scf.if %{{.+}} -> (tensor<8xf32, #
// CHECK: call @callee(%{{.+}}) : (tensor<8xi8>) -> tensor<8xi8>
// CHECK: quant_tensor.assemble
// CHECK: %[[C:.+]], %{{.+}} = quant_tensor.disassemble
// CHECK: return %[[C]]
func.func @caller(%c: i1, %a: tensor<8xi8>, %x: tensor<8xf32>) -> tensor<8xi8> {
  %q = quant.scast %a : tensor<8xi8> to tensor<8x!q>
  %r = scf.if %c -> (tensor<8x!q>) {
    scf.yield %q : tensor<8x!q>
  } else {
    %y = quant.qcast %x : tensor<8xf32> to tensor<8x!q>
    scf.yield %y : tensor<8x!q>
  }
  %s = call @callee(%r) : (tensor<8x!q>) -> tensor<8x!q>
  %t = quant.scast %s : tensor<8x!q> to tensor<8xi8>
  return %t : tensor<8xi8>
}
