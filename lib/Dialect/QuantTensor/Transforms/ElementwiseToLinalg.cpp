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

} // namespace

void quantmlir::quant_tensor::populatePlainElementwiseToLinalgPatterns(
    RewritePatternSet &patterns) {
  RewritePatternSet upstream(patterns.getContext());
  linalg::populateElementwiseToLinalgConversionPatterns(upstream);
  for (std::unique_ptr<RewritePattern> &pattern : upstream.getNativePatterns())
    patterns.add<UnlessEncoded>(std::move(pattern));
}
