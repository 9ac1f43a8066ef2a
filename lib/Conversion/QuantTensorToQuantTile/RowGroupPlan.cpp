//===- RowGroupPlan.cpp - What the kernel of a group of rows does ---------===//

#include "RowGroupPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

LogicalResult RowGroupPlan::collect() {
  if (!group.getSchedule())
    return group.emitOpError()
           << "has no schedule: run select-row-schedule first";
  // A group has one, as its verifier has seen.
  domain = *RowDomain::ofGroup(group.getBody().front());
  for (auto op : group.getBody().front().getOps<linalg::GenericOp>()) {
    std::string why;
    std::optional<RowOp> info = analyzeRowOp(op, domain, why);
    if (!info)
      return op.emitOpError() << "is not row-local in its group: " << why;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = skipUnitReshapes(operand.get());
      if (op.isDpsInit(&operand) || isInside(value) ||
          op.getMatchingBlockArgument(&operand).use_empty())
        continue;
      if (!isa<RankedTensorType>(value.getType())) {
        Operation *definition = value.getDefiningOp();
        if (definition && definition->hasTrait<OpTrait::ConstantLike>())
          continue;
        return op.emitOpError() << "uses a scalar that only the host knows";
      }
      if (Value scalar = getFilledScalar(value);
          scalar && scalar.getDefiningOp() &&
          scalar.getDefiningOp()->hasTrait<OpTrait::ConstantLike>())
        continue;
      ins.insert(value);
    }
    ops.push_back({op, *info});
  }
  for (Value value : group.getBody().front().getTerminator()->getOperands()) {
    auto result = cast<OpResult>(value);
    Value init = cast<linalg::GenericOp>(result.getOwner())
                     .getDpsInits()[result.getResultNumber()];
    if (auto fill = init.getDefiningOp<linalg::FillOp>())
      init = fill.getOutputs()[0];
    outs.push_back(init);
  }
  if (outs.empty())
    return group.emitOpError() << "yields nothing";
  return collectShared();
}

LogicalResult RowGroupPlan::collectShared() {
  RowScheduleAttr schedule = *group.getSchedule();
  constexpr int64_t kCopyBytes = 16;
  auto isWhole = [&](Value value) {
    return getPartColumns() *
               getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth() %
               (8 * kCopyBytes) ==
           0;
  };
  for (Value value : ins) {
    bool isRow = reads(value, RowAccess::Full);
    if (isRow && schedule.getStages())
      staged.push_back(value);
    else if (reads(value, RowAccess::Column) &&
             static_cast<int64_t>(resident.size()) < schedule.getResident())
      resident.push_back(value);
    if ((isRow && (schedule.getPrefetch() || schedule.getStages()) &&
         !isWhole(value)) ||
        (llvm::is_contained(resident, value) && !isWhole(value)))
      return group.emitOpError()
             << "asks for rows of " << getPartBytes(value)
             << " bytes before it computes them, which go by " << kCopyBytes;
  }
  if (!schedule.getStages())
    return success();
  if (static_cast<int64_t>(resident.size()) < schedule.getResident())
    return group.emitOpError()
           << "has " << resident.size() << " operands of all rows, and "
           << schedule.getResident() << " should be resident";
  if (schedule.getBlocks() > 1)
    for (auto &[op, info] : ops)
      if (!info.reducesToWords())
        return linalg::GenericOp(op).emitOpError()
               << "reduces to other values than those of 32 bits, which "
                  "blocks that share a row exchange";
  const schedule::Chip *chip = schedule::lookupChip(
      schedule.getChip().getValue(), [&] { return group.emitOpError(); });
  if (!chip)
    return failure();
  int64_t bytes = getLayout().bytes;
  if (bytes > chip->sharedMemory)
    return group.emitOpError()
           << "needs " << bytes << " bytes of shared memory, and a block of "
           << chip->name << " has " << chip->sharedMemory;
  return success();
}

int64_t RowGroupPlan::getRowBytes(Value value) const {
  return domain.columns *
         getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth() / 8;
}

int64_t RowGroupPlan::getPartBytes(Value value) const {
  return getRowBytes(value) / RowGroupOp(group).getSchedule()->getBlocks();
}

int64_t RowGroupPlan::getPartColumns() const {
  return domain.columns / RowGroupOp(group).getSchedule()->getBlocks();
}

SmallVector<int64_t> RowGroupPlan::getExchanged() const {
  SmallVector<int64_t> values;
  for (auto &[op, info] : ops)
    if (info.reduces)
      values.push_back(info.combiners.size());
  return values;
}

schedule::RowLayout RowGroupPlan::getLayout() const {
  auto getBytes = [&](ArrayRef<Value> values) {
    return llvm::map_to_vector(
        values, [&](Value value) { return getPartBytes(value); });
  };
  return schedule::RowLayout(getBytes(staged), getBytes(resident),
                             *RowGroupOp(group).getSchedule(), getExchanged());
}

bool RowGroupPlan::isFull(unsigned index) const {
  Value value = group->getRegion(0).front().getTerminator()->getOperand(index);
  auto found = llvm::find_if(ops, [&](const auto &entry) {
    return entry.first == value.getDefiningOp();
  });
  return found->second.hasColumns && !found->second.reduces;
}

bool RowGroupPlan::reads(Value value, RowAccess access) const {
  return llvm::any_of(ops, [&](const auto &entry) {
    linalg::GenericOp op = entry.first;
    return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      return skipUnitReshapes(input->get()) == value &&
             entry.second.accesses[input->getOperandNumber()] == access;
    });
  });
}

Value RowGroupPlan::emitBlocks(RewriterBase &rewriter, int64_t rows) const {
  Location loc = group->getLoc();
  auto constant = [&](int64_t value) {
    return arith::ConstantIndexOp::create(rewriter, loc, value).getResult();
  };
  auto type = cast<RankedTensorType>(outs[0].getType());
  int64_t fixed = 1;
  Value total;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      fixed *= type.getDimSize(dim);
      continue;
    }
    Value size = rewriter.createOrFold<tensor::DimOp>(loc, outs[0], dim);
    total = total
                ? arith::MulIOp::create(rewriter, loc, total, size).getResult()
                : size;
  }
  if (isFull(0))
    fixed /= domain.columns;
  if (!total)
    return constant(llvm::divideCeil(fixed, rows));
  if (fixed != 1)
    total = arith::MulIOp::create(rewriter, loc, total, constant(fixed));
  return rows == 1
             ? total
             : arith::CeilDivUIOp::create(rewriter, loc, total, constant(rows))
                   .getResult();
}
