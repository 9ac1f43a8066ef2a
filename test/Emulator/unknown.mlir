// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// What the emulator does not know is refused by name before anything runs.

gpu.module @kernels {
  llvm.func @helper(%x: i32) -> i32
  // expected-error @below {{kernel 'k': it has instructions that the emulator does not know}}
  llvm.func @k(%p: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {arguments = ["inout i32 1"]}} {
    // expected-error @below {{'nvvm.pmevent' op is not known to the emulator}}
    nvvm.pmevent id = 1
    // expected-error @below {{'llvm.inline_asm' op is not known to the emulator}}
    llvm.inline_asm has_side_effects "trap;", "" : () -> ()
    %n = llvm.mlir.constant(8 : i32) : i32
    // expected-error @below {{'llvm.inline_asm' op is not known to the emulator}}
    %asm = llvm.inline_asm "mov.u32 $0, $1;", "=r,r" %n : (i32) -> i32
    // expected-error @below {{'foreign.op' op is not known to the emulator}}
    "foreign.op"() : () -> ()
    %f = llvm.mlir.constant(1.0 : f32) : f32
    // expected-error @below {{'llvm.intr.sin' op is not known to the emulator}}
    %sin = llvm.intr.sin(%f) : (f32) -> f32
    // expected-error @below {{'llvm.intr.log2' op is not known to the emulator}}
    %log = llvm.intr.log2(%f) : (f32) -> f32
    %x = llvm.load %p : !llvm.ptr<1> -> i32
    // expected-error @below {{'llvm.call' op calls 'helper', which the emulator does not know}}
    %y = llvm.call @helper(%x) : (i32) -> i32
    llvm.return
  }
}

// -----

// Types that no register of the device has, and a jump to an address.

gpu.module @kernels {
  // expected-error @below {{kernel 'k': it has instructions that the emulator does not know}}
  llvm.func @k(%p: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {arguments = ["inout i64 2"]}} {
    // expected-error @below {{'llvm.load' op of type 'vector<[4]xi32>' is not known to the emulator}}
    %a = llvm.load %p : !llvm.ptr<1> -> vector<[4]xi32>
    // expected-error @below {{'llvm.load' op of type '!llvm.ppc_fp128' is not known to the emulator}}
    %b = llvm.load %p : !llvm.ptr<1> -> !llvm.ppc_fp128
    // expected-error @below {{'llvm.load' op of type 'f128' is not known to the emulator}}
    %c = llvm.load %p : !llvm.ptr<1> -> f128
    %to = llvm.load %p : !llvm.ptr<1> -> !llvm.ptr
    // expected-error @below {{'llvm.indirectbr' op is not known to the emulator}}
    llvm.indirectbr %to : !llvm.ptr, [
    ^end
    ]
  ^end:
    llvm.return
  }
}
