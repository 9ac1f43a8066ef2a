//===- FillConstants.cpp - Constants that kernels write or return ---------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEFILLCONSTANTS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using quantmlir::quant_tile::RowGroupOp;

/// Whether the kernel made from the use's owner can hold the constant itself.
static bool isKernelInput(OpOperand &use) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  // The kernel of a row group holds no tables.
  return op && op.isDpsInput(&use) && !op->getParentOfType<RowGroupOp>();
}

/// A tensor on the device with the value of `constant`.
static Value materialize(OpBuilder &builder, arith::ConstantOp constant,
                         DenseElementsAttr value) {
  Location loc = constant.getLoc();
  auto type = cast<RankedTensorType>(constant.getType());
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                        type.getElementType());
  if (value.isSplat()) {
    Value scalar = arith::ConstantOp::create(builder, loc,
                                             value.getSplatValue<TypedAttr>());
    return linalg::FillOp::create(builder, loc, scalar, empty).getResult(0);
  }
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, TypeRange{type}, ValueRange{constant},
             ValueRange{empty}, ArrayRef<AffineMap>{identity, identity}, loops,
             [](OpBuilder &builder, Location loc, ValueRange arguments) {
               linalg::YieldOp::create(builder, loc, arguments[0]);
             })
      .getResult(0);
}

namespace {

struct FillConstants
    : quantmlir::quant_tile::impl::QuantTileFillConstantsBase<FillConstants> {
  void runOnOperation() override {
    SmallVector<tensor::SplatOp> splats;
    SmallVector<arith::ConstantOp> constants;
    getOperation()->walk([&](Operation *op) {
      if (auto splat = dyn_cast<tensor::SplatOp>(op))
        splats.push_back(splat);
      else if (auto constant = dyn_cast<arith::ConstantOp>(op))
        constants.push_back(constant);
    });
    for (tensor::SplatOp op : splats) {
      OpBuilder builder(op);
      RankedTensorType type = op.getType();
      Value empty = tensor::EmptyOp::create(builder, op.getLoc(), type,
                                            op.getDynamicSizes());
      op.replaceAllUsesWith(
          linalg::FillOp::create(builder, op.getLoc(), op.getInput(), empty)
              .getResult(0));
      op.erase();
    }
    for (arith::ConstantOp op : constants) {
      auto value = dyn_cast<DenseElementsAttr>(op.getValue());
      if (!value || !isa<RankedTensorType>(op.getType()))
        continue;
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : op->getUses())
        if (!isKernelInput(use))
          uses.push_back(&use);
      for (OpOperand *use : uses) {
        Operation *user = use->getOwner();
        if (auto group = user->getParentOfType<RowGroupOp>())
          user = group;
        OpBuilder builder(user);
        use->set(materialize(builder, op, value));
      }
      if (op->use_empty())
        op.erase();
    }
  }
};

} // namespace
