// Kernels are compiled apart, in threads, and put together again: one header,
// one declaration of the memory whose size the launch gives, and a table that two
// of them share once, with both. How many threads there are makes no difference.
//
// RUN: quant-opt %s --quant-emit-ptx=chip=sm_90a -o %t.mlir
// RUN: quant-opt %s --quant-emit-ptx=chip=sm_90a --mlir-disable-threading -o %t.one.mlir
// RUN: cmp %t.mlir %t.one.mlir
// RUN: sed 's/\\0A/\n/g' %t.mlir | FileCheck %s

// CHECK: .version
// CHECK-NOT: .visible
// CHECK: table[16] = {
// CHECK: .visible .entry first(
// CHECK: .visible .entry third(
// CHECK-NOT: .version
// CHECK: .extern .shared .align 16 .b8 dynamic[]
// CHECK: .visible .entry second(
// CHECK-NOT: .version
// CHECK-NOT: .extern .shared
// CHECK: .visible .entry fourth(
// CHECK-NOT: .version
gpu.module @kernels {
  llvm.mlir.global internal constant @table(dense<[1, 2, 3, 5]> : tensor<4xi32>) {addr_space = 1 : i32} : !llvm.array<4 x i32>
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

  llvm.func @first(%i: i64, %p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %t = llvm.mlir.addressof @table : !llvm.ptr<1>
    %a = llvm.getelementptr %t[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    %v = llvm.load %a : !llvm.ptr<1> -> i32
    llvm.store %v, %p : i32, !llvm.ptr<1>
    llvm.return
  }
  llvm.func @second(%i: i64, %p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %t = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %a = llvm.getelementptr %t[%i] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i32
    %v = llvm.load %a : !llvm.ptr<3> -> i32
    llvm.store %v, %p : i32, !llvm.ptr<1>
    llvm.return
  }
  llvm.func @third(%i: i64, %p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %t = llvm.mlir.addressof @table : !llvm.ptr<1>
    %a = llvm.getelementptr %t[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
    %v = llvm.load %a : !llvm.ptr<1> -> i32
    llvm.store %v, %p {alignment = 4 : i64} : i32, !llvm.ptr<1>
    llvm.return
  }
  llvm.func @fourth(%i: i64, %p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %t = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %a = llvm.getelementptr %t[%i] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i32
    %v = llvm.load %a : !llvm.ptr<3> -> i32
    llvm.store %v, %p : i32, !llvm.ptr<1>
    llvm.return
  }
}
