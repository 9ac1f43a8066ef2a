// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-decompose-ops),select-plain-schedule,convert-quant-tensor-to-quant-tile,cse)" | FileCheck %s

#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m, 0)>
#rows = affine_map<(m, n) -> (m)>

// Rows of two arguments that one loop indexes are equally many. The init's are
// those of %x, and a dimension of size 1 that is broadcast is indexed by none.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[S:.*]]: tensor<?x1xf32>
// CHECK-DAG: %[[DX:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[DS:.*]] = tensor.dim %[[S]], %c0
// CHECK: %[[EQUAL:.*]] = arith.cmpi eq, %[[DX]], %[[DS]]
// CHECK-NEXT: cf.assert %[[EQUAL]], "operands of one op have different sizes"
// CHECK-NOT: cf.assert
// CHECK: quant_tile.launch
func.func @rows(%x: tensor<?x64xf32>, %s: tensor<?x1xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x64xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<?x64xf32>, tensor<?x1xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %1 = arith.mulf %a, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// The result of an op is as long as its init: nothing is left to assert.
// CHECK-LABEL: func.func @chain(
// CHECK-NOT: cf.assert
// CHECK: return
func.func @chain(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x64xf32>
  %y = linalg.exp ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  %z = linalg.add ins(%x, %y : tensor<?x64xf32>, tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %z : tensor<?x64xf32>
}

// A size that one type says and the other does not.
// CHECK-LABEL: func.func @static(
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>, %[[Y:.*]]: tensor<?xf32>
// CHECK: %[[D:.*]] = tensor.dim %[[Y]], %c0
// CHECK: %[[EQUAL:.*]] = arith.cmpi eq, %c8, %[[D]]
// CHECK-NEXT: cf.assert %[[EQUAL]]
func.func @static(%x: tensor<8xf32>, %y: tensor<?xf32>, %init: tensor<8xf32>) -> tensor<8xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<8xf32>, tensor<?xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %1 = arith.addf %a, %b : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// CHECK-LABEL: func.func @cast(
// CHECK: cf.assert %{{.*}}, "a size is not what it is cast to"
// CHECK: tensor.cast
func.func @cast(%x: tensor<?xf32>, %init: tensor<4xf32>) -> tensor<4xf32> {
  %y = tensor.cast %x : tensor<?xf32> to tensor<4xf32>
  %0 = linalg.exp ins(%y : tensor<4xf32>) outs(%init : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// The epilogue's operands have the output's rows, and so do the activations.
// CHECK-LABEL: func.func @matmul(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x256xi8>, %[[W:[^:]*]]: tensor<512x256xi8>, %[[S:[^:]*]]: tensor<?xf32>
// CHECK-DAG: %[[DX:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[DS:.*]] = tensor.dim %[[S]], %c0
// CHECK: %[[EQUAL:.*]] = arith.cmpi eq, %[[DX]], %[[DS]]
// CHECK-NEXT: cf.assert %[[EQUAL]]
// CHECK-NOT: cf.assert
// CHECK: quant_tile.launch
func.func @matmul(%x: tensor<?x256xi8>, %w: tensor<512x256xi8>, %s: tensor<?xf32>) -> tensor<?x512xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x256xi8>
  %e = tensor.empty(%m) : tensor<?x512xf32>
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x256xi8>, tensor<512x256xi8>)
      epilogue(%s : tensor<?xf32>) maps [#rows]
      outs(%e : tensor<?x512xf32>) attributes {quant_tile.schedule = #quant_tile.schedule<mma_sync, chip = "sm_90a", tile = [16, 64, 128], warps = [1, 2, 1], stages = 2>} {
  ^bb0(%acc: i32, %a: f32):
    %0 = arith.sitofp %acc : i32 to f32
    %1 = arith.mulf %0, %a : f32
    quant_tensor.yield %1 : f32
  } -> tensor<?x512xf32>
  return %y : tensor<?x512xf32>
}

// A group's index stays within the scales.
// CHECK-LABEL: func.func @groups(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?xf32>, %[[S:[^:]*]]: tensor<?xf32>
// CHECK: %[[DX:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[LAST:.*]] = arith.subi %[[DX]], %c1
// CHECK: %[[GROUP:.*]] = arith.floordivsi %[[LAST]], %c32
// CHECK: %[[DS:.*]] = tensor.dim %[[S]], %c0
// CHECK: %[[WITHIN:.*]] = arith.cmpi slt, %[[GROUP]], %[[DS]]
// CHECK-NEXT: cf.assert %[[WITHIN]], "an operand is smaller than its op reads"
// CHECK-NOT: cf.assert
// CHECK: quant_tile.launch
func.func @groups(%x: tensor<?xf32>, %s: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i floordiv 32)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x, %s : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %1 = arith.mulf %a, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// Slices whose offsets or sizes only the run knows: within their tensor, and of
// numbers that are no dimensions, not negative.
// CHECK-LABEL: func.func @slices(
// CHECK-SAME: %[[X:[^:]*]]: tensor<20x64xf32>, %[[N:[^:]*]]: tensor<?xf32>
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[N]], %c0
// CHECK: %[[O:.*]] = arith.subi %[[M]], %c4
// CHECK: %[[NOT_NEGATIVE:.*]] = arith.cmpi sge, %[[O]], %c0
// CHECK: cf.assert %[[NOT_NEGATIVE]], "a slice has a negative offset or size"
// CHECK: %[[STEPS:.*]] = arith.subi %[[M]], %c1
// CHECK: %[[LENGTH:.*]] = arith.muli %[[STEPS]], %c2
// CHECK: %[[LAST:.*]] = arith.addi %[[O]], %[[LENGTH]]
// CHECK: %[[WITHIN:.*]] = arith.cmpi slt, %[[LAST]], %c20
// CHECK: cf.assert %[[WITHIN]], "a slice exceeds the tensor that it is of"
// CHECK-NOT: cf.assert
// CHECK: tensor.extract_slice
func.func @slices(%x: tensor<20x64xf32>, %n: tensor<?xf32>) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %m = tensor.dim %n, %c0 : tensor<?xf32>
  %o = arith.subi %m, %c4 : index
  %s = tensor.extract_slice %x[%o, 0] [%m, 64] [2, 1] : tensor<20x64xf32> to tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}

// All of a tensor is within it.
// CHECK-LABEL: func.func @whole(
// CHECK-NOT: cf.assert
// CHECK: return
func.func @whole(%x: tensor<?x64xf32>, %y: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %y, %c0 : tensor<?x128xf32>
  %e = tensor.empty(%m) : tensor<?x64xf32>
  %s = tensor.insert_slice %e into %y[0, 64] [%m, 64] [1, 1] : tensor<?x64xf32> into tensor<?x128xf32>
  return %s : tensor<?x128xf32>
}

// A dimension that is split into a size that only the run knows.
// CHECK-LABEL: func.func @split(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?xf32>, %[[N:[^:]*]]: tensor<?xf32>
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[N]], %c0
// CHECK-DAG: %[[P:.*]] = arith.muli %[[M]], %c4
// CHECK-DAG: %[[D:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[EQUAL:.*]] = arith.cmpi eq, %[[P]], %[[D]]
// CHECK: cf.assert %[[EQUAL]], "a dimension is split into parts of another size"
// CHECK-NOT: cf.assert
// CHECK: tensor.expand_shape
func.func @split(%x: tensor<?xf32>, %n: tensor<?xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %n, %c0 : tensor<?xf32>
  %0 = tensor.expand_shape %x [[0, 1]] output_shape [%m, 4] : tensor<?xf32> into tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// A kernel of any number of rows that loads no more than its range has.
// CHECK-LABEL: func.func @bounded
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %{{.*}}, %c16
// CHECK: cf.assert %[[FEW]], "there are more rows than the schedule's max_m"
func.func @bounded(%x: tensor<?x1040xi8>, %w: tensor<136x1040xi8>, %init: tensor<?x136xi32>) -> tensor<?x136xi32> {
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x1040xi8>, tensor<136x1040xi8>) maps []
      outs(%init : tensor<?x136xi32>) attributes {quant_tile.schedule = #quant_tile.schedule<wgmma, chip = "sm_90a", tile = [64, 64, 128], warps = [4, 2, 1], stages = 4, max_m = 16, warpgroups = <cooperative>>} {
  ^bb0(%acc: i32):
    quant_tensor.yield %acc : i32
  } -> tensor<?x136xi32>
  return %y : tensor<?x136xi32>
}
