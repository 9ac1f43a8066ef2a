// RUN: quant-emulate %s -split-input-file -verify-diagnostics --max-steps=50000 --max-cluster-steps=20000000

// One thread never leaves its loop, which neither loads nor stores.

gpu.module @kernels {
  llvm.func @faulty() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c33 = llvm.mlir.constant(33 : i32) : i32
    llvm.br ^loop
  ^loop:
    %again = llvm.icmp "eq" %tid, %c33 : i32
    // expected-error @below {{[step-limit] the thread still runs after 50000 backward branches and calls: it may never end; block (0, 0, 0) thread (33, 0, 0)}}
    llvm.cond_br %again, ^loop, ^end
  ^end:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// A poll for a flag that nobody sets.

gpu.module @kernels {
  llvm.func @faulty_poll(%flag: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i32 1"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    llvm.br ^loop
  ^loop:
    // expected-note @below {{waiting for a value that does not come: 32 threads}}
    // expected-error @below {{[deadlock] 'llvm.load' looks for what never comes}}
    %x = llvm.load %flag atomic monotonic {alignment = 4 : i64} : !llvm.ptr<1> -> i32
    %again = llvm.icmp "eq" %x, %zero : i32
    llvm.cond_br %again, ^loop, ^end
  ^end:
    llvm.return
  }
}

// -----

// A function that calls itself for ever.

gpu.module @kernels {
  llvm.func @again(%x: i32) -> i32 {
    // expected-error @below {{[out-of-bounds] calls are nested too deep for the thread's stack; block (0, 0, 0) thread (0, 0, 0)}}
    %y = llvm.call @again(%x) : (i32) -> i32
    %z = llvm.add %x, %y : i32
    llvm.return %z : i32
  }
  llvm.func @faulty_recursion() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %x = llvm.call @again(%tid) : (i32) -> i32
    llvm.return
  }
}

// -----

// As many steps as there may be.

gpu.module @kernels {
  llvm.func @correct(%flag: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["inout i32 1"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %last = llvm.mlir.constant(50000 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^poll, ^count(%zero : i32)
  ^poll:
    %x = llvm.atomicrmw _or %flag, %zero monotonic : !llvm.ptr<1>, i32
    %again = llvm.icmp "eq" %x, %zero : i32
    llvm.cond_br %again, ^poll, ^end
  ^count(%i: i32):
    %next = llvm.add %i, %one : i32
    %more = llvm.icmp "ult" %next, %last : i32
    llvm.cond_br %more, ^count(%next : i32), ^set
  ^set:
    %old = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Many atomic updates, and looks that are counted, come to an end.

gpu.module @kernels {
  llvm.func @correct_many(%sum: !llvm.ptr<1>, %flag: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 1", "inout i32 1"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %n = llvm.mlir.constant(3000 : i32) : i32
    llvm.br ^loop(%zero : i32)
  ^loop(%i: i32):
    %old = llvm.atomicrmw add %sum, %one monotonic : !llvm.ptr<1>, i32
    %next = llvm.add %i, %one : i32
    %again = llvm.icmp "slt" %next, %n : i32
    llvm.cond_br %again, ^loop(%next : i32), ^look(%zero : i32)
  ^look(%j: i32):
    %x = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %next2 = llvm.add %j, %one : i32
    %again2 = llvm.icmp "slt" %next2, %n : i32
    llvm.cond_br %again2, ^look(%next2 : i32), ^end
  ^end:
    llvm.return
  }
}

// -----

// Where no thread is to come.

gpu.module @kernels {
  llvm.func @faulty_unreachable(%out: !llvm.ptr<1>, %n: i64) attributes {gpu.kernel, emulate.launch = {
      arguments = ["out i64 1", "i64 5"]}} {
    %five = llvm.mlir.constant(5 : i64) : i64
    %isFive = llvm.icmp "eq" %n, %five : i64
    llvm.cond_br %isFive, ^never, ^end
  ^never:
    // expected-error @below {{[unreachable] the thread comes to where none is to come; block (0, 0, 0) thread (0, 0, 0)}}
    llvm.unreachable
  ^end:
    llvm.store %n, %out : i64, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A barrier in a loop that none of a thousand threads leaves.

gpu.module @kernels {
  llvm.func @faulty_barriers() attributes {gpu.kernel, emulate.launch = {block = array<i64: 1024>, arguments = []}} {
    llvm.br ^loop
  ^loop:
    nvvm.barrier0
    // expected-error @below {{[step-limit] the threads still run after 20000000 backward branches, calls and waits together: they may never end; block (0, 0, 0) thread}}
    llvm.br ^loop
  }
}
