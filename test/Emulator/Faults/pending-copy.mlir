// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Data of cp.async read before the wait, and after a wait that leaves it under
// way, and after another thread's wait but no barrier.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i32>
  llvm.func @faulty(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 128 iota"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %next = llvm.add %tid, %c32 : i32
    %slot2 = llvm.getelementptr %tile[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    nvvm.cp.async.shared.global %slot, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte 0 belongs to an asynchronous copy that was not waited for; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    // expected-note @below {{copy started by}}
    // expected-note @below {{the other access}}
    nvvm.cp.async.shared.global %slot2, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 1
    // expected-error @below {{[pending-copy] read of 4 bytes}}
    %y = llvm.load %slot2 : !llvm.ptr<3> -> i32
    nvvm.cp.async.wait.group 0
    %z = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %first = llvm.icmp "eq" %tid, %zero : i32
    %before = llvm.sub %next, %c1 : i32
    %other = llvm.select %first, %next, %before : i1, i32
    %slot3 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    // expected-error @below {{[race] read of 4 bytes}}
    %w = llvm.load %slot3 : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

// What was never committed is waited for by nobody.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<4 x i32>
  llvm.func @faulty_commit(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {arguments = ["in i32 4 iota"]}} {
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    // expected-note @below {{copy started by}}
    nvvm.cp.async.shared.global %tile, %in, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.wait.group 0
    // expected-error @below {{[pending-copy] read of 4 bytes}}
    %x = llvm.load %tile : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i32>
  llvm.func @correct(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 128 iota"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %next = llvm.add %tid, %c32 : i32
    %slot2 = llvm.getelementptr %tile[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    nvvm.cp.async.shared.global %slot, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.shared.global %slot2, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %other = llvm.xor %next, %c1 : i32
    %slot3 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %w = llvm.load %slot3 : !llvm.ptr<3> -> i32
    llvm.return
  }
}
