// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Two blocks read each other's shared memory.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @correct(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %index, %mine : i32, !llvm.ptr<3>
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %x = llvm.load %theirs : !llvm.ptr<7> -> i32
    nvvm.cluster.arrive {aligned}
    llvm.store %x, %to : i32, !llvm.ptr<1>
    nvvm.cluster.wait {aligned}
    llvm.return
  }
}

// -----

// Nothing keeps the other block there until its memory has been read.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_ended(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %index, %mine : i32, !llvm.ptr<3>
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    // expected-error @below {{[invalid-pointer] shared memory of block (0, 0, 0), which has ended; block (1, 0, 0)}}
    // expected-error @below {{[race] nothing keeps block (0, 0, 0) from ending before this access of its shared memory; block (1, 0, 0) thread}}
    %x = llvm.load %theirs : !llvm.ptr<7> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// An arrival that orders nothing.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_relaxed(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-note @below {{the other access}}
    llvm.store %index, %mine : i32, !llvm.ptr<3>
    nvvm.cluster.arrive.relaxed {aligned}
    nvvm.cluster.wait {aligned}
    // expected-error @below {{[race] read of 4 bytes}}
    %x = llvm.load %theirs : !llvm.ptr<7> -> i32
    nvvm.cluster.arrive {aligned}
    llvm.store %x, %to : i32, !llvm.ptr<1>
    nvvm.cluster.wait {aligned}
    llvm.return
  }
}

// -----

// No barrier at all.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_no_barrier(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] write of 4 bytes}}
    llvm.store %index, %mine : i32, !llvm.ptr<3>
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] nothing says that block (1, 0, 0) has started before this access of its shared memory; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-error @below {{[uninitialized-read]}}
    %x = llvm.load %theirs : !llvm.ptr<7> -> i32
    nvvm.cluster.arrive {aligned}
    llvm.store %x, %to : i32, !llvm.ptr<1>
    nvvm.cluster.wait {aligned}
    llvm.return
  }
}

// -----

// What is sent comes before the barrier that says that the other block is there.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_early(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, arguments = ["out i32 2"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %mine = llvm.mlir.addressof @box : !llvm.ptr<3>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    // expected-error @below {{[race] nothing says that block (1, 0, 0) has started before this access of its shared memory; block (0, 0, 0) thread (0, 0, 0), and 1 more}}
    llvm.store %rank, %theirs : i32, !llvm.ptr<7>
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %x = llvm.load %mine : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%rank] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Even a relaxed barrier says so, and one thread that waited at it tells another.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @correct_early(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 64>, arguments = ["out i32 2"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %mine = llvm.mlir.addressof @box : !llvm.ptr<3>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    nvvm.cluster.arrive.relaxed {aligned}
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^wait, ^meet
  ^wait:
    nvvm.cluster.wait
    llvm.br ^meet
  ^meet:
    nvvm.barrier0
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %last = llvm.icmp "eq" %tid, %c63 : i32
    llvm.cond_br %last, ^send, ^wait2
  ^send:
    llvm.store %rank, %theirs : i32, !llvm.ptr<7>
    llvm.br ^wait2
  ^wait2:
    llvm.cond_br %first, ^arrive, ^wait3
  ^wait3:
    nvvm.cluster.wait
    llvm.br ^arrive
  ^arrive:
    nvvm.cluster.arrive
    nvvm.cluster.wait
    llvm.cond_br %first, ^read, ^end
  ^read:
    %x = llvm.load %mine : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%rank] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A second arrival instead of a wait, and a wait without an arrival.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_order(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[invalid-operand] a wait at the cluster's barrier without an arrival}}
    nvvm.cluster.wait {aligned}
    // expected-note @below {{the first}}
    nvvm.cluster.arrive {aligned}
    // expected-error @below {{[invalid-operand] a second arrival at the cluster's barrier without a wait between}}
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    llvm.store %one, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// One block leaves the other waiting at a second barrier.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  // expected-note @below {{ended: 32 threads, the first of them (32, 0, 0) of block (1, 0, 0)}}
  llvm.func @faulty_arrival_missing(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %first = llvm.icmp "ult" %rank, %one : i32
    llvm.cond_br %first, ^wait, ^spin
  ^wait:
    nvvm.cluster.arrive {aligned}
    // expected-note @below {{waiting at the cluster's barrier: 64 threads, the first of them (0, 0, 0) of block (0, 0, 0)}}
    // expected-error @below {{[divergence] 'nvvm.cluster.wait' is not reached by all threads it waits for}}
    nvvm.cluster.wait {aligned}
    llvm.br ^end
  ^spin:
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^stuck, ^end
  ^stuck:
    // expected-note @below {{waiting at a barrier: 32 threads, the first of them (0, 0, 0) of block (1, 0, 0)}}
    nvvm.barrier id = %one number_of_threads = %c64
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A rank that the cluster does not have.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_rank(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 1>, block = array<i64: 32>, arguments = ["tmp i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[invalid-operand] mapa to block 1 of a cluster of 1}}
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %index, %mine : i32, !llvm.ptr<3>
    llvm.return
  }
}

// -----

// They send each other words, and wait for these only.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>
  llvm.mlir.global internal @sent() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct_sent(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 256"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(512 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %sent = llvm.mlir.addressof @sent : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %counter = nvvm.mapa %sent, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %poison = llvm.mlir.poison : vector<4xi32>
    %first = llvm.insertelement %index, %poison[%zero : i32] : vector<4xi32>
    %words = llvm.shufflevector %first, %poison [0, 0, 0, 0] : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %sent, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.cluster.arrive.relaxed {aligned}
    nvvm.cluster.wait {aligned}
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    %done = nvvm.mbarrier.try_wait %sent, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %mine : !llvm.ptr<3> -> vector<4xi32>
    llvm.store %x, %to : vector<4xi32>, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Nobody waits for what is sent before it is read.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>
  llvm.mlir.global internal @sent() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_sent_too_early(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 256"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(512 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %sent = llvm.mlir.addressof @sent : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %counter = nvvm.mapa %sent, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %poison = llvm.mlir.poison : vector<4xi32>
    %first = llvm.insertelement %index, %poison[%zero : i32] : vector<4xi32>
    %words = llvm.shufflevector %first, %poison [0, 0, 0, 0] : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %sent, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.cluster.arrive.relaxed {aligned}
    nvvm.cluster.wait {aligned}
    // expected-note @below {{copy started by thread}}
    // expected-error @below {{[race] write of 16 bytes}}
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    // expected-note @below {{the other access}}
    // expected-error @below {{[uninitialized-read]}}
    // expected-error @below {{[pending-copy] read of 16 bytes: shared byte}}
    %x = llvm.load %mine : !llvm.ptr<3> -> vector<4xi32>
    %done = nvvm.mbarrier.try_wait %sent, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.store %x, %to : vector<4xi32>, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The mbarrier is not in the block that the words go to.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>
  llvm.mlir.global internal @sent() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_sent_and_counted_elsewhere(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 256"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(512 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %sent = llvm.mlir.addressof @sent : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %counter = nvvm.mapa %sent, %rank : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %poison = llvm.mlir.poison : vector<4xi32>
    %first = llvm.insertelement %index, %poison[%zero : i32] : vector<4xi32>
    %words = llvm.shufflevector %first, %poison [0, 0, 0, 0] : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %sent, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.cluster.arrive.relaxed {aligned}
    nvvm.cluster.wait {aligned}
    // expected-error @below {{[invalid-pointer] a store to one block, counted by an mbarrier of another}}
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    %x = llvm.mlir.zero : vector<4xi32>
    llvm.store %x, %to : vector<4xi32>, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Each answers once it has read what it got: the other may then send more to the
// same place. PTX orders nothing by an answer, but what was read before is not
// overtaken.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>
  llvm.mlir.global internal @answers() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @sent() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.mlir.global internal @heard() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct_answered(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 256"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(512 : i32) : i32
    %few = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %answers = llvm.mlir.addressof @answers : !llvm.ptr<3>
    %sent = llvm.mlir.addressof @sent : !llvm.ptr<3>
    %heard = llvm.mlir.addressof @heard : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %counter = nvvm.mapa %sent, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %answer = llvm.getelementptr %answers[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %their_answer = nvvm.mapa %answer, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %their_heard = nvvm.mapa %heard, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %poison = llvm.mlir.poison : vector<4xi32>
    %first = llvm.insertelement %index, %poison[%zero : i32] : vector<4xi32>
    %words = llvm.shufflevector %first, %poison [0, 0, 0, 0] : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %sent, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %heard, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    nvvm.mbarrier.arrive.expect_tx %heard, %few : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.cluster.arrive.relaxed {aligned}
    nvvm.cluster.wait {aligned}
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    %done = nvvm.mbarrier.try_wait %sent, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %mine : !llvm.ptr<3> -> vector<4xi32>
    %word = llvm.extractelement %x[%zero : i32] : vector<4xi32>
    quant_tile.store_async %word to %their_answer counted by %their_heard : i32
    %told = nvvm.mbarrier.try_wait %heard, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.barrier0
    llvm.cond_br %leader, ^again, ^second
  ^again:
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    llvm.br ^second
  ^second:
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    %second = nvvm.mbarrier.try_wait %sent, %one : !llvm.ptr<3>, i32 -> i1
    %y = llvm.load %mine : !llvm.ptr<3> -> vector<4xi32>
    llvm.store %y, %to : vector<4xi32>, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Nobody waits for the answers.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<128 x i32>
  llvm.mlir.global internal @answers() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @sent() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.mlir.global internal @heard() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_not_answered(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["out i32 256"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %bytes = llvm.mlir.constant(512 : i32) : i32
    %few = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %answers = llvm.mlir.addressof @answers : !llvm.ptr<3>
    %sent = llvm.mlir.addressof @sent : !llvm.ptr<3>
    %heard = llvm.mlir.addressof @heard : !llvm.ptr<3>
    %mine = llvm.getelementptr %box[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %theirs = nvvm.mapa %mine, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %counter = nvvm.mapa %sent, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %answer = llvm.getelementptr %answers[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %their_answer = nvvm.mapa %answer, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %their_heard = nvvm.mapa %heard, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    %row = llvm.mul %rank, %c32 : i32
    %index = llvm.add %row, %tid : i32
    %to = llvm.getelementptr %out[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %poison = llvm.mlir.poison : vector<4xi32>
    %first = llvm.insertelement %index, %poison[%zero : i32] : vector<4xi32>
    %words = llvm.shufflevector %first, %poison [0, 0, 0, 0] : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %sent, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %heard, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    nvvm.mbarrier.arrive.expect_tx %heard, %few : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    nvvm.cluster.arrive.relaxed {aligned}
    nvvm.cluster.wait {aligned}
    // expected-note @below {{copy started by thread}}
    // expected-note @below {{the other access}}
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    %done = nvvm.mbarrier.try_wait %sent, %zero : !llvm.ptr<3>, i32 -> i1
    // expected-error @below {{[pending-copy] read of 16 bytes: shared byte}}
    %x = llvm.load %mine : !llvm.ptr<3> -> vector<4xi32>
    %word = llvm.extractelement %x[%zero : i32] : vector<4xi32>
    quant_tile.store_async %word to %their_answer counted by %their_heard : i32
    nvvm.barrier0
    llvm.cond_br %leader, ^again, ^second
  ^again:
    nvvm.mbarrier.arrive.expect_tx %sent, %bytes : !llvm.ptr<3>, i32
    llvm.br ^second
  ^second:
    // expected-error @below {{[race] write of 16 bytes: shared byte}}
    // expected-error @below {{[pending-copy] write of 16 bytes: shared byte}}
    // expected-note @below {{copy started by thread}}
    quant_tile.store_async %words to %theirs counted by %counter : vector<4xi32>
    %second = nvvm.mbarrier.try_wait %sent, %one : !llvm.ptr<3>, i32 -> i1
    %y = llvm.load %mine : !llvm.ptr<3> -> vector<4xi32>
    %told = nvvm.mbarrier.try_wait %heard, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.store %y, %to : vector<4xi32>, !llvm.ptr<1>
    llvm.return
  }
}
