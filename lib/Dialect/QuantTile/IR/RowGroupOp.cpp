//===- RowGroupOp.cpp - Row-local ops that become one kernel --------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Dialect/QuantTile/IR/RowAccess.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

LogicalResult RowScheduleAttr::verify(
    function_ref<InFlightDiagnostic()> emitError, StringAttr chip,
    int64_t warps, int64_t rows, int64_t vector, bool packed, int64_t occupancy,
    int64_t prefetch, int64_t stages, int64_t resident, int64_t blocks) {
  if (!chip || chip.getValue().empty())
    return emitError() << "a schedule needs a chip";
  if (warps < 1 || warps > 32)
    return emitError() << "a row has 1 to 32 warps, got " << warps;
  if (rows < 1 || rows > 32)
    return emitError() << "a block has 1 to 32 rows, got " << rows;
  if (rows != 1 && warps != 1 && rows > 15)
    return emitError() << "a block has barriers for 15 rows of several warps, "
                          "got "
                       << rows;
  if (rows * warps > 32)
    return emitError() << "a block has 32 warps, got " << rows << " rows of "
                       << warps;
  if (packed && warps == 1)
    return emitError() << "a warp waits for no other, so that it keeps nothing "
                          "packed";
  // As many threads as an SM of any chip has.
  int64_t perBlock = warps * rows;
  if (occupancy < 1 || occupancy * perBlock > 64)
    return emitError() << "an SM has 64 warps, got " << occupancy
                       << " blocks of " << perBlock;
  if (prefetch < 0 || prefetch > (1 << 20))
    return emitError() << "rows are prefetched 0 to " << (1 << 20)
                       << " rows ahead, got " << prefetch;
  if (prefetch && stages)
    return emitError() << "rows that come into shared memory are not "
                          "prefetched as well";
  if (packed && stages)
    return emitError() << "rows that come into shared memory are not kept "
                          "packed as well";
  if (!llvm::is_contained({0, 1, 2, 4, 8}, stages))
    return emitError() << "a row has 0, 1, 2, 4 or 8 stages, got " << stages;
  if (resident < 0 || (resident && !stages))
    return emitError() << "operands of all rows stay where there are stages, "
                          "got "
                       << resident;
  if (!llvm::is_contained({1, 2, 4, 8}, blocks))
    return emitError() << "1, 2, 4 or 8 blocks share a row, got " << blocks;
  if (blocks > 1 && (!stages || warps == 1))
    return emitError() << "blocks share rows of several warps that come into "
                          "shared memory";
  if (blocks * warps > 32)
    return emitError() << "of 32 warps a lane knows one each, got " << blocks
                       << " blocks with " << warps << " warps a row";
  if (!llvm::is_contained({1, 2, 4, 8, 16}, vector))
    return emitError() << "vector must be 1, 2, 4, 8 or 16 elements, got "
                       << vector;
  return success();
}

LogicalResult RowGroupOp::verifyRegions() {
  if (std::optional<RowScheduleAttr> schedule = getSchedule()) {
    if (getColumns() % schedule->getVector())
      return emitOpError() << "vectors of " << schedule->getVector()
                           << " elements do not divide " << getColumns()
                           << " columns";
    if (getColumns() / schedule->getVector() % schedule->getBlocks())
      return emitOpError() << getColumns() / schedule->getVector()
                           << " vectors are not shared by "
                           << schedule->getBlocks() << " blocks equally";
  }
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  if (yield.getValues().getTypes() != getResultTypes())
    return emitOpError() << "yields " << yield.getValues().getTypes()
                         << ", but has results of " << getResultTypes();
  if (yield.getValues().empty())
    return emitOpError() << "yields nothing";
  for (Operation &op : getBody().front().without_terminator()) {
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op)) {
      if (skipUnitReshapes(op.getResult(0)) == op.getResult(0))
        return op.emitOpError()
               << "in a row group may add and drop dimensions of size 1 only";
      continue;
    }
    if (!isa<linalg::GenericOp>(op))
      return op.emitOpError() << "has no place in a row group";
  }
  std::optional<RowDomain> domain = RowDomain::ofGroup(getBody().front());
  if (!domain)
    return emitOpError() << "has no reduction of rows";
  if (domain->columns != static_cast<int64_t>(getColumns()))
    return emitOpError() << "has rows of " << domain->columns
                         << " columns, but says " << getColumns();
  for (auto generic : getBody().front().getOps<linalg::GenericOp>()) {
    std::string why;
    if (!analyzeRowOp(generic, *domain, why))
      return generic.emitOpError() << "is not row-local in its group: " << why;
  }
  for (Value value : yield.getValues())
    if (!value.getDefiningOp<linalg::GenericOp>() ||
        value.getDefiningOp()->getParentOp() != getOperation())
      return emitOpError() << "yields a value that no op of it computes";
  return success();
}
