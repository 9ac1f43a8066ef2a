//===- HardwareArithmetic.h - Arithmetic the hardware does at once --------===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_HARDWAREARITHMETIC_H
#define QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_HARDWAREARITHMETIC_H

#include "mlir/IR/PatternMatch.h"

namespace quantmlir::quant_tile {

/// The conversion of a rounded and clamped f32 to an integer, as quantization
/// writes it, becomes an addition. To be applied before the others.
void populateRoundedConversionPatterns(mlir::RewritePatternSet &patterns);

/// An element of a vector of bf16, widened to f32, becomes an operation on the
/// word that it lies in.
void populateWideningPatterns(mlir::RewritePatternSet &patterns);

/// Minima and maxima of f32, f16 and bf16 become the instructions that
/// generic expansions to comparisons would hide.
void populateMinMaxPatterns(mlir::RewritePatternSet &patterns);

/// Remainders of floats of up to 32 bits become exact ones, for which there is
/// no instruction.
void populateRemainderPatterns(mlir::RewritePatternSet &patterns);

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_LIB_DIALECT_QUANTTILE_TRANSFORMS_HARDWAREARITHMETIC_H
