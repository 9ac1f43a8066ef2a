//===- ContractionFolds.cpp - Canonical forms of the contractions ---------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// The constant that every element of `value` has, null where there is none or
/// it is not known.
static TypedAttr getSplatConstant(Value value) {
  SplatElementsAttr splat;
  if (matchPattern(value, m_Constant(&splat)))
    return cast<TypedAttr>(splat.getSplatValue<Attribute>());
  Value scalar;
  if (auto op = value.getDefiningOp<tensor::SplatOp>())
    scalar = op.getInput();
  else if (auto op = value.getDefiningOp<linalg::FillOp>())
    scalar = op.getInputs().front();
  // linalg.fill converts its scalar to the element type.
  if (!scalar || scalar.getType() != getElementTypeOrSelf(value.getType()))
    return {};
  TypedAttr constant;
  if (!matchPattern(scalar, m_Constant(&constant)))
    return {};
  return constant;
}

//===----------------------------------------------------------------------===//
// IntMatmulOp
//===----------------------------------------------------------------------===//

namespace {
/// Zero points that are all zero subtract nothing.
struct DropZeroZeroPoints : OpRewritePattern<IntMatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(IntMatmulOp op,
                                PatternRewriter &rewriter) const override {
    auto isZero = [](Value value) {
      auto constant =
          value ? dyn_cast_or_null<IntegerAttr>(getSplatConstant(value))
                : IntegerAttr();
      return constant && constant.getValue().isZero();
    };
    bool lhs = isZero(op.getLhsZeroPoints());
    bool rhs = isZero(op.getRhsZeroPoints());
    if (!lhs && !rhs)
      return rewriter.notifyMatchFailure(op, "no zero points known to be zero");
    rewriter.modifyOpInPlace(op, [&] {
      if (lhs)
        op.getLhsZeroPointsMutable().clear();
      if (rhs)
        op.getRhsZeroPointsMutable().clear();
    });
    return success();
  }
};
} // namespace

void IntMatmulOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                              MLIRContext *context) {
  results.add<DropZeroZeroPoints>(context);
}

//===----------------------------------------------------------------------===//
// ScaledMatmulOp
//===----------------------------------------------------------------------===//

namespace {

/// Drops epilogue operands that the region does not use, that are read at the
/// same place twice, and those with one constant value, which moves into the
/// region.
struct SimplifyEpilogueOperands : OpRewritePattern<ScaledMatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScaledMatmulOp op,
                                PatternRewriter &rewriter) const override {
    Block &body = op.getEpilogue().front();
    unsigned count = op.getEpilogueArgs().size(), sums = op.getNumSums();
    llvm::BitVector dead(count);
    for (unsigned index = 0; index < count; ++index) {
      BlockArgument argument = body.getArgument(index + sums);
      Value operand = op.getEpilogueArgs()[index];
      if (argument.use_empty()) {
        dead.set(index);
        continue;
      }
      if (TypedAttr constant = getSplatConstant(operand)) {
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPointToStart(&body);
        rewriter.replaceAllUsesWith(
            argument,
            arith::ConstantOp::create(rewriter, op.getLoc(), constant));
        dead.set(index);
        continue;
      }
      for (unsigned other = 0; other < index; ++other)
        if (!dead.test(other) && op.getEpilogueArgs()[other] == operand &&
            op.getMaps()[other] == op.getMaps()[index]) {
          rewriter.replaceAllUsesWith(argument, body.getArgument(other + sums));
          dead.set(index);
          break;
        }
    }
    if (dead.none())
      return rewriter.notifyMatchFailure(op,
                                         "every epilogue operand is needed");
    rewriter.modifyOpInPlace(op, [&] {
      SmallVector<Attribute> maps;
      for (unsigned index = 0; index < count; ++index)
        if (!dead.test(index))
          maps.push_back(op.getMaps()[index]);
      op.setMapsAttr(rewriter.getArrayAttr(maps));
      for (int index = dead.find_last(); index != -1;
           index = dead.find_prev(index)) {
        body.eraseArgument(index + sums);
        op.getEpilogueArgsMutable().erase(index);
      }
    });
    return success();
  }
};

/// The init is not read: what it was filled with does not matter.
struct DropInitFill : OpRewritePattern<ScaledMatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ScaledMatmulOp op,
                                PatternRewriter &rewriter) const override {
    auto fill = op.getInit().getDefiningOp<linalg::FillOp>();
    if (!fill || fill.getOutputs().front().getType() != op.getInit().getType())
      return rewriter.notifyMatchFailure(op, "init is not filled");
    rewriter.modifyOpInPlace(
        op, [&] { op.getInitMutable().assign(fill.getOutputs().front()); });
    return success();
  }
};

} // namespace

void ScaledMatmulOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                                 MLIRContext *context) {
  results.add<SimplifyEpilogueOperands, DropInitFill>(context);
}
