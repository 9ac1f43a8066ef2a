//===- HardwareArithmetic.cpp - Arithmetic the hardware does at once ------===//

#include "HardwareArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Dialect/QuantTile/Transforms/Rounding.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace {

/// One op of f32, narrower floats by way of f32: they have no NaN payloads or
/// rounding that would tell the difference.
template <typename From, typename To>
struct ToInstruction : OpRewritePattern<From> {
  using OpRewritePattern<From>::OpRewritePattern;
  LogicalResult matchAndRewrite(From op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType(), f32 = rewriter.getF32Type();
    if (!type.isF32() && !type.isF16() && !type.isBF16())
      return rewriter.notifyMatchFailure(op, "not a scalar of up to 32 bits");
    Location loc = op.getLoc();
    auto widen = [&](Value value) -> Value {
      return type.isF32() ? value
                          : arith::ExtFOp::create(rewriter, loc, f32, value);
    };
    Value result =
        To::create(rewriter, loc, f32, widen(op.getLhs()), widen(op.getRhs()));
    if (!type.isF32())
      result = arith::TruncFOp::create(rewriter, loc, type, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// fptosi(min(max(roundeven(x), low), high)), of integers low and high. The
/// order of rounding and clamping does not matter, and adding 1.5 * 2^23
/// rounds to an integer, half to even, that lies in the low bits of the sum.
/// Two conversions at a quarter of the rate become one addition.
///
/// The low bits are taken by an instruction that LLVM does not see through: it
/// would store the low byte of the float itself, and ptxas (13.0) makes a
/// conversion of a store of a float's register as a byte.
struct ConvertRounded : OpRewritePattern<arith::FPToSIOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::FPToSIOp op,
                                PatternRewriter &rewriter) const override {
    auto integer = dyn_cast<IntegerType>(op.getType());
    if (!op.getIn().getType().isF32() || !integer || integer.getWidth() > 32)
      return rewriter.notifyMatchFailure(op, "not f32 to up to 32 bits");
    auto least = op.getIn().getDefiningOp<arith::MinNumFOp>();
    auto most = least ? least.getLhs().getDefiningOp<arith::MaxNumFOp>()
                      : arith::MaxNumFOp();
    auto round = most ? most.getLhs().getDefiningOp<math::RoundEvenOp>()
                      : math::RoundEvenOp();
    if (!round || !getRoundableInteger(least.getRhs()) ||
        !getRoundableInteger(most.getRhs()))
      return rewriter.notifyMatchFailure(op, "not a rounded, clamped value");
    Location loc = op.getLoc();
    Value x = arith::MaxNumFOp::create(rewriter, loc, round.getOperand(),
                                       most.getRhs());
    x = arith::MinNumFOp::create(rewriter, loc, x, least.getRhs());
    Value magic = arith::ConstantOp::create(
        rewriter, loc, rewriter.getF32FloatAttr(roundingAddend));
    Value sum = arith::AddFOp::create(rewriter, loc, x, magic);
    Type word = rewriter.getI32Type();
    Value bits = arith::BitcastOp::create(rewriter, loc, word, sum);
    auto constant = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getI32IntegerAttr(value));
    };
    constexpr int32_t kAnd = 0xc0, kMantissa = 0x007fffff, kZero = 0x00400000;
    Value mantissa = quantmlir::quant_tile::Lop3Op::create(
        rewriter, loc, word, bits, constant(kMantissa), constant(0),
        rewriter.getI32IntegerAttr(kAnd));
    Value result =
        arith::SubIOp::create(rewriter, loc, mantissa, constant(kZero));
    if (integer.getWidth() < 32)
      result = arith::TruncIOp::create(rewriter, loc, integer, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// extf of an element of a vector of bf16: the upper half of an f32, which is
/// one instruction from the word that it lies in. LLVM would take the element
/// out of the word first.
struct WidenHalfOfWord : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    auto extract = op.getIn().getDefiningOp<vector::ExtractOp>();
    if (!op.getType().isF32() || !op.getIn().getType().isBF16() || !extract ||
        extract.getStaticPosition().size() != 1 || extract.hasDynamicPosition())
      return rewriter.notifyMatchFailure(op, "not an element of bf16");
    VectorType type = extract.getSourceVectorType();
    if (type.getNumElements() % 2)
      return rewriter.notifyMatchFailure(op, "not a vector of whole words");
    int64_t position = extract.getStaticPosition()[0];
    Location loc = op.getLoc();
    Type word = rewriter.getI32Type();
    Value words = vector::BitCastOp::create(
        rewriter, loc, VectorType::get({type.getNumElements() / 2}, word),
        extract.getSource());
    Value both = vector::ExtractOp::create(rewriter, loc, words, position / 2);
    auto constant = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(rewriter, loc,
                                       rewriter.getI32IntegerAttr(value));
    };
    constexpr int32_t kUpperHalf = 0xffff0000;
    Value bits =
        position % 2
            ? arith::AndIOp::create(rewriter, loc, both, constant(kUpperHalf))
                  .getResult()
            : arith::ShLIOp::create(rewriter, loc, both, constant(16));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

} // namespace

void quantmlir::quant_tile::populateRoundedConversionPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ConvertRounded>(patterns.getContext());
}

void quantmlir::quant_tile::populateWideningPatterns(
    RewritePatternSet &patterns) {
  patterns.add<WidenHalfOfWord>(patterns.getContext());
}

void quantmlir::quant_tile::populateMinMaxPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ToInstruction<arith::MaxNumFOp, LLVM::MaxNumOp>,
               ToInstruction<arith::MinNumFOp, LLVM::MinNumOp>,
               ToInstruction<arith::MaximumFOp, LLVM::MaximumOp>,
               ToInstruction<arith::MinimumFOp, LLVM::MinimumOp>>(
      patterns.getContext());
}
