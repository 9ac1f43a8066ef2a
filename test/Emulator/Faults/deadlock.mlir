// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// All wait for an mbarrier at which one arrival is missing.

gpu.module @kernels {
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty() attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 1, 2>, block = array<i64: 32>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c33 = llvm.mlir.constant(33 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %c33 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.mbarrier.arrive %full : !llvm.ptr<3>
    // expected-note @below {{waiting for an mbarrier: 32 threads, the first of them (0, 0, 0)}}
    // expected-error @below {{[deadlock] threads wait for mbarriers that nobody completes: the block can never go on}}
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// Two warps, each waiting for what the other does after its own wait.

gpu.module @kernels {
  llvm.mlir.global internal @bars() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_cycle() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %a = llvm.mlir.addressof @bars : !llvm.ptr<3>
    %b = llvm.getelementptr %a[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %a, %c32 : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %b, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^one, ^two
  ^one:
    // expected-note @below {{waiting for an mbarrier: 32 threads, the first of them (0, 0, 0)}}
    // expected-error @below {{[deadlock] threads wait for mbarriers that nobody completes}}
    %d1 = nvvm.mbarrier.try_wait %a, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %b : !llvm.ptr<3>
    llvm.br ^end
  ^two:
    // expected-note @below {{waiting for an mbarrier: 32 threads, the first of them (32, 0, 0)}}
    %d2 = nvvm.mbarrier.try_wait %b, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %a : !llvm.ptr<3>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct() attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 1, 2>, block = array<i64: 32>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.mbarrier.arrive %full : !llvm.ptr<3>
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}
