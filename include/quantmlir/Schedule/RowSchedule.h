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
  /// Bytes of a value (of 32 bits) that each of `warps` warps of all blocks
  /// sends.
  static int64_t getReceivedBytes(int64_t blocks, int64_t warps);

  /// For inputs of whose rows a block has `stagedBytes`, and resident ones of
  /// which it has `residentBytes`; multiples of 16. Where blocks share rows,
  /// they combine as many values over each as `exchanged` has, at a time.
  RowLayout(llvm::ArrayRef<int64_t> stagedBytes,
            llvm::ArrayRef<int64_t> residentBytes,
            quant_tile::RowScheduleAttr schedule,
            llvm::ArrayRef<int64_t> exchanged);

  /// Of each staged input, its first stage: stages follow each other, ring by
  /// ring. Of each resident one, its place.
  llvm::SmallVector<int64_t> staged, resident;
  /// What the warps of all blocks send to this one: by row of the block, turn
  /// (even or odd), exchange, value and warp; and bytes of it in a turn.
  int64_t received = 0, turnBytes = 0;
  /// The barriers of all stages, then that of what is resident, then those of
  /// exchanges, in the order of what is received.
  int64_t barriers = 0, exchangeBarriers = 0;
  /// Bytes of a row of all staged inputs, of all resident ones, and of
  /// everything.
  int64_t rowBytes = 0, residentBytes = 0, bytes = 0;
};

/// The schedule of `group` on `chip`.
quant_tile::RowScheduleAttr chooseRows(quant_tile::RowGroupOp group,
                                       const Chip &chip);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_ROWSCHEDULE_H
