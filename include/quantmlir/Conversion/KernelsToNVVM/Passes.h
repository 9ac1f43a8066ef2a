//===- Passes.h - Kernels in the LLVM dialect -----------------------------===//

#ifndef QUANTMLIR_CONVERSION_KERNELSTONVVM_PASSES_H
#define QUANTMLIR_CONVERSION_KERNELSTONVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Conversion/KernelsToNVVM/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Conversion/KernelsToNVVM/Passes.h.inc"

} // namespace quantmlir

#endif // QUANTMLIR_CONVERSION_KERNELSTONVVM_PASSES_H
