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
  for (auto op : group.getBody().front().getOps<linalg::GenericOp>())
    if (std::optional<RowDomain> found = RowDomain::ofReduction(op)) {
      domain = *found;
      break;
    }
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
  constexpr int64_t kPrefetchBytes = 16;
  for (Value value : ins) {
    int64_t bits =
        domain.columns *
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    if (group.getSchedule()->getPrefetch() && readsWhole(value) &&
        bits % (8 * kPrefetchBytes))
      return group.emitOpError() << "prefetches rows of " << bits / 8
                                 << " bytes, which go by " << kPrefetchBytes;
  }
  return success();
}

bool RowGroupPlan::isFull(unsigned index) const {
  Value value = group->getRegion(0).front().getTerminator()->getOperand(index);
  auto found = llvm::find_if(ops, [&](const auto &entry) {
    return entry.first == value.getDefiningOp();
  });
  return found->second.hasColumns && !found->second.reduces;
}

bool RowGroupPlan::readsWhole(Value value) const {
  return llvm::any_of(ops, [&](const auto &entry) {
    linalg::GenericOp op = entry.first;
    return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      return skipUnitReshapes(input->get()) == value &&
             entry.second.accesses[input->getOperandNumber()] ==
                 RowAccess::Full;
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
