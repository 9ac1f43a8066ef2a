//===- PlainSchedule.h - How an ordinary linalg op is computed ------------===//
//
// Elementwise ops, reductions and gathers that are left beside the matmuls:
// one thread, warp or block computes one element of the result.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_PLAINSCHEDULE_H
#define QUANTMLIR_SCHEDULE_PLAINSCHEDULE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir::schedule {

/// Threads of a block that computes a thread an element.
int64_t getPlainThreads();

/// Bytes of the largest constant that becomes part of a kernel: a codebook or a
/// table of a few rows fits into constant memory, weights belong into a buffer.
int64_t getMaxConstantBytes();

/// The op that combines two partial results of each out of `op`. Fewer than
/// there are outs where some reduction must stay in order.
llvm::SmallVector<mlir::Operation *> matchCombiners(mlir::linalg::LinalgOp op);

/// The schedule of `op`.
quant_tile::PlainScheduleAttr choosePlain(mlir::linalg::LinalgOp op);

/// Why `op` cannot be computed as `schedule` says; empty where it can.
std::string whyNotPlainSchedule(mlir::linalg::LinalgOp op,
                                quant_tile::PlainScheduleAttr schedule);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_PLAINSCHEDULE_H
