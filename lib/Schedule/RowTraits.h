//===- RowTraits.h - What decides how rows are computed ---------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_SCHEDULE_ROWTRAITS_H
#define QUANTMLIR_LIB_SCHEDULE_ROWTRAITS_H

#include "quantmlir/Schedule/RowSchedule.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/MathExtras.h"

namespace quantmlir::schedule {

inline constexpr int64_t kWarp = 32, kMaxWarps = 32;
/// Registers of each quarter of an SM, in steps of which threads get them, and
/// how many more where some threads have fewer vectors.
inline constexpr int64_t kQuarters = 4, kRegisters = 16384, kRegisterStep = 8,
                         kTailRegisters = 8;
/// Warps whose registers are given out together.
inline constexpr int64_t kWarpStep = 4;
/// Shared memory of a block that is alone in an SM beside its rows and what all
/// rows read: barriers and what warps exchange.
inline constexpr int64_t kExchangedBytes = 2048;

/// What decides about a group.
struct RowTraits {
  /// Bits of the widest element that is read or written for each column, and
  /// elements of one access.
  int64_t bits = 8, vector = 1;
  /// Tensors that are read for each column of each row, and whether others are
  /// read for each column, the same for all rows.
  llvm::SmallDenseSet<mlir::Value> read, shared;
  /// Whether columns are computed before they are stored, and not just cast.
  bool computes = false;
  /// How often values are reduced over a row, how many, and whether blocks
  /// that share one can tell each other which.
  int64_t reductions = 0, reduced = 0;
  bool reducesToWords = true;

  explicit RowTraits(quant_tile::RowGroupOp group);

  /// Columns that a thread has at most where `warps` warps share as many.
  int64_t getPerThread(int64_t columns, int64_t warps) const {
    return llvm::divideCeil(columns / vector, kWarp * warps) * vector;
  }
};

/// Bytes of a row of all `values`; nothing where one is not of whole accesses.
std::optional<int64_t>
countRowBytes(const llvm::SmallDenseSet<mlir::Value> &values, int64_t columns);

/// Rows that a block that is alone in an SM computes side by side, or its part
/// of each where several share them.
struct RowsBeside {
  int64_t warps, rows, blocks = 1;
};

/// How a block computes rows side by side, with one more of each on its way,
/// and what all of them read in its shared memory; nothing where all rows read
/// nothing, or no two have registers though they would fit.
std::optional<RowsBeside> chooseBeside(const RowTraits &traits, int64_t columns,
                                       const Chip &chip);

/// The same for the blocks of a cluster that share each row; nothing where they
/// have no room for two.
std::optional<RowsBeside> chooseSharedRows(const RowTraits &traits,
                                           int64_t columns, const Chip &chip);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_LIB_SCHEDULE_ROWTRAITS_H
