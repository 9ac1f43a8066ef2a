//===- ImportDequantize.cpp - Written-out dequantization ------------------===//

#include "DequantizeMatch.h"
#include "PackedNibbles.h"
#include "UnfuseDecoding.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"
#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"

namespace quantmlir {
#define GEN_PASS_DEF_IMPORTDEQUANTIZE
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "import-dequantize";

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// The type of the zero point in the encoding.
static Type getZeroPointType(OpBuilder &builder, const EncodedTensor &encoded) {
  const BlockParameter &zeroPoint = encoded.zeroPoint;
  if (zeroPoint.operand) {
    Type type = getElementTypeOrSelf(zeroPoint.operand.getType());
    if (isa<FloatType>(type) || !encoded.zeroPointIsUnsigned)
      return type;
    return builder.getIntegerType(type.getIntOrFloatBitWidth(),
                                  /*isSigned=*/false);
  }
  double value = zeroPoint.constant;
  if (value != std::floor(value) || std::abs(value) > double(1 << 30))
    return builder.getF32Type();
  int64_t high = int64_t(1) << (encoded.bits - (encoded.isSigned ? 1 : 0));
  int64_t low = encoded.isSigned ? -high : 0;
  if (value < low || value >= high)
    return builder.getI32Type();
  return encoded.isSigned ? builder.getIntegerType(encoded.bits)
                          : builder.getIntegerType(encoded.bits, false);
}

/// A tensor of `type` that holds `parameter`.
static Value createParameter(OpBuilder &builder, Location loc,
                             const BlockParameter &parameter,
                             RankedTensorType type) {
  Type elementType = type.getElementType();
  if (!parameter.operand) {
    Attribute value =
        isa<FloatType>(elementType)
            ? Attribute(builder.getFloatAttr(elementType, parameter.constant))
            : Attribute(builder.getIntegerAttr(
                  elementType, static_cast<int64_t>(parameter.constant)));
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(type, value));
  }
  Value value = parameter.operand;
  auto operandType = dyn_cast<RankedTensorType>(value.getType());
  if (!operandType) {
    Value element = getOnlyElementTensor(builder, value);
    if (!element)
      return tensor::FromElementsOp::create(builder, loc, type, value);
    return tensor::ExpandShapeOp::create(builder, loc, type, element,
                                         ArrayRef<ReassociationIndices>{});
  }
  if (parameter.dims.size() != static_cast<size_t>(operandType.getRank())) {
    // Without its unit dimensions.
    SmallVector<ReassociationIndices> groups(parameter.dims.size());
    SmallVector<int64_t> shape;
    for (int64_t axis = 0, e = operandType.getRank();
         !groups.empty() && axis != e; ++axis) {
      size_t next = shape.size();
      if (next != groups.size() && parameter.operandDims[next] == axis)
        shape.push_back(operandType.getDimSize(axis));
      groups[std::max<size_t>(shape.size(), 1) - 1].push_back(axis);
    }
    operandType = RankedTensorType::get(shape, elementType);
    value = tensor::CollapseShapeOp::create(builder, loc, operandType, value,
                                            groups);
  }
  // In the order of the codes' dimensions, then with those that it lacks.
  SmallVector<int64_t> order =
      llvm::to_vector(llvm::seq<int64_t>(0, operandType.getRank()));
  llvm::sort(order, [&](int64_t a, int64_t b) {
    return parameter.dims[a] < parameter.dims[b];
  });
  if (!llvm::is_sorted(order)) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, value);
    SmallVector<OpFoldResult> permuted =
        llvm::map_to_vector(order, [&](int64_t dim) { return sizes[dim]; });
    Value empty = tensor::EmptyOp::create(builder, loc, permuted, elementType);
    value = linalg::TransposeOp::create(builder, loc, value, empty, order)
                ->getResult(0);
  }
  if (operandType.getRank() == type.getRank())
    return value;
  SmallVector<ReassociationIndices> groups;
  SmallVector<unsigned> dims(parameter.dims);
  llvm::sort(dims);
  unsigned next = 0;
  for (auto [index, dim] : llvm::enumerate(dims)) {
    ReassociationIndices &group = groups.emplace_back();
    unsigned end = index + 1 == dims.size() ? type.getRank() : dim + 1;
    for (; next != end; ++next)
      group.push_back(next);
  }
  return tensor::ExpandShapeOp::create(builder, loc, type, value, groups);
}

/// `value`, which has an element for each block of the extents `from`, with one
/// for each of the smaller blocks `to`: a tensor of `type`.
static Value repeatBlocks(OpBuilder &builder, Location loc, Value value,
                          ArrayRef<int64_t> from, ArrayRef<int64_t> to,
                          RankedTensorType type) {
  unsigned rank = type.getRank();
  SmallVector<AffineExpr> exprs;
  for (unsigned dim = 0; dim != rank; ++dim) {
    AffineExpr block = builder.getAffineDimExpr(dim);
    if (from[dim] != to[dim])
      block = from[dim] ? block.floorDiv(from[dim] / to[dim])
                        : builder.getAffineConstantExpr(0);
    exprs.push_back(block);
  }
  return readAt(builder, loc, value, exprs,
                getAsIndexOpFoldResult(builder.getContext(), type.getShape()));
}

static Value createDequantize(OpBuilder &builder, Location loc,
                              const EncodedTensor &encoded) {
  MLIRContext *context = builder.getContext();
  Type storage = encoded.floatStorage;
  if (!storage)
    storage = encoded.isSigned
                  ? builder.getIntegerType(encoded.bits)
                  : builder.getIntegerType(encoded.bits, /*isSigned=*/false);
  Type scale = encoded.scale.operand
                   ? getElementTypeOrSelf(encoded.scale.operand.getType())
                   : builder.getF32Type();
  Type zeroPoint =
      encoded.hasZeroPoint ? getZeroPointType(builder, encoded) : Type();
  auto encoding =
      EncodingAttr::get(context, storage, encoded.block, scale, zeroPoint,
                        /*range=*/{}, Rounding::NearestEven, Overflow::Saturate,
                        /*codebook=*/{}, encoded.layout);
  ArrayRef<int64_t> shape = encoded.type.getShape();
  Value codes = encoded.codes;
  RankedTensorType codesType = encoding.getCodesType(shape);
  if (codes.getType() != codesType)
    codes = tensor::CollapseShapeOp::create(builder, loc, codesType, codes,
                                            encoded.getReassociation());
  auto createBlocks = [&](const BlockParameter &parameter,
                          RankedTensorType type) {
    SmallVector<int64_t> own(type.getShape());
    for (auto [dim, extent] : llvm::enumerate(parameter.block))
      if (extent != encoded.block[dim])
        own[dim] = extent ? llvm::divideCeil(shape[dim], extent) : 1;
    Value value =
        createParameter(builder, loc, parameter,
                        RankedTensorType::get(own, type.getElementType()));
    return own == type.getShape()
               ? value
               : repeatBlocks(builder, loc, value, parameter.block,
                              encoded.block, type);
  };
  Value scales = createBlocks(encoded.scale, encoding.getScalesType(shape));
  Value zeroPoints;
  if (encoded.hasZeroPoint)
    zeroPoints =
        createBlocks(encoded.zeroPoint, encoding.getZeroPointsType(shape));
  auto type =
      RankedTensorType::get(shape, encoded.type.getElementType(), encoding);
  Value tensor =
      AssembleOp::create(builder, loc, type, codes, scales, zeroPoints);
  return DequantizeOp::create(builder, loc, encoded.type, tensor);
}

namespace {

/// One elementwise op that decodes, scales or both.
struct ImportElementwise : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<EncodedTensor> encoded = matchDequantize(op, whyNot);
    if (failed(encoded))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    remarkPassed(op, passName, "recognised a dequantization");
    Location loc = op.getLoc();
    Value result = createDequantize(rewriter, loc, *encoded);
    if (encoded->groupDim)
      result = tensor::ExpandShapeOp::create(
          rewriter, loc, cast<RankedTensorType>(op->getResult(0).getType()),
          result, encoded->getReassociation());
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Zero points of less than a byte, such as those of ONNX, are bytes in an
/// encoding: they are widened in front of the decoding, as its body does.
struct WidenZeroPoints : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast_or_null<RankedTensorType>(
        op->getNumResults() == 1 ? op->getResult(0).getType() : Type());
    if (!type || !isEncodableFloat(type.getElementType()) ||
        op.getNumParallelLoops() != op.getNumLoops())
      return failure();
    for (OpOperand *input : op.getDpsInputOperands()) {
      auto narrow =
          dyn_cast<IntegerType>(getElementTypeOrSelf(input->get().getType()));
      BlockArgument argument = op.getMatchingBlockArgument(input);
      auto own = dyn_cast<RankedTensorType>(input->get().getType());
      // One for each element are the codes.
      if (!own || own.getShape() == type.getShape() || !narrow ||
          narrow.getWidth() >= 8 || argument.use_empty())
        continue;
      bool isUnsigned = isa<arith::ExtUIOp>(*argument.user_begin());
      if (!llvm::all_of(argument.getUsers(), [&](Operation *user) {
            return isUnsigned ? isa<arith::ExtUIOp>(user)
                              : isa<arith::ExtSIOp>(user);
          }))
        continue;
      Value wide = widen(rewriter, op.getLoc(), input->get(), isUnsigned);
      rewriter.modifyOpInPlace(op, [&] {
        input->set(wide);
        argument.setType(rewriter.getI8Type());
      });
      // A cast to i8 has nothing left to do.
      for (Operation *user : llvm::make_early_inc_range(argument.getUsers()))
        if (user->getResult(0).getType() == argument.getType())
          rewriter.replaceOp(user, argument);
      return success();
    }
    return failure();
  }

private:
  static Value widen(OpBuilder &builder, Location loc, Value value,
                     bool isUnsigned) {
    Type i8 = builder.getI8Type();
    Value empty = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, value), i8);
    unsigned rank = cast<RankedTensorType>(value.getType()).getRank();
    AffineMap identity = builder.getMultiDimIdentityMap(rank);
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               builder, loc, empty.getType(), value, empty,
               ArrayRef<AffineMap>{identity, identity}, loops,
               [&](OpBuilder &inner, Location, ValueRange arguments) {
                 Value wide =
                     isUnsigned
                         ? arith::ExtUIOp::create(inner, loc, i8, arguments[0])
                               .getResult()
                         : arith::ExtSIOp::create(inner, loc, i8, arguments[0])
                               .getResult();
                 linalg::YieldOp::create(inner, loc, wide);
               })
        .getResult(0);
  }
};

/// Nibbles joined as floats that nothing scales.
template <typename OpTy> struct ImportJoined : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Value value = op.getResult();
    auto type = cast<RankedTensorType>(value.getType());
    if (!isEncodableFloat(type.getElementType()))
      return failure();
    // What scales them takes them along (ImportElementwise).
    for (Operation *user : value.getUsers()) {
      auto consumer = dyn_cast<linalg::LinalgOp>(user);
      if (isa<tensor::ExpandShapeOp>(user) ||
          (consumer && !isa<linalg::TransposeOp>(user) &&
           consumer.getNumParallelLoops() == consumer.getNumLoops()))
        return failure();
    }
    WhyNot whyNot;
    FailureOr<EncodedTensor> encoded = matchJoined(value, whyNot);
    if (failed(encoded))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    remarkPassed(op, passName, "recognised packed 4-bit codes");
    rewriter.replaceOp(op, createDequantize(rewriter, op.getLoc(), *encoded));
    return success();
  }
};

} // namespace

void quantmlir::populateImportDequantizePatterns(RewritePatternSet &patterns) {
  patterns
      .add<ImportElementwise, WidenZeroPoints, ImportJoined<tensor::ConcatOp>,
           ImportJoined<tensor::CollapseShapeOp>,
           ImportJoined<tensor::InsertSliceOp>>(patterns.getContext());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// How many elementwise ops a written-out decoding may be spread over.
static constexpr unsigned maxChainLength = 16;

static bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return OpTrait::hasElementwiseMappableTraits(op);
  return linalgOp.getNumParallelLoops() == linalgOp.getNumLoops() &&
         op->getNumResults() == 1;
}

/// Whether `value` is computed from bytes by elementwise ops and reshapes.
static bool comesFromBytes(Value value, unsigned depth = 0) {
  Type type = getElementTypeOrSelf(value.getType());
  if (type.isSignlessInteger(8) || isFloatCode(type) || isJoined(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op || depth > maxChainLength)
    return false;
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return comesFromBytes(op->getOperand(0), depth + 1);
  if (!isElementwise(op))
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return isa<RankedTensorType>(operand.getType()) &&
           comesFromBytes(operand, depth + 1);
  });
}

namespace {

/// Named elementwise ops on what comes from bytes, so that they fuse.
struct GeneralizeDecoding : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (isa<linalg::GenericOp, linalg::FillOp, linalg::TransposeOp>(op) ||
        !isElementwise(op) || !op.hasPureTensorSemantics())
      return failure();
    auto feedsDecoding = [](Operation *user) {
      return isElementwise(user) && user->getNumResults() == 1 &&
             comesFromBytes(user->getResult(0));
    };
    if (!comesFromBytes(op->getResult(0)) &&
        llvm::none_of(op->getUsers(), feedsDecoding))
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// Numbers from outside of a decoding's body, such as one scale of a whole
/// tensor, become its operands.
struct CapturedToOperands : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isElementwise(op.getOperation()) || !op.hasPureTensorSemantics() ||
        !comesFromBytes(op->getResult(0)))
      return failure();
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    captured.remove_if([](Value value) {
      return !value.getType().isIntOrFloat() ||
             matchPattern(value, m_Constant());
    });
    if (captured.empty())
      return failure();
    unsigned numInputs = op.getNumDpsInputs();
    SmallVector<Value> inputs = op.getDpsInputs();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    AffineMap scalar = AffineMap::get(op.getNumLoops(), 0, getContext());
    inputs.append(captured.begin(), captured.end());
    maps.insert(maps.begin() + numInputs, captured.size(), scalar);
    auto generic = linalg::GenericOp::create(
        rewriter, op.getLoc(), op->getResultTypes(), inputs, op.getDpsInits(),
        maps, op.getIteratorTypesArray());
    rewriter.inlineRegionBefore(op.getRegion(), generic.getRegion(),
                                generic.getRegion().begin());
    Block *body = generic.getBody();
    for (auto [index, value] : llvm::enumerate(captured)) {
      BlockArgument argument =
          body->insertArgument(numInputs + index, value.getType(), op.getLoc());
      rewriter.replaceUsesWithIf(value, argument, [&](OpOperand &use) {
        return generic->isProperAncestor(use.getOwner());
      });
    }
    rewriter.replaceOp(op, generic.getResults());
    return success();
  }
};

/// Whether reshapes around the arithmetic on `operand` are moved out of its
/// way, so that groups are split before codes are decoded and joined after they
/// are scaled.
static bool movesReshape(OpOperand *operand) {
  Operation *owner = operand->getOwner(),
            *producer = operand->get().getDefiningOp();
  if (!producer || !producer->hasOneUse())
    return false;
  if (isa<tensor::ExpandShapeOp>(owner)) {
    // A split of something that is then scaled, not a stack of nibbles.
    auto scales = [](Operation *user) {
      auto op = dyn_cast<linalg::LinalgOp>(user);
      return op && isElementwise(user) && op.getNumDpsInputs() > 1;
    };
    return isElementwise(producer) && comesFromBytes(operand->get()) &&
           !isJoined(operand->get()) && llvm::all_of(owner->getUsers(), scales);
  }
  // What turns round what was joined reads it as it is.
  auto op = dyn_cast<linalg::LinalgOp>(owner);
  return isa<tensor::CollapseShapeOp>(producer) && op && isElementwise(owner) &&
         op.getMatchingIndexingMap(operand).isIdentity() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() &&
         !isJoined(operand->get()) && comesFromBytes(owner->getResult(0));
}

struct ImportDequantize
    : quantmlir::impl::ImportDequantizeBase<ImportDequantize> {
  void runOnOperation() override {
    // One op per decoding first, and scales multiplied as others write it.
    RewritePatternSet unfuse(&getContext());
    populateUnfuseDecodingPatterns(unfuse);
    arith::populateExpandScalingExtTruncPatterns(unfuse);
    if (failed(applyPatternsGreedily(getOperation(), std::move(unfuse))))
      return signalPassFailure();
    RewritePatternSet prepare(&getContext());
    prepare.add<GeneralizeDecoding, CapturedToOperands>(&getContext());
    populatePlainElementwiseToLinalgPatterns(prepare);
    linalg::populateElementwiseOpsFusionPatterns(
        prepare, [](OpOperand *operand) {
          Operation *producer = operand->get().getDefiningOp();
          return producer && isElementwise(producer) && producer->hasOneUse() &&
                 isElementwise(operand->getOwner()) &&
                 comesFromBytes(operand->getOwner()->getResult(0));
        });
    linalg::populateFoldReshapeOpsByExpansionPatterns(prepare, movesReshape);
    if (failed(applyPatternsGreedily(getOperation(), std::move(prepare))))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    populateImportDequantizePatterns(patterns);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns,
                                                         &getContext());
    populateWidenedFloatPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](Operation *op) {
      WhyNot whyNot;
      if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
        (void)matchDequantize(linalgOp, whyNot);
      else if (op->getNumResults() == 1 &&
               isEncodableFloat(getElementTypeOrSelf(op->getResult(0))))
        (void)matchJoined(op->getResult(0), whyNot);
      remarkMissed(op, passName, "not a dequantization", whyNot);
    });
  }
};

} // namespace
