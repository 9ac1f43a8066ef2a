//===- Passes.h - Lowering of the reference to LLVM -----------------------===//

#ifndef QUANTMLIR_EXECUTION_PASSES_H
#define QUANTMLIR_EXECUTION_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Execution/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Execution/Passes.h.inc"

/// Appends the whole lowering of a user-level module to the LLVM dialect for
/// this machine's CPU.
void buildReferencePipeline(mlir::OpPassManager &pm);

/// Makes `quant-to-cpu` known, which is `buildReferencePipeline`.
void registerReferencePipeline();

} // namespace quantmlir

#endif // QUANTMLIR_EXECUTION_PASSES_H
