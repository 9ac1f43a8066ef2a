//===- DecomposeContractions.cpp - Y = Sx (X W^T) Sw ----------------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORDECOMPOSECONTRACTIONS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-decompose-contractions";

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

namespace {

/// A contraction of two encoded operands that can be taken apart.
struct EncodedContraction {
  Contraction contraction;
  /// Where the parameters of either side are read, from [.., m, n].
  AffineMap lhsMap, rhsMap;
  bool isFloat = false;
  /// The right-hand side is decoded in the contraction, which reads the codes
  /// of the left-hand side, less their zero points, as f16.
  bool decodesRhs = false;
  /// Both are 8-bit floats whose scales change within the contraction, which
  /// keeps them encoded.
  bool isBlockScaled = false;
};

} // namespace

/// Whether `encoding` becomes row-major 8-bit integers by moving codes only.
static bool isWidened(EncodingAttr encoding) {
  return isa<IntegerType>(encoding.getStorage()) &&
         (encoding.getStorageBits() < 8 || !encoding.isRowMajor());
}

static LogicalResult checkCodes(EncodingAttr encoding, StringRef what,
                                WhyNot &whyNot) {
  if (encoding.getCodebook())
    return whyNot("the codes of the {0} index a codebook", what);
  if (encoding.isFloatStorage() && encoding.getStorageBits() != 8)
    return whyNot("the {0} has {1}-bit float codes, not 8", what,
                  encoding.getStorageBits());
  if (encoding.isFloatStorage() && !encoding.isRowMajor())
    return whyNot("the codes of the {0} are not row-major", what);
  if (isa_and_nonnull<FloatType>(encoding.getZeroPoint()))
    return whyNot("the {0} has a float zero point", what);
  return success();
}

/// Whether a contraction can decode its right-hand side: where its left-hand
/// side has codes of 8 bits, which f16 holds, less their zero points.
static LogicalResult checkDecodes(const Contraction &contraction,
                                  WhyNot &whyNot) {
  EncodingAttr rhs = contraction.rhs.getEncoding();
  if (contraction.numBatch || rhs.getCodebook() ||
      contraction.rhs.getType().getRank() != 2)
    return failure();
  return canNormalizeOperands(contraction, whyNot);
}

/// Whether a contraction can scale both operands as it goes: 8-bit floats,
/// each row of the left-hand side with scales of its own.
static bool canScaleBlocks(const Contraction &contraction) {
  for (const ContractionOperand *operand :
       {&contraction.lhs, &contraction.rhs}) {
    EncodingAttr encoding = operand->getEncoding();
    if (!isa<Float8E4M3FNType, Float8E5M2Type>(encoding.getStorage()) ||
        encoding.getCodebook() || encoding.hasZeroPoint() ||
        !encoding.isRowMajor())
      return false;
  }
  WhyNot whyNot;
  return !contraction.numBatch && contraction.rhs.getType().getRank() == 2 &&
         llvm::all_equal(
             contraction.lhs.getEncoding().getBlock().drop_back()) &&
         contraction.lhs.getEncoding().getBlock().front() == 1 &&
         succeeded(canNormalizeOperands(contraction, whyNot));
}

static FailureOr<EncodedContraction> matchEncoded(Operation *op,
                                                  WhyNot &whyNot) {
  if (!isa<linalg::LinalgOp>(op))
    return failure();
  WhyNot notContraction;
  FailureOr<Contraction> contraction = matchContraction(op, notContraction);
  if (failed(contraction)) {
    // A remark is due only where both operands are encoded as they stand.
    if (notContraction.isNearMiss() && op->getNumOperands() == 3 &&
        getEncoding(op->getOperand(0).getType()) &&
        getEncoding(op->getOperand(1).getType()))
      return whyNot("{0}", notContraction.str());
    return failure();
  }
  EncodingAttr lhs = contraction->lhs.getEncoding();
  EncodingAttr rhs = contraction->rhs.getEncoding();
  if (!lhs || !rhs)
    return failure();
  if (!isa<Float32Type, Float16Type, BFloat16Type>(
          contraction->getResultType().getElementType()))
    return whyNot("the result is neither f32, f16 nor bf16");

  EncodedContraction result;
  result.contraction = *contraction;
  result.isFloat = lhs.isFloatStorage();
  if (failed(checkCodes(lhs, "left-hand side", whyNot)))
    return failure();
  unsigned rank = contraction->getNormalRank();
  auto loopOf = [&](unsigned loop) -> std::optional<unsigned> {
    if (loop == contraction->k)
      return std::nullopt;
    ArrayRef<unsigned> rows = contraction->m;
    const unsigned *it = llvm::find(rows, loop);
    return it == rows.end() ? rank - 1 : unsigned(it - rows.begin());
  };
  FailureOr<AffineMap> lhsMap =
      getParameterMap(contraction->lhs.getType(),
                      llvm::map_to_vector(contraction->lhs.loops, loopOf), rank,
                      "left-hand side", whyNot);
  auto scaleBlocks = [&]() -> FailureOr<EncodedContraction> {
    if (!canScaleBlocks(*contraction))
      return failure();
    result.isBlockScaled = true;
    return result;
  };
  if (failed(lhsMap))
    return scaleBlocks();
  result.lhsMap = *lhsMap;
  // What stands in the way of a product of codes may not be in the way of one
  // that decodes the right-hand side.
  WhyNot noDecode;
  auto orDecode = [&](LogicalResult) -> FailureOr<EncodedContraction> {
    if (failed(checkDecodes(*contraction, noDecode)))
      return failure();
    result.decodesRhs = true;
    return result;
  };
  if (failed(checkCodes(rhs, "right-hand side", whyNot)))
    return orDecode(failure());
  if (lhs.isFloatStorage() != rhs.isFloatStorage())
    return orDecode(
        whyNot("one side has integer codes, the other float codes"));
  // In the order of the right-hand side as stored; it may be turned later.
  FailureOr<AffineMap> rhsMap =
      getParameterMap(contraction->rhs.getType(),
                      llvm::map_to_vector(contraction->rhs.loops, loopOf), rank,
                      "right-hand side", whyNot);
  if (failed(rhsMap) && canScaleBlocks(*contraction))
    return scaleBlocks();
  if (failed(rhsMap))
    return orDecode(failure());
  if (contraction->numBatch) {
    // Codes of 8 bits are turned as plain tensors.
    if (!contraction->hasRows() || !contraction->n)
      return whyNot("an operand is a batch of encoded vectors");
  } else if (isWidened(rhs)) {
    // Codes of any width and layout are moved to where they can be turned.
    if (!contraction->hasRows() || !contraction->n)
      return whyNot("an operand is an encoded vector");
  } else if (failed(canNormalizeOperands(*contraction, whyNot))) {
    return failure();
  }
  result.rhsMap = *rhsMap;
  if (!contraction->numBatch && contraction->isRhsTransposed())
    result.rhsMap =
        AffineMap::get(rank, 0, {rhsMap->getResult(1), rhsMap->getResult(0)},
                       op->getContext());
  int64_t k = contraction->getContractedExtent();
  int64_t limit =
      getMaxContractionExtent(!lhs.isSignedStorage() || lhs.hasZeroPoint(),
                              !rhs.isSignedStorage() || rhs.hasZeroPoint());
  if (!result.isFloat && !ShapedType::isDynamic(k) && k > limit)
    return whyNot("an i32 sum of K = {0} products could overflow: these codes "
                  "allow K up to {1}",
                  k, limit);
  return result;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// `value` as f32, where it is a narrower float.
static Value extendToF32(OpBuilder &builder, Location loc, Value value) {
  Type f32 = builder.getF32Type();
  return value.getType() == f32
             ? value
             : arith::ExtFOp::create(builder, loc, f32, value);
}

/// `value` with its codes as row-major 8-bit integers, where they are narrower
/// or lie in another layout: the same codes with the same parameters.
static Value widenCodes(OpBuilder &builder, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  EncodingAttr encoding = getEncoding(type);
  if (!isWidened(encoding))
    return value;
  auto storage =
      IntegerType::get(builder.getContext(), 8,
                       encoding.isSignedStorage() ? IntegerType::Signless
                                                  : IntegerType::Unsigned);
  auto wide = EncodingAttr::get(
      builder.getContext(), storage, encoding.getBlock(), encoding.getScale(),
      encoding.getZeroPoint(), encoding.getRange(), Rounding::NearestEven,
      Overflow::Saturate, /*codebook=*/{}, /*layout=*/{});
  auto parts = DisassembleOp::create(builder, loc, value);
  return RequantizeOp::create(
      builder, loc,
      RankedTensorType::get(type.getShape(), type.getElementType(), wide),
      value, parts.getScales(), parts.getZeroPoints(), /*method=*/nullptr);
}

/// Zero points as the i32 that int_matmul reads.
static Value toI32ZeroPoints(OpBuilder &builder, Location loc, Value value,
                             EncodingAttr encoding) {
  if (!value)
    return {};
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType().isInteger(32))
    return value;
  Type wide = RankedTensorType::get(type.getShape(), builder.getI32Type());
  if (encoding.getZeroPoint().isUnsignedInteger())
    return arith::ExtUIOp::create(builder, loc, wide, value);
  return arith::ExtSIOp::create(builder, loc, wide, value);
}

/// acc * sx (* sw) (+ init), rounded to `type`: the operands in this order, the
/// first `numScales` after the sum being scales.
static Value buildScaling(OpBuilder &builder, Location loc,
                          ValueRange arguments, unsigned numScales, Type type) {
  Value result = arguments[0];
  if (isa<IntegerType>(result.getType()))
    result =
        arith::SIToFPOp::create(builder, loc, builder.getF32Type(), result);
  for (Value scale : arguments.slice(1, numScales))
    result = arith::MulFOp::create(builder, loc, result,
                                   extendToF32(builder, loc, scale));
  if (arguments.size() > 1 + numScales)
    result = arith::AddFOp::create(builder, loc, result,
                                   extendToF32(builder, loc, arguments.back()));
  if (type != result.getType())
    result = arith::TruncFOp::create(builder, loc, type, result);
  return result;
}

/// A linalg.generic over the shape of `init` that computes each element of the
/// result from one element of each operand.
static Value createElementwise(OpBuilder &builder, Location loc,
                               ArrayRef<EpilogueOperand> operands, Value init,
                               EpilogueBuilder body) {
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (const EpilogueOperand &operand : operands) {
    values.push_back(operand.value);
    maps.push_back(operand.map);
  }
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, init.getType(), values, init, maps, iterators,
             [&](OpBuilder &inner, Location innerLoc, ValueRange arguments) {
               Value result =
                   body(inner, innerLoc, arguments.take_front(values.size()));
               linalg::YieldOp::create(inner, innerLoc, result);
             })
      .getResult(0);
}

/// The product of `operands` in float, times `scales`, plus the contraction's
/// init where that is not zero: a scaled_matmul.
static Value createScaledProduct(PatternRewriter &rewriter, Location loc,
                                 const Contraction &contraction,
                                 const NormalOperands &operands,
                                 SmallVector<EpilogueOperand> scales) {
  unsigned numScales = scales.size();
  if (!isZeroTensor(contraction.init))
    scales.push_back(getStart(contraction));
  Type elementType = contraction.getResultType().getElementType();
  Value init = createNormalInit(rewriter, loc, operands, elementType);
  return createScaledMatmul(
             rewriter, loc, operands.lhs, operands.rhs, scales, init,
             /*lhsUnsigned=*/false, /*rhsUnsigned=*/false,
             [&](OpBuilder &builder, Location loc, ValueRange arguments) {
               return buildScaling(builder, loc, arguments, numScales,
                                   elementType);
             })
      .getResult();
}

namespace {

struct DecomposeEncoded : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<EncodedContraction> match = matchEncoded(op, whyNot);
    if (failed(match))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    Contraction &contraction = match->contraction;
    Location loc = op->getLoc();
    if (match->decodesRhs) {
      rewriteDecoding(op, *match, rewriter);
      return success();
    }
    if (match->isBlockScaled) {
      rewriteBlockScaled(op, contraction, rewriter);
      return success();
    }
    for (ContractionOperand *operand : {&contraction.lhs, &contraction.rhs}) {
      EncodingAttr encoding = operand->getEncoding();
      if (!isWidened(encoding))
        continue;
      operand->value = widenCodes(rewriter, loc, operand->value);
      remarkPassed(op, passName,
                   llvm::formatv("moves {0}-bit codes to rows of bytes",
                                 encoding.getStorageBits())
                       .str());
    }
    NormalOperands encoded{contraction.lhs.value, contraction.rhs.value};
    if (!contraction.numBatch) {
      FailureOr<NormalOperands> normal =
          normalizeOperands(rewriter, contraction, whyNot);
      assert(succeeded(normal) && "checked by matchEncoded");
      encoded = *normal;
    }
    auto lhs = DisassembleOp::create(rewriter, loc, encoded.lhs);
    auto rhs = DisassembleOp::create(rewriter, loc, encoded.rhs);
    NormalOperands codes{lhs.getCodes(), rhs.getCodes()};
    Value rhsZeroPoints = rhs.getZeroPoints();
    if (contraction.numBatch) {
      // Scales stay as they are stored; their map says where they are read.
      Contraction plain = contraction;
      plain.lhs.value = lhs.getCodes();
      plain.rhs.value = rhs.getCodes();
      codes = *normalizeOperands(rewriter, plain, whyNot);
      if (rhsZeroPoints && plain.isRhsTransposed()) {
        plain.rhs.value = rhsZeroPoints;
        rhsZeroPoints = normalizeOperands(rewriter, plain, whyNot)->rhs;
      }
    }
    SmallVector<EpilogueOperand> operands{{lhs.getScales(), match->lhsMap},
                                          {rhs.getScales(), match->rhsMap}};
    Value result;
    if (match->isFloat) {
      result = createScaledProduct(rewriter, loc, contraction, codes, operands);
      remarkPassed(op, passName, "multiplies the 8-bit float codes");
    } else {
      EncodingAttr lhsEncoding = getEncoding(encoded.lhs.getType());
      EncodingAttr rhsEncoding = getEncoding(encoded.rhs.getType());
      if (!isZeroTensor(contraction.init))
        operands.push_back(getStart(contraction));
      Type elementType = contraction.getResultType().getElementType();
      Value init = createNormalInit(rewriter, loc, codes, elementType);
      Value zero = arith::ConstantOp::create(rewriter, loc,
                                             rewriter.getI32IntegerAttr(0));
      Value empty =
          createNormalInit(rewriter, loc, codes, rewriter.getI32Type());
      Value start =
          linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
      Value sum =
          IntMatmulOp::create(
              rewriter, loc, start.getType(), codes.lhs, codes.rhs,
              toI32ZeroPoints(rewriter, loc, lhs.getZeroPoints(), lhsEncoding),
              toI32ZeroPoints(rewriter, loc, rhsZeroPoints, rhsEncoding), start,
              !lhsEncoding.isSignedStorage(), !rhsEncoding.isSignedStorage())
              .getResult();
      unsigned rank = contraction.getNormalRank();
      operands.insert(operands.begin(),
                      {sum, rewriter.getMultiDimIdentityMap(rank)});
      result = createElementwise(
          rewriter, loc, operands, init,
          [&](OpBuilder &builder, Location loc, ValueRange arguments) {
            return buildScaling(builder, loc, arguments, /*numScales=*/2,
                                elementType);
          });
      remarkPassed(op, passName, "multiplies the integer codes");
    }
    rewriter.replaceOp(op, restoreResult(rewriter, loc, contraction, result));
    return success();
  }

private:
  void rewriteDecoding(linalg::LinalgOp op, const EncodedContraction &match,
                       PatternRewriter &rewriter) const;
  void rewriteBlockScaled(linalg::LinalgOp op, const Contraction &contraction,
                          PatternRewriter &rewriter) const;
};

} // namespace

/// Keeps both operands encoded: their scales are part of the sum.
void DecomposeEncoded::rewriteBlockScaled(linalg::LinalgOp op,
                                          const Contraction &contraction,
                                          PatternRewriter &rewriter) const {
  Location loc = op->getLoc();
  WhyNot whyNot;
  NormalOperands operands = *normalizeOperands(rewriter, contraction, whyNot);
  Value result = createScaledProduct(rewriter, loc, contraction, operands, {});
  remarkPassed(op, passName,
               "multiplies the 8-bit float codes and scales their sums block "
               "by block");
  rewriter.replaceOp(op, restoreResult(rewriter, loc, contraction, result));
}

/// Reads the codes of the left-hand side, less their zero points, as f16 and
/// leaves their scale to the epilogue.
void DecomposeEncoded::rewriteDecoding(linalg::LinalgOp op,
                                       const EncodedContraction &match,
                                       PatternRewriter &rewriter) const {
  Location loc = op->getLoc();
  Contraction contraction = match.contraction;
  EncodingAttr encoding = contraction.lhs.getEncoding();
  auto parts = DisassembleOp::create(
      rewriter, loc, widenCodes(rewriter, loc, contraction.lhs.value));
  Value codes = parts.getCodes();
  RankedTensorType type = contraction.lhs.getType();
  unsigned lhsRank = type.getRank();
  SmallVector<EpilogueOperand> factors{
      {codes, rewriter.getMultiDimIdentityMap(lhsRank)}};
  if (Value zeroPoints = parts.getZeroPoints()) {
    WhyNot whyNot;
    auto loops = llvm::map_to_vector(
        llvm::seq<unsigned>(0, lhsRank),
        [](unsigned dim) -> std::optional<unsigned> { return dim; });
    factors.push_back(
        {zeroPoints, *getParameterMap(type, loops, lhsRank, "", whyNot)});
  }
  Type f16 = rewriter.getF16Type();
  Value empty = tensor::EmptyOp::create(
      rewriter, loc, tensor::getMixedSizes(rewriter, loc, codes), f16);
  auto toI32 = [](OpBuilder &builder, Location loc, Value value,
                  bool isUnsigned) -> Value {
    Type i32 = builder.getI32Type();
    if (value.getType() == i32)
      return value;
    if (isUnsigned)
      return arith::ExtUIOp::create(builder, loc, i32, value);
    return arith::ExtSIOp::create(builder, loc, i32, value);
  };
  contraction.lhs.value = createElementwise(
      rewriter, loc, factors, empty,
      [&](OpBuilder &builder, Location loc, ValueRange arguments) -> Value {
        if (encoding.isFloatStorage())
          return arith::ExtFOp::create(builder, loc, f16, arguments[0]);
        Value code =
            toI32(builder, loc, arguments[0], !encoding.isSignedStorage());
        if (arguments.size() > 1)
          code = arith::SubIOp::create(
              builder, loc, code,
              toI32(builder, loc, arguments[1],
                    encoding.getZeroPoint().isUnsignedInteger()));
        return arith::SIToFPOp::create(builder, loc, f16, code);
      });

  WhyNot whyNot;
  NormalOperands operands = *normalizeOperands(rewriter, contraction, whyNot);
  Value result = createScaledProduct(rewriter, loc, contraction, operands,
                                     {{parts.getScales(), match.lhsMap}});
  remarkPassed(
      op, passName,
      "decodes the right-hand side inside a contraction with the codes "
      "of the left-hand side");
  rewriter.replaceOp(op, restoreResult(rewriter, loc, contraction, result));
}

namespace {

/// What stands in the way of an int_matmul for a linalg.quantized_matmul or
/// quantized_batch_matmul.
LogicalResult checkQuantizedMatmul(linalg::LinalgOp op, WhyNot &whyNot) {
  if (!op.hasPureTensorSemantics())
    return failure();
  auto elementOf = [&](unsigned operand) {
    return getElementTypeOrSelf(op->getOperand(operand).getType());
  };
  Type result = getElementTypeOrSelf(op->getResult(0).getType());
  if (!elementOf(0).isSignlessInteger(8) ||
      !elementOf(1).isSignlessInteger(8) || !result.isSignlessInteger(32))
    return whyNot("it multiplies {0} by {1} into {2}, expected i8 and i32",
                  elementOf(0), elementOf(1), result);
  for (unsigned zeroPoint : {2u, 3u})
    if (!elementOf(zeroPoint).isSignlessInteger(32))
      return whyNot("a zero point is {0}, expected i32", elementOf(zeroPoint));
  int64_t k =
      cast<RankedTensorType>(op->getOperand(0).getType()).getShape().back();
  int64_t limit = getMaxContractionExtent(true, true);
  if (!ShapedType::isDynamic(k) && k > limit)
    return whyNot("an i32 sum of K = {0} products could overflow: codes with "
                  "zero points allow K up to {1}",
                  k, limit);
  return success();
}

/// linalg.quantized_matmul and its batched form take scalar zero points and a
/// [B.., K, N] right-hand side.
template <typename OpTy> struct QuantizedMatmul : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    if (failed(checkQuantizedMatmul(op, whyNot)))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    int64_t rank = type.getRank();
    auto zeroPoints = [&](Value scalar) -> Value {
      return tensor::FromElementsOp::create(
          rewriter, loc,
          RankedTensorType::get(SmallVector<int64_t>(rank, 1),
                                scalar.getType()),
          scalar);
    };
    Value stored = op.getInputs()[1];
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, stored);
    auto turned = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(sizes[rank - 2], sizes[rank - 1]);
    std::swap(turned[rank - 2], turned[rank - 1]);
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes,
                                          getElementTypeOrSelf(stored));
    Value rhs =
        linalg::TransposeOp::create(rewriter, loc, stored, empty, turned)
            ->getResult(0);
    rewriter.replaceOpWithNewOp<IntMatmulOp>(
        op, type, op.getInputs()[0], rhs, zeroPoints(op.getInputs()[2]),
        zeroPoints(op.getInputs()[3]), op.getOutputs()[0],
        /*lhs_unsigned=*/false, /*rhs_unsigned=*/false);
    return success();
  }
};

struct DecomposeContractions
    : quantmlir::quant_tensor::impl::QuantTensorDecomposeContractionsBase<
          DecomposeContractions> {
  using QuantTensorDecomposeContractionsBase::
      QuantTensorDecomposeContractionsBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateDecomposeContractionPatterns(patterns);
    if (expandZeroPoints)
      populateExpandZeroPointPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](linalg::LinalgOp op) {
      WhyNot whyNot;
      if (isa<linalg::QuantizedMatmulOp, linalg::QuantizedBatchMatmulOp>(op))
        (void)checkQuantizedMatmul(op, whyNot);
      else
        (void)matchEncoded(op, whyNot);
      remarkMissed(op, passName, "contraction not decomposed", whyNot);
    });
  }
};

} // namespace

void quantmlir::quant_tensor::populateDecomposeContractionPatterns(
    RewritePatternSet &patterns) {
  patterns.add<DecomposeEncoded, QuantizedMatmul<linalg::QuantizedMatmulOp>,
               QuantizedMatmul<linalg::QuantizedBatchMatmulOp>>(
      patterns.getContext());
}
