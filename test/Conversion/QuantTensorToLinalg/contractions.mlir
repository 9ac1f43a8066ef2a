// RUN: quant-opt %s --convert-quant-tensor-to-linalg --canonicalize --cse | FileCheck %s
// RUN: quant-opt %s --convert-quant-tensor-to-linalg=keep-scheduled | FileCheck %s --check-prefix=KEEP

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Of a pair of rows, the first and the second.
// CHECK-DAG: #[[EVEN:.*]] = affine_map<(d0, d1) -> (d0, d1 * 2)>
// CHECK-DAG: #[[ODD:.*]] = affine_map<(d0, d1) -> (d0, d1 * 2 + 1)>

// CHECK-LABEL: func @int_matmul
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK: arith.extui %{{.*}} : i8 to i32
// CHECK: arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.subi
// CHECK: arith.muli
// CHECK: arith.addi
func.func @int_matmul(%x: tensor<?x64xi8>, %w: tensor<48x64xi8>, %z: tensor<1x1xi32>, %init: tensor<?x48xi32>) -> tensor<?x48xi32> {
  %acc = quant_tensor.int_matmul lhs_unsigned ins(%x, %w : tensor<?x64xi8>, tensor<48x64xi8>)
      lhs_zero_points(%z : tensor<1x1xi32>) outs(%init : tensor<?x48xi32>) -> tensor<?x48xi32>
  return %acc : tensor<?x48xi32>
}

// The i32 sum, then the epilogue with its region inlined.
// CHECK-LABEL: func @scaled
// CHECK: %[[ACC:.*]] = linalg.generic {{.*}}"reduction"]} {{.*}} outs(%{{.*}} : tensor<?x48xi32>)
// CHECK: linalg.generic {{.*}}"parallel", "parallel"]} ins(%[[ACC]], %{{.*}}, %{{.*}} : tensor<?x48xi32>, tensor<?x1xf32>, tensor<48xf32>)
// CHECK: arith.sitofp
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// KEEP-LABEL: func @scaled
// KEEP: linalg.generic
// KEEP: quant_tensor.scaled_matmul {{.*}}quant_tile.schedule
func.func @scaled(%x: tensor<?x64xi8>, %w: tensor<48x64xi8>, %sx: tensor<?x1xf32>, %sw: tensor<48xf32>, %init: tensor<?x48xbf16>) -> (tensor<?x48xbf16>, tensor<?x48xi32>) {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xi8>, tensor<48x64xi8>)
      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<48xf32>)
      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]
      outs(%init : tensor<?x48xbf16>) {
  ^bb0(%acc: i32, %a: f32, %b: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    %2 = arith.mulf %1, %b : f32
    %3 = arith.truncf %2 : f32 to bf16
    quant_tensor.yield %3 : bf16
  } -> tensor<?x48xbf16>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xi8>
  %e = tensor.empty(%m) : tensor<?x48xi32>
  %z = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x64xi8>, tensor<48x64xi8>)
      maps [] outs(%e : tensor<?x48xi32>) attributes {quant_tile.schedule = "any"} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x48xi32>
  return %y, %z : tensor<?x48xbf16>, tensor<?x48xi32>
}

// A sum for each row of the weights; a column of the result reads two of them.
// CHECK-LABEL: func @paired
// CHECK: %[[ACC:.*]] = linalg.generic {{.*}}"reduction"]} {{.*}} outs(%{{.*}} : tensor<?x34xf64>)
// CHECK: linalg.generic {indexing_maps = [#[[EVEN]], #[[ODD]], #{{.*}}, #{{.*}}], {{.*}}"parallel", "parallel"]} ins(%[[ACC]], %[[ACC]], %{{.*}} : tensor<?x34xf64>, tensor<?x34xf64>, tensor<17xf32>) outs(%{{.*}} : tensor<?x17xf32>)
// CHECK: ^bb0(%[[GATE:.*]]: f64, %[[UP:.*]]: f64, %[[BIAS:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[A:.*]] = arith.truncf %[[GATE]] : f64 to f32
// CHECK: %[[B:.*]] = arith.truncf %[[UP]] : f64 to f32
// CHECK: %[[C:.*]] = arith.addf %[[A]], %[[BIAS]]
// CHECK: arith.mulf %[[C]], %[[B]]
func.func @paired(%x: tensor<?x64xbf16>, %w: tensor<34x64xbf16, #w4>, %b: tensor<17xf32>, %init: tensor<?x17xf32>) -> tensor<?x17xf32> {
  %y = quant_tensor.scaled_matmul paired ins(%x, %w : tensor<?x64xbf16>, tensor<34x64xbf16, #w4>)
      epilogue(%b : tensor<17xf32>) maps [affine_map<(m, n) -> (n)>] outs(%init : tensor<?x17xf32>) {
  ^bb0(%gate: f32, %up: f32, %bias: f32):
    %0 = arith.addf %gate, %bias : f32
    %1 = arith.mulf %0, %up : f32
    quant_tensor.yield %1 : f32
  } -> tensor<?x17xf32>
  return %y : tensor<?x17xf32>
}

// An encoded operand of linalg: decoded exactly to f32, summed in f64.
// CHECK-LABEL: func @matmul
// CHECK: %[[D:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<48x64xf32>)
// CHECK: linalg.generic {{.*}}"reduction"]} ins(%{{.*}}, %[[D]] : tensor<?x64xbf16>, tensor<48x64xf32>) outs(%{{.*}} : tensor<?x48xf64>)
// CHECK: arith.addf %{{.*}} fastmath<reassoc,contract> : f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
func.func @matmul(%x: tensor<?x64xbf16>, %w: tensor<48x64xbf16, #w4>, %init: tensor<?x48xf32>) -> tensor<?x48xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x64xbf16>, tensor<48x64xbf16, #w4>) outs(%init : tensor<?x48xf32>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// A body that widens its argument sees the exact value.
// CHECK-LABEL: func @elementwise
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x32xf32>) outs(%{{.*}} : tensor<4x32xf32>)
// CHECK-NEXT: ^bb0(%[[IN:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: math.exp %[[IN]] : f32
func.func @elementwise(%w: tensor<4x32xbf16, #w4>, %init: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<4x32xbf16, #w4>) outs(%init : tensor<4x32xf32>) {
  ^bb0(%a: bf16, %b: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}
