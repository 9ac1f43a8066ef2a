// RUN: quant-opt %s --pass-pipeline="builtin.module(func.func(quant-tile-decompose-ops),select-plain-schedule,convert-quant-tensor-to-quant-tile)" --split-input-file | FileCheck %s

#mk = affine_map<(m, k) -> (m, k)>
#m = affine_map<(m, k) -> (m)>
#k = affine_map<(m, k) -> (k)>

// Consecutive threads compute consecutive elements; the dynamic dimension is
// the outermost and needs no division by itself.
// CHECK: gpu.func @elementwise_0(%[[A:.*]]: memref<?x64xf32>, %[[BIAS:.*]]: memref<64xbf16>, %[[OUT:.*]]: memref<?x64xbf16>) kernel
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>
// CHECK: %[[LINEAR:.*]] = arith.addi
// CHECK: %[[IN:.*]] = arith.cmpi ult, %[[LINEAR]]
// CHECK: scf.if %[[IN]]
// CHECK: %[[COLUMN:.*]] = arith.remui %[[LINEAR]], %c64
// CHECK: %[[ROW:.*]] = arith.divui %[[LINEAR]], %c64
// CHECK: memref.load %[[A]][%[[ROW]], %[[COLUMN]]]
// CHECK: memref.load %[[BIAS]][%[[COLUMN]]]
// CHECK: memref.store %{{.*}}, %[[OUT]][%[[ROW]], %[[COLUMN]]]

// The init is only a place: the kernel does not read it.
// CHECK-LABEL: func.func @broadcast_add
// CHECK-SAME: (%[[A:.*]]: tensor<?x64xf32>, %[[BIAS:.*]]: tensor<64xbf16>, %[[INIT:.*]]: tensor<?x64xbf16>)
// CHECK: cf.assert
// CHECK: %[[M:.*]] = tensor.dim %[[INIT]]
// CHECK: %[[N:.*]] = arith.muli %[[M]], %c64
// CHECK: %[[GRID:.*]] = arith.ceildivui %[[N]], %c256
// CHECK: quant_tile.launch @kernels::@elementwise_0 grid(%[[GRID]], %{{.*}}, %{{.*}}) block [256, 1, 1] ins(%[[A]], %[[BIAS]] : {{.*}}) outs(%[[INIT]] :
func.func @broadcast_add(%a: tensor<?x64xf32>, %bias: tensor<64xbf16>,
                         %init: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = linalg.generic {indexing_maps = [#mk, #k, #mk], iterator_types = ["parallel", "parallel"]}
      ins(%a, %bias : tensor<?x64xf32>, tensor<64xbf16>) outs(%init : tensor<?x64xbf16>) {
  ^bb0(%x: f32, %y: bf16, %out: bf16):
    %1 = arith.extf %y : bf16 to f32
    %2 = arith.addf %x, %1 : f32
    %3 = arith.truncf %2 : f32 to bf16
    linalg.yield %3 : bf16
  } -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// -----

// Equal ops share a kernel; the second named op becomes the same generic.
// CHECK: gpu.module @kernels
// CHECK-COUNT-1: gpu.func
// CHECK-NOT: gpu.func
// CHECK-LABEL: func.func @twice
// CHECK: quant_tile.launch @kernels::@elementwise_0
// CHECK: quant_tile.launch @kernels::@elementwise_0
func.func @twice(%a: tensor<100xf32>, %b: tensor<100xf32>) -> tensor<100xf32> {
  %e = tensor.empty() : tensor<100xf32>
  %0 = linalg.add ins(%a, %b : tensor<100xf32>, tensor<100xf32>) outs(%e : tensor<100xf32>) -> tensor<100xf32>
  %1 = linalg.add ins(%0, %b : tensor<100xf32>, tensor<100xf32>) outs(%e : tensor<100xf32>) -> tensor<100xf32>
  return %1 : tensor<100xf32>
}

// -----

#mk = affine_map<(m, k) -> (m, k)>
#m = affine_map<(m, k) -> (m)>

// A long contiguous reduction is shared by a block, whose partial results meet
// in shared memory. The fill is the init's value and never runs.
// CHECK: gpu.func @reduce_0(%{{.*}}: memref<?x4096xbf16>, %{{.*}}: memref<?xf32>)
// CHECK-SAME: workgroup(%[[SHARED:.*]] : memref<8xf32, #gpu.address_space<workgroup>>)
// CHECK: scf.for %{{.*}} = %thread_id_x to %c4096 step %c256
// CHECK: gpu.shuffle xor
// CHECK: gpu.barrier
// CHECK: memref.load %[[SHARED]]
// CHECK-LABEL: func.func @absmax
// CHECK-NOT: linalg.fill
// CHECK: quant_tile.launch @kernels::@reduce_0
// CHECK-NOT: accumulates
// CHECK: return
func.func @absmax(%x: tensor<?x4096xbf16>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %rows = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %e = tensor.empty(%rows) : tensor<?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %0 = linalg.generic {indexing_maps = [#mk, #m], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<?x4096xbf16>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: bf16, %acc: f32):
    %b = arith.extf %a : bf16 to f32
    %c = math.absf %b : f32
    %d = arith.maximumf %acc, %c : f32
    linalg.yield %d : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

#mk = affine_map<(m, k) -> (m, k)>
#m = affine_map<(m, k) -> (m)>

// A short reduction is a warp's, which sums integers at once; an init with contents
// is read.
// CHECK: gpu.func @reduce_0
// CHECK-NOT: workgroup
// CHECK: scf.for %{{.*}} = %{{.*}} to %c64 step %c32
// CHECK-NOT: gpu.shuffle
// CHECK: nvvm.redux.sync  add
// CHECK-NOT: gpu.barrier
// CHECK-LABEL: func.func @row_sums
// CHECK: quant_tile.launch @kernels::@reduce_0
// CHECK-SAME: accumulates
func.func @row_sums(%x: tensor<7x64xi32>, %acc: tensor<7xi32>) -> tensor<7xi32> {
  %0 = linalg.generic {indexing_maps = [#mk, #m], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<7x64xi32>) outs(%acc : tensor<7xi32>) {
  ^bb0(%a: i32, %b: i32):
    %c = arith.addi %b, %a : i32
    linalg.yield %c : i32
  } -> tensor<7xi32>
  return %0 : tensor<7xi32>
}

// -----

#mk = affine_map<(m, k) -> (m, k)>
#k = affine_map<(m, k) -> (k)>

// A reduction along rows reads coalesced with a thread per column; a
// recurrence that cannot be reordered is a loop in one thread as well.
// CHECK: gpu.func @reduce_0
// CHECK-NOT: gpu.shuffle
// CHECK: scf.for %{{.*}} = %c0{{.*}} to %c4096 step %c1
// CHECK: gpu.func @reduce_1
// CHECK-NOT: gpu.shuffle
// CHECK: scf.for %{{.*}} = %c0{{.*}} to %c4096 step %c1
// CHECK-LABEL: func.func @column_sums
func.func @column_sums(%x: tensor<4096x64xf32>, %y: tensor<64x4096xf32>, %acc: tensor<64xf32>)
    -> (tensor<64xf32>, tensor<64xf32>) {
  %0 = linalg.generic {indexing_maps = [affine_map<(n, k) -> (k, n)>, affine_map<(n, k) -> (n)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4096x64xf32>) outs(%acc : tensor<64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  } -> tensor<64xf32>
  %1 = linalg.generic {indexing_maps = [#mk, affine_map<(m, k) -> (m)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%y : tensor<64x4096xf32>) outs(%acc : tensor<64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %b, %a : f32
    %d = arith.addf %c, %a : f32
    linalg.yield %d : f32
  } -> tensor<64xf32>
  return %0, %1 : tensor<64xf32>, tensor<64xf32>
}

// -----

// A gather reads the table it indexes; a small constant table becomes part of
// the module, and a scalar is computed where it is used.
// CHECK: memref.global "private" constant @[[TABLE:table_[0-9A-F]+]] : memref<4xf32> = dense<[1.0{{.*}}, 2.0{{.*}}, 3.5{{.*}}, 4.0{{.*}}]>
// CHECK: gpu.func @elementwise_0(%[[IDS:.*]]: memref<?xi64>, %[[ROWS:.*]]: memref<?x384xf32>, %[[SCALE:.*]]: memref<f32>, %[[OUT:.*]]: memref<?x384xf32>)
// CHECK: memref.get_global @[[TABLE]]
// CHECK: memref.load %[[SCALE]][]
// CHECK: %[[ID:.*]] = memref.load %[[IDS]]
// CHECK: %[[ROW:.*]] = arith.index_cast %[[ID]]
// CHECK: memref.load %[[ROWS]][%[[ROW]], %{{.*}}]
// CHECK-LABEL: func.func @gather
func.func @gather(%t: tensor<?x384xf32>, %ids: tensor<?xi64>, %scale: tensor<f32>,
                  %init: tensor<?x384xf32>) -> tensor<?x384xf32> {
  %table = arith.constant dense<[1.0, 2.0, 3.5, 4.0]> : tensor<4xf32>
  %s = tensor.extract %scale[] : tensor<f32>
  %0 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<?xi64>) outs(%init : tensor<?x384xf32>) {
  ^bb0(%id: i64, %out: f32):
    %c4 = arith.constant 4 : index
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 1 : index
    %value = tensor.extract %t[%row, %column] : tensor<?x384xf32>
    %slot = arith.remui %column, %c4 : index
    %weight = tensor.extract %table[%slot] : tensor<4xf32>
    %1 = arith.mulf %value, %weight : f32
    %2 = arith.mulf %1, %s : f32
    linalg.yield %2 : f32
  } -> tensor<?x384xf32>
  return %0 : tensor<?x384xf32>
}

// -----

// What computes a tensor is a kernel as well; a concatenation is two copies.
// CHECK-LABEL: func.func @tensor_ops
// CHECK: quant_tile.launch
// CHECK: %[[A:.*]] = tensor.insert_slice
// CHECK: tensor.insert_slice %{{.*}} into %[[A]]
// CHECK-NOT: tensor.pad
// CHECK-NOT: tensor.concat
func.func @tensor_ops(%x: tensor<4x7xf32>, %s: tensor<f32>) -> (tensor<8x8xf32>, tensor<1xf32>) {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 0] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<4x7xf32> to tensor<4x8xf32>
  %c = tensor.concat dim(0) %p, %p : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %e = tensor.extract %s[] : tensor<f32>
  %f = tensor.from_elements %e : tensor<1xf32>
  return %c, %f : tensor<8x8xf32>, tensor<1xf32>
}

// -----

// The hardware shuffles 32 bits: a sum in f64 crosses lanes in two words.
// CHECK: gpu.func @reduce_0
// CHECK-NOT: gpu.shuffle {{.*}} : i64
// CHECK: gpu.shuffle xor %{{.*}} : i32
// CHECK: arith.trunci
// CHECK: gpu.shuffle xor %{{.*}} : i32
// CHECK-NOT: gpu.shuffle {{.*}} : i64
// CHECK-LABEL: func.func @sum64
func.func @sum64(%x: tensor<8x512xf64>, %init: tensor<8xf64>) -> tensor<8xf64> {
  %0 = linalg.reduce { arith.addf } ins(%x : tensor<8x512xf64>)
      outs(%init : tensor<8xf64>) dimensions = [1]
  return %0 : tensor<8xf64>
}

// -----

// Two outs that start from one fill are two buffers.
#mk = affine_map<(m, k) -> (m, k)>
#m = affine_map<(m, k) -> (m)>
// CHECK: gpu.func @reduce_0(%[[X:.*]]: memref<8x4xf32>, %[[LOW:.*]]: memref<8xf32>, %[[HIGH:.*]]: memref<8xf32>)
// CHECK: %[[BOTH:.*]]:2 = scf.for
// CHECK: memref.store %[[BOTH]]#0, %[[LOW]]
// CHECK: memref.store %[[BOTH]]#1, %[[HIGH]]
func.func @extremes(%x: tensor<8x4xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %0:2 = linalg.generic {indexing_maps = [#mk, #m, #m], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x4xf32>) outs(%i, %i : tensor<8xf32>, tensor<8xf32>) {
  ^bb0(%a: f32, %l: f32, %h: f32):
    %1 = arith.minnumf %a, %l : f32
    %2 = arith.maxnumf %a, %h : f32
    linalg.yield %1, %2 : f32, f32
  } -> (tensor<8xf32>, tensor<8xf32>)
  return %0#0, %0#1 : tensor<8xf32>, tensor<8xf32>
}
