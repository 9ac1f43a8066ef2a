// RUN: quant-emulate %s -split-input-file -verify-diagnostics

// 31 of 32 slots are filled before all are read: by a load, and by a warp's
// ldmatrix.

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @faulty(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c31 = llvm.mlir.constant(31 : i32) : i32
    %c7 = llvm.mlir.constant(7 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %some = llvm.icmp "ult" %tid, %c31 : i32
    llvm.cond_br %some, ^write, ^read
  ^write:
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    llvm.br ^read
  ^read:
    nvvm.barrier0
    // expected-error @below {{[uninitialized-read] read of 4 bytes: shared byte 124 was never written; block (0, 0, 0) thread (31, 0, 0)}}
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    %row = llvm.and %tid, %c7 : i32
    %from = llvm.getelementptr %tile[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    // expected-error @below {{[uninitialized-read] read of 16 bytes: shared byte 124 was never written; block (0, 0, 0) thread (7, 0, 0)}}
    %m = nvvm.ldmatrix %from {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
  llvm.func @correct(%out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 32>, arguments = ["out i32 32"]}} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c7 = llvm.mlir.constant(7 : i32) : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %slot = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %tid, %slot : i32, !llvm.ptr<3>
    nvvm.barrier0
    %x = llvm.load %slot : !llvm.ptr<3> -> i32
    %row = llvm.and %tid, %c7 : i32
    %from = llvm.getelementptr %tile[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %m = nvvm.ldmatrix %from {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
    %to = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %x, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}
