// Which ops of a program are tuned, and with how many rows.

// RUN: quant-tune %s --list --rows=3,5,7 --limit=2 2>&1 | FileCheck %s
// RUN: quant-tune %s --list --rows=3,5,7 2>/dev/null | FileCheck %s --check-prefix=ALL
// RUN: echo "func.func @f() { return }" | not quant-tune - --list 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: not quant-tune %s --list --chip=sm_70 2>&1 | FileCheck %s --check-prefix=CHIP

#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = bf16}>
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// No op without a kernel, which each family has its reason for.
// CHECK: tunable-ops.mlir:[[#@LINE+5]]:8: warning: is not tuned: it has no kernel
// CHECK: note: reduce: the shape of the encoded weights is dynamic
// CHECK: note: mma_sync: the shape of the encoded weights is dynamic
func.func @without(%x: tensor<4x64xbf16>, %w: tensor<?x64xbf16, #w4>, %init: tensor<4x?xf32>)
    -> tensor<4x?xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<4x64xbf16>, tensor<?x64xbf16, #w4>)
      outs(%init : tensor<4x?xf32>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// No op with another dynamic size than its rows.
// CHECK: tunable-ops.mlir:[[#@LINE+3]]:8: warning: is not tuned: only its rows may be dynamic
func.func @dynamic(%x: tensor<4x64xi8>, %w: tensor<?x64xi8> {quant_tensor.weight}, %init: tensor<4x?xi32>)
    -> tensor<4x?xi32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<4x64xi8>, tensor<?x64xi8>)
      outs(%init : tensor<4x?xi32>) -> tensor<4x?xi32>
  return %y : tensor<4x?xi32>
}

// Equal ops are one, at the first one's place; a static size is the only one.
// CHECK: // loc({{.*}}tunable-ops.mlir":[[#@LINE+6]]:8)
// CHECK-NEXT: // m=6 n=16 k=64 lhs=bf16
// CHECK-NEXT: // 2 schedules
// CHECK-NEXT: #quant_tile.schedule<{{.*}}> // chosen for 6 rows
func.func @twice(%x: tensor<6x64xbf16>, %v: tensor<16x64xbf16, #w8>, %w: tensor<16x64xbf16, #w8>, %init: tensor<6x16xf32>)
    -> (tensor<6x16xf32>, tensor<6x16xf32>) {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %v : tensor<6x64xbf16>, tensor<16x64xbf16, #w8>)
      outs(%init : tensor<6x16xf32>) -> tensor<6x16xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<6x64xbf16>, tensor<16x64xbf16, #w8>)
      outs(%init : tensor<6x16xf32>) -> tensor<6x16xf32>
  return %y, %z : tensor<6x16xf32>, tensor<6x16xf32>
}

// Dynamic rows are those of --rows, and what would be chosen for any of them
// stays however few schedules there may be.
// CHECK: // loc({{.*}}tunable-ops.mlir":[[#@LINE+6]]:8)
// CHECK-NEXT: // m=? n=16 k=64 lhs=i8 rhs=i8 out=i32
// CHECK-NEXT: // 2 schedules
// CHECK: chosen for 3{{.*}} rows
func.func @rows(%x: tensor<?x64xi8>, %w: tensor<16x64xi8> {quant_tensor.weight}, %init: tensor<?x16xi32>)
    -> tensor<?x16xi32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn]
      ins(%x, %w : tensor<?x64xi8>, tensor<16x64xi8>)
      outs(%init : tensor<?x16xi32>) -> tensor<?x16xi32>
  return %y : tensor<?x16xi32>
}

// CHECK: // 2 ops, 4 schedules in all
// ALL: // m=6 n=16 k=64
// ALL-NEXT: // {{[1-9][0-9]+}} schedules
// NOTHING: error: the module has no contraction to tune
// CHIP: tunable-ops.mlir:0:0: error: unknown chip 'sm_70'
