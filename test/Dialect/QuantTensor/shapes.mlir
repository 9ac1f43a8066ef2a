// RUN: quant-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize --cse | FileCheck %s

// The extents of every op's results follow from its operands.

#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 128], scale = f32}>
#w4t = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32, layout = <packed, word = 8, axis = 1, order = [0, 1], permutation = [1, 0]>}>

// CHECK-DAG: #[[CEIL:.*]] = affine_map<()[s0] -> (s0 ceildiv 128)>

// CHECK-LABEL: @assemble_permuted
// CHECK-SAME: %[[C:.*]]: tensor<64x?xi8>
// CHECK: %[[D:.*]] = tensor.dim %[[C]], %c1
// CHECK: return %[[D]]
func.func @assemble_permuted(%c: tensor<64x?xi8>, %s: tensor<?x1xf32>) -> index {
  %c0 = arith.constant 0 : index
  %0 = quant_tensor.assemble %c, %s : tensor<64x?xi8>, tensor<?x1xf32> -> tensor<?x128xf32, #w4t>
  %1 = tensor.dim %0, %c0 : tensor<?x128xf32, #w4t>
  return %1 : index
}

// CHECK-LABEL: @disassemble
// CHECK-SAME: %[[Q:.*]]: tensor<?x?xf32
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG: %[[K:.*]] = tensor.dim %[[Q]], %c1
// CHECK: %[[B:.*]] = affine.apply #[[CEIL]]()[%[[K]]]
// CHECK: return %[[N]], %[[K]], %[[N]], %[[B]]
func.func @disassemble(%q: tensor<?x?xf32, #w8>) -> (index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0:2 = quant_tensor.disassemble %q : tensor<?x?xf32, #w8> -> tensor<?x?xi8>, tensor<?x?xf32>
  %1 = tensor.dim %0#0, %c0 : tensor<?x?xi8>
  %2 = tensor.dim %0#0, %c1 : tensor<?x?xi8>
  %3 = tensor.dim %0#1, %c0 : tensor<?x?xf32>
  %4 = tensor.dim %0#1, %c1 : tensor<?x?xf32>
  return %1, %2, %3, %4 : index, index, index, index
}

// CHECK-LABEL: @choose_params
// CHECK-SAME: %[[X:.*]]: tensor<?x?xf32>
// CHECK: %[[K:.*]] = tensor.dim %[[X]], %c1
// CHECK: %[[B:.*]] = affine.apply #[[CEIL]]()[%[[K]]]
// CHECK: return %[[B]]
func.func @choose_params(%x: tensor<?x?xf32>) -> index {
  %c1 = arith.constant 1 : index
  %0 = quant_tensor.choose_params %x method(absmax) encoding(#w8) : tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = tensor.dim %0, %c1 : tensor<?x?xf32>
  return %1 : index
}

// CHECK-LABEL: @through
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32>
// CHECK: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: return %[[D]]
func.func @through(%x: tensor<?x128xf32>) -> index {
  %c0 = arith.constant 0 : index
  %0 = quant_tensor.observe %x name("x") kinds([minmax]) : tensor<?x128xf32>
  %1 = quant_tensor.quantize %0 : tensor<?x128xf32> -> tensor<?x128xf32, #w8>
  %2 = quant_tensor.requantize %1 : tensor<?x128xf32, #w8> -> tensor<?x128xf32, #w8>
  %3 = quant_tensor.dequantize %2 : tensor<?x128xf32, #w8> -> tensor<?x128xf32>
  %4 = tensor.dim %3, %c0 : tensor<?x128xf32>
  return %4 : index
}

// CHECK-LABEL: @repack
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32
// CHECK: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: return %[[D]]
func.func @repack(%x: tensor<?x128xf32, #w4t>) -> index {
  %c0 = arith.constant 0 : index
  %0 = quant_tensor.repack %x : tensor<?x128xf32, #w4t> -> tensor<?x128xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32}>>
  %1 = tensor.dim %0, %c0 : tensor<?x128xf32, #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = f32}>>
  return %1 : index
}

// CHECK-LABEL: @poison_scales
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32
// CHECK: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: return %[[D]]
func.func @poison_scales(%x: tensor<?x128xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>>) -> index {
  %c0 = arith.constant 0 : index
  %0 = quant_tensor.poison_scales %x : tensor<?x128xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>> -> tensor<?x128xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>>
  %1 = tensor.dim %0, %c0 : tensor<?x128xf32, #quant_tensor.encoding<{storage = f8E4M3FN, block = [1, 128], scale = f32}>>
  return %1 : index
}

// CHECK-LABEL: @contractions
// CHECK-SAME: %[[I:[a-z0-9]*]]: tensor<?x8xi32>, %[[F:[a-z0-9]*]]: tensor<?x8xf32>
// CHECK-DAG: %[[D:.*]] = tensor.dim %[[I]], %c0
// CHECK-DAG: %[[E:.*]] = tensor.dim %[[F]], %c0
// CHECK: return %[[D]], %[[E]]
func.func @contractions(%i: tensor<?x8xi32>, %f: tensor<?x8xf32>, %x: tensor<?x16xi8>, %w: tensor<8x16xi8>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %0 = quant_tensor.int_matmul ins(%x, %w : tensor<?x16xi8>, tensor<8x16xi8>) outs(%i : tensor<?x8xi32>) -> tensor<?x8xi32>
  %1 = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x16xi8>, tensor<8x16xi8>) maps [] outs(%f : tensor<?x8xf32>) {
  ^bb0(%acc: i32):
    %4 = arith.sitofp %acc : i32 to f32
    quant_tensor.yield %4 : f32
  } -> tensor<?x8xf32>
  %2 = tensor.dim %0, %c0 : tensor<?x8xi32>
  %3 = tensor.dim %1, %c0 : tensor<?x8xf32>
  return %2, %3 : index, index
}
