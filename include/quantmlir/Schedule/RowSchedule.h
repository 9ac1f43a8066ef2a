//===- RowSchedule.h - How a group of row-local ops is computed -----------===//

#ifndef QUANTMLIR_SCHEDULE_ROWSCHEDULE_H
#define QUANTMLIR_SCHEDULE_ROWSCHEDULE_H

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/Chips.h"

namespace quantmlir::schedule {

/// The most columns that the registers of one block hold.
int64_t getMaxRowColumns();

/// Where in a block's dynamic shared memory rows wait that it will compute, and
/// what all rows read. Offsets and sizes are in bytes.
struct RowLayout {
  static constexpr int64_t barrierBytes = 8;

  /// For inputs whose rows have `stagedBytes`, and resident ones of
  /// `residentBytes`; multiples of 16.
  RowLayout(llvm::ArrayRef<int64_t> stagedBytes,
            llvm::ArrayRef<int64_t> residentBytes,
            quant_tile::RowScheduleAttr schedule);

  /// Of each staged input, its first stage: stages follow each other, ring by
  /// ring. Of each resident one, its place.
  llvm::SmallVector<int64_t> staged, resident;
  /// The barriers of all stages, then that of what is resident.
  int64_t barriers = 0;
  /// Bytes of a row of all staged inputs, of all resident ones, and of
  /// everything.
  int64_t rowBytes = 0, residentBytes = 0, bytes = 0;
};

/// The schedule of `group` on `chip`.
quant_tile::RowScheduleAttr chooseRows(quant_tile::RowGroupOp group,
                                       const Chip &chip);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_ROWSCHEDULE_H
