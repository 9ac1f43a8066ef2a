//===- Epilogue.h - Moving consumers into a scaled_matmul -----------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_EPILOGUE_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_EPILOGUE_H

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir::quant_tensor {

/// Whether `consumer` computes each element of its result from the same
/// element of `produced`, in types that an epilogue can hold, and is its only
/// user.
::mlir::LogicalResult checkEpilogueConsumer(::mlir::linalg::LinalgOp consumer,
                                            ::mlir::Value produced,
                                            WhyNot &whyNot);

/// Whether `consumer` can become codes written by the epilogue that makes
/// `produced`: parameters given, 8-bit row-major codes, one scale per tensor,
/// row or column.
::mlir::LogicalResult checkEpilogueQuantize(QuantizeOp consumer,
                                            ::mlir::Value produced,
                                            WhyNot &whyNot);

/// Clones the epilogue of `op` to where `builder` is, reading `arguments`;
/// returns what it yields.
::mlir::Value cloneEpilogue(::mlir::OpBuilder &builder, ScaledMatmulOp op,
                            ::mlir::ValueRange arguments);

/// Replaces `op` and `consumer`, which passed the check, by one scaled_matmul
/// at the place of `consumer`.
void fuseConsumer(::mlir::RewriterBase &rewriter, ScaledMatmulOp op,
                  ::mlir::linalg::LinalgOp consumer);
void fuseQuantize(::mlir::RewriterBase &rewriter, ScaledMatmulOp op,
                  QuantizeOp consumer);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_EPILOGUE_H
