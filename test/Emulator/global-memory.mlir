// RUN: quant-emulate %s -split-input-file -verify-diagnostics

gpu.module @kernels {
  llvm.func @past_the_end(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["in f32 60 iota", "out f32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    // expected-error @below {{[out-of-bounds] read of 4 bytes at byte 240 of buffer 'arg0' (240 bytes); block (0, 0, 0) thread (60, 0, 0), and 3 more}}
    %x = llvm.load %from : !llvm.ptr<1> -> f32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %x, %to : f32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @before_the_start(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["inout f32 64"]}} {
    %x = llvm.mlir.constant(1.0 : f32) : f32
    %minus = llvm.mlir.constant(-2 : i32) : i32
    %to = llvm.getelementptr %out[%minus] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte -8 of buffer 'arg0' (256 bytes)}}
    llvm.store %x, %to : f32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @misaligned(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 4>, arguments = ["in f32 16 iota", "inout f32 16"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    // expected-error @below {{[misaligned] read of 16 bytes at byte 4 of buffer 'arg0', which is not a multiple of 16; block (0, 0, 0) thread (1, 0, 0), and 2 more}}
    %x = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
    // An alignment that the op does not promise is not asked of it.
    %y = llvm.load %from {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xf32>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @input(%in: !llvm.ptr<1>, %tmp: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      arguments = ["in i32 1", "tmp i32 2"]}} {
    // expected-error @below {{[uninitialized-read] read of 4 bytes: byte 0 of buffer 'arg1' was never written}}
    %x = llvm.load %tmp : !llvm.ptr<1> -> i32
    // expected-error @below {{[read-only-write] write of 4 bytes of input buffer 'arg0'}}
    llvm.store %x, %in : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// expected-error @below {{[unwritten-output] 4 of 256 bytes of output buffer 'arg0' were never written, the first is byte 252}}
gpu.module @kernels {
  llvm.func @unwritten(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 63>, arguments = ["out i32 64"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Blocks of one launch that write the same byte, whichever runs first.

gpu.module @kernels {
  llvm.func @blocks(%out: !llvm.ptr<1>, %sum: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 3>, block = array<i64: 32>, arguments = ["out i32 32", "inout i32 1"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-note @below {{the other access}}
    // expected-error @below {{is also written by another block of the launch}}
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    // Atomic updates do not conflict.
    llvm.atomicrmw add %sum, %tid monotonic : !llvm.ptr<1>, i32
    llvm.return
  }
}

// -----

// Threads of one block, too.

gpu.module @kernels {
  llvm.func @threads(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["out i32 1"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    // expected-note @below {{the other access}}
    // expected-error @below {{[race] write of 4 bytes: byte 0 of buffer 'arg0' is also written by thread (0, 0, 0)}}
    llvm.store %tid, %out : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// A pointer made from nothing.

gpu.module @kernels {
  llvm.func @wild(%address: i64) attributes {gpu.kernel, emulate.launch = {
      arguments = ["i64 4096"]}} {
    %pointer = llvm.inttoptr %address : i64 to !llvm.ptr
    // expected-error @below {{[invalid-pointer] read of 4 bytes through 0x1000, which points to no buffer}}
    %x = llvm.load %pointer : !llvm.ptr -> i32
    llvm.return
  }
}
