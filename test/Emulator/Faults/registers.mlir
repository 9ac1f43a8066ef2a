// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// Of three warpgroups one gives up registers that the others take.

gpu.module @kernels {
  llvm.func @correct() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 384>, arguments = []}} {
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %loads = llvm.icmp "ult" %tid, %c128 : i32
    llvm.cond_br %loads, ^loader, ^consumer
  ^loader:
    nvvm.setmaxregister decrease 24
    llvm.br ^end
  ^consumer:
    nvvm.setmaxregister increase 240
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// It keeps its share, and the others wait for ever.

gpu.module @kernels {
  llvm.func @faulty_too_many() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 384>, arguments = []}} {
    %c128 = llvm.mlir.constant(128 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %loads = llvm.icmp "ult" %tid, %c128 : i32
    llvm.cond_br %loads, ^end, ^consumer
  ^consumer:
    // expected-error @below {{[deadlock] setmaxnreg waits for registers that never come: the block's threads would have 82944, and there are 65536; block (0, 0, 0) thread (256, 0, 0)}}
    nvvm.setmaxregister increase 240
    llvm.br ^end
  ^end:
    llvm.return
  }
}

// -----

// An increase to less than there are.

gpu.module @kernels {
  llvm.func @faulty_order() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = []}} {
    // expected-note @below {{given here}}
    nvvm.setmaxregister increase 232
    // expected-error @below {{[invalid-operand] setmaxnreg is to increase the 232 registers of each thread to 40}}
    nvvm.setmaxregister increase 40
    llvm.return
  }
}

// -----

// Not all of the warpgroup's warps come.

gpu.module @kernels {
  // expected-note @below {{ended: 32 threads}}
  llvm.func @faulty_warp() attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = []}} {
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %first = llvm.icmp "ult" %tid, %c32 : i32
    llvm.cond_br %first, ^end, ^others
  ^others:
    // expected-note @below {{waiting for the other lanes of its warpgroup: 96 threads}}
    // expected-error @below {{[divergence] 'nvvm.setmaxregister' is not reached by all threads it waits for}}
    nvvm.setmaxregister decrease 24
    llvm.br ^end
  ^end:
    llvm.return
  }
}
