//===- RowSchedule.h - How a group of row-local ops is computed -----------===//

#ifndef QUANTMLIR_SCHEDULE_ROWSCHEDULE_H
#define QUANTMLIR_SCHEDULE_ROWSCHEDULE_H

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/Chips.h"

namespace quantmlir::schedule {

/// The most columns that the registers of one block hold.
int64_t getMaxRowColumns();

/// The schedule of `group` on `chip`.
quant_tile::RowScheduleAttr chooseRows(quant_tile::RowGroupOp group,
                                       const Chip &chip);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_ROWSCHEDULE_H
