// RUN: quant-opt --quant-tensor-quantize-model="scheme=int4,group=16,asymmetric,mse=20 weights=arguments emit=both" %s | FileCheck %s
// RUN: quant-opt --quant-tensor-quantize-model="scheme=int4,group=16 weights=arguments emit=quantizer" %s | FileCheck %s --check-prefix=ONLY
// RUN: quant-opt --quant-tensor-quantize-model="scheme=nf4/fp8,tensor method=percentile=99" %s | FileCheck %s --check-prefix=FLOAT
// RUN: quant-opt --quant-tensor-quantize-model="scheme=int3 overrides=c*=none" --remarks-filter=.* %s 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not quant-opt --quant-tensor-quantize-model %s 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8/int8,tensor,static" %s 2>&1 | FileCheck %s --check-prefix=NOSTATS
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8 stats=%s" %s 2>&1 | FileCheck %s --check-prefix=NOFILE
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8 weights=outside" %s 2>&1 | FileCheck %s --check-prefix=WHERE
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8 emit=both" %s 2>&1 | FileCheck %s --check-prefix=EMIT
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8 method=best" %s 2>&1 | FileCheck %s --check-prefix=METHOD
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8 overrides=fc" %s 2>&1 | FileCheck %s --check-prefix=OVERRIDE
// RUN: not quant-opt --quant-tensor-quantize-model="scheme=int8 overrides=fc=int9" %s 2>&1 | FileCheck %s --check-prefix=OVERRIDDEN
// RUN: quant-opt --quant-tensor-quantize-model="scheme=int4 method=mse=7 overrides=fc=int8;g*=int3" %s 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: quant-opt --quant-tensor-quantize-model="scheme=int4 overrides=*=none" %s 2>&1 | FileCheck %s --check-prefix=NOTHING
// OVERRIDDEN: error: override 'fc=int9': scheme 'int9': 'int9' is not one of int2 to int8
// NOTHING: warning: no layer is quantized: remarks (--remarks-filter=quant-tensor-quantize-model) say why
// An override that is for no layer is a warning; the method is for overrides too.
// UNUSED: warning: no layer is called like the override 'g*'
// UNUSED-DAG: #[[FC:.*]] = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
// UNUSED-LABEL: func.func @model
// UNUSED: quant_tensor.choose_params %arg1 method(mse) encoding(#[[FC]]) {candidates = 7 : i64}
// NONE: error: quantize-model needs a scheme
// NOSTATS: quantize-model.mlir:{{[0-9]+}}:{{[0-9]+}}: error: {{.*}}of 'fc' is to have static activations, and no statistics are given
// NOFILE: error: '{{.*}}quantize-model.mlir': statistics are kept in .safetensors
// WHERE: error: weights=outside is neither in-place nor arguments
// EMIT: error: emit=both goes with weights=arguments
// METHOD: error: scheme 'int8': 'best' is no method
// OVERRIDE: error: override 'fc' is not PATTERN=SCHEME

// CHECK-DAG: #[[W:.*]] = #quant_tensor.encoding<{storage = i4, block = [1, 16], scale = f32, zero_point = i8}>
// CHECK-DAG: #[[T:.*]] = #quant_tensor.encoding<{storage = i4, block = [16, 1], scale = f32, zero_point = i8}>
// CHECK-LABEL: func.func @model
// CHECK-SAME: %arg1: tensor<32x64xf32, #[[W]]> {quant_tensor.name = "fc.weight", quant_tensor.weight}
// CHECK-SAME: %arg2: tensor<32x8xf32, #[[T]]> {quant_tensor.name = "kn", quant_tensor.weight}
// CHECK: linalg.matmul {{.*}} ins(%arg0, %arg1 :
// CHECK: %[[D:.*]] = quant_tensor.dequantize %arg2 : tensor<32x8xf32, #[[T]]> -> tensor<32x8xf32>
// CHECK: %[[NK:.*]] = linalg.transpose ins(%[[D]] :
// CHECK: linalg.matmul {{.*}} ins(%{{.*}}, %[[NK]] :

// CHECK-LABEL: func.func @model.quantize
// CHECK-SAME: %arg0: tensor<32x64xf32> {quant_tensor.name = "fc.weight"}
// CHECK-SAME: %arg1: tensor<32x8xf32> {quant_tensor.name = "kn"}
// CHECK-SAME: -> (tensor<32x64xf32, #[[W]]> {quant_tensor.name = "fc.weight"}, tensor<32x8xf32, #[[T]]> {quant_tensor.name = "kn"})
// CHECK: choose_params %arg0 method(mse) encoding(#[[W]]) {candidates = 20 : i64} : tensor<32x64xf32> -> tensor<32x4xf32>, tensor<32x4xi8>

// FLOAT-DAG: #[[NF4:.*]] = #quant_tensor.encoding<{storage = ui4, block = [1, 0], scale = f32, codebook = nf4}>
// FLOAT-DAG: #[[FP8:.*]] = #quant_tensor.encoding<{storage = f8E4M3FN, block = [0, 0], scale = f32}>
// FLOAT-LABEL: func.func @model
// FLOAT: %[[S:.*]] = quant_tensor.choose_params %arg0 method(percentile) encoding(#[[FP8]]) {percent = 9.900000e+01 : f64}
// FLOAT: quant_tensor.quantize %arg0 scales(%[[S]] :
// FLOAT: quant_tensor.choose_params %arg1 method(percentile) encoding(#[[NF4]])

// REMARK-DAG: Remark="quantizes 'fc': weights int3,channel,symmetric,scale=f32,method=absmax"
// REMARK-DAG: Reason="the scheme of 'called.w' is none", Remark="not quantized"
// REMARK-DAG: storage = i3, block = [1, 0], scale = f32

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @model(%x: tensor<?x64xf32>,
    %w: tensor<32x64xf32> {quant_tensor.name = "fc.weight", quant_tensor.weight},
    %kn: tensor<32x8xf32> {quant_tensor.name = "kn", quant_tensor.weight},
    %i0: tensor<?x32xf32>, %i1: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<?x64xf32>, tensor<32x64xf32>)
      outs(%i0 : tensor<?x32xf32>) -> tensor<?x32xf32>
  %e = tensor.empty() : tensor<8x32xf32>
  %nk = linalg.transpose ins(%kn : tensor<32x8xf32>) outs(%e : tensor<8x32xf32>) permutation = [1, 0]
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%0, %nk : tensor<?x32xf32>, tensor<8x32xf32>)
      outs(%i1 : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// A callee keeps its signature.
// CHECK-LABEL: func.func @called(
// CHECK-SAME: tensor<8x32xf32> {quant_tensor.name = "called.w"
// CHECK: quantize
// ONLY: func.func @model.quantize
// ONLY-NOT: func.func @{{(model|called|caller)[( ]}}
func.func @called(%x: tensor<4x32xf32>,
    %w: tensor<8x32xf32> {quant_tensor.name = "called.w", quant_tensor.weight},
    %i: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<4x32xf32>, tensor<8x32xf32>) outs(%i : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
func.func @caller(%x: tensor<4x32xf32>, %w: tensor<8x32xf32>, %i: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = call @called(%x, %w, %i) : (tensor<4x32xf32>, tensor<8x32xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
