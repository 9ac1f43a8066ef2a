//===- QuantTileDialect.td - One block's work ------------------*- tablegen -*-===//

#ifndef QUANTMLIR_QUANTTILE_DIALECT_TD
#define QUANTMLIR_QUANTTILE_DIALECT_TD

include "mlir/IR/OpBase.td"

def QuantTile_Dialect : Dialect {
  let name = "quant_tile";
  let cppNamespace = "::quantmlir::quant_tile";
  let summary = "How quantized tensors are computed on a GPU";
  let description = [{
    The dialect between the algebra (`quant_tensor`) and the hardware (`gpu`,
    `nvgpu`, `nvvm`). It holds only what those lack: the schedule that says how
    an op is computed, the launch of a kernel on tensors, and the instructions
    that upstream cannot express.
  }];
  let extraClassDeclaration = "void registerAttributes();";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::quantmlir::quant_tensor::QuantTensorDialect"];
}

#endif // QUANTMLIR_QUANTTILE_DIALECT_TD
