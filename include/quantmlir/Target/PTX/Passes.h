//===- Passes.h - Kernels to PTX -----------------------------------------===//

#ifndef QUANTMLIR_TARGET_PTX_PASSES_H
#define QUANTMLIR_TARGET_PTX_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Target/PTX/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Target/PTX/Passes.h.inc"

} // namespace quantmlir

#endif // QUANTMLIR_TARGET_PTX_PASSES_H
