//===- UnfuseDecoding.h - Decodings out of products' bodies -----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_IMPORT_UNFUSEDECODING_H
#define QUANTMLIR_LIB_IMPORT_UNFUSEDECODING_H

#include "mlir/IR/PatternMatch.h"

namespace quantmlir {

/// Patterns that bring products of floats with codes into the one form that
/// import-dequantize reads, an elementwise op in front of the product:
/// - what a product's body computes of one operand's codes (`sitofp`, as in a
///   `linalg.matmul` of bf16 and i8, zero points, scales) moves there;
/// - 8-bit floats that are multiplied with wider ones are widened there, as
///   codes with a scale of 1.
void populateUnfuseDecodingPatterns(::mlir::RewritePatternSet &patterns);
void populateWidenedFloatPatterns(::mlir::RewritePatternSet &patterns);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_UNFUSEDECODING_H
