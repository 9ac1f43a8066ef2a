// RUN: quant-opt --quant-tensor-merge-contractions --canonicalize %s | FileCheck %s

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#id = affine_map<(m, n) -> (m, n)>
func.func @heads(%x: tensor<1x64xbf16>, %wq: tensor<64x64xbf16, #w4>, %wk: tensor<32x64xbf16, #w4>,
                 %iq: tensor<1x64xf32>, %ik: tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>) {
  %q = quant_tensor.scaled_matmul ins(%x, %wq : tensor<1x64xbf16>, tensor<64x64xbf16, #w4>) maps []
      outs(%iq : tensor<1x64xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x64xf32>
  %k = quant_tensor.scaled_matmul ins(%x, %wk : tensor<1x64xbf16>, tensor<32x64xbf16, #w4>) maps []
      outs(%ik : tensor<1x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x32xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<1x64xf32>) outs(%iq : tensor<1x64xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = math.absf %e : f32
    linalg.yield %0 : f32
  } -> tensor<1x64xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%k : tensor<1x32xf32>) outs(%ik : tensor<1x32xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = math.absf %e : f32
    linalg.yield %0 : f32
  } -> tensor<1x32xf32>
  return %a, %b : tensor<1x64xf32>, tensor<1x32xf32>
}
// CHECK-LABEL: func @heads
// CHECK-COUNT-2: tensor.insert_slice {{.*}} into tensor<96x32xi8>
// CHECK-COUNT-2: tensor.insert_slice {{.*}} into tensor<96x2xbf16>
// CHECK: %[[W:.*]] = quant_tensor.assemble {{.*}} -> tensor<96x64xbf16, #
// CHECK: %[[Y:.*]] = quant_tensor.scaled_matmul ins(%arg0, %[[W]] :
// CHECK: tensor.extract_slice %[[Y]][0, 0] [1, 64] [1, 1]
// CHECK: tensor.extract_slice %[[Y]][0, 64] [1, 32] [1, 1]
// CHECK-NOT: scaled_matmul

func.func @mlp(%x: tensor<1x64xbf16>, %wg: tensor<32x64xbf16, #w4>, %wu: tensor<32x64xbf16, #w4>,
               %i: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %g = quant_tensor.scaled_matmul ins(%x, %wg : tensor<1x64xbf16>, tensor<32x64xbf16, #w4>) maps []
      outs(%i : tensor<1x32xf32>) {
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  } -> tensor<1x32xf32>
  %u = quant_tensor.scaled_matmul ins(%x, %wu : tensor<1x64xbf16>, tensor<32x64xbf16, #w4>)
      epilogue(%g : tensor<1x32xf32>) maps [#id] outs(%i : tensor<1x32xf32>) {
  ^bb0(%acc: f32, %e: f32):
    %0 = math.tanh %e : f32
    %1 = arith.mulf %0, %acc : f32
    quant_tensor.yield %1 : f32
  } -> tensor<1x32xf32>
  return %u : tensor<1x32xf32>
}
// CHECK-LABEL: func @mlp
// CHECK: quant_tensor.scaled_matmul paired ins(%arg0, %{{.*}} : tensor<1x64xbf16>, tensor<64x64xbf16, #
// CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
// CHECK: %[[T:.*]] = math.tanh %[[G]]
// CHECK: arith.mulf %[[T]], %[[U]]
