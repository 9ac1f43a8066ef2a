// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// A thread waits for a phase and tells another thread, which ends the next phase. The
// other lanes wait too: were one of them late, it would wait for a phase that never
// comes. A warp-wide instruction behind the wait says that they are not, although it
// orders no memory.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @correct_shuffle(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %teller = llvm.icmp "eq" %tid, %c32 : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^wait, ^second
  ^wait:
    // The lanes of the first warp wait for phase 0, then one of them says so.
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %s = nvvm.shfl.sync bfly %all, %tid, %one, %c31 : i32 -> i32
    llvm.cond_br %leader, ^tell, ^end
  ^tell:
    nvvm.mbarrier.arrive %other : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^second:
    llvm.cond_br %teller, ^turns, ^end
  ^turns:
    // Phase 0, and phase 1 once somebody has seen that.
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    %d1 = nvvm.mbarrier.try_wait %other, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^end:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Nothing says so: lanes of a warp need not go on together.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_alone(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %teller = llvm.icmp "eq" %tid, %c32 : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^wait, ^second
  ^wait:
    // The lanes of the first warp wait for phase 0, then one of them says so.
    // expected-error @below {{[invalid-operand] an mbarrier may be waited on in the wrong phase: nothing keeps the next phase from being over, too, before this thread looks, which then waits for one more; block (0, 0, 0) thread}}
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.cond_br %leader, ^tell, ^end
  ^tell:
    nvvm.mbarrier.arrive %other : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^second:
    llvm.cond_br %teller, ^turns, ^end
  ^turns:
    // Phase 0, and phase 1 once somebody has seen that.
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    %d1 = nvvm.mbarrier.try_wait %other, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^end:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The lanes meet before they wait.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_before(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %teller = llvm.icmp "eq" %tid, %c32 : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^wait, ^second
  ^wait:
    // The lanes of the first warp wait for phase 0, then one of them says so.
    %s = nvvm.shfl.sync bfly %all, %tid, %one, %c31 : i32 -> i32
    // expected-error @below {{[invalid-operand] an mbarrier may be waited on in the wrong phase}}
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.cond_br %leader, ^tell, ^end
  ^tell:
    nvvm.mbarrier.arrive %other : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^second:
    llvm.cond_br %teller, ^turns, ^end
  ^turns:
    // Phase 0, and phase 1 once somebody has seen that.
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    %d1 = nvvm.mbarrier.try_wait %other, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^end:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A vote among lanes of which not all have waited.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_half(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %other = llvm.getelementptr %bar[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %teller = llvm.icmp "eq" %tid, %c32 : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^wait, ^second
  ^wait:
    // The lanes of the first warp wait for phase 0, then one of them says so.
    // expected-error @below {{[invalid-operand] an mbarrier may be waited on in the wrong phase}}
    %d0 = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %some = llvm.mlir.constant(65535 : i32) : i32
    %few = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %few, ^vote, ^voted
  ^vote:
    %v = nvvm.vote.sync ballot %some, %few -> i32
    llvm.br ^voted
  ^voted:
    llvm.cond_br %leader, ^tell, ^end
  ^tell:
    nvvm.mbarrier.arrive %other : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^second:
    llvm.cond_br %teller, ^turns, ^end
  ^turns:
    // Phase 0, and phase 1 once somebody has seen that.
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    %d1 = nvvm.mbarrier.try_wait %other, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    llvm.br ^end
  ^end:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}
