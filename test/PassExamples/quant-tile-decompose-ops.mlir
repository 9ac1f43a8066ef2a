// RUN: quant-opt --quant-tile-decompose-ops %s | FileCheck %s

func.func @pad(%x: tensor<4xf32>) -> tensor<7xf32> {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[1] high[2] {
  ^bb0(%i: index):
    tensor.yield %zero : f32
  } : tensor<4xf32> to tensor<7xf32>
  return %p : tensor<7xf32>
}
// CHECK: %[[E:.*]] = tensor.empty() : tensor<7xf32>
// CHECK: %[[F:.*]] = linalg.fill {{.*}} outs(%[[E]]
// CHECK: tensor.insert_slice %{{.*}} into %[[F]][1] [4] [1]
