//===- ExpandMath.cpp - Math ops without a device library -----------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "HardwareArithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEEXPANDMATH
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using namespace quantmlir;

namespace {

/// 2^x by the hardware's instruction.
struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar f32");
    rewriter.replaceOpWithNewOp<LLVM::Exp2Op>(op, op.getType(),
                                              op.getOperand());
    return success();
  }
};

/// e^x = 2^hi * e^(lo ln 2), where hi + lo = x log2 e and lo, which f32 cannot
/// add to hi, is so small that e^(lo ln 2) is 1 + lo ln 2.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!type.isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar f32");
    Location loc = op.getLoc();
    auto number = [&](double value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getF32FloatAttr(value));
    };
    // Below this bound the result is zero, but lo of an infinity would be NaN.
    // A comparison with NaN is false and keeps it.
    Value bound = number(-104.0);
    Value below = arith::CmpFOp::create(
        rewriter, loc, arith::CmpFPredicate::OLT, op.getOperand(), bound);
    Value x =
        arith::SelectOp::create(rewriter, loc, below, bound, op.getOperand());
    // log2 e as the sum of two f32.
    Value log2e = number(0x1.715476p+0), rest = number(0x1.4ae0bep-26);
    Value hi = arith::MulFOp::create(rewriter, loc, x, log2e);
    Value negated = arith::NegFOp::create(rewriter, loc, hi);
    Value lo = math::FmaOp::create(rewriter, loc, x, log2e, negated);
    lo = math::FmaOp::create(rewriter, loc, x, rest, lo);
    Value power = LLVM::Exp2Op::create(rewriter, loc, type, hi);
    Value relative =
        arith::MulFOp::create(rewriter, loc, lo, number(0x1.62e430p-1));
    Value result = math::FmaOp::create(rewriter, loc, power, relative, power);
    // An infinite power times a lo of the other sign is no number.
    Value infinite =
        arith::CmpFOp::create(rewriter, loc, arith::CmpFPredicate::OEQ, power,
                              number(std::numeric_limits<double>::infinity()));
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, infinite, power, result);
    return success();
  }
};

struct ExpandMath
    : quantmlir::quant_tile::impl::QuantTileExpandMathBase<ExpandMath> {
  void runOnOperation() override {
    if (failed(expand()) || failed(checkRest()))
      signalPassFailure();
  }

  LogicalResult expand() {
    MLIRContext *context = &getContext();
    RewritePatternSet conversions(context);
    quant_tile::populateRoundedConversionPatterns(conversions);
    if (failed(applyPatternsGreedily(getOperation(), std::move(conversions))))
      return failure();
    RewritePatternSet patterns(context);
    quant_tile::populateMinMaxPatterns(patterns);
    auto always = [](StringRef) { return true; };
    populateMathF32ExpansionPatterns(patterns, always);
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      return name != math::ExpOp::getOperationName();
    });
    math::populateExpansionPatterns(patterns, {"sinh", "cosh", "tan", "asinh",
                                               "acosh", "atanh", "powf",
                                               "fpowi", "ipowi", "clampf"});
    patterns.add<ExpandExp, ExpandExp2>(context);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  LogicalResult checkRest() {
    // Functions that become an intrinsic for which NVPTX has no instruction
    // would end the process in instruction selection.
    WalkResult unsupported = getOperation().walk([](Operation *op) {
      if (isa<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp,
              math::Log2Op, math::Log10Op, math::Log1pOp, math::SinOp,
              math::CosOp, math::TanOp, math::SincosOp, math::TanhOp,
              math::SinhOp, math::CoshOp, math::AsinOp, math::AcosOp,
              math::AtanOp, math::Atan2Op, math::AsinhOp, math::AcoshOp,
              math::AtanhOp, math::ErfOp, math::ErfcOp, math::PowFOp,
              math::FPowIOp, math::IPowIOp, math::CbrtOp>(op))
        return WalkResult(op->emitOpError() << "has no GPU lowering for type "
                                            << op->getResult(0).getType());
      return WalkResult::advance();
    });
    return failure(unsupported.wasInterrupted());
  }
};

} // namespace
