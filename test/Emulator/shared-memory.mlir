// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Two warps reverse 64 numbers through shared memory: clean.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x f32>
  llvm.func @reverse(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 64>,
      arguments = ["in f32 128 iota", "out f32 128"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %dim = nvvm.read.ptx.sreg.ntid.x : i32
    %base = llvm.mul %bid, %dim : i32
    %i = llvm.add %base, %tid : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %x = llvm.load %from : !llvm.ptr<1> -> f32
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    llvm.store %x, %slot : f32, !llvm.ptr<3>
    nvvm.barrier0
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %y = llvm.load %slot2 : !llvm.ptr<3> -> f32
    %to = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %y, %to : f32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The same without the barrier is a race, and threads read what nobody wrote.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x f32>
  llvm.func @reverse(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in f32 64 iota", "inout f32 64"]}} {
    %c63 = llvm.mlir.constant(63 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %x = llvm.load %from : !llvm.ptr<1> -> f32
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] write of 4 bytes: shared byte 128 is also read by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (32, 0, 0), and 31 more}}
    llvm.store %x, %slot : f32, !llvm.ptr<3>
    %other = llvm.sub %c63, %tid : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] read of 4 bytes}}
    // expected-error @below {{[uninitialized-read] read of 4 bytes: shared byte 252 was never written; block (0, 0, 0) thread (0, 0, 0), and 31 more}}
    %y = llvm.load %slot2 : !llvm.ptr<3> -> f32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %y, %to : f32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Within a warp too: lanes do not run in step.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32} : !llvm.array<32 x i8>
  llvm.func @broadcast(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i8 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^write, ^read
  ^write:
    %seven = llvm.mlir.constant(7 : i8) : i8
    // expected-note @below {{the other access}}
    llvm.store %seven, %tile : i8, !llvm.ptr<3>
    llvm.br ^read
  ^read:
    // expected-error @below {{[race] read of 1 bytes: shared byte 0 is also written by thread (0, 0, 0)}}
    %y = llvm.load %tile : !llvm.ptr<3> -> i8
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    llvm.store %y, %to : i8, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// bar.warp.sync orders them.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32} : !llvm.array<32 x i8>
  llvm.func @broadcast(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i8 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^write, ^read
  ^write:
    %seven = llvm.mlir.constant(7 : i8) : i8
    llvm.store %seven, %tile : i8, !llvm.ptr<3>
    llvm.br ^read
  ^read:
    nvvm.bar.warp.sync %all : i32
    %y = llvm.load %tile : !llvm.ptr<3> -> i8
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    llvm.store %y, %to : i8, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// One element too many in a static variable, the next variable notwithstanding.

gpu.module @kernels {
  llvm.mlir.global internal @a() {addr_space = 3 : i32} : !llvm.array<32 x i32>
  llvm.mlir.global internal @b() {addr_space = 3 : i32} : !llvm.array<32 x i32>
  llvm.func @overrun(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %next = llvm.add %tid, %one : i32
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %ok = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %ok : i32, !llvm.ptr<3>
    %slot = llvm.getelementptr %a[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte 128 of shared variable 'a' (128 bytes); block (0, 0, 0) thread (31, 0, 0)}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Dynamic shared memory ends where the launch says.

gpu.module @kernels {
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
  llvm.func @dynamic_overrun(%n: i64) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dynamic_shared_memory = 64, arguments = ["i64 3"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %base = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %slot = llvm.getelementptr %base[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte 64 of 64 bytes of dynamic shared memory; block (0, 0, 0) thread (16, 0, 0), and 15 more}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    llvm.return
  }
}
