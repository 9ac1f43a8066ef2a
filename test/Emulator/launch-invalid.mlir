// RUN: quant-emulate %s -split-input-file -verify-diagnostics
// RUN: echo "gpu.module @m {}" | not quant-emulate - 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: echo "gpu.module @m {}" | not quant-emulate - --kernel=k --grid=1,1,1,1 2>&1 | FileCheck %s --check-prefix=SIZES

// Launches that are not described as they have to be.
// NONE: error: no kernel to launch: give --kernel or emulate.launch
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
