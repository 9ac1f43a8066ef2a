// RUN: quant-emulate %s -split-input-file -verify-diagnostics

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  llvm.func @faulty(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 1, 4>, arguments = ["in i32 16 iota", "inout i32 16"]}} {
    %y = nvvm.read.ptx.sreg.tid.y : i32
    %one = llvm.mlir.constant(1 : i64) : i64
    %size = llvm.mlir.constant(8 : i64) : i64
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%y] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[misaligned] read of 16 bytes at byte 4 of buffer 'arg0', which is not a multiple of 16; block (0, 0, 0) thread (0, 1, 0), and 2 more}}
    %v = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %slot = llvm.getelementptr %tile[%y] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // expected-error @below {{[misaligned] write of 8 bytes at shared offset 4, which is not a multiple of 8; block (0, 0, 0) thread (0, 1, 0), and 1 more}}
    llvm.store %one, %slot : i64, !llvm.ptr<3>
    %to = llvm.getelementptr %out[%y] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    // expected-error @below {{[misaligned] atomic update of 8 bytes at byte 4 of buffer 'arg1', which is not a multiple of 8; block (0, 0, 0) thread (0, 1, 0), and 1 more}}
    %old = llvm.atomicrmw add %to, %one monotonic : !llvm.ptr<1>, i64
    // A copy promises what its arguments say.
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %behind = llvm.add %y, %c8 : i32
    %own = llvm.getelementptr %tile[%behind] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    // expected-error @below {{[misaligned] read of 8 bytes at byte 4 of buffer 'arg0', which is not a multiple of 8; block (0, 0, 0) thread (0, 1, 0), and 1 more}}
    "llvm.intr.memcpy"(%own, %from, %size) <{arg_attrs = [{}, {llvm.align = 8 : i64}, {}], isVolatile = true}> : (!llvm.ptr<3>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x i32>
  llvm.func @correct(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 1, 4>, arguments = ["in i32 16 iota", "inout i32 16"]}} {
    %y = nvvm.read.ptx.sreg.tid.y : i32
    %one = llvm.mlir.constant(1 : i64) : i64
    %size = llvm.mlir.constant(8 : i64) : i64
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %from = llvm.getelementptr %in[%y] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %v = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
    %slot = llvm.getelementptr %tile[%y] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    llvm.store %one, %slot : i64, !llvm.ptr<3>
    %to = llvm.getelementptr %out[%y] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i64
    %old = llvm.atomicrmw add %to, %one monotonic : !llvm.ptr<1>, i64
    "llvm.intr.memcpy"(%slot, %from, %size) <{arg_attrs = [{}, {llvm.align = 8 : i64}, {}], isVolatile = true}> : (!llvm.ptr<3>, !llvm.ptr<1>, i64) -> ()
    llvm.return
  }
}
