//===- Passes.td - Kernels to PTX -----------------------------*- tablegen -*-===//

#ifndef QUANTMLIR_TARGET_PTX_PASSES_TD
#define QUANTMLIR_TARGET_PTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantEmitPTX : Pass<"quant-emit-ptx", "::mlir::ModuleOp"> {
  let summary = "translate each gpu.module to PTX, in process";
  let description = [{
    Each `gpu.module`, whose kernels are in the LLVM and NVVM dialects, becomes
    a `gpu.binary` that holds PTX for `chip`. LLVM's NVPTX backend does the
    work in this process; no CUDA toolkit is needed. A call of a function that
    the module does not define (`.extern .func`) is an error.

    ```mlir
    gpu.module @kernels { llvm.func @k() attributes {gpu.kernel, nvvm.kernel} { ... } }
    ```

    becomes

    ```mlir
    gpu.binary @kernels [#gpu.object<#nvvm.target<O = 3, chip = "sm_90a">, assembly = "...">]
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "sm_80, sm_89 or sm_90a">
  ];
  let dependentDialects = ["::mlir::gpu::GPUDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

#endif // QUANTMLIR_TARGET_PTX_PASSES_TD
