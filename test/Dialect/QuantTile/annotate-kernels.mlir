// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(quant-tile-annotate-kernels))" | FileCheck %s

gpu.module @kernels {
  // CHECK: llvm.mlir.global internal @partials() {addr_space = 3 : i32, alignment = 16 : i64}
  llvm.mlir.global internal @partials() {addr_space = 3 : i32} : !llvm.array<6 x f32>
  // CHECK: llvm.mlir.global internal @ring() {addr_space = 3 : i32, alignment = 128 : i64}
  llvm.mlir.global internal @ring() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<512 x i8>
  // Dynamic shared memory is declared: ptxas would pad a byte of it to a KiB.
  // CHECK: llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
  llvm.mlir.global internal @dynamic() {addr_space = 3 : i32, dso_local} : !llvm.array<0 x i8>
  // CHECK: llvm.func @kernel(%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64)
  llvm.func @kernel(%x: !llvm.ptr, %n: i64) attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
  // The last parameters may be tensor maps.
  // CHECK: llvm.func @maps(%{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
  // CHECK-NOT: quant_tile.tensor_maps
  llvm.func @maps(%x: !llvm.ptr, %map: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel, quant_tile.tensor_maps = 1 : i32} {
    llvm.return
  }
  // Nothing is promised for a function that kernels call.
  // CHECK: llvm.func @device(%{{.*}}: !llvm.ptr)
  llvm.func @device(%x: !llvm.ptr) {
    llvm.return
  }
}
