// RUN: quant-emulate %s -split-input-file -verify-diagnostics
// RUN: quant-emulate %s -split-input-file -verify-diagnostics --workers=4000000000
// RUN: echo "gpu.module @m {}" | not quant-emulate - 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: echo "gpu.module @m {}" | not quant-emulate - --kernel=k --grid=1,1,1,1 2>&1 | FileCheck %s --check-prefix=SIZES

// Launches that are not described as they have to be.
// NONE: error: no kernel to launch: give --kernel or emulate.launch
// RUN: echo "gpu.module @m {}" | not quant-emulate - --kernel=k --dynamic-shared-memory=4294967296 2>&1 | FileCheck %s --check-prefix=BYTES
// BYTES: error: 4294967296 bytes of dynamic shared memory
// SIZES: error: grid, block and cluster have up to three sizes

gpu.module @kernels {
  // expected-error @below {{emulate.launch wants up to three sizes in each of grid, block and cluster, and arguments}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {block = array<i64: 1, 1, 1, 1>, arguments = []}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{emulate.launch wants up to three sizes in each of grid, block and cluster, and arguments}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {block = array<i64: -1>, arguments = []}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{emulate.launch wants up to three sizes in each of grid, block and cluster, and arguments}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{not an integer}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["i64 many"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{expected 'i64 VALUE' or '[memref] ROLE TYPE SHAPE [CONTENTS]'}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{unknown role or type}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["to f32 4"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{unknown role or type}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f31 4"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{the shape is not like 4x64}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4x"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{unknown contents}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4 twos"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{No such file or directory}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4 file=%nosuch"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{expected 'tensor_map NUMBER TYPE SHAPE BOX SWIZZLE [STRIDES]'}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4", "tensor_map 1 f32 4 4 0"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{unknown type, or shape and box are not alike}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4", "tensor_map 0 f32 4x4 4 0"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{unknown type, or shape and box are not alike}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4", "tensor_map 0 f31 4 4 0"]}} {
    llvm.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{a stride is of each dimension but the last}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["in f32 4x4", "tensor_map 0 f32 4x4 4x4 0 4x4"]}} {
    llvm.return
  }
}

// -----

// Launches that the driver refuses.

gpu.module @kernels {
  // expected-error @below {{launch of 'k': a grid of 0 blocks in dimension 0; 1 to 2147483647 are possible}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {grid = array<i64: 0>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{launch of 'rows': a grid of 65536 blocks in dimension 1; 1 to 65535 are possible}}
  llvm.func @rows() attributes {gpu.kernel, emulate.launch = {grid = array<i64: 1, 65536>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{launch of 'deep': a block of 128 threads in dimension 2; 64 are possible}}
  llvm.func @deep() attributes {gpu.kernel, emulate.launch = {block = array<i64: 1, 1, 128>, arguments = []}} {
    llvm.return
  }
  // Products that wrap around.
  // expected-error @below {{launch of 'huge': a block of 65536 threads in dimension 0; 1024 are possible}}
  llvm.func @huge() attributes {gpu.kernel, emulate.launch = {block = array<i64: 65536, 65536, 65536>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{launch of 'wide': a cluster of 65536 blocks in dimension 0; 16 are possible}}
  llvm.func @wide() attributes {gpu.kernel, emulate.launch = {grid = array<i64: 65536>, cluster = array<i64: 65536>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{launch of 'sized': blocks of (32, 1, 1) threads; the kernel is for (64, 1, 1)}}
  llvm.func @sized() attributes {gpu.kernel, nvvm.reqntid = array<i32: 64>, emulate.launch = {block = array<i64: 32>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{launch of 'bounded': blocks of 128 threads; the kernel is for at most 64}}
  llvm.func @bounded() attributes {gpu.kernel, nvvm.maxntid = array<i32: 32, 2>, emulate.launch = {block = array<i64: 128>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{launch of 'grouped': clusters of (4, 1, 1) blocks; the kernel is for (2, 1, 1)}}
  llvm.func @grouped() attributes {gpu.kernel, nvvm.cluster_dim = array<i32: 2, 1, 1>, emulate.launch = {
      grid = array<i64: 4>, cluster = array<i64: 4>, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{emulate.launch: dynamic_shared_memory wants a number of bytes}}
  llvm.func @negative() attributes {gpu.kernel, emulate.launch = {dynamic_shared_memory = -5 : i64, arguments = []}} {
    llvm.return
  }
  // expected-error @below {{emulate.launch: dynamic_shared_memory wants a number of bytes}}
  llvm.func @truncated() attributes {gpu.kernel, emulate.launch = {dynamic_shared_memory = 4294967296 : i64, arguments = []}} {
    llvm.return
  }
  // Without clusters of the launch's own, those of the kernel.
  // expected-error @below {{launch of 'odd': the grid is not a multiple of the cluster}}
  llvm.func @odd() attributes {gpu.kernel, nvvm.cluster_dim = array<i32: 2, 1, 1>, emulate.launch = {grid = array<i64: 3>, arguments = []}} {
    llvm.return
  }
}

// -----

// More than there is.

gpu.module @kernels {
  // expected-error @below {{argument 'inout i32 9223372036854775807': more than 4294967296 bytes}}
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {arguments = ["inout i32 9223372036854775807"]}} {
    llvm.return
  }
  // expected-error @below {{argument 'out i8 4294967296x4294967296': more than 4294967296 bytes}}
  llvm.func @wrapped() attributes {gpu.kernel, emulate.launch = {arguments = ["out i8 4294967296x4294967296"]}} {
    llvm.return
  }
  // expected-error @below {{argument 'in i32 4 file=/dev/zero': not a regular file}}
  llvm.func @endless() attributes {gpu.kernel, emulate.launch = {arguments = ["in i32 4 file=/dev/zero"]}} {
    llvm.return
  }
  llvm.mlir.global internal @most() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<2147483648 x i32>
  // expected-error @below {{kernel 'shared': shared variable 'most' has 8589934592 bytes: no block has so many}}
  llvm.func @shared() attributes {gpu.kernel, emulate.launch = {arguments = []}} {
    %most = llvm.mlir.addressof @most : !llvm.ptr<3>
    llvm.return
  }
}

// -----

// More OS threads than there can be are asked for in a run above.

gpu.module @kernels {
  llvm.func @k() attributes {gpu.kernel, emulate.launch = {grid = array<i64: 5000>, arguments = []}} {
    llvm.return
  }
}
