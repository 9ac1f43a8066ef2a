// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// An mbarrier's memory is an mbarrier until mbarrier.inval; then it is memory again.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %word = llvm.mlir.constant(7 : i64) : i64
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.inval %bar : !llvm.ptr<3>
    llvm.store %word, %bar : i64, !llvm.ptr<3>
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_init() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    // expected-error @below {{[invalid-operand] an mbarrier is initialised where there is one already}}
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    llvm.return
  }
}

// -----

// A store beyond an array that happens to lie below the mbarrier, in one variable.

gpu.module @kernels {
  llvm.mlir.global internal @all() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x i32>
  llvm.func @faulty_store() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %words = llvm.mlir.zero : vector<4xi32>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %all = llvm.mlir.addressof @all : !llvm.ptr<3>
    %bar = llvm.getelementptr %all[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^init, ^start
  ^init:
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %second = llvm.icmp "ule" %tid, %one : i32
    llvm.cond_br %second, ^write, ^end
  ^write:
    %index = llvm.mul %tid, %c4 : i32
    %to = llvm.getelementptr %all[%index] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[invalid-operand] write of 16 bytes, among them an mbarrier: only its own instructions may touch it; block (0, 0, 0) thread (1, 0, 0)}}
    llvm.store %words, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Another thread may still come to use it.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_inval() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %count = llvm.mlir.constant(64 : i32) : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %last = llvm.mlir.constant(63 : i32) : i32
    %isFirst = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %isFirst, ^init, ^use
  ^init:
    nvvm.mbarrier.init %bar, %count : !llvm.ptr<3>, i32
    llvm.br ^use
  ^use:
    nvvm.barrier0
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    // expected-note @below {{the use}}
    %done = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %isLast = llvm.icmp "eq" %tid, %last : i32
    llvm.cond_br %isLast, ^inval, ^end
  ^inval:
    // expected-error @below {{[race] an mbarrier is invalidated, and nothing orders that after this use of it; block (0, 0, 0) thread (63, 0, 0)}}
    nvvm.mbarrier.inval %bar : !llvm.ptr<3>
    llvm.br ^end
  ^end:
    llvm.return
  }
}
