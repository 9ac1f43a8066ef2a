//===- ElementwiseToLinalg.cpp - Arithmetic on plain tensors --------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Linalg/Passes.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// Another pattern, where no operand or result is encoded.
struct UnlessEncoded : RewritePattern {
  explicit UnlessEncoded(std::unique_ptr<RewritePattern> inner)
      : RewritePattern(MatchAnyOpTypeTag(), inner->getBenefit(),
                       inner->getContext()),
        inner(std::move(inner)) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!OpTrait::hasElementwiseMappableTraits(op))
      return failure();
    auto isEncoded = [](Type type) { return bool(getEncoding(type)); };
    if (llvm::any_of(op->getOperandTypes(), isEncoded) ||
        llvm::any_of(op->getResultTypes(), isEncoded))
      return rewriter.notifyMatchFailure(op, "is on encoded tensors");
    return inner->matchAndRewrite(op, rewriter);
  }

  std::unique_ptr<RewritePattern> inner;
};

/// tensor.splat as linalg.fill, which takes part in elementwise fusion.
struct FillSplat : OpRewritePattern<tensor::SplatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::SplatOp op,
                                PatternRewriter &rewriter) const override {
    if (getEncoding(op.getType()))
      return rewriter.notifyMatchFailure(op, "is an encoded tensor");
    Value empty = tensor::EmptyOp::create(
        rewriter, op.getLoc(), op.getType().getShape(),
        op.getType().getElementType(), op.getDynamicSizes());
    rewriter.replaceOpWithNewOp<linalg::FillOp>(op, op.getInput(), empty);
    return success();
  }
};

} // namespace

void quantmlir::quant_tensor::populatePlainElementwiseToLinalgPatterns(
    RewritePatternSet &patterns) {
  RewritePatternSet upstream(patterns.getContext());
  linalg::populateElementwiseToLinalgConversionPatterns(upstream);
  for (std::unique_ptr<RewritePattern> &pattern : upstream.getNativePatterns())
    patterns.add<UnlessEncoded>(std::move(pattern));
  patterns.add<FillSplat>(patterns.getContext());
}
