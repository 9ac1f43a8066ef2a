//===- Passes.h - Passes on quant_tile ------------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTILE_TRANSFORMS_PASSES_H
#define QUANTMLIR_DIALECT_QUANTTILE_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quantmlir::quant_tile {

#define GEN_PASS_DECL
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_DIALECT_QUANTTILE_TRANSFORMS_PASSES_H
