//===- ShareDestinations.cpp - One destination for both branches ----------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILESHAREDESTINATIONS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;

/// The tensor.empty within `region` that `value` is computed in, or null.
static tensor::EmptyOp findDestination(Value value, Region &region) {
  while (Operation *op = value.getDefiningOp()) {
    if (!region.isAncestor(op->getParentRegion()))
      return {};
    if (auto empty = dyn_cast<tensor::EmptyOp>(op))
      return empty;
    if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
      // An inner dispatch, whose branches share one by now.
      unsigned index = cast<OpResult>(value).getResultNumber();
      tensor::EmptyOp then =
          findDestination(ifOp.thenYield().getOperand(index), region);
      tensor::EmptyOp other =
          findDestination(ifOp.elseYield().getOperand(index), region);
      return then == other ? then : tensor::EmptyOp();
    }
    if (auto cast = dyn_cast<tensor::CastOp>(op))
      value = cast.getSource();
    else if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
      value =
          destination.getTiedOpOperand(cast_or_null<OpResult>(value))->get();
    else
      return {};
  }
  return {};
}

/// Whether `value` is available in front of `ifOp`, moving the pure ops that
/// compute it there where needed.
static bool hoist(Value value, scf::IfOp ifOp) {
  Operation *op = value.getDefiningOp();
  if (!ifOp->isAncestor(value.getParentBlock()->getParentOp()))
    return true;
  if (!op || op->getNumRegions() > 0 || !isMemoryEffectFree(op))
    return false;
  for (Value operand : op->getOperands())
    if (!hoist(operand, ifOp))
      return false;
  op->moveBefore(ifOp);
  return true;
}

/// Sizes of the dynamic dimensions of `type` in front of `ifOp`, taken from
/// whichever destination knows them there.
static bool getSizes(RankedTensorType type, ArrayRef<tensor::EmptyOp> empties,
                     scf::IfOp ifOp, SmallVectorImpl<Value> &sizes) {
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (!type.isDynamicDim(axis))
      continue;
    Value size;
    for (tensor::EmptyOp empty : empties)
      if (!size && empty.getType().isDynamicDim(axis) &&
          hoist(empty.getDynamicSize(axis), ifOp))
        size = empty.getDynamicSize(axis);
    if (!size)
      return false;
    sizes.push_back(size);
  }
  return true;
}

/// Gives each use of a tensor.empty one of its own, in front of it. They are
/// all alike, so CSE makes them one outside of the branches, where no branch
/// could be told which of its uses is its destination.
static void splitEmpties(Operation *root) {
  SmallVector<tensor::EmptyOp> empties;
  root->walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
  for (tensor::EmptyOp empty : empties) {
    for (OpOperand &use : llvm::make_early_inc_range(empty->getUses())) {
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(*empty)->getResult(0));
    }
    empty.erase();
  }
}

namespace {

struct ShareDestinations
    : quantmlir::quant_tile::impl::QuantTileShareDestinationsBase<
          ShareDestinations> {
  void runOnOperation() override {
    splitEmpties(getOperation());
    // Inner dispatches first: their shared destination is then what the outer
    // one sees.
    getOperation().walk<WalkOrder::PostOrder>([](scf::IfOp ifOp) {
      for (OpResult result : ifOp->getResults())
        if (auto type = dyn_cast<RankedTensorType>(result.getType()))
          share(ifOp, result.getResultNumber(), type);
    });
  }

  static void share(scf::IfOp ifOp, unsigned index, RankedTensorType type) {
    tensor::EmptyOp then = findDestination(ifOp.thenYield().getOperand(index),
                                           ifOp.getThenRegion());
    tensor::EmptyOp other = findDestination(ifOp.elseYield().getOperand(index),
                                            ifOp.getElseRegion());
    SmallVector<Value> sizes;
    if (!then || !other || !getSizes(type, {then, other}, ifOp, sizes))
      return;
    OpBuilder builder(ifOp);
    Value shared = tensor::EmptyOp::create(
        builder, ifOp.getLoc(), type.getShape(), type.getElementType(), sizes);
    for (tensor::EmptyOp empty : {then, other}) {
      builder.setInsertionPoint(empty);
      Value place = shared;
      if (place.getType() != empty.getType())
        place = tensor::CastOp::create(builder, empty.getLoc(), empty.getType(),
                                       place);
      empty.getResult().replaceAllUsesWith(place);
      empty.erase();
    }
  }
};

} // namespace
