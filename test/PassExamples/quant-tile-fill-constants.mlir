// RUN: quant-opt --quant-tile-fill-constants %s | FileCheck %s

func.func @f(%a: tensor<4x8xi8>, %b: tensor<8x4xi8>) -> tensor<4x4xi32> {
  %zero = arith.constant dense<0> : tensor<4x4xi32>
  %y = linalg.matmul ins(%a, %b : tensor<4x8xi8>, tensor<8x4xi8>)
      outs(%zero : tensor<4x4xi32>) -> tensor<4x4xi32>
  return %y : tensor<4x4xi32>
}
// CHECK: %[[E:.*]] = tensor.empty() : tensor<4x4xi32>
// CHECK: %[[INIT:.*]] = linalg.fill ins(%{{.*}} : i32) outs(%[[E]]
// CHECK: outs(%[[INIT]] :
