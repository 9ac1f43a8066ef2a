// RUN: quant-opt --import-scalar-arguments %s | FileCheck %s

// CHECK-LABEL: func.func @f
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>, %[[T:.*]]: tensor<f32> {quant_tensor.name = "s"}, %{{.*}}: index
// CHECK: %[[S:.*]] = tensor.extract %[[T]][] : tensor<f32>
// CHECK: linalg.fill ins(%[[S]] : f32)
func.func @f(%x: tensor<8xf32>, %s: f32 {quant_tensor.name = "s"}, %n: index) -> tensor<8xf32> {
  %y = linalg.fill ins(%s : f32) outs(%x : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// CHECK-LABEL: func.func private @outside(tensor<8xf32>, tensor<i32>)
func.func private @outside(tensor<8xf32>, i32)

// CHECK-LABEL: func.func @calls
// CHECK: %[[E:.*]] = tensor.from_elements %{{.*}} : tensor<f32>
// CHECK: call @f(%{{.*}}, %[[E]], %{{.*}})
func.func @calls(%x: tensor<8xf32>, %n: index) -> tensor<8xf32> {
  %s = arith.constant 2.0 : f32
  %y = func.call @f(%x, %s, %n) : (tensor<8xf32>, f32, index) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
