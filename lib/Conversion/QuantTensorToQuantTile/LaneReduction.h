//===- LaneReduction.h - A reduction shared among threads -----------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_LANEREDUCTION_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_LANEREDUCTION_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace quantmlir {

/// `lhs` and `rhs` combined by a copy of `combiner`, an op of two operands.
mlir::Value combinePair(mlir::OpBuilder &builder, mlir::Operation *combiner,
                        mlir::Value lhs, mlir::Value rhs);

/// How the warps of several blocks of a cluster exchange what they combine:
/// each sends its partial results to all of these blocks.
struct BlockExchange {
  int64_t blocks = 1;
  /// Which of them this one is (i32).
  mlir::Value rank;
  /// Where in shared memory values come, words of the first block's warps
  /// first, and bytes from one value to the next, a multiple of 16; the
  /// mbarrier of one thread that counts what comes, and the parity (i32) of its
  /// phase.
  mlir::Value received;
  int64_t valueBytes = 0;
  mlir::Value barrier, parity;
};

/// How threads exchange what they combine.
struct LaneExchange {
  /// Shared memory for the partial results of warps, a buffer of bytes, and
  /// where in it they start (`index`, a multiple of 16). Without it each call
  /// gets its own, which threads of a loop would write before others have read.
  mlir::Value memory, place;
  /// Where a block has several such sets of threads: the number of this
  /// thread's (i32), and how many there are. They need `memory`.
  mlir::Value group;
  int64_t groups = 1;
  /// Where they are of several blocks, without `memory`; values have 32 bits,
  /// and blocks have 32 warps in all, at most.
  std::optional<BlockExchange> blocks;
  /// Emits what happens when all threads have come here.
  std::function<void()> whenAllCame;

  /// Bytes that the partial results of `warps` warps take, for each type.
  static int64_t getBytes(mlir::Type type, int64_t warps);
};

/// Combines each of `values`, by the combiner of the same position, over
/// `lanes` threads: a warp, or a block of several, or each of several sets of
/// a block's threads; and of as many threads of other blocks. Every thread of
/// these gets the results, always combined in the same order. Threads that
/// share values must all come here; `kernel` gets shared memory for the warps'
/// partial results.
llvm::SmallVector<mlir::Value>
combineLanes(mlir::OpBuilder &builder, mlir::Location loc,
             mlir::gpu::GPUFuncOp kernel, mlir::ValueRange values,
             llvm::ArrayRef<mlir::Operation *> combiners, int64_t lanes,
             const LaneExchange &exchange = {});

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_LANEREDUCTION_H
