//===- EmitPTX.h - Kernels to PTX text --------------------------*- C++ -*-===//

#ifndef QUANTMLIR_TARGET_PTX_EMITPTX_H
#define QUANTMLIR_TARGET_PTX_EMITPTX_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include <string>

namespace quantmlir {

/// How kernels become PTX.
struct PTXOptions {
  /// One of schedule::getChips().
  std::string chip = "sm_90a";
  /// LLVM's optimization level, 0 to 3.
  int optLevel = 3;
};

/// PTX of `module`, whose kernels are in the LLVM and NVVM dialects and whose
/// dialects are registered for translation to LLVM IR. Emits an error at the
/// module, or at the op that cannot be translated, and returns failure where
/// the chip is unknown or a function is called that the module does not define.
mlir::FailureOr<std::string> emitPTX(mlir::gpu::GPUModuleOp module,
                                     const PTXOptions &options);

/// Registers what emitPTX needs to translate a kernel: the builtin, gpu, llvm
/// and nvvm translation interfaces.
void registerPTXTranslations(mlir::DialectRegistry &registry);

} // namespace quantmlir

#endif // QUANTMLIR_TARGET_PTX_EMITPTX_H
