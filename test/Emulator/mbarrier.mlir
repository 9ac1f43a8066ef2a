// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Thread 0 asks for two bulk copies, one after the other into the same place;
// everyone waits for each and reads: clean.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @bulk(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^copy0, ^wait0
  ^copy0:
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait0
  ^wait0:
    %done0 = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    %to0 = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to0 : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^copy1, ^wait1
  ^copy1:
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    %in1 = llvm.getelementptr %in[32] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in1, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait1
  ^wait1:
    %done1 = nvvm.mbarrier.try_wait %full, %one : !llvm.ptr<3>, i32 -> i1
    %y = llvm.load %slot : !llvm.ptr<3> -> i32
    %second = llvm.add %tid, %c32 : i32
    %to1 = llvm.getelementptr %out[%second] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to1 : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A wait for the wrong parity does not wait, and the data are not there.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @wrong_phase(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 64 iota"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    // expected-error @below {{[pending-copy] the block ends while this copy into its shared memory is under way}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    %done = nvvm.mbarrier.try_wait %full, %one : !llvm.ptr<3>, i32 -> i1
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte 0 belongs to an asynchronous copy that was not waited for}}
    %x = llvm.load %tile : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

// Fewer bytes come than are expected: nobody ever goes on.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @too_few_bytes(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %half : !llvm.ptr<3>, !llvm.ptr<1>
    // expected-note @below {{waiting for an mbarrier: 1 thread, the first of them (0, 0, 0)}}
    // expected-error @below {{[deadlock]}}
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// Used by another thread with nothing to order that after the initialisation.

gpu.module @kernels {
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @unordered_init() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %full, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    // expected-error @below {{[race] nothing orders this use of an mbarrier after its initialisation; block (0, 0, 0) thread (1, 0, 0), and 30 more}}
    nvvm.mbarrier.arrive %full : !llvm.ptr<3>
    // expected-error @below {{[race] nothing orders this use of an mbarrier after its initialisation}}
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}
