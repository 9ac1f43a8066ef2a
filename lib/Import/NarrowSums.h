//===- NarrowSums.h - Sums of integers that need no 64 bits -----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_IMPORT_NARROWSUMS_H
#define QUANTMLIR_LIB_IMPORT_NARROWSUMS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir {

/// A product of integers that is summed in i64, but whose sums i32 holds: what
/// its factors may be says so, and how many are summed. Near misses of codes
/// give the reason.
::mlir::LogicalResult matchNarrowSum(::mlir::linalg::LinalgOp op,
                                     quant_tensor::WhyNot &whyNot);

/// Such a product in i32, widened and added to where it started: in place of
/// `op`, which matchNarrowSum takes.
::mlir::Value createNarrowSum(::mlir::OpBuilder &builder,
                              ::mlir::linalg::LinalgOp op);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_NARROWSUMS_H
