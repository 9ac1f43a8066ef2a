// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Global memory that asynchronous copies still read, or have still to write.

// The source of cp.async is written before the wait.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_source(%x: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {arguments = ["inout i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    // expected-error @below {{[race] what this copy reads is written before a wait says that it has read it; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.shared.global %tile, %x, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.store %one, %x : i32, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    llvm.return
  }
}

// -----

// The source of a bulk load is.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : i64
  llvm.func @faulty_bulk_source(%x: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {arguments = ["inout i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[race] what this copy reads is written before a wait says that it has read it; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %x, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.store %one, %x : i32, !llvm.ptr<1>
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// A bulk store has read, but not yet written.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_store_under_way(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i32 32", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %own = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %own : i32, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.barrier0
    %first = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %first, ^copy, ^read
  ^copy:
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    nvvm.cp.async.bulk.global.shared.cta %x, %tile, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.br ^read
  ^read:
    nvvm.barrier0
    %from = llvm.getelementptr %x[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[pending-copy] read of 4 bytes: byte 120 of buffer 'arg0' belongs to an asynchronous copy that was not waited for; block (0, 0, 0) thread (30, 0, 0)}}
    %v = llvm.load %from : !llvm.ptr<1> -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %v, %to : i32, !llvm.ptr<1>
    nvvm.barrier0
    llvm.return
  }
}

// -----

// What the launch writes is loaded as what never changes.

gpu.module @kernels {
  llvm.func @faulty_invariant(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["inout i32 1", "out i32 1"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    // expected-note @below {{the write}}
    llvm.store %one, %x : i32, !llvm.ptr<1>
    // expected-error @below {{[race] byte 0 of buffer 'arg0' is written by the launch that reads it as what never changes (ld.global.nc); block (0, 0, 0) thread (0, 0, 0)}}
    %v = llvm.load %x invariant : !llvm.ptr<1> -> i32
    llvm.store %v, %out : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Copies in and out, each waited for, of what is read and written before and after.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.func @correct(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["inout i32 32", "out i32 1"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %all = llvm.mlir.constant(128 : i64) : i64
    %byte = llvm.mlir.constant(7 : i8) : i8
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %same = llvm.load %x invariant : !llvm.ptr<1> -> i32
    nvvm.cp.async.shared.global %tile, %x, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    "llvm.intr.memset"(%tile, %byte, %all) <{isVolatile = false}> : (!llvm.ptr<3>, i8, i64) -> ()
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.cp.async.bulk.global.shared.cta %x, %tile, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0
    nvvm.cp.async.bulk.global.shared.cta %x, %tile, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0
    %v = llvm.load %x : !llvm.ptr<1> -> i32
    llvm.store %v, %out : i32, !llvm.ptr<1>
    llvm.return
  }
}
