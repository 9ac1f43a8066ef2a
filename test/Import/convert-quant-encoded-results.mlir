// RUN: quant-opt %s --convert-quant-to-quant-tensor | FileCheck %s

// A tensor that is encoded already crosses returns and calls as it is; only a
// quantized one becomes codes.
#q = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
!u = !quant.uniform<i8:f32, 0.5>

// CHECK-LABEL: func @both
// CHECK-SAME: -> (tensor<?x64xf32, #{{.*}}>, tensor<4x4xi8>)
// CHECK: %[[C:.*]] = call @g(%{{.*}}) : (tensor<?x64xf32, #{{.*}}>) -> tensor<?x64xf32, #{{.*}}>
// CHECK: return %[[C]], %{{.*}} : tensor<?x64xf32, #{{.*}}>, tensor<4x4xi8>
func.func @both(%x: tensor<?x64xf32, #q>, %y: tensor<4x4x!u>) -> (tensor<?x64xf32, #q>, tensor<4x4x!u>) {
  %0 = call @g(%x) : (tensor<?x64xf32, #q>) -> tensor<?x64xf32, #q>
  return %0, %y : tensor<?x64xf32, #q>, tensor<4x4x!u>
}
// CHECK-LABEL: func @g
// CHECK: return %arg0 : tensor<?x64xf32, #
func.func @g(%x: tensor<?x64xf32, #q>) -> tensor<?x64xf32, #q> {
  return %x : tensor<?x64xf32, #q>
}
