// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Every form of barrier and of warp-wide instruction that not all of its threads
// reach. Each names where the threads stand.

// bar.sync 0, half the block having left.

gpu.module @kernels {
  // expected-note @below {{ended: 32 threads, the first of them (32, 0, 0) of block (1, 0, 0)}}
  llvm.func @faulty_barrier0() attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 64>, arguments = []}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %zero = llvm.mlir.constant(0 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    %first = llvm.icmp "eq" %bid, %zero : i32
    %comes = llvm.or %low, %first : i1
    llvm.cond_br %comes, ^sync, ^end
  ^sync:
    // expected-note @below {{waiting at a barrier: 32 threads, the first of them (0, 0, 0) of block (1, 0, 0)}}
    // expected-error @below {{[divergence] 'nvvm.barrier0' is not reached by all threads it waits for: the block can never go on; block (1, 0, 0) thread (0, 0, 0)}}
    nvvm.barrier0
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A named barrier for two warps, of which one comes.

gpu.module @kernels {
  // expected-note @below {{ended: 64 threads, the first of them (32, 0, 0)}}
  llvm.func @faulty_named() attributes {gpu.kernel, emulate.launch = {block = array<i64: 96>, arguments = []}} {
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^sync, ^end
  ^sync:
    // expected-note @below {{waiting at a barrier: 32 threads}}
    // expected-error @below {{[divergence] 'nvvm.barrier' is not reached by all threads}}
    nvvm.barrier id = %c1 number_of_threads = %c64
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Enough threads come, but not whole warps.

gpu.module @kernels {
  llvm.func @faulty_half_warps() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = llvm.and %tid, %c31 : i32
    %low = llvm.icmp "ult" %lane, %c16 : i32
    llvm.cond_br %low, ^sync, ^end
  ^sync:
    // expected-error @below {{[divergence] threads of one warp reach the barrier by different instructions, or some of them do not reach it; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.barrier id = %c1 number_of_threads = %c32
    llvm.br ^end
  ^end:
    // expected-note @below {{where thread (16, 0, 0) of the warp stands}}
    nvvm.barrier0
    llvm.return
  }
}

// -----

// The same barrier by two instructions in one warp.

gpu.module @kernels {
  llvm.func @faulty_two_places() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %low, ^one, ^two
  ^one:
    // expected-error @below {{[divergence] threads of one warp reach the barrier by different instructions}}
    nvvm.barrier0
    llvm.br ^end
  ^two:
    // expected-note @below {{where thread (16, 0, 0) of the warp stands}}
    nvvm.barrier0
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// bar.warp.sync for all lanes, which the upper half does not come to.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_warp_sync() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %all = llvm.mlir.constant(-1 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %low, ^sync, ^other
  ^sync:
    // expected-note @below {{waiting for the other lanes of its warp: 16 threads, the first of them (0, 0, 0)}}
    // expected-error @below {{[divergence] 'nvvm.bar.warp.sync' is not reached by all threads it waits for}}
    nvvm.bar.warp.sync %all : i32
    llvm.br ^end
  ^other:
    // expected-note @below {{waiting at a barrier: 16 threads, the first of them (16, 0, 0)}}
    nvvm.barrier0
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A shuffle and a vote in the two halves of a warp, each for all lanes.

gpu.module @kernels {
  llvm.func @faulty_shuffle() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %all = llvm.mlir.constant(-1 : i32) : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %low, ^shuffle, ^vote
  ^shuffle:
    // expected-note @below {{waiting for the other lanes of its warp: 16 threads, the first of them (0, 0, 0)}}
    // expected-error @below {{[divergence] 'nvvm.shfl.sync' is not reached by all threads it waits for}}
    %x = nvvm.shfl.sync bfly %all, %tid, %c1, %c31 : i32 -> i32
    llvm.br ^end
  ^vote:
    // expected-note @below {{waiting for the other lanes of its warp: 16 threads, the first of them (16, 0, 0)}}
    %y = nvvm.vote.sync any %all, %low -> i1
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// mma.sync of three quarters of a warp.

gpu.module @kernels {
  // expected-note @below {{ended: 8 threads, the first of them (24, 0, 0)}}
  llvm.func @faulty_mma() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %c24 = llvm.mlir.constant(24 : i32) : i32
    %z = llvm.mlir.constant(0 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c24 : i32
    llvm.cond_br %low, ^multiply, ^end
  ^multiply:
    // expected-note @below {{waiting for the other lanes of its warp: 24 threads}}
    // expected-error @below {{[divergence] 'nvvm.mma.sync' is not reached by all threads it waits for}}
    %d = nvvm.mma.sync A[%z, %z] B[%z] C[%z, %z, %z, %z] {intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>,
      layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<s8>,
      multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Whole warps at whole barriers, half a warp where the mask says half.

gpu.module @kernels {
  llvm.func @correct() attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 96>, arguments = []}} {
    %half = llvm.mlir.constant(65535 : i32) : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = llvm.and %tid, %c31 : i32
    nvvm.barrier0
    %pair = llvm.icmp "ult" %tid, %c64 : i32
    llvm.cond_br %pair, ^named, ^end
  ^named:
    nvvm.barrier id = %c1 number_of_threads = %c64
    %low = llvm.icmp "ult" %lane, %c16 : i32
    llvm.cond_br %low, ^shuffle, ^end
  ^shuffle:
    nvvm.bar.warp.sync %half : i32
    %x = nvvm.shfl.sync bfly %half, %tid, %c1, %c31 : i32 -> i32
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A barrier for more threads than there are.

gpu.module @kernels {
  llvm.func @faulty_count() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = []}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %c96 = llvm.mlir.constant(96 : i32) : i32
    // expected-error @below {{[invalid-operand] barrier 1 for 96 threads, of which the block has 64}}
    nvvm.barrier id = %one number_of_threads = %c96
    llvm.return
  }
}
