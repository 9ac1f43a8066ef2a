// RUN: quant-emulate %s -split-input-file -verify-diagnostics --stack-size=262144

// A function's values are on the stack that the thread has on the host. What
// does not fit is refused before it runs: a frame may be larger than a guard
// page, and end in the stack of another thread.

gpu.module @kernels {
  // expected-error @below {{kernel 'large': it does not fit the stack of an emulated thread}}
  // expected-error-re @below {{function 'large' takes {{229[0-9]+}} bytes of the host's stack; a thread has 196608 for it}}
  llvm.func @large(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["in i32 8192 iota", "inout i32 8192"]}} {
    %v0 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v1 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v2 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v3 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v4 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v5 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v6 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    llvm.br ^next
  ^next:
    llvm.store %v0, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v1, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v2, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v3, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v4, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v5, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v6, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// So is what is called.

gpu.module @kernels {
  // expected-error-re @below {{function 'hold' takes {{229[0-9]+}} bytes of the host's stack; a thread has 196608 for it}}
  llvm.func @hold(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) {
    %v0 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v1 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v2 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v3 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v4 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v5 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v6 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    llvm.br ^next
  ^next:
    llvm.store %v0, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v1, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v2, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v3, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v4, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v5, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v6, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.return
  }
  // expected-error @below {{kernel 'calls': it does not fit the stack of an emulated thread}}
  llvm.func @calls(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 1>, arguments = ["in i32 8192 iota", "inout i32 8192"]}} {
    llvm.call @hold(%in, %out) : (!llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }
}

// -----

// Frames that fit, but not two of them: the second would end far below the
// stack.

gpu.module @kernels {
  llvm.func @again(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) {
    %v0 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v1 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v2 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v3 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    // expected-error @below {{[out-of-bounds] calls are nested too deep for the thread's stack; block (0, 0, 0) thread (0, 0, 0)}}
    llvm.call @again(%in, %out) : (!llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.store %v0, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v1, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v2, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v3, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.return
  }
  llvm.func @deep(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["in i32 8192 iota", "inout i32 8192"]}} {
    llvm.call @again(%in, %out) : (!llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.return
  }
}

// -----

// Frames that fit and are as large as what the emulator keeps for itself.

gpu.module @kernels {
  llvm.func @hold(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) {
    %v0 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v1 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v2 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    nvvm.barrier0
    llvm.store %v0, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v1, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v2, %out {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.return
  }
  llvm.func @fits(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["in i32 8192 iota", "out i32 2x8192"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %own = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<8192 x i32>
    %v0 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    %v1 = llvm.load %in {alignment = 4 : i64} : !llvm.ptr<1> -> vector<8192xi32>
    llvm.call @hold(%in, %own) : (!llvm.ptr<1>, !llvm.ptr<1>) -> ()
    llvm.store %v0, %own {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.store %v1, %own {alignment = 4 : i64} : vector<8192xi32>, !llvm.ptr<1>
    llvm.return
  }
}
