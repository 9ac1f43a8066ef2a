// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Neighbours exchange numbers; no barrier between the writes and the reads. The
// emulator runs these threads one after another, so luck would hide it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @faulty(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %zero = llvm.mlir.constant(0 : i32) : i32
    %first = llvm.icmp "eq" %tid, %zero : i32
    %before = llvm.sub %tid, %one : i32
    %other = llvm.select %first, %tid, %before : i1, i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[race] read of 4 bytes: shared byte 0 is also written by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (1, 0, 0), and 62 more}}
    %x = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A named barrier of each warp does not order the two warps.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @faulty_named(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c5 = llvm.mlir.constant(5 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %warp = llvm.lshr %tid, %c5 : i32
    %id = llvm.add %warp, %c1 : i32
    nvvm.barrier id = %id number_of_threads = %c32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %other = llvm.and %tid, %c31 : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[race] read of 4 bytes: shared byte 124 is also written by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (63, 0, 0), and 31 more}}
    %x = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @correct(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.barrier id = %c1 number_of_threads = %c64
    %other = llvm.xor %tid, %c32 : i32
    %slot2 = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %x = llvm.load %slot2 : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    llvm.return
  }
}

// -----

// A write behind the arrival at a barrier is ordered before nothing, also where
// its thread has ended when the barrier completes.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_after_arrival(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["inout i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^write, ^read
  ^write:
    nvvm.barrier.arrive id = %one number_of_threads = %c64
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    llvm.br ^end
  ^read:
    nvvm.barrier id = %one number_of_threads = %c64
    %lane = llvm.sub %tid, %c32 : i32
    %from = llvm.getelementptr %tile[%lane] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[race] read of 4 bytes: shared byte}}
    %x = llvm.load %from : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}
