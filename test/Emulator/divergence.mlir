// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Half a block leaves before the barrier.

gpu.module @kernels {
  // expected-note @below {{ended: 32 threads, the first of them (32, 0, 0) of block (0, 0, 0)}}
  llvm.func @early_exit() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^sync, ^end
  ^sync:
    // expected-note @below {{waiting at a barrier: 32 threads, the first of them (0, 0, 0) of block (0, 0, 0)}}
    // expected-error @below {{[divergence] 'nvvm.barrier0' is not reached by all threads it waits for: the block can never go on; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.barrier0
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Two named barriers, each waited at by half of those it is for.

gpu.module @kernels {
  llvm.func @crossed() attributes {gpu.kernel, emulate.launch = {block = array<i64: 64>, arguments = []}} {
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c2 = llvm.mlir.constant(2 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^one, ^two
  ^one:
    // expected-note @below {{waiting at a barrier: 32 threads, the first of them (0, 0, 0)}}
    // expected-error @below {{[divergence] 'nvvm.barrier' is not reached by all}}
    nvvm.barrier id = %c1 number_of_threads = %c64
    llvm.br ^end
  ^two:
    // expected-note @below {{waiting at a barrier: 32 threads, the first of them (32, 0, 0)}}
    nvvm.barrier id = %c2 number_of_threads = %c64
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Named barriers of a warp each, and one that a producer only arrives at: clean.

gpu.module @kernels {
  llvm.mlir.global internal @box() {addr_space = 3 : i32} : !llvm.array<32 x i32>
  llvm.func @producer_consumer(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i32 32"]}} {
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = llvm.and %tid, %c31 : i32
    %box = llvm.mlir.addressof @box : !llvm.ptr<3>
    %slot = llvm.getelementptr %box[%lane] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %low = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %low, ^consumer, ^producer
  ^producer:
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.barrier.arrive id = %c1 number_of_threads = %c64
    llvm.br ^end
  ^consumer:
    nvvm.barrier id = %c1 number_of_threads = %c64
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %out[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// An `.aligned` instruction that half a warp does not come to.

gpu.module @kernels {
  // expected-note @below {{ended: 16 threads}}
  llvm.func @half_a_warp() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %null = llvm.mlir.zero : !llvm.ptr<3>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %low = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %low, ^load, ^end
  ^load:
    // expected-note @below {{waiting for the other lanes of its warp: 16 threads}}
    // expected-error @below {{[divergence] 'nvvm.ldmatrix' is not reached by all threads}}
    %x = nvvm.ldmatrix %null {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// A shuffle from a lane that is not in the mask.

gpu.module @kernels {
  llvm.func @outsider() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %low = llvm.mlir.constant(65535 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    // expected-error @below {{[invalid-operand] shuffle from lane 16, which takes no part in it; block (0, 0, 0) thread (0, 0, 0), and 15 more}}
    // expected-error @below {{[divergence] 'nvvm.shfl.sync' executed by lane 16, which is not in its mask 0xffff; block (0, 0, 0) thread (16, 0, 0), and 15 more}}
    %x = nvvm.shfl.sync bfly %low, %tid, %c16, %c31 : i32 -> i32
    llvm.return
  }
}
