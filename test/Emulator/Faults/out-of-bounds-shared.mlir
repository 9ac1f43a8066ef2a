// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// One element past a variable, though another one lies behind it; the last
// vector of dynamic shared memory; another block's memory that does not exist.

gpu.module @kernels {
  llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @faulty() attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 1, 2>, block = array<i64: 32>, arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %next = llvm.add %tid, %one : i32
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %b = llvm.mlir.addressof @b : !llvm.ptr<3>
    %in_b = llvm.getelementptr %b[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %in_b : i32, !llvm.ptr<3>
    %slot = llvm.getelementptr %a[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte 128 of shared variable 'a' (128 bytes); block (0, 0, 0) thread (31, 0, 0), and 1 more}}
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %generic = llvm.addrspacecast %slot : !llvm.ptr<3> to !llvm.ptr
    // expected-error @below {{[out-of-bounds] atomic update of 4 bytes at byte 128 of shared variable 'a' (128 bytes); block (0, 0, 0) thread (31, 0, 0), and 1 more}}
    %old = llvm.atomicrmw add %generic, %one monotonic : !llvm.ptr, i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
  llvm.func @faulty_dynamic() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, dynamic_shared_memory = 508, arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %v = llvm.mlir.zero : vector<4xi32>
    %base = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    %slot = llvm.getelementptr %base[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    // expected-error @below {{[out-of-bounds] write of 16 bytes at byte 496 of 508 bytes of dynamic shared memory; block (0, 0, 0) thread (31, 0, 0)}}
    llvm.store %v, %slot {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @correct(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %slot = llvm.getelementptr %a[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    %generic = llvm.addrspacecast %slot : !llvm.ptr<3> to !llvm.ptr
    %old = llvm.atomicrmw add %generic, %one monotonic : !llvm.ptr, i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %old, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// So many bytes that their end is in front of their start.

gpu.module @kernels {
  llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_wrap() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %size = llvm.mlir.constant(-8 : i64) : i64
    %byte = llvm.mlir.constant(0 : i8) : i8
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %to = llvm.getelementptr %a[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    // expected-error @below {{[out-of-bounds] write of 18446744073709551608 bytes at byte 16 of shared variable 'a' (128 bytes)}}
    "llvm.intr.memset"(%to, %byte, %size) <{isVolatile = false}> : (!llvm.ptr<3>, i8, i64) -> ()
    llvm.return
  }
}

// -----

// In front of all shared memory.

gpu.module @kernels {
  llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty_negative() attributes {gpu.kernel, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %before = llvm.sub %tid, %one : i32
    %a = llvm.mlir.addressof @a : !llvm.ptr<3>
    %to = llvm.getelementptr %a[%before] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte -4 of shared variable 'a' (128 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    llvm.store %tid, %to : i32, !llvm.ptr<3>
    llvm.return
  }
}
