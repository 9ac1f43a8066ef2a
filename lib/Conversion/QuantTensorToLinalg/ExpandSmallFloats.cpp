//===- ExpandSmallFloats.cpp - arith on 4- and 8-bit floats ---------------===//

#include "quantmlir/Conversion/QuantTensorToLinalg/QuantTensorToLinalg.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir {
#define GEN_PASS_DEF_EXPANDSMALLFLOATS
#include "quantmlir/Conversion/QuantTensorToLinalg/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

struct ExpandExtF : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isSmallFloat(op.getIn().getType()))
      return rewriter.notifyMatchFailure(op, "source is no small float scalar");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, buildFromFloat(b, buildToF32(b, op.getIn()),
                                          cast<FloatType>(op.getType())));
    return success();
  }
};

/// `value` (f64) in f32, rounded to odd: rounding that to a type of at most 22
/// bits of mantissa is rounding `value` itself.
Value truncateToOdd(ImplicitLocOpBuilder &b, Value value) {
  Type i32 = b.getI32Type();
  Value nearest = arith::TruncFOp::create(b, b.getF32Type(), value);
  Value back = arith::ExtFOp::create(b, b.getF64Type(), nearest);
  Value inexact =
      arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, back, value);
  // Past the magnitude of `value` the bit pattern is one too large. Infinity,
  // from a value beyond f32, becomes the largest f32 likewise.
  Value zero = arith::ConstantOp::create(b, b.getF64FloatAttr(0.0));
  Value isNegative =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, value, zero);
  Value tooLarge = arith::SelectOp::create(
      b, isNegative,
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, back, value),
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, back, value));
  Value bits = arith::BitcastOp::create(b, i32, nearest);
  bits =
      arith::SubIOp::create(b, bits, arith::ExtUIOp::create(b, i32, tooLarge));
  bits = arith::OrIOp::create(b, bits, arith::ExtUIOp::create(b, i32, inexact));
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

Rounding getRounding(arith::TruncFOp op) {
  switch (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even)) {
  case arith::RoundingMode::to_nearest_even:
    return Rounding::NearestEven;
  case arith::RoundingMode::to_nearest_away:
    return Rounding::NearestAway;
  case arith::RoundingMode::toward_zero:
    return Rounding::TowardZero;
  case arith::RoundingMode::downward:
    return Rounding::Downward;
  case arith::RoundingMode::upward:
    return Rounding::Upward;
  }
  llvm_unreachable("all rounding modes handled");
}

struct ExpandTruncF : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    // f8E8M0FNU has no rounding that arith and scales agree on.
    if (!isSmallFloat(op.getType()) || isa<Float8E8M0FNUType>(op.getType()))
      return rewriter.notifyMatchFailure(op, "result is no small float scalar");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<FloatType>(op.getType());
    Value source = op.getIn().getType().isF64() ? truncateToOdd(b, op.getIn())
                                                : buildToF32(b, op.getIn());
    Value bits = buildBitsFromF32(b, source, type, getRounding(op),
                                  /*saturate=*/false);
    bits = arith::TruncIOp::create(b, b.getIntegerType(type.getWidth()), bits);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, bits);
    return success();
  }
};

struct ExpandSmallFloats
    : quantmlir::impl::ExpandSmallFloatsBase<ExpandSmallFloats> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandSmallFloatPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void quantmlir::quant_tensor::populateExpandSmallFloatPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ExpandExtF, ExpandTruncF>(patterns.getContext());
}
