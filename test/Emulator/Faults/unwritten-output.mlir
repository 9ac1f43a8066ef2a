// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// The tail's guard is one too strict.

// expected-error @below {{[unwritten-output] 2 of 66 bytes of output buffer 'arg0' were never written, the first is byte 64 (element 32)}}
gpu.module @kernels {
  llvm.func @faulty(%out: !llvm.ptr<1>, %n: i64) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i16 33", "i64 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %i = llvm.zext %tid : i32 to i64
    %inside = llvm.icmp "ult" %i, %n : i64
    llvm.cond_br %inside, ^write, ^end
  ^write:
    %x = llvm.trunc %tid : i32 to i16
    %to = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    llvm.store %x, %to : i16, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// What was there before need not be written, and nothing of an output that has
// no elements.

gpu.module @kernels {
  llvm.func @correct(%out: !llvm.ptr<1>, %n: i64, %old: !llvm.ptr<1>, %none: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 64>, arguments = ["out i16 33", "i64 33", "inout i16 9", "out i16 0"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %i = llvm.zext %tid : i32 to i64
    %inside = llvm.icmp "ult" %i, %n : i64
    llvm.cond_br %inside, ^write, ^end
  ^write:
    %x = llvm.trunc %tid : i32 to i16
    %to = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i16
    llvm.store %x, %to : i16, !llvm.ptr<1>
    llvm.br ^end
  ^end:
    llvm.return
  }
}
