// RUN: quant-opt --quant-tensor-quantize-model="scheme=int8/int8 overrides=head=int4,group=32,scale=bf16" %s | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @model(%x: tensor<?x64xf32>,
                 %w: tensor<64x64xf32> {quant_tensor.name = "body.weight", quant_tensor.weight},
                 %h: tensor<64x64xf32> {quant_tensor.name = "head.weight", quant_tensor.weight},
                 %init: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<?x64xf32>, tensor<64x64xf32>)
      outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%0, %h : tensor<?x64xf32>, tensor<64x64xf32>)
      outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}
// CHECK-DAG: #[[INT8:.*]] = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// CHECK-DAG: #[[INT4:.*]] = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
// CHECK-LABEL: func.func @model
// CHECK: %[[XQ:.*]] = quant_tensor.quantize %arg0 : tensor<?x64xf32> -> tensor<?x64xf32, #[[INT8]]>
// CHECK: %[[WQ:.*]] = quant_tensor.quantize %arg1 : tensor<64x64xf32> -> tensor<64x64xf32, #[[INT8]]>
// CHECK: %[[Y:.*]] = linalg.matmul {{.*}} ins(%[[XQ]], %[[WQ]] :
// CHECK: %[[HQ:.*]] = quant_tensor.quantize %arg2 : tensor<64x64xf32> -> tensor<64x64xf32, #[[INT4]]>
// CHECK: linalg.matmul {{.*}} ins(%[[Y]], %[[HQ]] :
