// RUN: quant-emulate %s -split-input-file -verify-diagnostics --workers=1 --max-steps=100000

// Copies and multiplications that are touched too early, in ways that look right.

// More bytes are expected than come.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @faulty_tx_too_many(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c96 = llvm.mlir.constant(96 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c96 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    // expected-error @below {{[deadlock] threads wait for mbarriers that nobody completes: the block can never go on; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{waiting for an mbarrier}}
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_tx_too_many(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Each turn of a loop reads what the turn before it left under way.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_loop_carried_accumulators(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 4", "out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %three = llvm.mlir.constant(3 : i32) : i32
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %b = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bs = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-note @below {{the multiplication}}
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    llvm.br ^loop(%zero, %d0, %zero : i32, !llvm.struct<(i32, i32, i32, i32)>, i32)
  ^loop(%i: i32, %c: !llvm.struct<(i32, i32, i32, i32)>, %sum: i32):
    // expected-error @below {{[pending-multiplication] accumulators of a wgmma are touched before a wait for its group returned them; block (0, 0, 0) thread (0, 0, 0)}}
    %e = llvm.extractvalue %c[2] : !llvm.struct<(i32, i32, i32, i32)>
    %s2 = llvm.add %sum, %e : i32
    %w = quant_tile.wgmma_wait 0, %c : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %w accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %n = llvm.add %i, %one : i32
    %again = llvm.icmp "ult" %n, %three : i32
    llvm.cond_br %again, ^loop(%n, %d, %s2 : i32, !llvm.struct<(i32, i32, i32, i32)>, i32), ^end
  ^end:
    %f = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %s2, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_loop_carried_accumulators(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 4", "out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %three = llvm.mlir.constant(3 : i32) : i32
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %b = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bs = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    llvm.br ^loop(%zero, %d0, %zero : i32, !llvm.struct<(i32, i32, i32, i32)>, i32)
  ^loop(%i: i32, %c: !llvm.struct<(i32, i32, i32, i32)>, %sum: i32):
    %w = quant_tile.wgmma_wait 0, %c : !llvm.struct<(i32, i32, i32, i32)>
    %e = llvm.extractvalue %w[2] : !llvm.struct<(i32, i32, i32, i32)>
    %s2 = llvm.add %sum, %e : i32
    nvvm.wgmma.fence.aligned
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %w accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %n = llvm.add %i, %one : i32
    %again = llvm.icmp "ult" %n, %three : i32
    llvm.cond_br %again, ^loop(%n, %d, %s2 : i32, !llvm.struct<(i32, i32, i32, i32)>, i32), ^end
  ^end:
    %f = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %s2, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The proxy fence comes before the write, not behind it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_fence_before_write(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 4", "out i32 128"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %b = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bs = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    // expected-note @below {{the write}}
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[missing-proxy-fence] asynchronous read of 16 bytes: matrix B, row 0: shared byte 0 was written by thread (0, 0, 0), and no fence.proxy.async of that thread comes between; block (0, 0, 0) thread (0, 0, 0)}}
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %f = quant_tile.wgmma_wait 0, %d0 : !llvm.struct<(i32, i32, i32, i32)>
    %s2 = llvm.extractvalue %f[2] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %s2, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_fence_before_write(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 4", "out i32 128"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %b = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bs = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %f = quant_tile.wgmma_wait 0, %d0 : !llvm.struct<(i32, i32, i32, i32)>
    %s2 = llvm.extractvalue %f[2] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %s2, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A multicast goes to a block that may have ended.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @faulty_multicast_exited(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %mask = llvm.mlir.constant(3 : i16) : i16
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %first = llvm.icmp "eq" %rank, %zero : i32
    llvm.cond_br %first, ^a, ^end
  ^a:
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    %far = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
    // expected-error @below {{[pending-copy] the block ends while this copy into its shared memory is under way; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-error @below {{[race] nothing keeps block (1, 0, 0) from ending before this access of its shared memory; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.shared.cluster.global %far, %in, %bar, %c128 multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.br ^end
  ^end:
    %g = llvm.mul %bid, %c32 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_multicast_exited(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %mask = llvm.mlir.constant(3 : i16) : i16
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.cluster.arrive {aligned}
    nvvm.cluster.wait {aligned}
    %first = llvm.icmp "eq" %rank, %zero : i32
    %loads = llvm.and %first, %leader : i1
    llvm.br ^a
  ^a:
    llvm.cond_br %loads, ^go, ^wait
  ^go:
    %far = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.shared.cluster.global %far, %in, %bar, %c128 multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.br ^end
  ^end:
    %g = llvm.mul %bid, %c32 : i32
    %h = llvm.add %g, %tid : i32
    %too = llvm.getelementptr %out[%h] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %too : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The group that is read may still be under way.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_cp_async_group(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %src = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %s2 = llvm.getelementptr %slot[32] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    nvvm.cp.async.shared.global %slot, %src, 4, cache = ca, %c4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    nvvm.cp.async.shared.global %s2, %src, 4, cache = ca, %c4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 1
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte 128 belongs to an asynchronous copy that was not waited for; block (0, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load %s2 : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_cp_async_group(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %src = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %s2 = llvm.getelementptr %slot[32] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    nvvm.cp.async.shared.global %slot, %src, 4, cache = ca, %c4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.shared.global %s2, %src, 4, cache = ca, %c4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    %x = llvm.load %s2 : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Each thread waits for its own copies and reads another's.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_cp_async_other(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %src = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[race] write of 4 bytes: shared byte 4 is also read by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (1, 0, 0)}}
    // expected-note @below {{the other access}}
    nvvm.cp.async.shared.global %slot, %src, 4, cache = ca, %c4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    %o = llvm.xor %tid, %one : i32
    %os = llvm.getelementptr %tile[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[uninitialized-read] read of 4 bytes: shared byte 4 was never written; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] read of 4 bytes: shared byte 0 is also written by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (1, 0, 0)}}
    %x = llvm.load %os : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_cp_async_other(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %src = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    nvvm.cp.async.shared.global %slot, %src, 4, cache = ca, %c4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %o = llvm.xor %tid, %one : i32
    %os = llvm.getelementptr %tile[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %x = llvm.load %os : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// An arrival that orders nothing says that a word is there.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @faulty_relaxed_arrive(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    // expected-note @below {{the other access}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive %bar {relaxed = true} : !llvm.ptr<3>
    llvm.br ^end
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    // expected-error @below {{[race] read of 4 bytes: shared byte 0 is also written by thread (0, 0, 0) and nothing orders the two; block (0, 0, 0) thread (1, 0, 0)}}
    %x = llvm.load %tile : !llvm.ptr<3> -> i32
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
  llvm.func @correct_relaxed_arrive(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 4", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive %bar {relaxed = false} : !llvm.ptr<3>
    llvm.br ^end
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %tile : !llvm.ptr<3> -> i32
    llvm.br ^end
  ^end:
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The first wait is for the phase before the first, which is over.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @faulty_first_parity(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    // expected-error @below {{[race] write of 128 bytes: shared byte 124 is also read by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    // expected-error @below {{[pending-copy] the block ends while this copy into its shared memory is under way; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %one : !llvm.ptr<3>, i32 -> i1
    // expected-error @below {{[uninitialized-read] read of 4 bytes: shared byte 124 was never written; block (0, 0, 0) thread (31, 0, 0)}}
    // expected-note @below {{the other access}}
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte 0 belongs to an asynchronous copy that was not waited for; block (0, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_first_parity(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 32"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %d = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A stage is loaded again while other threads may still read it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @faulty_reload_early(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.br ^loop(%zero : i32)
  ^loop(%i: i32):
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    // expected-error @below {{[race] write of 128 bytes: shared byte 124 is also read by thread (31, 0, 0) and nothing orders the two; block (0, 0, 0) thread (0, 0, 0)}}
    // expected-note @below {{copy started by thread (0, 0, 0)}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %p = llvm.and %i, %one : i32
    // expected-error @below {{[invalid-operand] an mbarrier may be waited on in the wrong phase: nothing keeps the next phase from being over, too, before this thread looks, which then waits for one more; block (0, 0, 0) thread (31, 0, 0)}}
    %d = nvvm.mbarrier.try_wait %bar, %p : !llvm.ptr<3>, i32 -> i1
    // expected-note @below {{the other access}}
    // expected-error @below {{[pending-copy] read of 4 bytes: shared byte 4 belongs to an asynchronous copy that was not waited for; block (0, 0, 0) thread (1, 0, 0)}}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    %too = llvm.getelementptr %to[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<32 x i32>
    llvm.store %x, %too : i32, !llvm.ptr<1>
    %n = llvm.add %i, %one : i32
    %c = llvm.icmp "ult" %n, %two : i32
    llvm.cond_br %c, ^loop(%n : i32), ^end
  ^end:
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_reload_early(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 32>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %two = llvm.mlir.constant(2 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    llvm.br ^loop(%zero : i32)
  ^loop(%i: i32):
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %p = llvm.and %i, %one : i32
    %d = nvvm.mbarrier.try_wait %bar, %p : !llvm.ptr<3>, i32 -> i1
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    %too = llvm.getelementptr %to[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<32 x i32>
    llvm.store %x, %too : i32, !llvm.ptr<1>
    nvvm.barrier0
    %n = llvm.add %i, %one : i32
    %c = llvm.icmp "ult" %n, %two : i32
    llvm.cond_br %c, ^loop(%n : i32), ^end
  ^end:
    llvm.return
  }
}

// -----

// A stage is loaded again while a wgmma may still read it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @faulty_wgmma_source_reloaded(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 64 iota", "out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %bs = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-note @below {{the other access}}
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    // expected-error @below {{[race] write of 128 bytes: shared byte 0 is also read by a wgmma and nothing orders the two; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %f = quant_tile.wgmma_wait 0, %d0 : !llvm.struct<(i32, i32, i32, i32)>
    %dd = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.mlir.global internal @bar() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<4 x i64>
  llvm.func @correct_wgmma_source_reloaded(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 64 iota", "out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %leader = llvm.icmp "eq" %tid, %zero : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %bar = llvm.mlir.addressof @bar : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %bs = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %bar, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %f = quant_tile.wgmma_wait 0, %d0 : !llvm.struct<(i32, i32, i32, i32)>
    llvm.cond_br %leader, ^go, ^wait
  ^go:
    nvvm.mbarrier.arrive.expect_tx %bar, %c128 : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.shared.cluster.global %tile, %in, %bar, %c128 : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %dd = nvvm.mbarrier.try_wait %bar, %zero : !llvm.ptr<3>, i32 -> i1
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Of two groups the later is read behind a wait for the earlier.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_wait_one(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 4", "out i32 128"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %bs = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    // expected-note @below {{the multiplication}}
    %d1 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %f:2 = quant_tile.wgmma_wait 1, %d0, %d1 : !llvm.struct<(i32, i32, i32, i32)>, !llvm.struct<(i32, i32, i32, i32)>
    // expected-error @below {{[pending-multiplication] accumulators of a wgmma are touched before a wait for its group returned them; block (0, 0, 0) thread (0, 0, 0)}}
    %y = llvm.extractvalue %f#1[0] : !llvm.struct<(i32, i32, i32, i32)>
    llvm.store %y, %to : i32, !llvm.ptr<1>
    %g = quant_tile.wgmma_wait 0, %f#1 : !llvm.struct<(i32, i32, i32, i32)>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_wait_one(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
      grid = array<i64: 1>, block = array<i64: 128>, arguments = ["in i32 4", "out i32 128"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %bs = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %bs : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %d1 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true) n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %f:2 = quant_tile.wgmma_wait 0, %d0, %d1 : !llvm.struct<(i32, i32, i32, i32)>, !llvm.struct<(i32, i32, i32, i32)>
    %y = llvm.extractvalue %f#1[0] : !llvm.struct<(i32, i32, i32, i32)>
    llvm.store %y, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A bulk store is committed behind the wait that is for it.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @faulty_bulk_store_commit_late(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
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
    // expected-note @below {{the other access}}
    // expected-error @below {{[pending-copy] the thread ends without a wait for this copy to have read shared memory; block (0, 0, 0) thread (0, 0, 0)}}
    nvvm.cp.async.bulk.global.shared.cta %out, %tile, %c128 : !llvm.ptr<1>, !llvm.ptr<3>
    nvvm.cp.async.bulk.wait_group 0 {read}
    nvvm.cp.async.bulk.commit.group
    llvm.br ^end
  ^end:
    nvvm.barrier0
    // expected-error @below {{[race] write of 4 bytes: shared byte 120 is also read by an asynchronous copy and nothing orders the two; block (0, 0, 0) thread (30, 0, 0)}}
    llvm.store %zero, %slot : i32, !llvm.ptr<3>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<2048 x i8>
  llvm.func @correct_bulk_store_commit_late(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel, emulate.launch = {
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
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.br ^end
  ^end:
    nvvm.barrier0
    llvm.store %zero, %slot : i32, !llvm.ptr<3>
    llvm.return
  }
}
