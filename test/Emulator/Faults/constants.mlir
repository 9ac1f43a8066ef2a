// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// A table in the module: read past its end, though another one may lie there,
// and written.

gpu.module @kernels {
  llvm.mlir.global private constant @table(dense<[1, 2, 4, 8]> : tensor<4xi32>) : !llvm.array<4 x i32>
  llvm.mlir.global private constant @next(dense<[1, 2, 4, 8]> : tensor<4xi32>) : !llvm.array<4 x i32>
  llvm.func @faulty(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 5>, arguments = ["out i32 5"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %table = llvm.mlir.addressof @table : !llvm.ptr
    %next = llvm.mlir.addressof @next : !llvm.ptr
    %slot = llvm.getelementptr %table[%tid] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    // expected-error @below {{[out-of-bounds] read of 4 bytes at byte 16 of constant 'table' (16 bytes); block (0, 0, 0) thread (4, 0, 0)}}
    %x = llvm.load %slot : !llvm.ptr -> i32
    // expected-error @below {{[read-only-write] write of 4 bytes of constant 'next'; block (0, 0, 0) thread (0, 0, 0), and 4 more}}
    llvm.store %x, %next : i32, !llvm.ptr
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global private constant @table(dense<[1, 2, 4, 8]> : tensor<4xi32>) : !llvm.array<4 x i32>
  llvm.func @correct(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 4>, arguments = ["out i32 4"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %table = llvm.mlir.addressof @table : !llvm.ptr
    %slot = llvm.getelementptr %table[%tid] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    %x = llvm.load %slot : !llvm.ptr -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}
