// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Each thread copies four bytes and reads its neighbour's: clean with a wait and
// a barrier, in this order.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @copy(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    nvvm.cp.async.shared.global %slot, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %x = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Without the wait.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @no_wait(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 64 iota"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-note @below {{copy started by thread (63, 0, 0)}}
    nvvm.cp.async.shared.global %slot, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.barrier0
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte 252 belongs to an asynchronous copy that was not waited for; block (0, 0, 0) thread (63, 0, 0), and 63 more}}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

// A wait that leaves the latest group under way, where that group is read.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<2 x i32>
  llvm.func @wait_too_little(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 2 iota"]}} {
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %tile1 = llvm.getelementptr %tile[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    %in1 = llvm.getelementptr %in[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    nvvm.cp.async.shared.global %tile, %in, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    // expected-note @below {{copy started by}}
    nvvm.cp.async.shared.global %tile1, %in1, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 1
    %x = llvm.load %tile : !llvm.ptr<3> -> i32
    // expected-error @below {{[pending-copy]}}
    %y = llvm.load %tile1 : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

// The wait is each thread's own: others need a barrier after it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @barrier_before_wait(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 64 iota"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-note @below {{copy started by}}
    // expected-note @below {{the other access}}
    nvvm.cp.async.shared.global %slot, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.barrier0
    nvvm.cp.async.wait.group 0
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[pending-copy] read of 4 bytes}}
    // expected-error @below {{[race] read of 4 bytes}}
    %x = llvm.load %slot2 : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

// The next copy into a slot that others may still read.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @overwrite(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 64 iota"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.barrier0
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] read of 4 bytes}}
    %x = llvm.load %slot2 : !llvm.ptr<3> -> i32
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] write of 4 bytes: shared byte}}
    nvvm.cp.async.shared.global %slot, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    llvm.return
  }
}

// -----

// The source of 16 bytes must be aligned to 16, and so must the target.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @misaligned(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 64 iota"]}} {
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %tile1 = llvm.getelementptr %tile[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    %in1 = llvm.getelementptr %in[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    // expected-error @below {{[misaligned] read of 16 bytes at byte 4 of buffer 'arg0'}}
    nvvm.cp.async.shared.global %tile, %in1, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    // expected-error @below {{[misaligned] write of 16 bytes at shared offset 4}}
    nvvm.cp.async.shared.global %tile1, %in, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.return
  }
}
