// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// An mbarrier is initialised by an ordinary write. fence.mbarrier_init shows it to
// the copies that complete on it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    %second = llvm.icmp "eq" %tid, %one : i32
    llvm.cond_br %first, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %second, ^copy, ^wait
  ^copy:
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// So does a proxy fence.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @correct_proxy(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// A barrier alone orders threads, not copies.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_no_fence(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    %second = llvm.icmp "eq" %tid, %one : i32
    llvm.cond_br %first, ^init, ^start
  ^init:
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %second, ^copy, ^wait
  ^copy:
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[missing-proxy-fence] an asynchronous copy is to tell an mbarrier that thread (0, 0, 0) of block (0, 0, 0) initialised, and no fence.mbarrier_init or fence.proxy.async of that thread comes between; block (0, 0, 0) thread (1, 0, 0)}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// A fence shows what came before it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_fence_too_early(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.fence.mbarrier.init
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[missing-proxy-fence] an asynchronous copy is to tell an mbarrier}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// Another thread's fence says nothing of this one's mbarrier.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @faulty_fence_of_another(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %first = llvm.icmp "eq" %tid, %zero : i32
    %second = llvm.icmp "eq" %tid, %one : i32
    llvm.cond_br %first, ^init, ^start
  ^init:
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %second, ^copy, ^wait
  ^copy:
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    // expected-error @below {{[missing-proxy-fence] an asynchronous copy is to tell an mbarrier}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %full, %bytes : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.return
  }
}

// -----

// Each block of a cluster tells the other's mbarrier. The fence is released even by
// a relaxed arrival; and a copy into both blocks completes on both mbarriers.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bars() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @correct_cluster(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %both = llvm.mlir.constant(3 : i16) : i16
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %tiles = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
    %full = llvm.mlir.addressof @bars : !llvm.ptr<3>
    %met = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %met, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.cluster.arrive.relaxed
    nvvm.cluster.wait
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %met, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    nvvm.mbarrier.arrive %theirs : !llvm.ptr<7>
    %first = llvm.icmp "eq" %rank, %zero : i32
    llvm.cond_br %first, ^copy, ^wait
  ^copy:
    nvvm.cp.async.bulk.shared.cluster.global %tiles, %in, %full, %bytes multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %done0 = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %done1 = nvvm.mbarrier.try_wait %met, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.cluster.arrive
    nvvm.cluster.wait
    llvm.return
  }
}

// -----

// Without the fence neither the other block nor its copies see the mbarriers.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @bars() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<2 x i64>
  llvm.func @faulty_cluster(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, arguments = ["in i32 32 iota"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(128 : i32) : i32
    %both = llvm.mlir.constant(3 : i16) : i16
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %other = llvm.xor %rank, %one : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %tiles = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
    %full = llvm.mlir.addressof @bars : !llvm.ptr<3>
    %met = llvm.getelementptr %full[1] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i64
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    // expected-note @below {{initialised here}}
    nvvm.mbarrier.init %met, %one : !llvm.ptr<3>, i32
    nvvm.cluster.arrive.relaxed
    nvvm.cluster.wait
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    %theirs = nvvm.mapa %met, %other : !llvm.ptr<3> -> !llvm.ptr<7>
    // expected-error @below {{[race] nothing orders this use of an mbarrier after its initialisation}}
    nvvm.mbarrier.arrive %theirs : !llvm.ptr<7>
    %first = llvm.icmp "eq" %rank, %zero : i32
    llvm.cond_br %first, ^copy, ^wait
  ^copy:
    // expected-error @below {{[missing-proxy-fence] an asynchronous copy is to tell an mbarrier}}
    // expected-error @below {{[race] nothing orders this use of an mbarrier after its initialisation}}
    nvvm.cp.async.bulk.shared.cluster.global %tiles, %in, %full, %bytes multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %done0 = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %done1 = nvvm.mbarrier.try_wait %met, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.cluster.arrive
    nvvm.cluster.wait
    llvm.return
  }
}
