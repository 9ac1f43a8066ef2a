// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Writing an input, reading what nothing has written, following a number that is
// no address, an operand that an instruction refuses.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x i32>
  llvm.func @faulty(%in: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %n: i64) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 4 iota", "tmp i32 4", "i64 4096"]}} {
    %c20 = llvm.mlir.constant(20 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    // expected-error @below {{[read-only-write] write of 4 bytes of input buffer 'arg0'; block (0, 0, 0) thread (0, 0, 0)}}
    llvm.store %c20, %in : i32, !llvm.ptr<1>
    // expected-error @below {{[uninitialized-read] read of 4 bytes: byte 0 of buffer 'arg1' was never written; block (0, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load %tmp : !llvm.ptr<1> -> i32
    %wild = llvm.inttoptr %n : i64 to !llvm.ptr
    // expected-error @below {{[invalid-pointer] read of 4 bytes through 0x1000, which points to no buffer, shared or local memory; block (0, 0, 0) thread (0, 0, 0)}}
    %y = llvm.load %wild : !llvm.ptr -> i32
    // expected-error @below {{[invalid-operand] source size 20 of a copy of 16 bytes}}
    nvvm.cp.async.shared.global %tile, %in, 16, cache = cg, %c20 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x i32>
  llvm.func @correct(%in: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 4 iota", "tmp i32 4", "out i32 1"]}} {
    %c12 = llvm.mlir.constant(12 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    llvm.store %c12, %tmp : i32, !llvm.ptr<1>
    %x = llvm.load %tmp : !llvm.ptr<1> -> i32
    %bits = llvm.ptrtoint %out : !llvm.ptr to i64
    %same = llvm.inttoptr %bits : i64 to !llvm.ptr
    llvm.store %x, %same : i32, !llvm.ptr
    nvvm.cp.async.shared.global %tile, %in, 16, cache = cg, %c12 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    llvm.return
  }
}
