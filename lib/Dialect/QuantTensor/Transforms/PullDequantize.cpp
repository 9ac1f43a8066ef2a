//===- PullDequantize.cpp - Weight-only contractions ----------------------===//

#include "PullViews.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORPULLDEQUANTIZE
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-pull-dequantize";

/// Matches a contraction one of whose operands is encoded. Both ways round are
/// tried: the encoded operand is the right-hand side.
static FailureOr<Contraction> matchWeightOnly(Operation *op, WhyNot &whyNot) {
  if (isa<IntMatmulOp>(op))
    return failure();
  for (unsigned side : {1u, 0u}) {
    WhyNot sideWhyNot;
    FailureOr<Contraction> contraction = matchContraction(op, side, sideWhyNot);
    if (failed(contraction)) {
      // Only worth a word where the operand is an encoded one.
      if (sideWhyNot.isNearMiss() && !whyNot.isNearMiss()) {
        Operation *source = op->getOperand(side).getDefiningOp();
        if (getEncoding(op->getOperand(side).getType()) ||
            isa_and_nonnull<DequantizeOp>(source))
          (void)whyNot("{0}", sideWhyNot.str());
      }
      continue;
    }
    if (!contraction->rhs.getEncoding())
      continue;
    if (contraction->lhs.getEncoding())
      // Two encoded operands are for quant-tensor-decompose-contractions.
      return failure();
    Type lhsType = contraction->lhs.getType().getElementType();
    Type resultType = contraction->getResultType().getElementType();
    if (!isa<Float32Type, Float16Type, BFloat16Type>(lhsType))
      return whyNot("the other operand is neither f32, f16 nor bf16");
    if (!isa<Float32Type, Float16Type, BFloat16Type>(resultType))
      return whyNot("the result is neither f32, f16 nor bf16");
    if (contraction->rhs.getType().getRank() != 2)
      return whyNot("the encoded operand has rank {0}",
                    contraction->rhs.getType().getRank());
    if (failed(canNormalizeOperands(*contraction, whyNot)))
      return failure();
    return contraction;
  }
  return failure();
}

namespace {

struct WeightOnlyContraction : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<Contraction> contraction = matchWeightOnly(op, whyNot);
    if (failed(contraction))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    FailureOr<NormalOperands> operands =
        normalizeOperands(rewriter, *contraction, whyNot);
    assert(succeeded(operands) && "checked by matchWeightOnly");
    ScaledMatmulOp scaled =
        createFloatProduct(rewriter, *contraction, *operands);
    remarkPassed(op, passName,
                 "decodes the right-hand side inside the contraction");
    rewriter.replaceOp(op, restoreResult(rewriter, op->getLoc(), *contraction,
                                         scaled.getResult()));
    return success();
  }
};

struct PullDequantize
    : quantmlir::quant_tensor::impl::QuantTensorPullDequantizeBase<
          PullDequantize> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populatePullDequantizePatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](Operation *op) {
      WhyNot whyNot;
      explainViews(op, whyNot);
      if (!whyNot.isNearMiss() && isa<linalg::LinalgOp>(op))
        (void)matchWeightOnly(op, whyNot);
      remarkMissed(op, passName, "dequantize not pulled in", whyNot);
    });
  }
};

} // namespace

void quantmlir::quant_tensor::populatePullDequantizePatterns(
    RewritePatternSet &patterns) {
  patterns.add<WeightOnlyContraction>(patterns.getContext());
  populatePullSumPatterns(patterns);
  populatePullViewPatterns(patterns);
}
