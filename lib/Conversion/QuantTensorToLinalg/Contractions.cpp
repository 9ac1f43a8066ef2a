//===- Contractions.cpp - int_matmul, scaled_matmul, linalg ops -----------===//

#include "Patterns.h"

#include "quantmlir/Conversion/QuantTensorToLinalg/CodeAccess.h"
#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

//===----------------------------------------------------------------------===//
// Sums over k
//===----------------------------------------------------------------------===//

/// Maps of `out[.., m, n] = sum_k lhs[.., m, k] * rhs[.., n, k]` over the
/// dimensions [.., m, n, k], `rank` being that of the result; rhs has the first
/// `numBatchDims` of them before n.
struct MatmulMaps {
  AffineMap lhs, rhs, out;
  SmallVector<utils::IteratorType> iterators;

  MatmulMaps(MLIRContext *context, unsigned rank, unsigned numBatchDims) {
    SmallVector<AffineExpr> lhsExprs, outExprs;
    for (unsigned dim = 0; dim < rank; ++dim)
      outExprs.push_back(getAffineDimExpr(dim, context));
    AffineExpr n = outExprs.back(), k = getAffineDimExpr(rank, context);
    lhsExprs.assign(outExprs.begin(), outExprs.end() - 1);
    lhsExprs.push_back(k);
    lhs = AffineMap::get(rank + 1, 0, lhsExprs, context);
    SmallVector<AffineExpr> rhsExprs(outExprs.begin(),
                                     outExprs.begin() + numBatchDims);
    rhsExprs.append({n, k});
    rhs = AffineMap::get(rank + 1, 0, rhsExprs, context);
    out = AffineMap::get(rank + 1, 0, outExprs, context);
    iterators.assign(rank, utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
  }
};

/// A code of a plain i8 operand as i32.
Value extendPlainCode(ImplicitLocOpBuilder &b, Value code, bool isUnsigned) {
  if (code.getType().isInteger(32))
    return code;
  if (isUnsigned)
    return arith::ExtUIOp::create(b, b.getI32Type(), code);
  return arith::ExtSIOp::create(b, b.getI32Type(), code);
}

/// A factor of a float product as f64, exactly.
Value toF64(ImplicitLocOpBuilder &b, Value factor, bool isUnsigned) {
  if (factor.getType().isF64())
    return factor;
  if (isa<IntegerType>(factor.getType())) {
    Value integer = extendPlainCode(b, factor, isUnsigned);
    return arith::SIToFPOp::create(b, b.getF64Type(), integer);
  }
  return arith::ExtFOp::create(b, b.getF64Type(), buildToF32(b, factor));
}

/// `sum + lhs * rhs` in f64. The order of the sum is not part of the
/// definition, so it may be vectorised.
Value multiplyAddF64(ImplicitLocOpBuilder &b, Value lhs, Value rhs, Value sum) {
  auto reassociate = arith::FastMathFlagsAttr::get(
      b.getContext(),
      arith::FastMathFlags::reassoc | arith::FastMathFlags::contract);
  Value product = arith::MulFOp::create(b, lhs, rhs, reassociate);
  return arith::AddFOp::create(b, sum, product, reassociate);
}

/// Type that holds every value of an encoded operand exactly: f32 for a product
/// of at most 9 bits of code and 11 bits of scale, else f64.
FloatType getExactType(EncodingAttr encoding) {
  Builder b(encoding.getContext());
  auto zeroPoint = dyn_cast_or_null<IntegerType>(encoding.getZeroPoint());
  bool isNarrow =
      encoding.getScale().getIntOrFloatBitWidth() <= 16 &&
      !encoding.getCodebook() &&
      (!encoding.hasZeroPoint() || (zeroPoint && zeroPoint.getWidth() <= 8));
  return isNarrow ? FloatType(b.getF32Type()) : FloatType(b.getF64Type());
}

//===----------------------------------------------------------------------===//
// int_matmul
//===----------------------------------------------------------------------===//

/// Map of zero points whose extents of 1 broadcast: their dimensions are those
/// of `operandMap`'s results but the last, which is the contracted one.
AffineMap getZeroPointMap(AffineMap operandMap, RankedTensorType type) {
  MLIRContext *context = operandMap.getContext();
  SmallVector<AffineExpr> exprs;
  unsigned offset = operandMap.getNumResults() - type.getRank();
  for (auto [dim, extent] : llvm::enumerate(type.getShape()))
    exprs.push_back(extent == 1 ? getAffineConstantExpr(0, context)
                                : operandMap.getResult(offset + dim));
  return AffineMap::get(operandMap.getNumDims(), 0, exprs, context);
}

struct ConvertIntMatmul : LinalgOpPattern<IntMatmulOp> {
  using LinalgPattern::LinalgPattern;

  LogicalResult rewrite(IntMatmulOp op,
                        PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    MatmulMaps maps(b.getContext(), type.getRank(), op.getNumBatchDims());
    SmallVector<Value> inputs = {op.getLhs(), op.getRhs()};
    SmallVector<AffineMap> allMaps = {maps.lhs, maps.rhs};
    int lhsZero = -1, rhsZero = -1;
    auto addZeroPoints = [&](Value zeroPoints, AffineMap operandMap,
                             int &position) {
      if (!zeroPoints)
        return;
      position = inputs.size();
      inputs.push_back(zeroPoints);
      allMaps.push_back(getZeroPointMap(
          operandMap, cast<RankedTensorType>(zeroPoints.getType())));
    };
    addZeroPoints(op.getLhsZeroPoints(), maps.lhs, lhsZero);
    addZeroPoints(op.getRhsZeroPoints(), maps.rhs, rhsZero);
    allMaps.push_back(maps.out);
    auto generic = linalg::GenericOp::create(
        b, TypeRange(type), inputs, ValueRange(op.getInit()), allMaps,
        maps.iterators, [&](OpBuilder &builder, Location loc, ValueRange args) {
          ImplicitLocOpBuilder body(loc, builder);
          Value lhs = extendPlainCode(body, args[0], op.getLhsUnsigned());
          Value rhs = extendPlainCode(body, args[1], op.getRhsUnsigned());
          if (lhsZero >= 0)
            lhs = arith::SubIOp::create(body, lhs, args[lhsZero]);
          if (rhsZero >= 0)
            rhs = arith::SubIOp::create(body, rhs, args[rhsZero]);
          Value product = arith::MulIOp::create(body, lhs, rhs);
          linalg::YieldOp::create(body, ValueRange(arith::AddIOp::create(
                                            body, args.back(), product)));
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// scaled_matmul
//===----------------------------------------------------------------------===//

struct ConvertScaledMatmul : LinalgOpPattern<ScaledMatmulOp> {
  using LinalgPattern::LinalgPattern;

  LogicalResult rewrite(ScaledMatmulOp op,
                        PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    ImplicitLocOpBuilder b(loc, rewriter);
    auto type = cast<RankedTensorType>(op.getResult().getType());
    unsigned rank = type.getRank();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, loc, op.getInit());
    auto decode = [&](Value value) {
      EncodingAttr encoding = getEncoding(value.getType());
      return encoding
                 ? buildDequantize(b, loc, EncodedParts::get(b, loc, value),
                                   getExactType(encoding))
                 : value;
    };
    Value lhs = decode(op.getLhs()), rhs = decode(op.getRhs());

    bool isInteger = op.getAccumulatorType().isInteger();
    Type sumType = isInteger ? Type(b.getI32Type()) : Type(b.getF64Type());
    // A column for each row of rhs.
    unsigned numSums = op.getNumSums();
    SmallVector<int64_t> sumShape(type.getShape());
    if (op.getPaired()) {
      sumShape.back() = cast<RankedTensorType>(rhs.getType()).getDimSize(0);
      sizes.back() = tensor::getMixedSize(b, loc, rhs, 0);
    }
    auto sumTensor = RankedTensorType::get(sumShape, sumType);
    Value zero = buildFilled(b, sumTensor, sizes,
                             cast<TypedAttr>(b.getZeroAttr(sumType)));
    MatmulMaps maps(b.getContext(), rank, op.getNumBatchDims());
    auto contraction = linalg::GenericOp::create(
        b, TypeRange(sumTensor), ValueRange{lhs, rhs}, ValueRange(zero),
        ArrayRef<AffineMap>{maps.lhs, maps.rhs, maps.out}, maps.iterators,
        [&](OpBuilder &builder, Location loc, ValueRange args) {
          ImplicitLocOpBuilder body(loc, builder);
          Value sum;
          if (isInteger) {
            Value product = arith::MulIOp::create(
                body, extendPlainCode(body, args[0], op.getLhsUnsigned()),
                extendPlainCode(body, args[1], op.getRhsUnsigned()));
            sum = arith::AddIOp::create(body, args[2], product);
          } else {
            sum = multiplyAddF64(
                body, toF64(body, args[0], op.getLhsUnsigned()),
                toF64(body, args[1], op.getRhsUnsigned()), args[2]);
          }
          linalg::YieldOp::create(body, sum);
        });

    AffineMap identity = b.getMultiDimIdentityMap(rank);
    SmallVector<Value> inputs(numSums, contraction.getResult(0));
    SmallVector<AffineMap> epilogueMaps;
    for (unsigned i = 0; i < numSums; ++i) {
      SmallVector<AffineExpr> place(identity.getResults());
      place.back() = place.back() * numSums + i;
      epilogueMaps.push_back(AffineMap::get(rank, 0, place, b.getContext()));
    }
    for (auto [index, argument] : llvm::enumerate(op.getEpilogueArgs())) {
      inputs.push_back(argument);
      epilogueMaps.push_back(op.getEpilogueMap(index));
    }
    epilogueMaps.push_back(identity);
    SmallVector<utils::IteratorType> parallel(rank,
                                              utils::IteratorType::parallel);
    auto epilogue = linalg::GenericOp::create(
        b, TypeRange(type), inputs, ValueRange(op.getInit()), epilogueMaps,
        parallel, [&](OpBuilder &builder, Location loc, ValueRange args) {
          ImplicitLocOpBuilder body(loc, builder);
          Block &block = op.getEpilogue().front();
          IRMapping mapping;
          for (unsigned i = 0; i < block.getNumArguments(); ++i) {
            Value value = args[i];
            if (i < numSums && !isInteger)
              value = arith::TruncFOp::create(body, body.getF32Type(), value);
            mapping.map(block.getArgument(i), value);
          }
          for (Operation &inner : block.without_terminator())
            body.clone(inner, mapping);
          linalg::YieldOp::create(body,
                                  ValueRange(mapping.lookupOrDefault(
                                      block.getTerminator()->getOperand(0))));
        });
    rewriter.replaceOp(op, epilogue);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// linalg ops on encoded operands
//===----------------------------------------------------------------------===//

bool hasEncodedInput(linalg::LinalgOp op) {
  return llvm::any_of(op.getDpsInputs(), [](Value input) {
    return getEncoding(input.getType()) != nullptr;
  });
}

/// A contraction of floats: encoded operands decoded exactly, the sum in f64,
/// init and result in their own type.
LogicalResult rewriteContraction(linalg::LinalgOp op,
                                 PatternRewriter &rewriter) {
  Location loc = op->getLoc();
  ImplicitLocOpBuilder b(loc, rewriter);
  SmallVector<Value> inputs;
  for (Value input : op.getDpsInputs()) {
    if (EncodingAttr encoding = getEncoding(input.getType()))
      input = buildDequantize(b, loc, EncodedParts::get(b, loc, input),
                              getExactType(encoding));
    inputs.push_back(input);
  }
  Value init = op.getDpsInits()[0];
  auto type = cast<RankedTensorType>(init.getType());
  auto elementType = cast<FloatType>(type.getElementType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, init);
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  auto sumType = RankedTensorType::get(type.getShape(), b.getF64Type());
  Value sums =
      buildElementwise(b, sumType, sizes, init, identity,
                       [](ImplicitLocOpBuilder &body, ValueRange args) {
                         return toF64(body, args[0], /*isUnsigned=*/false);
                       });
  auto contraction = linalg::GenericOp::create(
      b, TypeRange(sumType), inputs, ValueRange(sums),
      op.getIndexingMapsArray(), op.getIteratorTypesArray(),
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        ImplicitLocOpBuilder body(loc, builder);
        linalg::YieldOp::create(
            body, multiplyAddF64(body, toF64(body, args[0], false),
                                 toF64(body, args[1], false), args[2]));
      });
  rewriter.replaceOp(
      op, buildElementwise(b, type, sizes, contraction.getResults(), identity,
                           [&](ImplicitLocOpBuilder &body, ValueRange args) {
                             return buildFromFloat(body, args[0], elementType);
                           }));
  return success();
}

/// Any other op: a linalg.generic reads an encoded operand narrower than f32 as
/// f32, so that a body that widens its argument sees the value rounded to f32
/// only and one that does not sees it rounded to the element type.
LogicalResult rewriteElementwise(linalg::LinalgOp op,
                                 PatternRewriter &rewriter) {
  Location loc = op->getLoc();
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (!getEncoding(operand->get().getType()))
      continue;
    auto elementType =
        cast<FloatType>(getElementTypeOrSelf(operand->get().getType()));
    FloatType wide = rewriter.getF32Type();
    EncodedParts parts = EncodedParts::get(rewriter, loc, operand->get());
    bool widen = generic && elementType.getWidth() < wide.getWidth();
    Value dense =
        buildDequantize(rewriter, loc, parts, widen ? wide : elementType);
    rewriter.modifyOpInPlace(op, [&] { operand->set(dense); });
    if (!widen)
      continue;
    Block *body = generic.getBody();
    BlockArgument argument = body->getArgument(operand->getOperandNumber());
    rewriter.modifyOpInPlace(op, [&] { argument.setType(wide); });
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(body);
    Value rounded =
        arith::TruncFOp::create(rewriter, loc, elementType, argument);
    for (OpOperand &use : llvm::make_early_inc_range(argument.getUses())) {
      Operation *user = use.getOwner();
      if (user == rounded.getDefiningOp())
        continue;
      auto extension = dyn_cast<arith::ExtFOp>(user);
      if (extension && extension.getType() == wide) {
        rewriter.replaceOp(extension, argument);
        continue;
      }
      rewriter.modifyOpInPlace(user, [&] { use.set(rounded); });
    }
    if (rounded.use_empty())
      rewriter.eraseOp(rounded.getDefiningOp());
  }
  return success();
}

struct ConvertEncodedLinalg : LinalgInterfacePattern<linalg::LinalgOp> {
  using LinalgPattern::LinalgPattern;

  LogicalResult rewrite(linalg::LinalgOp op,
                        PatternRewriter &rewriter) const override {
    if (!hasEncodedInput(op))
      return rewriter.notifyMatchFailure(op, "has no encoded input");
    bool isFloat = llvm::all_of(op->getOperandTypes(), [](Type type) {
      return isa<FloatType>(getElementTypeOrSelf(type));
    });
    if (isFloat && linalg::isaContractionOpInterface(op))
      return rewriteContraction(op, rewriter);
    return rewriteElementwise(op, rewriter);
  }
};

} // namespace

void quantmlir::quant_tensor::populateContractionPatterns(
    RewritePatternSet &patterns, bool keepScheduled) {
  patterns.add<ConvertIntMatmul, ConvertScaledMatmul, ConvertEncodedLinalg>(
      patterns.getContext(), keepScheduled);
}
