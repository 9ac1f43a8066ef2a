//===- PullViews.h - Weights that are sliced, joined or batched -*- C++ -*-===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_PULLVIEWS_H
#define QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_PULLVIEWS_H

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir::quant_tensor {

/// Slices and joins of dequantized tensors are taken of what is encoded, and
/// contractions of plain floats with batches of encoded weights are unrolled.
void populatePullViewPatterns(mlir::RewritePatternSet &patterns);

/// An elementwise product with decoded weights that is summed is a contraction.
void populatePullSumPatterns(mlir::RewritePatternSet &patterns);

/// Says what stands in the way of that where `op` is nearly such a thing.
void explainViews(mlir::Operation *op, WhyNot &whyNot);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_PULLVIEWS_H
