// RUN: quant-emulate %s -split-input-file -verify-diagnostics --workers=1

// Accesses that later ones, which are in order, must not hide.

// Both blocks read a word, and then the second writes it.

gpu.module @kernels {
  llvm.func @faulty_reads_of_blocks(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, arguments = ["inout i32 1", "out i32 2"]}} {
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    // expected-note @below {{the other access}}
    %v = llvm.load %x : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%bid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %v, %to : i32, !llvm.ptr<1>
    %second = llvm.icmp "eq" %bid, %one : i32
    llvm.cond_br %second, ^write, ^end
  ^write:
    // expected-error @below {{[race] byte 0 of buffer 'arg0' is also read by another block of the launch; block (1, 0, 0) thread (0, 0, 0)}}
    llvm.store %v, %x : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// All blocks count, the last to run reads the sum without.

gpu.module @kernels {
  llvm.func @faulty_atomics_of_blocks(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 3>, arguments = ["inout i32 1", "inout i32 1"]}} {
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    // expected-note @below {{the other access}}
    %old = llvm.atomicrmw add %x, %one monotonic : !llvm.ptr<1>, i32
    %last = llvm.icmp "eq" %bid, %two : i32
    llvm.cond_br %last, ^read, ^end
  ^read:
    // expected-error @below {{[race] byte 0 of buffer 'arg0' is written by another block of the launch; block (2, 0, 0) thread (0, 0, 0)}}
    %v = llvm.load %x : !llvm.ptr<1> -> i32
    llvm.store %v, %out : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Two warps count, then two that have met; what the latter read may lack what the
// former add.

gpu.module @kernels {
  llvm.mlir.global internal @sum() {addr_space = 3 : i32, alignment = 16 : i64} : i32
  llvm.func @faulty_atomics_of_warps(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 1"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %sum = llvm.mlir.addressof @sum : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^init, ^count
  ^init:
    llvm.store %zero, %sum : i32, !llvm.ptr<3>
    llvm.br ^count
  ^count:
    nvvm.barrier0
    %low = llvm.icmp "ult" %tid, %c64 : i32
    llvm.cond_br %low, ^pair, ^alone
  ^alone:
    // expected-note @below {{the other access}}
    %old0 = llvm.atomicrmw add %sum, %one monotonic : !llvm.ptr<3>, i32
    llvm.return
  ^pair:
    nvvm.barrier id = %one number_of_threads = %c64
    %old1 = llvm.atomicrmw add %sum, %one monotonic : !llvm.ptr<3>, i32
    nvvm.barrier id = %one number_of_threads = %c64
    llvm.cond_br %first, ^read, ^end
  ^read:
    // expected-error @below {{[race] read of 4 bytes: shared byte 0 is also written by thread (127, 0, 0) and nothing orders the two; block (0, 0, 0) thread (0, 0, 0)}}
    %v = llvm.load %sum : !llvm.ptr<3> -> i32
    llvm.store %v, %out : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A counter is cleared; only the warp that does so knows when it counts.

gpu.module @kernels {
  llvm.mlir.global internal @sum() {addr_space = 3 : i32, alignment = 16 : i64} : i32
  llvm.func @faulty_clear() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %sum = llvm.mlir.addressof @sum : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^init, ^count
  ^init:
    // expected-note @below {{the other access}}
    llvm.store %zero, %sum : i32, !llvm.ptr<3>
    llvm.br ^count
  ^count:
    nvvm.bar.warp.sync %all : i32
    // expected-error @below {{[race] atomic update of 4 bytes: shared byte 0 is also written by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (63, 0, 0), and 31 more}}
    %old = llvm.atomicrmw add %sum, %one monotonic : !llvm.ptr<3>, i32
    llvm.return
  }
}

// -----

// Updates between the proxy fence and the copy that reads them.

gpu.module @kernels {
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_updates_unfenced(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %own = llvm.getelementptr %sums[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %zero, %own : i32, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.barrier0
    // expected-note @below {{the write}}
    %old = llvm.atomicrmw add %own, %one monotonic : !llvm.ptr<3>, i32
    nvvm.barrier0
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^copy, ^end
  ^copy:
    // expected-error @below {{[missing-proxy-fence] asynchronous read of 128 bytes: shared byte 0 was written by thread (0, 0, 0)}}
    nvvm.cp.async.bulk.global.shared.cta %out, %sums, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// The same, cleared, counted, fenced and read in order.

gpu.module @kernels {
  llvm.mlir.global internal @sums() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.func @correct(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["inout i32 1", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %sums = llvm.mlir.addressof @sums : !llvm.ptr<3>
    %half = llvm.and %tid, %c31 : i32
    %own = llvm.getelementptr %sums[%half] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %isLow = llvm.icmp "ule" %tid, %c31 : i32
    llvm.cond_br %isLow, ^clear, ^count
  ^clear:
    llvm.store %zero, %own : i32, !llvm.ptr<3>
    llvm.br ^count
  ^count:
    nvvm.barrier0
    %old = llvm.atomicrmw add %own, %one monotonic : !llvm.ptr<3>, i32
    %total = llvm.atomicrmw add %x, %one monotonic : !llvm.ptr<1>, i32
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.barrier0
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^copy, ^end
  ^copy:
    nvvm.cp.async.bulk.global.shared.cta %out, %sums, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0
    %v = llvm.load %sums : !llvm.ptr<3> -> i32
    %w = llvm.load %x : !llvm.ptr<1> -> i32
    %sum = llvm.add %v, %w : i32
    llvm.store %sum, %x : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}
