//===- ShareDestinations.cpp - One destination for both branches ----------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILESHAREDESTINATIONS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using quantmlir::quant_tile::LaunchOp;

/// The operand through which a branch is told where to compute `value`: a
/// tensor.empty, or, unread, a tensor from outside of `region`. Null where
/// there is none.
static OpOperand *findDestination(Value value, Region &region) {
  while (Operation *op = value.getDefiningOp()) {
    if (!region.isAncestor(op->getParentRegion()))
      return nullptr;
    if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
      // An inner dispatch, whose branches share one by now.
      unsigned index = cast<OpResult>(value).getResultNumber();
      OpOperand *then =
          findDestination(ifOp.thenYield().getOperand(index), region);
      OpOperand *other =
          findDestination(ifOp.elseYield().getOperand(index), region);
      return then && other && then->get() == other->get() ? then : nullptr;
    }
    OpOperand *operand = nullptr;
    bool isRead = false;
    if (auto cast = dyn_cast<tensor::CastOp>(op)) {
      operand = &cast.getSourceMutable();
    } else if (auto destination = dyn_cast<DestinationStyleOpInterface>(op)) {
      operand = destination.getTiedOpOperand(cast_or_null<OpResult>(value));
      auto launch = dyn_cast<LaunchOp>(op);
      isRead = !launch || launch.readsOut(*operand);
    } else {
      return nullptr;
    }
    value = operand->get();
    if (value.getDefiningOp<tensor::EmptyOp>() ||
        (!isRead && !region.isAncestor(value.getParentRegion())))
      return operand;
  }
  return nullptr;
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

/// Whether two values without side effects are computed alike.
static bool areEqual(Value a, Value b) {
  if (a == b)
    return true;
  Operation *first = a.getDefiningOp(), *second = b.getDefiningOp();
  return first && second && first->getName() == second->getName() &&
         first->getNumRegions() == 0 && isMemoryEffectFree(first) &&
         first->getAttrDictionary() == second->getAttrDictionary() &&
         cast<OpResult>(a).getResultNumber() ==
             cast<OpResult>(b).getResultNumber() &&
         llvm::equal(first->getOperands(), second->getOperands(), areEqual);
}

/// The size of `value` along `axis`, known in front of `ifOp`, whose branch
/// computes the value; null where it cannot be.
static Value getSize(Value value, int64_t axis, scf::IfOp ifOp) {
  while (true) {
    OpBuilder builder(ifOp);
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.isDynamicDim(axis))
      return arith::ConstantIndexOp::create(builder, ifOp.getLoc(),
                                            type.getDimSize(axis));
    if (!ifOp->isAncestor(value.getParentBlock()->getParentOp()))
      return tensor::DimOp::create(builder, ifOp.getLoc(), value, axis);
    Operation *op = value.getDefiningOp();
    if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(op)) {
      Value size = empty.getDynamicSize(axis);
      return hoist(size, ifOp) ? size : Value();
    }
    if (auto castOp = dyn_cast_or_null<tensor::CastOp>(op)) {
      value = castOp.getSource();
    } else if (auto destination =
                   dyn_cast_or_null<DestinationStyleOpInterface>(op)) {
      value = destination.getTiedOpOperand(cast<OpResult>(value))->get();
    } else if (auto inner = dyn_cast_or_null<scf::IfOp>(op)) {
      // Both branches share a destination, or there is no telling.
      unsigned index = cast<OpResult>(value).getResultNumber();
      Value then = getSize(inner.thenYield().getOperand(index), axis, ifOp);
      Value other = getSize(inner.elseYield().getOperand(index), axis, ifOp);
      return then && other && areEqual(then, other) ? then : Value();
    } else {
      return {};
    }
  }
}

/// Sizes of the dynamic dimensions of result `index` in front of `ifOp`.
static FailureOr<SmallVector<Value>> getSizes(scf::IfOp ifOp, unsigned index,
                                              RankedTensorType type) {
  SmallVector<Value> sizes;
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    if (!type.isDynamicDim(axis))
      continue;
    Value size = getSize(ifOp.thenYield().getOperand(index), axis, ifOp);
    Value other = getSize(ifOp.elseYield().getOperand(index), axis, ifOp);
    if (!size || !other)
      return failure();
    // What a branch knows holds only in it.
    if (!areEqual(size, other)) {
      OpBuilder builder(ifOp);
      size = arith::SelectOp::create(builder, ifOp.getLoc(),
                                     ifOp.getCondition(), size, other);
    }
    sizes.push_back(size);
  }
  return sizes;
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
    FailureOr<SmallVector<Value>> sizes = getSizes(ifOp, index, type);
    if (failed(sizes))
      return;
    OpBuilder builder(ifOp);
    Value shared = tensor::EmptyOp::create(
        builder, ifOp.getLoc(), type.getShape(), type.getElementType(), *sizes);
    for (Region *region : ifOp.getRegions()) {
      auto yield = cast<scf::YieldOp>(region->front().getTerminator());
      OpOperand &result = yield->getOpOperand(index);
      OpOperand *destination = findDestination(result.get(), *region);
      if (!destination) {
        // Computed, or waiting, elsewhere: a copy.
        builder.setInsertionPoint(yield);
        result.set(bufferization::MaterializeInDestinationOp::create(
                       builder, yield.getLoc(), result.get(), shared)
                       .getResult());
        continue;
      }
      Value old = destination->get();
      auto empty = old.getDefiningOp<tensor::EmptyOp>();
      if (empty)
        builder.setInsertionPoint(empty);
      else
        builder.setInsertionPoint(destination->getOwner());
      Value place = shared;
      if (place.getType() != old.getType())
        place =
            tensor::CastOp::create(builder, old.getLoc(), old.getType(), place);
      if (!empty) {
        destination->set(place);
        continue;
      }
      empty.getResult().replaceAllUsesWith(place);
      empty.erase();
    }
  }
};

} // namespace
