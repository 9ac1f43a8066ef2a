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

/// Whether one kernel of `schedule` may serve more rows than its `max_m`. A
/// wgmma schedule whose `max_m` is less than its tile's rows may not: its
/// kernel loads only `max_m` rows.
bool canGoOn(quant_tile::ScheduleAttr schedule);

/// Divides rows into ranges that end at some of `rows` (which ascend; the last
/// range ends at the last), and gives each a schedule, with few distinct ones
/// in all. At each of `rows` the schedule of its range takes at most 3 % longer
/// by the model than the one chosen for just so many, 1 % at powers of two; up
/// to 256 rows it is that one. `max_m` of each is where its range ends.
llvm::SmallVector<quant_tile::ScheduleAttr>
divideRows(llvm::ArrayRef<int64_t> rows, const RowModel &model);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_ROWRANGES_H
