//===- LaneReduction.h - A reduction shared among threads -----------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_LANEREDUCTION_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_LANEREDUCTION_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace quantmlir {

/// `lhs` and `rhs` combined by a copy of `combiner`, an op of two operands.
mlir::Value combinePair(mlir::OpBuilder &builder, mlir::Operation *combiner,
                        mlir::Value lhs, mlir::Value rhs);

/// Combines each of `values`, by the combiner of the same position, over
/// `lanes` threads: a warp, or a block of several. Every thread of these gets
/// the results, always combined in the same order. Threads of a block must all
/// come here; `kernel` gets shared memory for the warps' partial results.
llvm::SmallVector<mlir::Value>
combineLanes(mlir::OpBuilder &builder, mlir::Location loc,
             mlir::gpu::GPUFuncOp kernel, mlir::ValueRange values,
             llvm::ArrayRef<mlir::Operation *> combiners, int64_t lanes);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_LANEREDUCTION_H
