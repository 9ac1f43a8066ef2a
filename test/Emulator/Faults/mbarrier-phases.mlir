// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// One warp completes a phase after another, and the other warp follows: it says
// when the next may begin.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @correct(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %c32 : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^write, ^read
  ^write:
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    %d0 = nvvm.mbarrier.try_wait %other, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    llvm.br ^end
  ^read:
    %d1 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %other : !llvm.ptr<3>
    %d2 = nvvm.mbarrier.try_wait %bar, %one : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// It does not say so, and two phases are over before it comes.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_phase(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %c32 : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^write, ^read
  ^write:
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    %d1 = nvvm.mbarrier.try_wait %bar, %one : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %other : !llvm.ptr<3>
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    llvm.br ^end
  ^read:
    // The first look is at another barrier, which orders nothing that the wait
    // could rely on before the phases of this one were over.
    nvvm.nanosleep %c32
    nvvm.nanosleep %c32
    nvvm.nanosleep %c32
    nvvm.nanosleep %c32
    // expected-error-re @below {{[invalid-operand] an mbarrier waited on in the wrong phase: the phase of parity 0 is over, and the next one too, when a thread that has not seen that comes to wait for it; block (0, 0, 0) thread ({{[0-9]+}}, 0, 0)}}
    %d2 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// It comes in time here, but nothing makes the others wait for it: the second phase
// might be over before it looks, and it would wait for a third.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_look() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^write, ^read
  ^write:
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    nvvm.nanosleep %c32
    nvvm.nanosleep %c32
    nvvm.nanosleep %c32
    nvvm.nanosleep %c32
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    llvm.br ^end
  ^read:
    // expected-error-re @below {{[invalid-operand] an mbarrier may be waited on in the wrong phase: nothing keeps the next phase from being over, too, before this thread looks, which then waits for one more; block (0, 0, 0) thread ({{[0-9]+}}, 0, 0)}}
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// More arrivals than the phase is for, before it is over.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_arrivals(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %c32 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^arrive, ^end
  ^arrive:
    nvvm.mbarrier.arrive.expect_tx %bar, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[invalid-operand] an mbarrier for 1 arrivals gets more than that in one phase}}
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3>
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// More bytes than are expected.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  // expected-note @below {{ended: 31 threads}}
  llvm.func @faulty_bytes(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %c32 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^arrive, ^end
  ^arrive:
    nvvm.mbarrier.arrive.expect_tx %bar, %half : !llvm.ptr<3>, i32
    // expected-error @below {{[invalid-operand] an mbarrier gets 64 bytes more in this phase than it expects}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    // expected-note @below {{waiting for an mbarrier: 1 thread}}
    // expected-error @below {{[deadlock] threads wait for mbarriers that nobody completes}}
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A poll that is right, and one for what never comes.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @correct_poll(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %c32 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^arrive, ^poll
  ^arrive:
    nvvm.mbarrier.arrive.expect_tx %bar, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^poll
  ^poll:
    %done = nvvm.mbarrier.test.wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.cond_br %done, ^end, ^poll
  ^end:
    llvm.return
  }
}

// -----

// Nobody arrives.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_poll(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 64 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %half = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %c32 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.br ^poll
  ^poll:
    // expected-note @below {{waiting for a value that does not come: 32 threads}}
    // expected-error @below {{[deadlock] 'nvvm.mbarrier.test.wait' looks for what never comes}}
    %done = nvvm.mbarrier.test.wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.cond_br %done, ^end, ^poll
  ^end:
    llvm.return
  }
}
