//===- Passes.h - Passes on quant_tensor ----------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_PASSES_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quantmlir::quant_tensor {

#define GEN_PASS_DECL
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_PASSES_H
