//===- Passes.h - quant_tensor and linalg to kernels ----------------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTENSORTOQUANTTILE_PASSES_H
#define QUANTMLIR_CONVERSION_QUANTTENSORTOQUANTTILE_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quantmlir {

#define GEN_PASS_DECL
#include "quantmlir/Conversion/QuantTensorToQuantTile/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Conversion/QuantTensorToQuantTile/Passes.h.inc"

} // namespace quantmlir

#endif // QUANTMLIR_CONVERSION_QUANTTENSORTOQUANTTILE_PASSES_H
