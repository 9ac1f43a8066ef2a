// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// A box is copied in, waited for and read.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct_load(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> vector<4xi32>
    llvm.return
  }
}

// -----

// A box is written, fenced, copied out and its place used again.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct_store(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %second = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %second : vector<4xi32>, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    llvm.cond_br %leader, ^store, ^end
  ^store:
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%zero, %zero] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.br ^end
  ^end:
    nvvm.barrier0
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %again = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %again : vector<4xi32>, !llvm.ptr<3>
    llvm.return
  }
}

// -----

// The box is too large.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_box(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 300x32", "tensor_map 0 i8 300x32 257x32 0"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    // expected-error @below {{[invalid-operand] tensor map: the box has size 257 in dimension 1; 1 to 256 are possible; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// The tensor is larger than its buffer.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_extent(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 17x128 8x128 0"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    // expected-error @below {{[invalid-operand] tensor map: it spans 2176 bytes from byte 0 of buffer 'arg0' (2048 bytes)}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// A row is longer than the swizzle pattern.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_swizzle(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    // expected-error @below {{[invalid-operand] tensor map: a row of the box has 128 bytes, which is more than the 64 of its swizzle}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// Three coordinates of a matrix.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_rank(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    // expected-error @below {{[invalid-operand] tensor map: it has rank 2, and there are 3 coordinates}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// The destination is not at a multiple of the pattern.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_alignment(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    %off = llvm.getelementptr %tile[512] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    // expected-error @below {{[misaligned] write of 1024 bytes at shared offset 512, which is not a multiple of 1024}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %off, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// Nobody waits for the copy into the block.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_unwaited(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[pending-copy] the block ends while this copy into its shared memory is under way; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.return
  }
}

// -----

// Two boxes, two barriers, and a wait for one of them only.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_other_barrier(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %other = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    %next = llvm.getelementptr %tile[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %other, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    // expected-error @below {{[pending-copy] the block ends}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    nvvm.mbarrier.arrive.expect_tx %other, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.tensor.shared.cluster.global %next, %map, %other, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %done = nvvm.mbarrier.try_wait %other, %zero : !llvm.ptr<3>, i32 -> i1
    %mine = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte}}
    %x = llvm.load %mine : !llvm.ptr<3> -> i32
    llvm.return
  }
}

// -----

// Written through the generic proxy, copied out without a proxy fence.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_proxy(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    // expected-note @below {{the write}}
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %second = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %second : vector<4xi32>, !llvm.ptr<3>
    nvvm.barrier0
    llvm.cond_br %leader, ^store, ^end
  ^store:
    // expected-error @below {{[missing-proxy-fence] asynchronous read of 1024 bytes: shared byte 0 was written by thread (0, 0, 0)}}
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%zero, %zero] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// The same before a copy in: the later write may come first.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_proxy_load(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    // expected-note @below {{the write}}
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %second = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %second : vector<4xi32>, !llvm.ptr<3>
    nvvm.barrier0
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[missing-proxy-fence] asynchronous write of 1024 bytes}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// The place is used again before the copy has read it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_reuse(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %second = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %second : vector<4xi32>, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    llvm.cond_br %leader, ^store, ^end
  ^store:
    // expected-note @below {{the other access}}
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%zero, %zero] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    llvm.br ^end
  ^end:
    nvvm.barrier0
    // expected-error-re @below {{[race] write of 16 bytes: shared byte {{[0-9]+}} is also read by an asynchronous copy and nothing orders the two}}
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    llvm.cond_br %leader, ^wait, ^done
  ^wait:
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.br ^done
  ^done:
    llvm.return
  }
}

// -----

// No wait for the copy out.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_unread(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %second = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %second : vector<4xi32>, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    llvm.cond_br %leader, ^store, ^end
  ^store:
    // expected-error @below {{[pending-copy] the thread ends without a wait for this copy to have read shared memory}}
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%zero, %zero] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// No commit of the copy out.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_uncommitted(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    llvm.store %words, %slot : vector<4xi32>, !llvm.ptr<3>
    %second = llvm.getelementptr %slot[16] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    llvm.store %words, %second : vector<4xi32>, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    llvm.cond_br %leader, ^store, ^end
  ^store:
    // expected-error @below {{[pending-copy] the thread ends without a commit of this copy}}
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%zero, %zero] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// Something else than a tensor map.

gpu.module @kernels {
  llvm.func @faulty_no_map(%tensor: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {arguments = ["in i8 128"]}} {
    %map = llvm.addrspacecast %tensor : !llvm.ptr<1> to !llvm.ptr
    // expected-error @below {{[invalid-operand] there is no tensor map}}
    nvvm.prefetch tensormap, %map : !llvm.ptr
    llvm.return
  }
}

// -----

// A box that begins between two pieces of 16 bytes.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<1024 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_unaligned_coordinate(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %at = llvm.mlir.constant(8 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    // expected-error @below {{[invalid-operand] the innermost coordinate 8 is not a multiple of 16 bytes}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%at, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.return
  }
}

// -----

// A store begins before the tensor, which a load may.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<1024 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_negative_store(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %at = llvm.mlir.constant(-1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    // expected-error @below {{[invalid-operand] a store to the negative coordinate -1}}
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[%zero, %at] : !llvm.ptr, !llvm.ptr<3>
    llvm.return
  }
}

// -----

// The tensor was written by the kernel itself, and a fence shows it to the copy.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct_global(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %row = llvm.getelementptr %tensor[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<32 x i8>
    llvm.store %words, %row : vector<4xi32>, !llvm.ptr<1>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.global>}
    nvvm.barrier0
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> vector<4xi32>
    llvm.return
  }
}

// -----

// A fence for the wrong memory.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_global(%tensor: !llvm.ptr<1>, %map: !llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["inout i8 16x128", "tensor_map 0 i8 16x128 8x128 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(1024 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<32 x i8>
    %words = llvm.mlir.zero : vector<4xi32>
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %row = llvm.getelementptr %tensor[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<32 x i8>
    // expected-note @below {{the write}}
    llvm.store %words, %row : vector<4xi32>, !llvm.ptr<1>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.barrier0
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[missing-proxy-fence] asynchronous read of 128 bytes: byte 0 of buffer 'arg0' was written by thread (0, 0, 0)}}
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[%zero, %zero] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> vector<4xi32>
    llvm.return
  }
}
