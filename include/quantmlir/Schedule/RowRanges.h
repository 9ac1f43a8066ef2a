//===- RowRanges.h - Which schedule for how many rows ---------------------===//

#ifndef QUANTMLIR_SCHEDULE_ROWRANGES_H
#define QUANTMLIR_SCHEDULE_ROWRANGES_H

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace quantmlir::schedule {

/// A family of schedules, as ranges of rows see it.
struct RowModel {
  /// The schedule for up to so many rows of activations.
  llvm::function_ref<quant_tile::ScheduleAttr(int64_t)> choose;
  /// About how long a schedule takes for that many, in any unit.
  llvm::function_ref<double(quant_tile::ScheduleAttr, int64_t)> estimate;
};

/// Whether the range of `schedule` may go on to more rows: not that of fewer
/// rows than a tile of wgmma has, of which no more than these are loaded.
bool canGoOn(quant_tile::ScheduleAttr schedule);

/// Schedules for ranges of rows that end at some of `rows`, which ascend, the
/// last at the last of them: of few distinct ones, and none that takes longer
/// by more than a few percent, at any of `rows`, or by more than one at powers
/// of two, than the one chosen for just so many. Up to 256 rows it is that one.
/// `max_m` of each is where its range ends.
llvm::SmallVector<quant_tile::ScheduleAttr>
divideRows(llvm::ArrayRef<int64_t> rows, const RowModel &model);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_ROWRANGES_H
