//===- Functions.cpp - Functions of f32 in few instructions ---------------===//
//
// Each stands on the hardware's powers of two and reciprocals, which are within
// two units in the last place and one. Error bounds beside them hold for all
// arguments; test/Emulator/test_functions.py tries them on a dense set.
//
//===----------------------------------------------------------------------===//

#include "Functions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace {

/// Builds arithmetic of f32 at one place.
class Arithmetic {
public:
  Arithmetic(OpBuilder &builder, Location loc) : b(builder), loc(loc) {}

  Value number(double value) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value abs(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value ex2(Value x) { return Ex2Op::create(b, loc, x); }
  Value reciprocal(Value x) {
    return NVVM::RcpApproxFtzF32Op::create(b, loc, b.getF32Type(), x);
  }
  Value copySign(Value magnitude, Value sign) {
    // c ? a : b of each bit.
    constexpr int32_t kSelect = 0xe4;
    Type word = b.getI32Type();
    auto bits = [&](Value x) -> Value {
      return arith::BitcastOp::create(b, loc, word, x);
    };
    Value mask =
        arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0x7fffffff));
    Value chosen = Lop3Op::create(b, loc, word, bits(magnitude), bits(sign),
                                  mask, b.getI32IntegerAttr(kSelect));
    return arith::BitcastOp::create(b, loc, b.getF32Type(), chosen);
  }
  /// `yes` where x < bound, else `no`, which a NaN gives.
  Value selectBelow(Value x, double bound, Value yes, Value no) {
    Value below = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x,
                                        number(bound));
    return arith::SelectOp::create(b, loc, below, yes, no);
  }
  /// The polynomial of those coefficients, the constant one first.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value result = number(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      result = fma(result, x, number(coefficient));
    return result;
  }

private:
  OpBuilder &b;
  Location loc;
};

} // namespace

static std::optional<double> getNumber(Value value) {
  FloatAttr attribute;
  if (!value.getType().isF32() || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return attribute.getValueAsDouble();
}

/// Where one of `op`'s operands is the number `wanted`, the other; else null.
template <typename OpTy> static Value getOther(OpTy op, double wanted) {
  if (getNumber(op.getRhs()) == wanted)
    return op.getLhs();
  return getNumber(op.getLhs()) == wanted ? op.getRhs() : Value();
}

//===----------------------------------------------------------------------===//
// erf
//===----------------------------------------------------------------------===//

/// log2(1 - erf(t)) is t times a polynomial of t. 2 to the power of the first
/// is within 2^-24.9 of 1 - erf(t) for all t >= 0, and the polynomial falls
/// without end; of the second within 2^-22 up to `kErfcEnd`, where it is below
/// -126.
static constexpr double kLogErfc[] = {
    -0x1.a0beb4p+0,  -0x1.d637a8p-1,  -0x1.305b88p-3, 0x1.d463c2p-6,
    -0x1.3e3f72p-10, -0x1.36975cp-10, 0x1.649bd2p-12, -0x1.04d736p-15};
static constexpr double kShortLogErfc[] = {-0x1.a0bfb2p+0, -0x1.d619d2p-1,
                                           -0x1.329538p-3, 0x1.fa303ep-6,
                                           -0x1.e03912p-9, 0x1.29b326p-13};
static constexpr double kErfcEnd = 10;

/// `value` as a product of a positive number and another value, if it is one
/// and the number leaves no coefficient out of what f32 holds; else of 1.
static std::pair<Value, double> splitScale(Value value) {
  auto product = value.getDefiningOp<arith::MulFOp>();
  if (!product)
    return {value, 1};
  Value left = product.getLhs(), right = product.getRhs();
  for (auto [factor, rest] : {std::pair(left, right), std::pair(right, left)})
    if (std::optional<double> number = getNumber(factor))
      if (*number >= 0x1p-8 && *number <= 0x1p8)
        return {rest, *number};
  return {value, 1};
}

/// Where `op` is only halved, and perhaps multiplied by another value, the
/// outermost product of these and that value (or null); else `op` itself. That
/// is op * 0.5, op * (x * 0.5) and (op * x) * 0.5.
static std::pair<Operation *, Value> findHalving(arith::AddFOp op) {
  auto getOnlyProduct = [](Operation *of) {
    return of->hasOneUse() ? dyn_cast<arith::MulFOp>(*of->user_begin())
                           : arith::MulFOp();
  };
  arith::MulFOp product = getOnlyProduct(op);
  if (!product || product.getLhs() == product.getRhs())
    return {op, {}};
  Value with = product.getLhs() == op ? product.getRhs() : product.getLhs();
  if (getNumber(with) == 0.5)
    return {product, {}};
  auto inner = with.getDefiningOp<arith::MulFOp>();
  if (Value x = inner ? getOther(inner, 0.5) : Value())
    return {product, x};
  arith::MulFOp outer = getOnlyProduct(product);
  if (outer && getOther(outer, 0.5) == product)
    return {outer, with};
  return {op, {}};
}

namespace {

/// 1 + erf(c x), for c > 0: what GELU multiplies by. With t = |x| and r = 1 -
/// erf(c t) it is r where x is negative and 2 - r elsewhere, within 2^-22.
/// Where it is only halved and multiplied by x, as GELU does, 1/2 comes for
/// nothing.
struct ExpandErfPlusOne : OpRewritePattern<arith::AddFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::AddFOp op,
                                PatternRewriter &rewriter) const override {
    Value other = getOther(op, 1.0);
    auto erf = other ? other.getDefiningOp<math::ErfOp>() : math::ErfOp();
    if (!erf || !erf.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not 1 + erf(x) of scalar f32");
    auto [x, scale] = splitScale(erf.getOperand());
    auto [replaced, factor] = findHalving(op);
    bool halved = replaced != op;
    rewriter.setInsertionPoint(replaced);
    Arithmetic a(rewriter, erf.getLoc());
    Value t = LLVM::MinimumOp::create(rewriter, erf.getLoc(), a.abs(x),
                                      a.number(kErfcEnd / scale));
    // The polynomial of scale t.
    SmallVector<double> coefficients(std::begin(kShortLogErfc),
                                     std::end(kShortLogErfc));
    double power = 1;
    for (double &coefficient : coefficients)
      coefficient *= power *= scale;
    Value exponent = a.polynomial(t, coefficients);
    Value rest =
        a.ex2(halved ? a.fma(exponent, t, a.number(-1)) : a.mul(exponent, t));
    Value result =
        a.selectBelow(x, 0.0, rest, a.sub(a.number(halved ? 1 : 2), rest));
    rewriter.replaceOp(replaced, factor ? a.mul(factor, result) : result);
    return success();
  }
};

/// erf(x), within 2^-22 of itself: x times a polynomial of x^2 up to 0.6, and
/// one less 1 - erf(x) from there on.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar f32");
    Arithmetic a(rewriter, op.getLoc());
    Value x = op.getOperand(), t = a.abs(x);
    Value small =
        a.mul(x, a.polynomial(a.mul(x, x),
                              {0x1.20dd74p+0, -0x1.8125b6p-2, 0x1.cdcbb2p-4,
                               -0x1.afa3f6p-6, 0x1.0bee52p-8}));
    Value rest = a.ex2(a.mul(a.polynomial(t, kLogErfc), t));
    Value large = a.copySign(a.sub(a.number(1), rest), x);
    rewriter.replaceOp(op, a.selectBelow(t, 0.6, small, large));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Exponential functions
//===----------------------------------------------------------------------===//

constexpr double kLog2E = 0x1.715476p+0;
/// ln 2, and what that f32 is off.
constexpr double kLn2 = 0x1.62e430p-1, kLn2Rest = -0x1.05c610p-29;

/// 2^x, subnormal results as well.
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

/// e^x = 2^hi * e^lo, where hi = x log2 e as f32 has it, and lo = x - hi ln 2,
/// which f32 holds nearly exactly, is so small that e^lo is 1 + lo. What would
/// be subnormal is zero.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar f32");
    Location loc = op.getLoc();
    Arithmetic a(rewriter, loc);
    // Beyond these bounds the power is zero or infinite, and lo, of an
    // infinity, would be NaN. A NaN passes both.
    Value x = LLVM::MaximumOp::create(rewriter, loc, op.getOperand(),
                                      a.number(-104.0));
    x = LLVM::MinimumOp::create(rewriter, loc, x, a.number(104.0));
    Value hi = a.mul(x, a.number(kLog2E));
    Value lo = a.fma(hi, a.number(-kLn2), x);
    lo = a.fma(hi, a.number(-kLn2Rest), lo);
    rewriter.replaceOp(op, a.mul(a.ex2(hi), a.add(lo, a.number(1))));
    return success();
  }
};

/// a / (1 + e^b), of sigmoid and SiLU: a times a reciprocal. Within 3 ulp of
/// what it is for a b that is one ulp off, and |a| 2^-126.
struct ExpandSigmoid : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = op.getRhs().getDefiningOp<arith::AddFOp>();
    Value other = sum ? getOther(sum, 1.0) : Value();
    auto power = other ? other.getDefiningOp<math::ExpOp>() : math::ExpOp();
    if (!power || !power.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a / (1 + exp(b)) of f32");
    Arithmetic a(rewriter, op.getLoc());
    Value exponent = power.getOperand();
    double factor = kLog2E;
    if (auto negated = exponent.getDefiningOp<arith::NegFOp>()) {
      exponent = negated.getOperand();
      factor = -factor;
    }
    Value below = a.add(a.ex2(a.mul(exponent, a.number(factor))), a.number(1));
    rewriter.replaceOp(op, a.mul(op.getLhs(), a.reciprocal(below)));
    return success();
  }
};

/// tanh(x), within 2^-21 of itself: x times a polynomial of x^2 up to 0.55, and
/// 1 - 2 / (1 + e^2x) from there on.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "not a scalar f32");
    Arithmetic a(rewriter, op.getLoc());
    Value x = op.getOperand(), t = a.abs(x);
    Value square = a.mul(x, x);
    Value small =
        a.mul(x, a.polynomial(square,
                              {1, -0x1.555552p-2, 0x1.110f60p-3, -0x1.b99506p-5,
                               0x1.5d4a92p-6, -0x1.b5c192p-8}));
    Value below = a.add(a.ex2(a.mul(t, a.number(2 * kLog2E))), a.number(1));
    Value large =
        a.copySign(a.fma(a.reciprocal(below), a.number(-2), a.number(1)), x);
    rewriter.replaceOp(op, a.selectBelow(t, 0.55, small, large));
    return success();
  }
};

} // namespace

void quantmlir::quant_tile::populateActivationPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ExpandErfPlusOne, ExpandSigmoid>(patterns.getContext());
}

void quantmlir::quant_tile::populateFunctionPatterns(
    RewritePatternSet &patterns) {
  patterns.add<ExpandErf, ExpandExp, ExpandExp2, ExpandTanh>(
      patterns.getContext());
}
