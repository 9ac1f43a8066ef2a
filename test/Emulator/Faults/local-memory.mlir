// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Local variables: out of bounds, misaligned, read before they are written, and
// used after their function has returned.

gpu.module @kernels {
  llvm.func @faulty(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 8>, arguments = ["out i32 8"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c7 = llvm.mlir.constant(7 : i64) : i64
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %minus = llvm.mlir.constant(-1 : i32) : i32
    %a = llvm.alloca %c7 x i32 {alignment = 16 : i64} : (i64) -> !llvm.ptr
    %other = llvm.alloca %c7 x i32 {alignment = 16 : i64} : (i64) -> !llvm.ptr
    %slot = llvm.getelementptr %a[%tid] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte 28 of a local variable of 28 bytes; block (0, 0, 0) thread (7, 0, 0)}}
    llvm.store %tid, %slot : i32, !llvm.ptr
    %before = llvm.getelementptr %other[%minus] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    // expected-error @below {{[out-of-bounds] write of 4 bytes at byte -4 of a local variable of 28 bytes; block (0, 0, 0) thread (0, 0, 0), and 7 more}}
    llvm.store %tid, %before : i32, !llvm.ptr
    // expected-error @below {{[uninitialized-read] read of 4 bytes: byte 0 of a local variable was never written; block (0, 0, 0) thread (1, 0, 0), and 6 more}}
    %x = llvm.load %a : !llvm.ptr -> i32
    %odd = llvm.getelementptr %a[%one] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    %v = llvm.mlir.zero : vector<2xi32>
    // expected-error @below {{[misaligned] write of 8 bytes, aligned to 8, at byte 4 of a local variable that is aligned to 16; block (0, 0, 0) thread (0, 0, 0), and 7 more}}
    llvm.store %v, %odd {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr
    // A variable is no better aligned than it says.
    %loose = llvm.alloca %c7 x i32 : (i64) -> !llvm.ptr
    // expected-error @below {{[misaligned] write of 8 bytes, aligned to 8, at byte 0 of a local variable that is aligned to 4}}
    llvm.store %v, %loose {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// Half of it is written: the copy reads the other half too. What a lifetime
// marker ends is gone.

gpu.module @kernels {
  llvm.func @faulty_copy(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {arguments = ["out i32 2"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %size = llvm.mlir.constant(8 : i64) : i64
    %c2 = llvm.mlir.constant(2 : i64) : i64
    %a = llvm.alloca %c2 x i32 : (i64) -> !llvm.ptr
    llvm.intr.lifetime.start %a : !llvm.ptr
    llvm.store %one, %a : i32, !llvm.ptr
    // expected-error @below {{[uninitialized-read] read of 8 bytes: byte 4 of a local variable was never written}}
    "llvm.intr.memcpy"(%out, %a, %size) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr, i64) -> ()
    llvm.intr.lifetime.end %a : !llvm.ptr
    // expected-error @below {{[uninitialized-read] read of 4 bytes: byte 0 of a local variable was never written}}
    %x = llvm.load %a : !llvm.ptr -> i32
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @make() -> !llvm.ptr {
    %one = llvm.mlir.constant(1 : i32) : i32
    %a = llvm.alloca %one x i32 : (i32) -> !llvm.ptr
    llvm.store %one, %a : i32, !llvm.ptr
    llvm.return %a : !llvm.ptr
  }
  llvm.func @faulty_lifetime() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %gone = llvm.call @make() : () -> !llvm.ptr
    // Another variable, where the stack has room again.
    %other = llvm.call @make() : () -> !llvm.ptr
    // expected-error @below {{[invalid-pointer] read of 4 bytes of a local variable whose function has returned; block (0, 0, 0) thread (0, 0, 0)}}
    %x = llvm.load %gone : !llvm.ptr -> i32
    llvm.return
  }
}

// -----

// More than a thread can have.

gpu.module @kernels {
  llvm.func @faulty_size(%n: i64) attributes {gpu.kernel, emulate.launch = {arguments = ["i64 131073"]}} {
    // expected-error @below {{[out-of-bounds] 524292 bytes of local memory beside 0; a thread can have 524288; block (0, 0, 0) thread (0, 0, 0)}}
    %a = llvm.alloca %n x i32 : (i64) -> !llvm.ptr
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global private constant @table(dense<[1, 2, 4, 8]> : tensor<4xi32>) : !llvm.array<4 x i32>
  llvm.func @pick(%a: !llvm.ptr, %i: i32) -> i32 {
    %slot = llvm.getelementptr %a[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    %x = llvm.load %slot : !llvm.ptr -> i32
    llvm.return %x : i32
  }
  llvm.func @correct(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 4>, arguments = ["out i32 4"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %size = llvm.mlir.constant(16 : i64) : i64
    %c4 = llvm.mlir.constant(4 : i64) : i64
    %table = llvm.mlir.addressof @table : !llvm.ptr
    %a = llvm.alloca %c4 x i32 {alignment = 16 : i64} : (i64) -> !llvm.ptr
    "llvm.intr.memcpy"(%a, %table, %size) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
    %v = llvm.load %a {alignment = 16 : i64} : !llvm.ptr -> vector<4xi32>
    %x = llvm.call @pick(%a, %tid) : (!llvm.ptr, i32) -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// So many bytes that their end is in front of their start.

gpu.module @kernels {
  llvm.func @faulty_wrap() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %size = llvm.mlir.constant(-8 : i64) : i64
    %byte = llvm.mlir.constant(0 : i8) : i8
    %n = llvm.mlir.constant(8 : i32) : i32
    %a = llvm.alloca %n x i32 : (i32) -> !llvm.ptr
    %to = llvm.getelementptr %a[4] : (!llvm.ptr) -> !llvm.ptr, i32
    // expected-error @below {{[out-of-bounds] write of 18446744073709551608 bytes at byte 16 of a local variable of 32 bytes}}
    "llvm.intr.memset"(%to, %byte, %size) <{isVolatile = false}> : (!llvm.ptr, i8, i64) -> ()
    llvm.return
  }
}
