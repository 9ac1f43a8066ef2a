// RUN: quant-emulate %s -split-input-file -verify-diagnostics

gpu.module @kernels {
  llvm.func @faulty(%n: i64, %low: i64, %minus: i64) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["i64 0", "i64 -9223372036854775808", "i64 -1"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %i = llvm.zext %tid : i32 to i64
    // expected-error @below {{[invalid-operand] division by zero; block (0, 0, 0) thread (0, 0, 0), and 1 more}}
    %a = llvm.udiv %i, %n : i64
    %n32 = llvm.trunc %n : i64 to i32
    // expected-error @below {{[invalid-operand] division by zero}}
    %b = llvm.srem %tid, %n32 : i32
    // expected-error @below {{[invalid-operand] the quotient does not fit its type}}
    %c = llvm.sdiv %low, %minus : i64
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.func @correct(%n: i64, %low: i64, %minus: i64) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 2>, arguments = ["i64 3", "i64 -9223372036854775807", "i64 -1"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %i = llvm.zext %tid : i32 to i64
    %a = llvm.udiv %i, %n : i64
    %n32 = llvm.trunc %n : i64 to i32
    %b = llvm.srem %tid, %n32 : i32
    %c = llvm.sdiv %low, %minus : i64
    llvm.return
  }
}
