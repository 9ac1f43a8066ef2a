//===- EncodingFolds.cpp - Folds of ops on encoded tensors ----------------===//
//
// Every fold keeps the value that each element means. Where the scale is zero
// or not finite the code may differ, the meaning (0, or something not finite)
// does not.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Parameters of an encoded value
//===----------------------------------------------------------------------===//

namespace {
/// Scales and zero points of an encoded value, null where unknown.
struct Params {
  Value scales, zeroPoints;
};
} // namespace

/// The layout changes neither scales nor zero points.
static Value lookThroughRepack(Value encoded) {
  while (auto repack = encoded.getDefiningOp<RepackOp>())
    encoded = repack.getSource();
  return encoded;
}

/// The values that `encoded` was given as scales and zero points.
static Params getKnownParams(Value encoded) {
  encoded = lookThroughRepack(encoded);
  if (auto assemble = encoded.getDefiningOp<AssembleOp>())
    return {assemble.getScales(), assemble.getZeroPoints()};
  if (auto quantize = encoded.getDefiningOp<QuantizeOp>())
    return {quantize.getScales(), quantize.getZeroPoints()};
  if (auto requantize = encoded.getDefiningOp<RequantizeOp>())
    return {requantize.getScales(), requantize.getZeroPoints()};
  return {};
}

/// Whether `scales` and `zeroPoints` are for certain those of `encoded`.
static bool hasParams(Value encoded, Value scales, Value zeroPoints) {
  if (!scales)
    return false;
  Params known = getKnownParams(encoded);
  if (known.scales == scales && known.zeroPoints == zeroPoints)
    return true;
  auto disassemble = scales.getDefiningOp<DisassembleOp>();
  return disassemble &&
         lookThroughRepack(disassemble.getSource()) ==
             lookThroughRepack(encoded) &&
         scales == disassemble.getScales() &&
         zeroPoints == disassemble.getZeroPoints();
}

//===----------------------------------------------------------------------===//
// AssembleOp, DisassembleOp
//===----------------------------------------------------------------------===//

/// assemble(disassemble(x)) -> x.
OpFoldResult AssembleOp::fold(FoldAdaptor) {
  auto disassemble = getCodes().getDefiningOp<DisassembleOp>();
  if (disassemble && disassemble.getSource().getType() == getType() &&
      disassemble->getResults() == getOperands())
    return disassemble.getSource();
  return {};
}

/// disassemble(assemble(codes, ...)) -> codes, ...
LogicalResult DisassembleOp::fold(FoldAdaptor,
                                  SmallVectorImpl<OpFoldResult> &results) {
  auto assemble = getSource().getDefiningOp<AssembleOp>();
  if (!assemble || assemble.getOperandTypes() != getResultTypes())
    return failure();
  llvm::append_range(results, assemble.getOperands());
  return success();
}

namespace {
/// The parameters of a quantize are the ones it was given, whatever becomes of
/// the codes.
struct ForwardParams : OpRewritePattern<DisassembleOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(DisassembleOp op,
                                PatternRewriter &rewriter) const override {
    Params known = getKnownParams(op.getSource());
    bool changed = false;
    auto forward = [&](Value result, Value value) {
      if (!result || !value || result.use_empty() ||
          result.getType() != value.getType())
        return;
      rewriter.replaceAllUsesWith(result, value);
      changed = true;
    };
    forward(op.getScales(), known.scales);
    forward(op.getZeroPoints(), known.zeroPoints);
    return success(changed);
  }
};
} // namespace

void DisassembleOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                                MLIRContext *context) {
  results.add<ForwardParams>(context);
}

//===----------------------------------------------------------------------===//
// QuantizeOp
//===----------------------------------------------------------------------===//

/// Whether code -> value -> code is exact for integer codes of 8 bits or less
/// when the value is rounded to `element`: the rounded value is within 2^-8
/// relative of exact, |code - zero point| is at most 255, so the quotient is
/// off by less than a half, provided that neither overflow nor underflow comes
/// in between.
static bool isExactRoundTrip(EncodingAttr encoding, Value scales,
                             FloatType element) {
  if (encoding.isFloatStorage() || encoding.getCodebook() ||
      (encoding.hasZeroPoint() && !isa<IntegerType>(encoding.getZeroPoint())))
    return false;
  if (encoding.getRounding() != Rounding::NearestEven &&
      encoding.getRounding() != Rounding::NearestAway)
    return false;
  // Products of these scales with codes are normal f32 numbers.
  if (isa<Float16Type, Float8E4M3FNType>(encoding.getScale()) &&
      isa<Float32Type, Float64Type>(element))
    return true;
  DenseFPElementsAttr constant;
  if (!matchPattern(scales, m_Constant(&constant)))
    return false;
  // The division is in f32, so that bounds both element types.
  const llvm::fltSemantics &semantics = element.getWidth() < 32
                                            ? element.getFloatSemantics()
                                            : APFloat::IEEEsingle();
  double smallest = APFloat::getSmallestNormalized(semantics).convertToDouble();
  double largest = APFloat::getLargest(semantics).convertToDouble();
  return llvm::all_of(constant.getValues<APFloat>(), [&](APFloat scale) {
    bool losesInfo;
    scale.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    if (!scale.isFinite())
      return false;
    scale.clearSign();
    double value = scale.convertToDouble();
    return value >= smallest && value * 255.0 <= largest;
  });
}

/// quantize(dequantize(q)) -> q, with the parameters of q and where exact.
OpFoldResult QuantizeOp::fold(FoldAdaptor) {
  auto dequantize = getSource().getDefiningOp<DequantizeOp>();
  if (!dequantize || dequantize.getSource().getType() != getType())
    return {};
  Value source = dequantize.getSource();
  auto element = dyn_cast<FloatType>(getType().getElementType());
  if (element && hasParams(source, getScales(), getZeroPoints()) &&
      isExactRoundTrip(getEncoding(getType()), getScales(), element))
    return source;
  return {};
}

//===----------------------------------------------------------------------===//
// DequantizeOp, RequantizeOp, RepackOp
//===----------------------------------------------------------------------===//

/// Makes `op` read under the repack that makes its source, if any: values are
/// the same in every layout.
template <typename OpT> static OpFoldResult readUnderRepack(OpT op) {
  auto repack = op.getSource().template getDefiningOp<RepackOp>();
  if (!repack)
    return {};
  op.getSourceMutable().assign(repack.getSource());
  return op.getResult();
}

/// dequantize(repack(x)) -> dequantize(x).
OpFoldResult DequantizeOp::fold(FoldAdaptor) { return readUnderRepack(*this); }

/// Whether `op` asks for what its source is already, the layout aside. Codes of
/// an encoding lie in its range, and requantization does not round in between.
static bool requantizesToSelf(RequantizeOp op) {
  return op.getSource().getType().getElementType() ==
             op.getType().getElementType() &&
         getEncoding(op.getSource().getType()).withLayout({}) ==
             getEncoding(op.getType()).withLayout({}) &&
         hasParams(op.getSource(), op.getScales(), op.getZeroPoints());
}

/// requantize(repack(x)) -> requantize(x); to the same encoding with the same
/// parameters: the source.
OpFoldResult RequantizeOp::fold(FoldAdaptor) {
  if (getSource().getType() == getType() && requantizesToSelf(*this))
    return getSource();
  return readUnderRepack(*this);
}

namespace {
/// requantize that changes the layout only -> repack.
struct RequantizeToRepack : OpRewritePattern<RequantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RequantizeOp op,
                                PatternRewriter &rewriter) const override {
    if (!requantizesToSelf(op))
      return rewriter.notifyMatchFailure(
          op, "encoding or parameters differ from the source's");
    rewriter.replaceOpWithNewOp<RepackOp>(op, op.getType(), op.getSource());
    return success();
  }
};
} // namespace

void RequantizeOp::getCanonicalizationPatterns(RewritePatternSet &results,
                                               MLIRContext *context) {
  results.add<RequantizeToRepack>(context);
}

/// repack to the same layout -> source; repack(repack(x)) -> repack(x).
OpFoldResult RepackOp::fold(FoldAdaptor) {
  if (getSource().getType() == getType())
    return getSource();
  return readUnderRepack(*this);
}
