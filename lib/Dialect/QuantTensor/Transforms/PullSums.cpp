//===- PullSums.cpp - Products with decoded weights that are summed -------===//

#include "PullViews.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-pull-dequantize";

namespace {

/// One row of activations is multiplied elementwise with weights and summed,
/// as frameworks write it for plain floats: where the weights are decoded, that
/// is a contraction, which decodes them as it goes.
struct ContractSum : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        op.getNumDpsInputs() != 1 || op.getNumReductionLoops() != 1 ||
        op.hasIndexSemantics() || !isSum(op))
      return failure();
    OpOperand *input = op.getDpsInputOperand(0);
    auto product = input->get().getDefiningOp<linalg::LinalgOp>();
    if (!product || !product->hasOneUse() || !isProduct(product))
      return failure();
    AffineMap out =
        product.getMatchingIndexingMap(product.getDpsInitOperand(0));
    AffineMap in = op.getMatchingIndexingMap(input);
    AffineMap sum = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (!out.isPermutation() || !in.isPermutation() ||
        !sum.isProjectedPermutation())
      return failure();
    // From the loops of the sum to those of the product.
    AffineMap toProduct = inversePermutation(out).compose(in);
    SmallVector<AffineMap> maps;
    for (OpOperand *factor : product.getDpsInputOperands()) {
      AffineMap map = product.getMatchingIndexingMap(factor);
      if (!map.isProjectedPermutation())
        return failure();
      maps.push_back(map.compose(toProduct));
    }
    maps.push_back(sum);
    auto contraction = linalg::GenericOp::create(
        rewriter, op.getLoc(), op->getResultTypes(), product.getDpsInputs(),
        op.getDpsInits(), maps, op.getIteratorTypesArray(),
        [&](OpBuilder &inner, Location loc, ValueRange arguments) {
          IRMapping mapping;
          mapping.map(product.getBlock()->getArguments().drop_back(),
                      arguments.drop_back());
          for (Operation &each : product.getBlock()->without_terminator())
            inner.clone(each, mapping);
          Value term = mapping.lookup(
              product.getBlock()->getTerminator()->getOperand(0));
          Value total =
              arith::AddFOp::create(inner, loc, arguments.back(), term);
          linalg::YieldOp::create(inner, loc, total);
        });
    remarkPassed(op, passName, "contracts what was multiplied and summed");
    rewriter.replaceOp(op, contraction.getResults());
    return success();
  }

private:
  /// Whether the body adds its input to the output.
  static bool isSum(linalg::LinalgOp op) {
    Block *body = op.getBlock();
    auto add =
        body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
    return add && llvm::hasSingleElement(body->without_terminator()) &&
           add.getLhs() != add.getRhs() &&
           llvm::all_of(add->getOperands(), [&](Value value) {
             return llvm::is_contained(body->getArguments(), value);
           });
  }

  /// Whether `op` multiplies two tensors, one of which is decoded.
  static bool isProduct(linalg::LinalgOp op) {
    if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        op.getNumDpsInputs() != 2 || op.hasIndexSemantics() ||
        op.getNumParallelLoops() != op.getNumLoops() ||
        op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)) ||
        llvm::none_of(op.getDpsInputs(), [](Value value) {
          return getEncoding(value.getType()) ||
                 value.getDefiningOp<DequantizeOp>();
        }))
      return false;
    Block *body = op.getBlock();
    auto product =
        body->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
    if (!product)
      return false;
    Value factors[2];
    for (unsigned side : {0u, 1u}) {
      factors[side] = product->getOperand(side);
      if (auto wide = factors[side].getDefiningOp<arith::ExtFOp>())
        factors[side] = wide.getIn();
      auto argument = dyn_cast<BlockArgument>(factors[side]);
      if (!argument || argument.getOwner() != body)
        return false;
    }
    return factors[0] != factors[1];
  }
};

} // namespace

void quantmlir::quant_tensor::populatePullSumPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ContractSum>(patterns.getContext());
}
