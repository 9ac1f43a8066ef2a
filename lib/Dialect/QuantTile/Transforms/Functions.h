//===- Functions.h - Functions of f32 in few instructions -----------------===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_FUNCTIONS_H
#define QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_FUNCTIONS_H

#include "mlir/IR/PatternMatch.h"

namespace quantmlir::quant_tile {

/// What activations are made of, of scalar f32: 1 + erf(c x) (of GELU) and
/// a / (1 + exp(b)) (of sigmoid and SiLU) at once, since a sum with one does
/// not need what its function alone would. To be applied before the others.
void populateActivationPatterns(mlir::RewritePatternSet &patterns);

/// exp, exp2, erf and tanh of scalar f32.
void populateFunctionPatterns(mlir::RewritePatternSet &patterns);

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_FUNCTIONS_H
