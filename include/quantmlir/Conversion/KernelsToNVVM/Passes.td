//===- Passes.td - Kernels in the LLVM dialect ----------------*- tablegen -*-===//

#ifndef QUANTMLIR_KERNELSTONVVM_PASSES_TD
#define QUANTMLIR_KERNELSTONVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertKernelsToNVVM
    : Pass<"convert-kernels-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "lower what is left in kernels to LLVM and NVVM";
  let description = [{
    Upstream's patterns for gpu, arith, math, cf, memref and vector in one
    conversion, with an index of 64 bits. Unlike upstream's
    `convert-gpu-to-nvvm`, a `math` op becomes an LLVM intrinsic and never a
    call of libdevice: run `quant-tile-expand-math` first for those that have no
    instruction.

    ```mlir
    %0 = math.sqrt %x : f32
    ```

    becomes

    ```mlir
    %0 = llvm.intr.sqrt(%x) : (f32) -> f32
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

#endif // QUANTMLIR_KERNELSTONVVM_PASSES_TD
