//===- Remainder.cpp - Exact remainders of floats -------------------------===//

#include "HardwareArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir;

/// Bits of a quotient that are found at a time. An f64 holds their product
/// with the 24 bits of an f32, so that what is left is exact.
static constexpr int kStepBits = 29;
/// The largest quotient of two f32 has fewer bits than all steps together.
static constexpr int kSteps = 10;

namespace {

/// The remainder of a division that is truncated, found as in a division by
/// hand. NVPTX computes x - trunc(x / y) * y, which has no correct bit where
/// the quotient has more of them than a significand.
struct ExpandRemainder : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::RemFOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<FloatType>(op.getType());
    if (!type || type.getWidth() > 32)
      return rewriter.notifyMatchFailure(op, "no float of 32 bits or less");
    Location loc = op.getLoc();
    Type f64 = rewriter.getF64Type();
    auto number = [&](double value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getF64FloatAttr(value));
    };
    auto magnitude = [&](Value value) -> Value {
      Value wide = arith::ExtFOp::create(rewriter, loc, f64, value);
      return math::AbsFOp::create(rewriter, loc, wide);
    };
    auto isLess = [&](Value a, Value b) -> Value {
      return arith::CmpFOp::create(rewriter, loc, arith::CmpFPredicate::OLT, a,
                                   b);
    };
    Value dividend = magnitude(op.getLhs());
    Value divisor = magnitude(op.getRhs());
    Value rest = dividend;
    for (int step = kSteps - 1; step >= 0; --step) {
      Value part = arith::MulFOp::create(
          rewriter, loc, divisor, number(std::ldexp(1.0, kStepBits * step)));
      Value quotient = arith::DivFOp::create(rewriter, loc, rest, part);
      quotient = math::TruncOp::create(rewriter, loc, quotient);
      Value negated = arith::NegFOp::create(rewriter, loc, quotient);
      rest = math::FmaOp::create(rewriter, loc, negated, part, rest);
      // A quotient just below an integer is rounded to it.
      Value raised = arith::AddFOp::create(rewriter, loc, rest, part);
      rest = arith::SelectOp::create(rewriter, loc, isLess(rest, number(0.0)),
                                     raised, rest);
    }
    // Nothing is left of an infinite divisor's products but NaN.
    rest = arith::SelectOp::create(rewriter, loc, isLess(dividend, divisor),
                                   dividend, rest);
    Value result = arith::TruncFOp::create(rewriter, loc, type, rest);
    rewriter.replaceOpWithNewOp<math::CopySignOp>(op, result, op.getLhs());
    return success();
  }
};

} // namespace

void quantmlir::quant_tile::populateRemainderPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ExpandRemainder>(patterns.getContext());
}
