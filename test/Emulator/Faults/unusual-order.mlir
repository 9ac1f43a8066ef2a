// RUN: quant-emulate %s -split-input-file -verify-diagnostics --workers=1 --max-steps=100000

// Threads that believe to be ordered, or to meet, and are not.

// The flag is set before the data, with a fence in between.

gpu.module @kernels {
  llvm.func @faulty_flag_before_data(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 2", "inout i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %flag = llvm.getelementptr %in[0] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %data = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    llvm.cond_br %first, ^produce, ^poll
  ^produce:
    llvm.fence syncscope("device") acq_rel
    %o = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    // expected-note @below {{the other access}}
    llvm.store %tid, %data : i32, !llvm.ptr<1>
    llvm.br ^end
  ^poll:
    %v = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %done = llvm.icmp "eq" %v, %c32 : i32
    llvm.cond_br %done, ^read, ^poll
  ^read:
    llvm.fence syncscope("device") acq_rel
    // expected-error @below {{[race] byte 0 of buffer 'arg1' is written by another block of the launch; block (1, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load %data : !llvm.ptr<1> -> i32
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_flag_before_data(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["inout i32 2", "inout i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %flag = llvm.getelementptr %in[0] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %data = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    llvm.cond_br %first, ^produce, ^poll
  ^produce:
    llvm.store %tid, %data : i32, !llvm.ptr<1>
    llvm.fence syncscope("device") acq_rel
    %o = llvm.atomicrmw add %flag, %one monotonic : !llvm.ptr<1>, i32
    llvm.br ^end
  ^poll:
    %v = llvm.load volatile %flag : !llvm.ptr<1> -> i32
    %done = llvm.icmp "eq" %v, %c32 : i32
    llvm.cond_br %done, ^read, ^poll
  ^read:
    llvm.fence syncscope("device") acq_rel
    %x = llvm.load %data : !llvm.ptr<1> -> i32
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Two halves meet, each at a barrier of its own, and exchange words.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_divergent_exchange(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] write of 4 bytes: shared byte 252 is also read by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (63, 0, 0)}}
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %i1 = llvm.mlir.constant(1 : i32) : i32
    %i2 = llvm.mlir.constant(2 : i32) : i32
    llvm.cond_br %low, ^a, ^b
  ^a:
    nvvm.barrier id = %i1 number_of_threads = %c32
    llvm.br ^join
  ^b:
    nvvm.barrier id = %i2 number_of_threads = %c32
    llvm.br ^join
  ^join:
    %o = llvm.xor %tid, %c32 : i32
    %os = llvm.getelementptr %tile[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[uninitialized-read] read of 4 bytes: shared byte 252 was never written; block (0, 0, 0) thread (31, 0, 0)}}
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] read of 4 bytes: shared byte 124 is also written by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (63, 0, 0)}}
    %x = llvm.load %os : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_divergent_exchange(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %i1 = llvm.mlir.constant(1 : i32) : i32
    llvm.cond_br %low, ^a, ^b
  ^a:
    nvvm.barrier id = %i1 number_of_threads = %c64
    llvm.br ^join
  ^b:
    nvvm.barrier id = %i1 number_of_threads = %c64
    llvm.br ^join
  ^join:
    %o = llvm.xor %tid, %c32 : i32
    %os = llvm.getelementptr %tile[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %x = llvm.load %os : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Three warps come to a barrier for two.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  // expected-note @below {{ended}}
  llvm.func @faulty_barrier_count(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 96>, arguments = ["in i32 4", "out i32 96"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    // expected-error @below {{[divergence] 'nvvm.barrier' is not reached by all threads it waits for: the block can never go on; block (0, 0, 0) thread (64, 0, 0)}}
    // expected-note @below {{waiting at a barrier}}
    nvvm.barrier id = %one number_of_threads = %c64
    %o = llvm.xor %tid, %one : i32
    llvm.store %o, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_barrier_count(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 96>, arguments = ["in i32 4", "out i32 96"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c96 = llvm.mlir.constant(96 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.barrier id = %one number_of_threads = %c96
    %o = llvm.xor %tid, %one : i32
    llvm.store %o, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A warp waits for one that has gone on to the cluster's barrier.

gpu.module @kernels {
  llvm.func @faulty_cluster_deadlock(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    llvm.cond_br %first, ^a, ^c
  ^a:
    llvm.cond_br %low, ^b, ^c
  ^b:
    // expected-error @below {{[divergence] 'nvvm.barrier0' is not reached by all threads it waits for: the block can never go on; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{waiting at a barrier}}
    nvvm.barrier0
    llvm.br ^c
  ^c:
    nvvm.cluster.arrive {aligned}
    // expected-note @below {{waiting at the cluster's barrier}}
    nvvm.cluster.wait {aligned}
    %g = llvm.mul %bid, %c64 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_cluster_deadlock(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    llvm.cond_br %first, ^a, ^c
  ^a:
    llvm.br ^b
  ^b:
    nvvm.barrier0
    llvm.br ^c
  ^c:
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %g = llvm.mul %bid, %c64 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// One warp counts with atomics, the other reads without.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_atomic_and_plain(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    llvm.store %zero, %tile : i32, !llvm.ptr<3>
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^add, ^read
  ^add:
    // expected-error @below {{[race] atomic update of 4 bytes: shared byte 0 is also read by thread (63, 0, 0) and nothing orders the two; block (0, 0, 0) thread (0, 0, 0)}}
    %o = llvm.atomicrmw add %tile, %one monotonic : !llvm.ptr<3>, i32
    llvm.br ^end(%o : i32)
  ^read:
    // expected-note @below {{the other access}}
    %x = llvm.load %tile : !llvm.ptr<3> -> i32
    llvm.br ^end(%x : i32)
  ^end(%y: i32):
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_atomic_and_plain(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    llvm.store %zero, %tile : i32, !llvm.ptr<3>
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %low, ^add, ^read
  ^add:
    %o = llvm.atomicrmw add %tile, %one monotonic : !llvm.ptr<3>, i32
    llvm.br ^end(%o : i32)
  ^read:
    %x = llvm.atomicrmw _or %tile, %zero monotonic : !llvm.ptr<3>, i32
    llvm.br ^end(%x : i32)
  ^end(%y: i32):
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A shuffle brings lanes together, but orders no memory.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_shuffle_orders_nothing(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %s = nvvm.shfl.sync bfly %all, %tid, %one, %c31 : i32 -> i32
    %os = llvm.getelementptr %tile[%s] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[race] read of 4 bytes: shared byte 120 is also written by thread (30, 0, 0) and nothing orders the two; block (0, 0, 0) thread (31, 0, 0)}}
    %x = llvm.load %os : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_shuffle_orders_nothing(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.bar.warp.sync %all : i32
    %s = nvvm.shfl.sync bfly %all, %tid, %one, %c31 : i32 -> i32
    %os = llvm.getelementptr %tile[%s] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %x = llvm.load %os : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Each lane writes a row; ldmatrix gives it to others.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_ldmatrix_race(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %q = llvm.mul %tid, %c16 : i32
    %row = llvm.getelementptr %tile[%q] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v = llvm.mlir.zero : vector<4xi32>
    // expected-note @below {{the other access}}
    llvm.store %v, %row {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    // expected-error @below {{[race] read of 16 bytes: shared byte 0 is also written by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (1, 0, 0)}}
    %m = nvvm.ldmatrix %row {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.barrier0
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_ldmatrix_race(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %q = llvm.mul %tid, %c16 : i32
    %row = llvm.getelementptr %tile[%q] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v = llvm.mlir.zero : vector<4xi32>
    llvm.store %v, %row {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    nvvm.barrier0
    %m = nvvm.ldmatrix %row {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.barrier0
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A warp reads rows of another, behind a barrier of its own lanes.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_ldmatrix_other_warp(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %q = llvm.mul %tid, %c16 : i32
    %row = llvm.getelementptr %tile[%q] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v = llvm.mlir.zero : vector<4xi32>
    // expected-note @below {{the other access}}
    llvm.store %v, %row {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    %all = llvm.mlir.constant(-1 : i32) : i32
    nvvm.bar.warp.sync %all : i32
    %c512 = llvm.mlir.constant(512 : i32) : i32
    %o = llvm.xor %q, %c512 : i32
    %orow = llvm.getelementptr %tile[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    // expected-error @below {{[race] read of 16 bytes: shared byte 512 is also written by thread (32, 0, 0) and nothing orders the two; block (0, 0, 0) thread (0, 0, 0)}}
    %m = nvvm.ldmatrix %orow {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_ldmatrix_other_warp(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %q = llvm.mul %tid, %c16 : i32
    %row = llvm.getelementptr %tile[%q] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %v = llvm.mlir.zero : vector<4xi32>
    llvm.store %v, %row {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    nvvm.barrier0
    %c512 = llvm.mlir.constant(512 : i32) : i32
    %o = llvm.xor %q, %c512 : i32
    %orow = llvm.getelementptr %tile[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %m = nvvm.ldmatrix %orow {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A shuffle takes a value from a lane that is not in its mask.

gpu.module @kernels {
  llvm.func @faulty_shfl_from_outside(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %half = llvm.mlir.constant(65535 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c20 = llvm.mlir.constant(20 : i32) : i32
    %h = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %h, ^a, ^end(%tid : i32)
  ^a:
    // expected-error @below {{[invalid-operand] shuffle from lane 20, which takes no part in it; block (0, 0, 0) thread (0, 0, 0)}}
    %s = nvvm.shfl.sync idx %half, %tid, %c20, %c31 : i32 -> i32
    llvm.br ^end(%s : i32)
  ^end(%x: i32):
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_shfl_from_outside(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %half = llvm.mlir.constant(65535 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c20 = llvm.mlir.constant(12 : i32) : i32
    %h = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %h, ^a, ^end(%tid : i32)
  ^a:
    %s = nvvm.shfl.sync idx %half, %tid, %c20, %c31 : i32 -> i32
    llvm.br ^end(%s : i32)
  ^end(%x: i32):
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Two warps come to two barriers in opposite orders.

gpu.module @kernels {
  llvm.func @faulty_abba(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %low, ^a, ^b
  ^a:
    // expected-error @below {{[divergence] 'nvvm.barrier' is not reached by all threads it waits for: the block can never go on; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{waiting at a barrier}}
    nvvm.barrier id = %one number_of_threads = %c64
    nvvm.barrier id = %two number_of_threads = %c64
    llvm.br ^end
  ^b:
    // expected-note @below {{waiting at a barrier}}
    nvvm.barrier id = %two number_of_threads = %c64
    nvvm.barrier id = %one number_of_threads = %c64
    llvm.br ^end
  ^end:
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_abba(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %low, ^a, ^b
  ^a:
    nvvm.barrier id = %one number_of_threads = %c64
    nvvm.barrier id = %two number_of_threads = %c64
    llvm.br ^end
  ^b:
    nvvm.barrier id = %one number_of_threads = %c64
    nvvm.barrier id = %two number_of_threads = %c64
    llvm.br ^end
  ^end:
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A thread ends before it has arrived at an mbarrier.

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  // expected-note @below {{ended}}
  llvm.func @faulty_exit_before_arrive(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %c64 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    %some = llvm.icmp "eq" %tid, %c32 : i32
    llvm.cond_br %some, ^end, ^go
  ^go:
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    // expected-error @below {{[deadlock] threads wait for mbarriers that nobody completes: the block can never go on; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{waiting for an mbarrier}}
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_exit_before_arrive(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, arguments = ["in i32 4", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %c64 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    %some = llvm.icmp "eq" %tid, %c128 : i32
    llvm.cond_br %some, ^end, ^go
  ^go:
    nvvm.mbarrier.arrive %bar : !llvm.ptr<3> -> i64
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A block reads what another has put into its memory, behind a barrier of its own.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_remote_store(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %far = nvvm.mapa %slot, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    // expected-note @below {{the other access}}
    llvm.store %tid, %far : i32, !llvm.ptr<7>
    nvvm.barrier0
    // expected-error @below {{[race] read of 4 bytes: shared byte 124 is also written by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (31, 0, 0)}}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %g = llvm.mul %bid, %c32 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_remote_store(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 64"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %far = nvvm.mapa %slot, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    llvm.store %tid, %far : i32, !llvm.ptr<7>
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %g = llvm.mul %bid, %c32 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Of a dependent launch one warp waits for the launch before.

gpu.module @kernels {
  llvm.func @faulty_one_warp_waits(%in: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, dependent, arguments = ["inout i32 64"]}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %slot = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %low, ^w, ^s
  ^w:
    nvvm.griddepcontrol wait
    llvm.br ^s
  ^s:
    // expected-error @below {{[race] byte 128 of buffer 'arg0' is written by the launch before, which need not have ended: nothing orders this after a griddepcontrol.wait; block (0, 0, 0) thread (32, 0, 0)}}
    %x = llvm.load %slot : !llvm.ptr<1> -> i32
    // expected-error @below {{[race] byte 128 of buffer 'arg0' is also written by the launch before, which need not have ended: nothing orders this after a griddepcontrol.wait; block (0, 0, 0) thread (32, 0, 0)}}
    llvm.store %x, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_one_warp_waits(%in: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 64>, dependent, arguments = ["inout i32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %slot = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.br ^w
  ^w:
    nvvm.griddepcontrol wait
    llvm.br ^s
  ^s:
    %x = llvm.load %slot : !llvm.ptr<1> -> i32
    llvm.store %x, %slot : i32, !llvm.ptr<1>
    llvm.return
  }
}
