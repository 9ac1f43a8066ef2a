// RUN: quant-emulate %s -split-input-file -verify-diagnostics --workers=1

// Two threads of a block, and two blocks, that write what another reads.

gpu.module @kernels {
  llvm.func @faulty(%tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i32 32", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    %zero = llvm.mlir.constant(0 : i32) : i32
    %first = llvm.icmp "eq" %tid, %zero : i32
    %before = llvm.sub %tid, %one : i32
    %other = llvm.select %first, %tid, %before : i1, i32
    %slot2 = llvm.getelementptr %tmp[%other] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] read of 4 bytes: byte 0 of buffer 'arg0' is also written by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (1, 0, 0)}}
    %x = llvm.load %slot2 : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @faulty_blocks(%tmp: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, arguments = ["inout i32 2"]}} {
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    llvm.cond_br %first, ^write, ^read
  ^write:
    // With one worker the blocks run in order: the second tells.
    // expected-note @below {{the other access}}
    llvm.store %bid, %tmp : i32, !llvm.ptr<1>
    llvm.br ^end
  ^read:
    // expected-error @below {{[race] byte 0 of buffer 'arg0' is written by another block of the launch; block (1, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load %tmp : !llvm.ptr<1> -> i32
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Atomics of all, and a barrier between what a block's threads exchange.

gpu.module @kernels {
  llvm.func @correct(%sum: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 64", "out i32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %old = llvm.atomicrmw add %sum, %one monotonic : !llvm.ptr<1>, i32
    %base = llvm.mul %bid, %c32 : i32
    %i = llvm.add %base, %tid : i32
    %slot = llvm.getelementptr %tmp[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    %other = llvm.xor %i, %one : i32
    %slot2 = llvm.getelementptr %tmp[%other] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %x = llvm.load %slot2 : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}
