//===- Passes.td - quant_tensor and linalg to kernels ---------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTENSORTOQUANTTILE_PASSES_TD
#define QUANTMLIR_QUANTTENSORTOQUANTTILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertQuantTensorToQuantTile
    : Pass<"convert-quant-tensor-to-quant-tile", "::mlir::ModuleOp"> {
  let summary = "make a kernel of each contraction and of each linalg op";
  let description = [{
    Each `quant_tensor.scaled_matmul`, each `quant_tile.row_group` and each
    `linalg` op on tensors obeys its schedule and becomes a `quant_tile.launch` of a `gpu.func` in
    `gpu.module @kernels`. Equal kernels are made once.

    ```mlir
    func.func @double(%x: tensor<?xf32>, %init: tensor<?xf32>) -> tensor<?xf32> {
      %0 = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>)
                      outs(%init : tensor<?xf32>) -> tensor<?xf32>
      return %0 : tensor<?xf32>
    }
    ```

    with `{quant_tile.plain_schedule = #quant_tile.plain_schedule<threads = 256, lanes = 1>}`
    becomes

    ```mlir
    gpu.module @kernels {
      gpu.func @elementwise_0(%a: memref<?xf32>, %out: memref<?xf32>) kernel
          attributes {known_block_size = array<i32: 256, 1, 1>} { ... }
    }
    func.func @double(...) -> tensor<?xf32> {
      ...
      %0 = quant_tile.launch @kernels::@elementwise_0 grid(%blocks, %c1, %c1)
          block [256, 1, 1] ins(%x : tensor<?xf32>)
          outs(%init : tensor<?xf32>) -> tensor<?xf32>
      return %0 : tensor<?xf32>
    }
    ```

    An op that has no kernel is an error at its location.

    Kernels do not check sizes. Where an op takes dynamic extents of several
    operands for equal, a `cf.assert` in front of it says so.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::nvgpu::NVGPUDialect", "::mlir::vector::VectorDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::quantmlir::quant_tile::QuantTileDialect"
  ];
}

#endif // QUANTMLIR_QUANTTENSORTOQUANTTILE_PASSES_TD
