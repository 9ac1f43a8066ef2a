//===- Passes.td - Passes on quant_tile -----------------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILE_PASSES_TD
#define QUANTMLIR_QUANTTILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantTileShareDestinations
    : Pass<"quant-tile-share-destinations", "::mlir::func::FuncOp"> {
  let summary = "let both branches of an scf.if compute in one destination";
  let description = [{
    A dispatch on a dynamic dimension gives an `scf.if` whose branches launch
    different kernels, each into a `tensor.empty` of its own. After
    bufferization the result would be one of two allocations, which no static
    plan can name. This pass gives both branches one `tensor.empty` in front of
    the `scf.if`:

    ```mlir
    %r = scf.if %small -> tensor<?x64xf32> {
      %e = tensor.empty(%m) : tensor<?x64xf32>
      %0 = quant_tile.launch @kernels::@a ... outs(%e : tensor<?x64xf32>) -> ...
      scf.yield %0 : tensor<?x64xf32>
    } else { ... }
    ```

    becomes

    ```mlir
    %e = tensor.empty(%m) : tensor<?x64xf32>
    %r = scf.if %small -> tensor<?x64xf32> {
      %0 = quant_tile.launch @kernels::@a ... outs(%e : tensor<?x64xf32>) -> ...
      scf.yield %0 : tensor<?x64xf32>
    } else { ... }
    ```

    So does a destination that comes from outside and is not read. A branch whose
    result does not come from a destination copies it into the shared one. Where
    a dynamic size is not known in front of the `scf.if`, all stays as it is.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantTileGeneralizeOps
    : Pass<"quant-tile-generalize-ops", "::mlir::func::FuncOp"> {
  let summary = "named elementwise ops and reductions to linalg.generic";
  let description = [{
    Named elementwise ops (`linalg.map`, `linalg.broadcast`, `linalg.add`, ...)
    and `linalg.reduce` become `linalg.generic`, and `linalg.softmax` several of
    them, so that they are fused with their neighbours, and rows are grouped
    into one kernel, whichever way they were written. Contractions, fills,
    copies and transpositions stay.

    ```mlir
    %w = linalg.map ins(%x : tensor<8x64xi8>) outs(%e : tensor<8x64xi32>) (%in: i8, %init: i32) {
      %0 = arith.extsi %in : i8 to i32
      linalg.yield %0 : i32
    }
    %s = linalg.reduce { arith.addi } ins(%w : tensor<8x64xi32>) outs(%z : tensor<8xi32>) dimensions = [1]
    ```

    becomes two generic ops, which elementwise fusion makes one.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantTileDecomposeOps
    : Pass<"quant-tile-decompose-ops", "::mlir::func::FuncOp"> {
  let summary = "replace what stands for several linalg ops";
  let description = [{
    A plain kernel computes one `linalg.generic` or a named op that is one.
    Aggregated ops (`linalg.softmax`, `linalg.pack` and `unpack` of static tiles)
    become several of them, and so do tensor ops that compute something:
    `tensor.pad`, `tensor.generate`, `tensor.concat` and `tensor.from_elements` of
    one element. Tensor ops that only view something are left to bufferization.

    ```mlir
    %p = tensor.pad %x low[1] high[2] {
    ^bb0(%i: index):
      tensor.yield %zero : f32
    } : tensor<4xf32> to tensor<7xf32>
    ```

    becomes

    ```mlir
    %e = tensor.empty() : tensor<7xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
    %p = tensor.insert_slice %x into %f[1] [4] [1] : tensor<4xf32> into tensor<7xf32>
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantTileWidenIntegers
    : Pass<"quant-tile-widen-integers", "::mlir::func::FuncOp"> {
  let summary = "hold intermediate tensors of i4 and the like in bytes";
  let description = [{
    Memory has no tensors of i2 to i7, nor of other integers that are not 8, 16,
    32 or 64 bits wide. Inside a function such a tensor becomes one of the next
    wider integer: what reads an element truncates it, what writes one extends
    it by its sign, so every computation still sees the narrow type. Run it once
    elementwise ops on tensors are `linalg.generic`; what the fusion that follows
    puts together needs no tensor at all. Function signatures stay: what comes in
    packed is `import-packed-integers`' work.

    ```mlir
    %1 = linalg.generic ... ins(%0 : tensor<8xi4>) outs(%e : tensor<8xf32>) {
    ^bb0(%a: i4, %o: f32):
      %f = arith.sitofp %a : i4 to f32
    // becomes
    %1 = linalg.generic ... ins(%0 : tensor<8xi8>) outs(%e : tensor<8xf32>) {
    ^bb0(%b: i8, %o: f32):
      %a = arith.trunci %b : i8 to i4
      %f = arith.sitofp %a : i4 to f32
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect"
  ];
}

def QuantTileFillConstants
    : Pass<"quant-tile-fill-constants", "::mlir::func::FuncOp"> {
  let summary = "compute constants that are returned or written into";
  let description = [{
    A kernel of loops holds the constants that it reads. A constant that is an
    init, a result, a part of a slice or read in a row group has to be in a buffer instead, where a launch
    plan has no step that puts it: it becomes a `linalg.fill`, or where its
    elements differ a `linalg.generic` that copies it. So does `tensor.splat`.

    ```mlir
    func.func @f(%a: tensor<4x8xi8>, %b: tensor<8x4xi8>) -> tensor<4x4xi32> {
      %zero = arith.constant dense<0> : tensor<4x4xi32>
      %y = linalg.matmul ins(%a, %b : tensor<4x8xi8>, tensor<8x4xi8>)
          outs(%zero : tensor<4x4xi32>) -> tensor<4x4xi32>
      return %y : tensor<4x4xi32>
    }
    ```

    becomes a matmul into

    ```mlir
    %e = tensor.empty() : tensor<4x4xi32>
    %init = linalg.fill ins(%c0_i32 : i32) outs(%e : tensor<4x4xi32>) -> tensor<4x4xi32>
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantTileGroupRows
    : Pass<"quant-tile-group-rows", "::mlir::func::FuncOp"> {
  let summary = "put row-local ops that share data into one kernel";
  let description = [{
    Starting from each reduction of rows, collects the `linalg.generic` ops
    that read what it reads or computes, or compute what it reads, row by row,
    into a `quant_tile.row_group`: a norm, a softmax, a per-token quantization,
    or one behind the other. What only the group uses is never written. Unit
    dimensions do not matter.

    ```mlir
    %max = linalg.generic ... ins(%x : tensor<?x256xf32>) outs(%zero : tensor<?xf32>) ...
    %s = linalg.generic ... ins(%max : tensor<?xf32>) ...
    %q = linalg.generic ... ins(%x, %s : tensor<?x256xf32>, tensor<?xf32>) ...
    ```

    becomes

    ```mlir
    %s, %q = quant_tile.row_group columns 256 -> (tensor<?xf32>, tensor<?x256xi8>) {
      ...
      quant_tile.yield %s, %q : tensor<?xf32>, tensor<?x256xi8>
    }
    ```

    Ops that an op outside of the group stands between stay where they are, as
    do reductions over a dynamic extent, of several dimensions, or by more than
    one op that may be reordered.
  }];
  let options = [
    Option<"maxColumns", "max-columns", "int64_t", "0",
           "leave rows of more columns alone; 0: none">
  ];
  let dependentDialects = ["::quantmlir::quant_tile::QuantTileDialect",
                           "::mlir::tensor::TensorDialect"];
}

def QuantTileBufferize : Pass<"quant-tile-bufferize", "::mlir::ModuleOp"> {
  let summary = "turn the host functions' tensors into memrefs";
  let description = [{
    One-shot bufferization of the functions outside of `gpu.module`, with
    identity layouts at function boundaries. Arguments are never written to: a
    runtime may keep weights and inputs. Every result is an allocation of its
    own; a result that is an argument, or that is returned twice, is copied.

    ```mlir
    func.func @f(%x: tensor<64xf32>) -> tensor<64xf32> {
      %e = tensor.empty() : tensor<64xf32>
      %0 = quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
          ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) -> tensor<64xf32>
      return %0 : tensor<64xf32>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: memref<64xf32>) -> memref<64xf32> {
      %alloc = memref.alloc() {alignment = 256 : i64} : memref<64xf32>
      quant_tile.launch @kernels::@k grid(%c1, %c1, %c1) block [64, 1, 1]
          ins(%x : memref<64xf32>) outs(%alloc : memref<64xf32>)
      return %alloc : memref<64xf32>
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def QuantTileExpandMath
    : Pass<"quant-tile-expand-math", "::mlir::gpu::GPUFuncOp"> {
  let summary = "lower math ops in kernels without a device library";
  let description = [{
    NVPTX has instructions for a few functions only; upstream's lowering calls
    libdevice for the others, which leaves undefined functions in the PTX where
    no CUDA toolkit is found. Here

    - `exp`, `erf` and `tanh` become a few operations around the hardware's powers of
      two and reciprocals, within 2^-21 of themselves (`exp` within 2^-126 where it is
      smaller still),
    - 1 + erf(x) becomes one such function, within 2^-21, with the factors 1/2 of
      GELU in it; and a / (1 + exp(b)), of sigmoid and SiLU, a reciprocal: within 3
      units in the last place of what it is for a b that is one unit off,
    - `exp2` is the hardware's, with subnormal numbers,
    - other functions become upstream's f32 polynomials,
    - f16 and bf16 go through f32,
    - minima and maxima become the instructions that they are,
    - an element of a vector of bf16 that is widened to f32 comes from the word that it
      lies in,
    - a conversion to an integer of what was rounded to even and clamped, as
      quantization writes it, becomes an addition of 1.5 * 2^23,
    - what has an instruction stays for the lowering to LLVM.

    ```mlir
    %y = math.exp %x : f32
    ```

    becomes arithmetic around

    ```mlir
    %e = quant_tile.ex2 %hi
    ```

    A function that is left over (in f64, say) is an error at its location.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::quantmlir::quant_tile::QuantTileDialect"
  ];
}

def QuantTileAnnotateKernels
    : Pass<"quant-tile-annotate-kernels", "::mlir::gpu::GPUModuleOp"> {
  let summary = "tell LLVM what launches guarantee about kernels";
  let description = [{
    Runs on kernels that are `llvm.func`. Their pointers get `llvm.noalias`:
    bufferization never gives a kernel an out that overlaps another operand. It
    lets loads of what the kernel does not write become `ld.global.nc`.
    Shared variables get an alignment of 16: where none is written, LLVM's
    vectorizer counts on that, and the backend declares less. Those of no bytes,
    which stand for dynamic shared memory, become declarations, which take none.
    The last parameters, as many as the kernel's `quant_tile.tensor_maps` says, become
    the 128 bytes of the tensor map itself, which must lie among the parameters.

    ```mlir
    llvm.func @k(%x: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel}
    ```

    becomes

    ```mlir
    llvm.func @k(%x: !llvm.ptr {llvm.noalias}) attributes {gpu.kernel, nvvm.kernel}
    ```
  }];
}

#endif // QUANTMLIR_QUANTTILE_PASSES_TD
