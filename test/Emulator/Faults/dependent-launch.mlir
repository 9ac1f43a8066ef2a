// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// A launch adds one to what the launch before wrote, after a wait for that.

gpu.module @kernels {
  llvm.func @correct(%data: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dependent, arguments = ["inout i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %slot = llvm.getelementptr %data[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    nvvm.griddepcontrol wait
    %x = llvm.load %slot : !llvm.ptr<1> -> i32
    %y = llvm.add %x, %one : i32
    llvm.store %y, %slot : i32, !llvm.ptr<1>
    nvvm.griddepcontrol launch_dependents
    llvm.return
  }
}

// -----

// Only one thread waits, and a barrier tells the others.

gpu.module @kernels {
  llvm.func @correct_leader(%data: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dependent, arguments = ["inout i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %slot = llvm.getelementptr %data[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^wait, ^start
  ^wait:
    nvvm.griddepcontrol wait
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The read comes before the wait.

gpu.module @kernels {
  llvm.func @faulty(%data: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dependent, arguments = ["inout i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %slot = llvm.getelementptr %data[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] byte 0 of buffer 'arg0' is written by the launch before, which need not have ended: nothing orders this after a griddepcontrol.wait; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %x = llvm.load %slot : !llvm.ptr<1> -> i32
    nvvm.griddepcontrol wait
    %y = llvm.add %x, %one : i32
    llvm.store %y, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// What the launch before may still read is written.

gpu.module @kernels {
  llvm.func @faulty_write(%data: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dependent, arguments = ["inout i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %slot = llvm.getelementptr %data[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] byte 0 of buffer 'arg0' is also written by the launch before}}
    llvm.store %tid, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// An input comes from whoever launched before; a constant was there from the start.

gpu.module @kernels {
  llvm.func @faulty_input(%x: !llvm.ptr<1>, %w: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dependent, arguments = ["in i32 32 iota", "const i32 32 iota", "inout i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %xs = llvm.getelementptr %x[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %ws = llvm.getelementptr %w[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %slot = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %b = llvm.load %ws : !llvm.ptr<1> -> i32
    // expected-error @below {{[race] byte 0 of input buffer 'arg0' may be written by the launch before, which need not have ended: nothing orders this after a griddepcontrol.wait; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %a = llvm.load %xs : !llvm.ptr<1> -> i32
    nvvm.griddepcontrol wait
    %y = llvm.add %a, %b : i32
    llvm.store %y, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_input(%x: !llvm.ptr<1>, %w: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dependent, arguments = ["in i32 32 iota", "const i32 32 iota", "inout i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %xs = llvm.getelementptr %x[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %ws = llvm.getelementptr %w[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %slot = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %b = llvm.load %ws : !llvm.ptr<1> -> i32
    nvvm.griddepcontrol wait
    %a = llvm.load %xs : !llvm.ptr<1> -> i32
    %y = llvm.add %a, %b : i32
    llvm.store %y, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}
