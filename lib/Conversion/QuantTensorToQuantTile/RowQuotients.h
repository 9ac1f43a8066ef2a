//===- RowQuotients.h - Rounded quotients by a row's scale ----------------===//
//
// A division takes some eleven instructions for each element of a row, though
// all of a row's have one divisor s. With r = 1/s rounded to nearest,
//
//   q0 = x r    q1 = q0 + (x - q0 s) r    q = q1 + (x - q1 s) r
//
// each step rounded once (fma), q is x / s rounded to nearest: q1 is within an
// ulp of the quotient, x - q1 s is exact then, and the last step rounds
// correctly (Markstein, "IA-64 and Elementary Functions", 2000, theorem 8.5).
// It takes five instructions, as long as nothing overflows or underflows on the
// way. What underflows is rounded to zero in any case, where quotients are
// rounded to integers; of what overflows, infinities and NaNs some step is no
// number. So a thread that finds one, or whose divisor is very large or small,
// divides.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWQUOTIENTS_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWQUOTIENTS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

namespace quantmlir {

/// The divisions of an op whose quotients can be computed so.
class RowQuotients {
public:
  /// Those in the region of `op` by arguments of which `isUniform` says that
  /// they are the same for all of a row.
  RowQuotients(
      mlir::linalg::GenericOp op,
      llvm::function_ref<bool(mlir::BlockArgument argument)> isUniform);
  bool empty() const { return divisions.empty(); }

  /// Starts a run of elements, which fail together.
  void start(mlir::OpBuilder &builder, mlir::Location loc);
  /// Emits `inner` of the region where it is one of the divisions or asks
  /// whether a quotient is NaN, and maps its result; false where it is neither.
  bool emit(mlir::OpBuilder &builder, mlir::Operation &inner,
            mlir::IRMapping &mapping);
  /// Whether some quotient since `start` must be computed by a division (i1).
  mlir::Value emitFailed(mlir::OpBuilder &builder, mlir::Location loc);

private:
  /// 1 / `divisor`, and whether it is neither too large nor too small for it.
  struct Reciprocal {
    mlir::Value value, isSafe;
  };
  Reciprocal getReciprocal(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value divisor);

  llvm::SmallDenseSet<mlir::Operation *> divisions;
  /// By divisor, as it is in the kernel.
  llvm::SmallDenseMap<mlir::Value, Reciprocal> reciprocals;
  /// NaN once a quotient of the run was not finite.
  mlir::Value poison;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_ROWQUOTIENTS_H
