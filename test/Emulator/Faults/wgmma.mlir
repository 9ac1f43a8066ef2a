// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Four multiplications in a loop that leaves the latest under way: clean. Every
// element of A and B is 1 but in the first byte of a register, so each sums 8.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @correct_loop(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    llvm.br ^loop(%zero, %c0 : i32, !llvm.struct<(i32, i32, i32, i32)>)
  ^loop(%i: i32, %c: !llvm.struct<(i32, i32, i32, i32)>):
    nvvm.wgmma.fence.aligned
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 1, %d : !llvm.struct<(i32, i32, i32, i32)>
    %next = llvm.add %i, %one : i32
    %again = llvm.icmp "ult" %next, %three : i32
    llvm.cond_br %again, ^loop(%next, %w : i32, !llvm.struct<(i32, i32, i32, i32)>), ^end
  ^end:
    %done = quant_tile.wgmma_wait 0, %w : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %done[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A register of A is written after the fence.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_written_after_fence(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-note @below {{here}}
    %a = llvm.add %tid, %one : i32
    // expected-error @below {{[missing-fence] a register operand was written or read and no wgmma.fence comes between that and this; block (0, 0, 0) thread (0, 0, 0)}}
    %d = quant_tile.wgmma a(%a, %a, %a, %a : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The accumulators of the first multiplication are read, and go on without a fence.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_read_accumulators(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d0 = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w0 = quant_tile.wgmma_wait 0, %d0 : !llvm.struct<(i32, i32, i32, i32)>
    // expected-note @below {{here}}
    %e = llvm.extractvalue %w0[1] : !llvm.struct<(i32, i32, i32, i32)>
    // expected-error @below {{[missing-fence]}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %w0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// No fence at all.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  // expected-note @below {{here}}
  llvm.func @faulty_no_fence(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    // expected-error @below {{[missing-fence]}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The accumulators are read before the wait.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_touched(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-note @below {{the multiplication}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    // expected-error @below {{[pending-multiplication] accumulators of a wgmma are touched before a wait for its group returned them; block (0, 0, 0) thread (0, 0, 0), and 127 more}}
    %x = llvm.extractvalue %d[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    llvm.return
  }
}

// -----

// The wait leaves their group under way.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_wait_too_little(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-note @below {{the multiplication}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 1, %d : !llvm.struct<(i32, i32, i32, i32)>
    // expected-error @below {{[pending-multiplication]}}
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    %all = quant_tile.wgmma_wait 0, %w : !llvm.struct<(i32, i32, i32, i32)>
    llvm.return
  }
}

// -----

// Never committed: no wait covers it.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_uncommitted() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[pending-multiplication] the warpgroup ends without a commit of this multiplication; block (0, 0, 0) thread (0, 0, 0)}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    llvm.return
  }
}

// -----

// Committed and never waited for.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_unwaited() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[pending-multiplication] the warpgroup ends without a wait for this multiplication}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    llvm.return
  }
}

// -----

// What threads wrote is read through another proxy.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_no_proxy_fence(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    // expected-note @below {{the write}}
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[missing-proxy-fence] asynchronous read of 16 bytes: matrix B, row 0: shared byte 0 was written by thread (0, 0, 0), and no fence.proxy.async of that thread comes between; block (0, 0, 0) thread (0, 0, 0), and 15 more}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A proxy fence after the barrier, where it is too late for the writer.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_late_proxy_fence(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    // expected-note @below {{the write}}
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.barrier0
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[missing-proxy-fence]}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A proxy fence and no barrier.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_no_barrier(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    // expected-note @below {{the other access}}
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[race] read of 16 bytes: matrix B, row 0: shared byte 0 is also written by thread (0, 0, 0) and nothing orders the two}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// B is overwritten while it is being read, barrier or not.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_overwritten(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-note @below {{the other access}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.barrier0
    // expected-error-re @below {{[race] write of 2 bytes: shared byte {{[0-9]+}} is also read by a wgmma and nothing orders the two; block (0, 0, 0) thread ({{[0-9]+}}, 0, 0), and 127 more}}
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Overwritten after the wait and a barrier: clean.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @correct_reused(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.barrier0
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// B past the end of its variable, and not at the start of its swizzle pattern.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_misplaced(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["out i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911160 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    llvm.store %short, %slot : i16, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}
    nvvm.barrier0
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.fence.aligned
    // expected-error @below {{[invalid-operand] matrix B at shared offset 128 starts inside its swizzle pattern, which repeats after 256 bytes and has base offset 0}}
    // expected-error @below {{[out-of-bounds] read of 16 bytes at byte 256 of shared variable 'b' (256 bytes)}}
    %d = quant_tile.wgmma a(%one, %one, %one, %one : i32, i32, i32, i32) b(%desc) into %c0 accumulate(%true)
        n = 8 types(i8, i8) : !llvm.struct<(i32, i32, i32, i32)>
    nvvm.wgmma.commit.group.sync.aligned
    %w = quant_tile.wgmma_wait 0, %d : !llvm.struct<(i32, i32, i32, i32)>
    %x = llvm.extractvalue %w[0] : !llvm.struct<(i32, i32, i32, i32)>
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A warpgroup of three warps.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  llvm.func @faulty_three_warps() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 96>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    %c0 = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    // expected-error @below {{[divergence] 'nvvm.wgmma.fence.aligned' executed by a warpgroup of fewer than 128 threads}}
    nvvm.wgmma.fence.aligned
    llvm.return
  }
}

// -----

// One warp does not come.

gpu.module @kernels {
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<256 x i8>
  // expected-note @below {{ended: 32 threads, the first of them (96, 0, 0)}}
  llvm.func @faulty_warp_missing() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = []}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %three = llvm.mlir.constant(3 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %short = llvm.mlir.constant(257 : i16) : i16
    %true = llvm.mlir.constant(true) : i1
    %desc = llvm.mlir.constant(-4611685949707911168 : i64) : i64
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %slot = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    %c96 = llvm.mlir.constant(96 : i32) : i32
    %low = llvm.icmp "ult" %tid, %c96 : i32
    llvm.cond_br %low, ^multiply, ^end
  ^multiply:
    // expected-note @below {{waiting for the other lanes of its warpgroup: 96 threads}}
    // expected-error @below {{[divergence] 'nvvm.wgmma.fence.aligned' is not reached by all threads}}
    nvvm.wgmma.fence.aligned
    llvm.br ^end
  ^end:
    llvm.return
  }
}
