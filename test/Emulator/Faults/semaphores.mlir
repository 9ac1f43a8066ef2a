// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// The first block waits for what the second one writes: both are there together.

gpu.module @kernels {
  llvm.func @correct(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.fence syncscope("device") release
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("device") acquire
    llvm.br ^join
  ^join:
    nvvm.barrier0
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// The same with the orderings of a store and a load.

gpu.module @kernels {
  llvm.func @correct_orders(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.store %one, %flag atomic syncscope("device") release {alignment = 4 : i64} : i32, !llvm.ptr<1>
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load %flag atomic syncscope("device") acquire {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.br ^join
  ^join:
    nvvm.barrier0
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// No fence before the flag.

gpu.module @kernels {
  llvm.func @faulty_release(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("device") acquire
    llvm.br ^join
  ^join:
    nvvm.barrier0
    // expected-error @below {{[race] byte 0 of buffer 'arg1' is written by another block of the launch; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// No fence after the flag.

gpu.module @kernels {
  llvm.func @faulty_acquire(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.fence syncscope("device") release
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.br ^join
  ^join:
    nvvm.barrier0
    // expected-error @below {{[race] byte 0 of buffer 'arg1' is written by another block of the launch; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// An ordering that LLVM drops on this target.

gpu.module @kernels {
  llvm.func @faulty_ordering(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    %old = llvm.atomicrmw add %flag, %one acq_rel : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("device") acquire
    llvm.br ^join
  ^join:
    nvvm.barrier0
    // expected-error @below {{[race] byte 0 of buffer 'arg1' is written by another block of the launch; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Fences that reach no further than the block.

gpu.module @kernels {
  llvm.func @faulty_scope(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.fence syncscope("block") release
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("block") acquire
    llvm.br ^join
  ^join:
    nvvm.barrier0
    // expected-error @below {{[race] byte 0 of buffer 'arg1' is written by another block of the launch; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Only what one thread wrote is before its fence.

gpu.module @kernels {
  llvm.func @faulty_writers(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.fence syncscope("device") release
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("device") acquire
    llvm.br ^join
  ^join:
    nvvm.barrier0
    // expected-error @below {{[race] byte 4 of buffer 'arg1' is written by another block of the launch; block (0, 0, 0) thread (1, 0, 0), and 30 more}}
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Only the thread that looked knows.

gpu.module @kernels {
  llvm.func @faulty_readers(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    // expected-error @below {{[race] byte 4}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.fence syncscope("device") release
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("device") acquire
    llvm.br ^join
  ^join:
    // expected-note @below {{the other access}}
    // expected-error @below {{[uninitialized-read]}}
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// The flag never comes.

gpu.module @kernels {
  llvm.func @faulty_never(%flag: !llvm.ptr<1>, %tmp: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "tmp i32 32", "tmp i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %slot = llvm.getelementptr %tmp[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %first, ^wait, ^write
  ^write:
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.cond_br %leader, ^post, ^end
  ^post:
    llvm.fence syncscope("device") release
    llvm.br ^end
  ^wait:
    llvm.cond_br %leader, ^poll, ^join
  ^poll:
    // expected-note @below {{waiting for a value that does not come: 1 thread, the first of them (0, 0, 0) of block (0, 0, 0)}}
    // expected-error @below {{[deadlock] 'llvm.load' looks for what never comes; block (0, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %there = llvm.icmp "eq" %x, %one : i32
    llvm.cond_br %there, ^there, ^poll
  ^there:
    llvm.fence syncscope("device") acquire
    llvm.br ^join
  ^join:
    // expected-note @below {{waiting at a barrier: 31 threads, the first of them (1, 0, 0)}}
    nvvm.barrier0
    %y = llvm.load %slot : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}
