// RUN: quant-opt --quant-tensor-forward-weights --split-input-file %s | FileCheck %s

// The scales are taken from the user, the codes are prepared.
// CHECK: func.func @f(%{{.*}}: tensor<64xf32>, %[[S:.*]]: tensor<32xf32> {quant_tensor.name = "s", quant_tensor.weight}, %[[C:.*]]: tensor<32x64xf32> {quant_tensor.name = "w", quant_tensor.prepared = 0 : i64})
// CHECK-SAME: quant_tensor.prepare = @f.prepare
// CHECK: linalg.mul ins(%{{.*}}, %[[S]]
func.func @f(%x: tensor<64xf32>, %s: tensor<32xf32> {quant_tensor.name = "s_0", quant_tensor.prepared = 0 : i64},
             %c: tensor<32x64xf32> {quant_tensor.name = "w", quant_tensor.prepared = 1 : i64}) -> tensor<32xf32>
    attributes {quant_tensor.prepare = @f.prepare} {
  %e = tensor.empty() : tensor<32xf32>
  %y = linalg.matvec ins(%c, %x : tensor<32x64xf32>, tensor<64xf32>) outs(%e : tensor<32xf32>) -> tensor<32xf32>
  %z = linalg.mul ins(%y, %s : tensor<32xf32>, tensor<32xf32>) outs(%e : tensor<32xf32>) -> tensor<32xf32>
  return %z : tensor<32xf32>
}
// CHECK: func.func @f.prepare(%{{.*}}: tensor<32x64xi8> {quant_tensor.name = "w", quant_tensor.weight}) -> (tensor<32x64xf32> {quant_tensor.name = "w"})
func.func @f.prepare(%t: tensor<32xf32> {quant_tensor.name = "s", quant_tensor.weight},
                     %w: tensor<32x64xi8> {quant_tensor.name = "w", quant_tensor.weight})
    -> (tensor<32xf32> {quant_tensor.name = "s_0"}, tensor<32x64xf32> {quant_tensor.name = "w"})
    attributes {quant_tensor.prepare_of = @f} {
  %d = arith.sitofp %w : tensor<32x64xi8> to tensor<32x64xf32>
  return %t, %d : tensor<32xf32>, tensor<32x64xf32>
}

// -----

// The function takes the weight already; nothing is left to prepare.
// CHECK: func.func @g(%[[S:.*]]: tensor<32xf32> {quant_tensor.name = "s", quant_tensor.weight}) -> tensor<32xf32> {
// CHECK: linalg.mul ins(%[[S]], %[[S]]
// CHECK-NOT: func.func
func.func @g(%s: tensor<32xf32> {quant_tensor.name = "s", quant_tensor.weight},
             %t: tensor<32xf32> {quant_tensor.name = "s_0", quant_tensor.prepared = 0 : i64}) -> tensor<32xf32>
    attributes {quant_tensor.prepare = @g.prepare} {
  %e = tensor.empty() : tensor<32xf32>
  %z = linalg.mul ins(%s, %t : tensor<32xf32>, tensor<32xf32>) outs(%e : tensor<32xf32>) -> tensor<32xf32>
  return %z : tensor<32xf32>
}
func.func @g.prepare(%t: tensor<32xf32> {quant_tensor.name = "s", quant_tensor.weight}) -> (tensor<32xf32> {quant_tensor.name = "s_0"})
    attributes {quant_tensor.prepare_of = @g} {
  return %t : tensor<32xf32>
}
