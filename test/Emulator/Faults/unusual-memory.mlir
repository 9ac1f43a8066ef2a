// RUN: quant-emulate %s -split-input-file -verify-diagnostics --workers=1 --max-steps=100000

// Accesses that go wrong where one looks for it last.

// The first vector of each thread is aligned, the second is not.

gpu.module @kernels {
  llvm.func @faulty_misaligned_later(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 256 iota", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c12 = llvm.mlir.constant(12 : i32) : i32
    %base = llvm.mul %tid, %c16 : i32
    llvm.br ^loop(%zero, %zero : i32, i32)
  ^loop(%i: i32, %s: i32):
    %off = llvm.mul %i, %c12 : i32
    %at = llvm.add %base, %off : i32
    %p = llvm.getelementptr %in[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    // expected-error @below {{[misaligned] read of 16 bytes at byte 12 of buffer 'arg0', which is not a multiple of 16; block (0, 0, 0) thread (0, 0, 0)}}
    %v = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %e = llvm.extractelement %v[%zero : i32] : vector<4xi32>
    %s2 = llvm.add %s, %e : i32
    %n = llvm.add %i, %one : i32
    %c = llvm.icmp "ult" %n, %two : i32
    llvm.cond_br %c, ^loop(%n, %s2 : i32, i32), ^end
  ^end:
    llvm.store %s2, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_misaligned_later(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 256 iota", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c12 = llvm.mlir.constant(16 : i32) : i32
    %base = llvm.mul %tid, %c16 : i32
    llvm.br ^loop(%zero, %zero : i32, i32)
  ^loop(%i: i32, %s: i32):
    %off = llvm.mul %i, %c12 : i32
    %at = llvm.add %base, %off : i32
    %p = llvm.getelementptr %in[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v = llvm.load %p {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %e = llvm.extractelement %v[%zero : i32] : vector<4xi32>
    %s2 = llvm.add %s, %e : i32
    %n = llvm.add %i, %one : i32
    %c = llvm.icmp "ult" %n, %two : i32
    llvm.cond_br %c, ^loop(%n, %s2 : i32, i32), ^end
  ^end:
    llvm.store %s2, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The fifth turn leaves an array of four.

gpu.module @kernels {
  llvm.func @faulty_local_later(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c5 = llvm.mlir.constant(5 : i32) : i32
    %l = llvm.alloca %c4 x i32 : (i32) -> !llvm.ptr
    llvm.br ^loop(%zero : i32)
  ^loop(%i: i32):
    %p = llvm.getelementptr %l[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte 16 of a local variable of 16 bytes; block (0, 0, 0) thread (0, 0, 0)}}
    llvm.store %i, %p : i32, !llvm.ptr
    %n = llvm.add %i, %one : i32
    %c = llvm.icmp "ult" %n, %c5 : i32
    llvm.cond_br %c, ^loop(%n : i32), ^end
  ^end:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %n, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_local_later(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c5 = llvm.mlir.constant(4 : i32) : i32
    %l = llvm.alloca %c4 x i32 : (i32) -> !llvm.ptr
    llvm.br ^loop(%zero : i32)
  ^loop(%i: i32):
    %p = llvm.getelementptr %l[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    llvm.store %i, %p : i32, !llvm.ptr
    %n = llvm.add %i, %one : i32
    %c = llvm.icmp "ult" %n, %c5 : i32
    llvm.cond_br %c, ^loop(%n : i32), ^end
  ^end:
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %n, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// One row of a matrix is at half its place.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_stmatrix(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %q = llvm.mul %tid, %c16 : i32
    %seven = llvm.icmp "eq" %tid, %c8 : i32
    %bad = llvm.add %q, %c8 : i32
    %at = llvm.select %seven, %bad, %q : i1, i32
    %row = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    // expected-error @below {{[misaligned] write of 16 bytes at shared offset 136, which is not a multiple of 16; block (0, 0, 0) thread (8, 0, 0)}}
    nvvm.stmatrix %row, %tid, %tid, %tid, %tid {layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : !llvm.ptr<3>, i32, i32, i32, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_stmatrix(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %q = llvm.mul %tid, %c16 : i32
    %seven = llvm.icmp "eq" %tid, %c8 : i32
    %bad = llvm.add %q, %zero : i32
    %at = llvm.select %seven, %bad, %q : i1, i32
    %row = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    nvvm.stmatrix %row, %tid, %tid, %tid, %tid {layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : !llvm.ptr<3>, i32, i32, i32, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Of a pair of words one was written.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_half_written(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    llvm.store %tid, %p : i32, !llvm.ptr<3>
    // expected-error @below {{[uninitialized-read] read of 8 bytes: shared byte 4 was never written; block (0, 0, 0) thread (0, 0, 0)}}
    %v = llvm.load %p : !llvm.ptr<3> -> vector<2xi32>
    %x = llvm.extractelement %v[%zero : i32] : vector<2xi32>
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_half_written(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    %p1 = llvm.getelementptr %p[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    llvm.store %tid, %p : i32, !llvm.ptr<3>
    llvm.store %tid, %p1 : i32, !llvm.ptr<3>
    %v = llvm.load %p : !llvm.ptr<3> -> vector<2xi32>
    %x = llvm.extractelement %v[%zero : i32] : vector<2xi32>
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Blocks overlap in what they write.

gpu.module @kernels {
  llvm.func @faulty_two_writers(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 33"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %g = llvm.mul %bid, %one : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] byte 4 of buffer 'arg1' is also written by another block of the launch; block (1, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{the other access}}
    llvm.store %h, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_two_writers(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 64"]}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %g = llvm.mul %bid, %c32 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %h, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// What lies behind a buffer is prefetched.

gpu.module @kernels {
  llvm.func @faulty_prefetch_beyond(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %far = llvm.getelementptr %in[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    // expected-error @below {{[out-of-bounds] prefetch of byte 256 of buffer 'arg0' (256 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.prefetch level = L1, %far : !llvm.ptr<1>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct_prefetch_beyond(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %far = llvm.getelementptr %in[63] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    nvvm.prefetch level = L1, %far : !llvm.ptr<1>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A box is larger than what is left of the shared variable.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  // expected-note @below {{ended}}
  llvm.func @faulty_box_beyond_tile(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["inout i8 32x128", "out i32 32", "tensor_map 0 i8 32x128 16x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %c2048 = llvm.mlir.constant(2048 : i32) : i32
    llvm.cond_br %leader, ^go, ^end
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c2048 : !llvm.ptr<3>, i32
    %half = llvm.getelementptr %tile[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    // expected-error @below {{[out-of-bounds] write of 2048 bytes at byte 1024 of shared variable 'tile' (2048 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %half, %map, %bar, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    // expected-error @below {{[deadlock] threads wait for mbarriers that nobody completes: the block can never go on; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{waiting for an mbarrier}}
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_box_beyond_tile(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["inout i8 32x128", "out i32 32", "tensor_map 0 i8 32x128 16x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %c2048 = llvm.mlir.constant(2048 : i32) : i32
    llvm.cond_br %leader, ^go, ^end
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c2048 : !llvm.ptr<3>, i32
    %half = llvm.getelementptr %tile[0] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    nvvm.cp.async.bulk.tensor.shared.cluster.global %half, %map, %bar, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.br ^end
  ^end:
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A bulk store runs past the end of its buffer.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_bulk_store_beyond(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "inout i32 24"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    llvm.cond_br %leader, ^go, ^end
  ^go:
    // expected-error @below {{[out-of-bounds] write of 128 bytes at byte 0 of buffer 'arg1' (96 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.global.shared.cta %out, %tile, %c128 : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_bulk_store_beyond(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "inout i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    llvm.cond_br %leader, ^go, ^end
  ^go:
    nvvm.cp.async.bulk.global.shared.cta %out, %tile, %c128 : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0
    llvm.br ^end
  ^end:
    llvm.return
  }
}
