// RUN: quant-opt %s -split-input-file -verify-diagnostics

gpu.module @kernels {
  gpu.func @k(%out: memref<64xf32>) kernel {
    gpu.return
  }
  gpu.func @device(%out: memref<64xf32>) {
    gpu.return
  }
}

func.func @block_rank(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{block has 2 sizes, expected 3}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @block_zero(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{block size 0 is not in [1, 1024]}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [0, 1, 1]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @block_product(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{block has 2048 in all, the limit is 1024}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 32, 1]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @cluster(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{cluster size 32 is not in [1, 16]}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      cluster [32, 1, 1] outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @shared(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{dynamic_shared_memory is negative}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      outs(%init : tensor<64xf32>) {dynamic_shared_memory = -1 : i64} -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @reads_no_out(%a: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{reads_outs names out 1, which is not one of 1}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1] reads_outs [1]
      outs(%a : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @no_outs(%a: tensor<64xf32>, %g: index) {
  // expected-error @below {{has no outs, so it computes nothing}}
  "quant_tile.launch"(%g, %g, %g, %a) {kernel = @kernels::@k, block = array<i64: 64, 1, 1>,
      operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0>}
      : (index, index, index, tensor<64xf32>) -> ()
  return
}

// -----

func.func @results(%init: tensor<64xf32>, %g: index) {
  // expected-error @below {{has 0 results for 1 outs}}
  "quant_tile.launch"(%g, %g, %g, %init) {kernel = @kernels::@k, block = array<i64: 64, 1, 1>,
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>}
      : (index, index, index, tensor<64xf32>) -> ()
  return
}

// -----

func.func @mixed(%a: memref<64xf32>, %init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{mixes tensors and memrefs}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      ins(%a : memref<64xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @no_kernel(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{kernel @kernels::@missing is not a gpu.func in this module}}
  %0 = quant_tile.launch @kernels::@missing grid(%g, %g, %g) block [64, 1, 1]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

gpu.module @kernels {
  gpu.func @device(%out: memref<64xf32>) {
    gpu.return
  }
}
func.func @not_a_kernel(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{@kernels::@device lacks the kernel attribute}}
  %0 = quant_tile.launch @kernels::@device grid(%g, %g, %g) block [64, 1, 1]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

gpu.module @kernels {
  gpu.func @k(%out: memref<64xf32>) kernel {
    gpu.return
  }
}
func.func @count(%a: tensor<64xf32>, %init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{passes 2 operands to @kernels::@k, which takes 1}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      ins(%a : tensor<64xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

gpu.module @kernels {
  gpu.func @k(%out: memref<64xf32>) kernel {
    gpu.return
  }
}
func.func @type(%init: tensor<65xf32>, %g: index) -> tensor<65xf32> {
  // expected-error @below {{operand #0 of type 'tensor<65xf32>' does not fit parameter of type 'memref<64xf32>' of @kernels::@k}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      outs(%init : tensor<65xf32>) -> tensor<65xf32>
  return %0 : tensor<65xf32>
}

// -----

gpu.module @kernels {
  gpu.func @k(%out: memref<64xf32>, %map: !llvm.ptr) kernel {
    gpu.return
  }
}
func.func @no_map(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{has 1 tensor maps of 2 operands}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      tensor_maps [0, 0] [#quant_tile.tensor_map<box = [1, 32]>]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

gpu.module @kernels {
  gpu.func @k(%out: memref<64xf32>, %map: !llvm.ptr) kernel {
    gpu.return
  }
}
func.func @map_of_nothing(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{tensor map of operand 1, which is not one of 1}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      tensor_maps [1] [#quant_tile.tensor_map<box = [1, 32]>]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

gpu.module @kernels {
  gpu.func @k(%out: memref<64xf32>, %map: index) kernel {
    gpu.return
  }
}
func.func @map_to_index(%init: tensor<64xf32>, %g: index) -> tensor<64xf32> {
  // expected-error @below {{passes a tensor map to a parameter of type 'index' of @kernels::@k}}
  %0 = quant_tile.launch @kernels::@k grid(%g, %g, %g) block [64, 1, 1]
      tensor_maps [0] [#quant_tile.tensor_map<box = [1, 32]>]
      outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @wide_rows(%x: memref<4x64xf32>) {
  // expected-error @below {{rows of a box are at most as long as the swizzle, 128 bytes, got 64 x 'f32'}}
  %0 = quant_tile.tensor_map %x <box = [4, 64], swizzle = 128> : memref<4x64xf32>
  return
}

// -----

func.func @box_of_other_rank(%x: memref<4x64xf32>) {
  // expected-error @below {{a box of 3 extents is of a buffer of as many dimensions, got 'memref<4x64xf32>'}}
  %0 = quant_tile.tensor_map %x <box = [1, 4, 64]> : memref<4x64xf32>
  return
}
