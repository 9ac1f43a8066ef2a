// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Every form of access one element past the end, or in front of the start.

gpu.module @kernels {
  llvm.func @faulty(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 4, 2>, arguments = ["inout i32 60", "inout i32 60"]}} {
    %x = nvvm.read.ptx.sreg.tid.x : i32
    %y = nvvm.read.ptx.sreg.tid.y : i32
    %b = nvvm.read.ptx.sreg.ctaid.x : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %row = llvm.mul %y, %c4 : i32
    %in_block = llvm.add %row, %x : i32
    %base = llvm.mul %b, %c8 : i32
    %thread = llvm.add %base, %in_block : i32
    %start = llvm.mul %thread, %c4 : i32
    %from = llvm.getelementptr %in[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %to = llvm.getelementptr %out[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[out-of-bounds] read of 16 bytes at byte 240 of buffer 'arg0' (240 bytes); block (1, 0, 0) thread (3, 1, 0)}}
    %v = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    // expected-error @below {{[out-of-bounds] write of 16 bytes at byte 240 of buffer 'arg1' (240 bytes); block (1, 0, 0) thread (3, 1, 0)}}
    llvm.store %v, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    // expected-error @below {{[out-of-bounds] atomic update of 4 bytes at byte 240 of buffer 'arg1' (240 bytes); block (1, 0, 0) thread (3, 1, 0)}}
    %old = llvm.atomicrmw add %to, %c1 monotonic : !llvm.ptr<1>, i32
    // expected-error @below {{[out-of-bounds] atomic update of 4 bytes at byte 240 of buffer 'arg1' (240 bytes); block (1, 0, 0) thread (3, 1, 0)}}
    %pair = llvm.cmpxchg %to, %c1, %c4 acq_rel monotonic : !llvm.ptr<1>, i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @faulty_copies(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 8 iota", "inout i32 8"]}} {
    %c2 = llvm.mlir.constant(2 : i32) : i32
    %minus = llvm.mlir.constant(-1 : i32) : i32
    %zero = llvm.mlir.constant(0 : i8) : i8
    %size = llvm.mlir.constant(28 : i64) : i64
    %from = llvm.getelementptr %in[%c2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %before = llvm.getelementptr %out[%minus] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[out-of-bounds] write of 28 bytes at byte -4 of buffer 'arg1' (32 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    // expected-error @below {{[out-of-bounds] read of 28 bytes at byte 8 of buffer 'arg0' (32 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    "llvm.intr.memcpy"(%before, %from, %size) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    // expected-error @below {{[out-of-bounds] write of 28 bytes at byte -4 of buffer 'arg1'}}
    "llvm.intr.memset"(%before, %zero, %size) <{isVolatile = false}> : (!llvm.ptr<1>, i8, i64) -> ()
    llvm.return
  }
}

// -----

// A copy of more bytes than there are anywhere ends the launch.

gpu.module @kernels {
  llvm.func @faulty_length(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 8 iota", "inout i32 8"]}} {
    %size = llvm.mlir.constant(-1 : i64) : i64
    // expected-error @below {{[out-of-bounds] write of 18446744073709551615 bytes at byte 0 of buffer 'arg1'}}
    "llvm.intr.memmove"(%out, %in, %size) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }
}

// -----

// The same accesses where everything fits.

gpu.module @kernels {
  llvm.func @correct(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, block = array<i64: 4, 2>, arguments = ["in i32 64 iota", "out i32 64"]}} {
    %x = nvvm.read.ptx.sreg.tid.x : i32
    %y = nvvm.read.ptx.sreg.tid.y : i32
    %b = nvvm.read.ptx.sreg.ctaid.x : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %c1 = llvm.mlir.constant(1 : i32) : i32
    %size = llvm.mlir.constant(16 : i64) : i64
    %row = llvm.mul %y, %c4 : i32
    %in_block = llvm.add %row, %x : i32
    %base = llvm.mul %b, %c8 : i32
    %thread = llvm.add %base, %in_block : i32
    %start = llvm.mul %thread, %c4 : i32
    %from = llvm.getelementptr %in[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %to = llvm.getelementptr %out[%start] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    "llvm.intr.memcpy"(%to, %from, %size) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    %v = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    llvm.store %v, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    %old = llvm.atomicrmw add %to, %c1 monotonic : !llvm.ptr<1>, i32
    %pair = llvm.cmpxchg %to, %c1, %c4 acq_rel monotonic : !llvm.ptr<1>, i32
    llvm.return
  }
}

// -----

// So many bytes that their end is in front of their start.

gpu.module @kernels {
  llvm.func @faulty_wrap(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 8 iota", "tmp i32 8"]}} {
    %size = llvm.mlir.constant(-1 : i64) : i64
    %to = llvm.getelementptr %out[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    // expected-error @below {{[out-of-bounds] write of 18446744073709551615 bytes at byte 16 of buffer 'arg1' (32 bytes); block (0, 0, 0) thread (0, 0, 0)}}
    "llvm.intr.memmove"(%to, %in, %size) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }
}
