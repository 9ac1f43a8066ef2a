//===- Passes.td - Launches of kernels on memrefs -------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILETOGPU_PASSES_TD
#define QUANTMLIR_QUANTTILETOGPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantTileCopiesToLaunches
    : Pass<"quant-tile-copies-to-launches", "::mlir::ModuleOp"> {
  let summary = "make a kernel launch of each memref.copy";
  let description = [{
    A launch plan knows launches only. Each `memref.copy` outside of
    `gpu.module` becomes the launch of a plain kernel, which may read or write
    through strides:

    ```mlir
    memref.copy %x, %y : memref<64xf32> to memref<64xf32>
    ```

    becomes

    ```mlir
    quant_tile.launch @kernels::@elementwise_0 grid(%c1, %c1, %c1)
        block [256, 1, 1] ins(%x : memref<64xf32>) outs(%y : memref<64xf32>)
    ```
  }];
  let options = [
    Option<"threads", "threads", "int64_t",
           "::quantmlir::schedule::getPlainThreads()", "threads of a block">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::quantmlir::quant_tile::QuantTileDialect"
  ];
}

def QuantTileLowerLaunch : Pass<"quant-tile-lower-launch", "::mlir::ModuleOp"> {
  let summary = "quant_tile.launch on memrefs to gpu.launch_func";
  let description = [{
    Operands become the kernel's arguments in the order of its parameters, and
    are cast where the kernel's memref type is more or less static; tensor maps
    come last, each a `quant_tile.tensor_map` of its buffer. What
    `gpu.launch_func` has no place for stays as the discardable attribute
    `quant_tile.dependent_launch`.

    ```mlir
    quant_tile.launch @kernels::@k grid(%g, %c1, %c1) block [256, 1, 1]
        ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
    ```

    becomes

    ```mlir
    gpu.launch_func @kernels::@k blocks in (%g, %c1, %c1)
        threads in (%c256, %c1, %c1) args(%x : memref<?xf32>, %y : memref<?xf32>)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::memref::MemRefDialect", "::quantmlir::quant_tile::QuantTileDialect"
  ];
}

#endif // QUANTMLIR_QUANTTILETOGPU_PASSES_TD
