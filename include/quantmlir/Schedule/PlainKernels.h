//===- PlainKernels.h - How an ordinary linalg op is computed -------------===//
//
// Elementwise ops, reductions and gathers that are left beside the matmuls:
// one thread, warp or block computes one element of the result.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_PLAINKERNELS_H
#define QUANTMLIR_SCHEDULE_PLAINKERNELS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace quantmlir::schedule {

/// How a plain kernel is computed.
struct PlainSchedule {
  /// Threads of a block.
  int64_t threads = 256;
  /// Threads that share the reduction of one output element: 1 (in order, in
  /// one thread), 32 (a warp) or `threads` (a block). 1 where nothing is
  /// reduced.
  int64_t lanes = 1;
};

/// Chooses a schedule for `op`, whose reductions the caller knows to be
/// `reorderable` (associative and commutative up to rounding) or not.
PlainSchedule choosePlainSchedule(mlir::linalg::LinalgOp op, bool reorderable);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_PLAINKERNELS_H
