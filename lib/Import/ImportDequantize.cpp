//===- ImportDequantize.cpp - Written-out dequantization ------------------===//

#include "PackedNibbles.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"
#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir {
#define GEN_PASS_DEF_IMPORTDEQUANTIZE
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "import-dequantize";

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

namespace {

/// A scale or zero point: a constant, or an operand with one element per block.
struct Parameter {
  double constant = 0.0;
  /// Null for a constant.
  Value operand;
  /// Extent of a block in each dimension of the codes.
  SmallVector<int64_t> block;
  /// For each dimension of the operand but its unit ones that are read at 0,
  /// the dimension of the codes.
  SmallVector<unsigned> dims;
  /// Which dimensions of the operand those are.
  SmallVector<unsigned> operandDims;
};

/// Everything that `assemble` needs to know.
struct EncodedTensor {
  Value codes;
  RankedTensorType type;
  LayoutAttr layout;
  unsigned bits = 8;
  bool isSigned = true;
  Parameter scale, zeroPoint;
  bool hasZeroPoint = false;
  bool zeroPointIsUnsigned = false;
  /// What makes nibbles of bytes; null where codes are whole bytes.
  linalg::LinalgOp low, high;
  /// The first of two dimensions that are [groups, group] of one.
  std::optional<unsigned> groupDim;

  /// How the result's dimensions are those of `type`: the groups' two are one.
  SmallVector<ReassociationIndices> getReassociation() const {
    SmallVector<ReassociationIndices> groups;
    int64_t next = 0;
    for (unsigned dim = 0, e = type.getRank(); dim != e; ++dim) {
      groups.push_back({next++});
      if (dim == groupDim)
        groups.back().push_back(next++);
    }
    return groups;
  }
};

} // namespace

static bool mayBeCodes(Value value) {
  if (getElementTypeOrSelf(value.getType()).isSignlessInteger(8))
    return true;
  if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>())
    value = expand.getSrc();
  return isJoined(value);
}

/// Reads how an operand is indexed: by whole dimensions of the codes, or by
/// their quotients.
static LogicalResult matchParameter(linalg::LinalgOp op, unsigned operand,
                                    AffineMap codesMap, Parameter &parameter,
                                    StringRef what, WhyNot &whyNot) {
  parameter.operand = op->getOperand(operand);
  parameter.block.assign(codesMap.getNumResults(), 0);
  if (!isa<RankedTensorType>(parameter.operand.getType()))
    return success();
  AffineMap toCodes = inversePermutation(codesMap);
  AffineMap map = op.getMatchingIndexingMap(&op->getOpOperand(operand));
  auto type = cast<RankedTensorType>(parameter.operand.getType());
  auto codesType = cast<RankedTensorType>(op->getResult(0).getType());
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    // A dimension that was kept when the blocks were reduced.
    if (auto zero = dyn_cast<AffineConstantExpr>(expr);
        zero && zero.getValue() == 0 && type.getDimSize(axis) == 1)
      continue;
    int64_t extent = 1;
    AffineExpr dimension = expr;
    if (auto quotient = dyn_cast<AffineBinaryOpExpr>(expr);
        quotient && quotient.getKind() == AffineExprKind::FloorDiv &&
        isa<AffineConstantExpr>(quotient.getRHS())) {
      extent = cast<AffineConstantExpr>(quotient.getRHS()).getValue();
      dimension = quotient.getLHS();
    }
    auto loop = dyn_cast<AffineDimExpr>(dimension);
    if (!loop)
      return whyNot("the {0} is not indexed by dimensions of the codes", what);
    unsigned dim = toCodes.getDimPosition(loop.getPosition());
    if (llvm::is_contained(parameter.dims, dim))
      return whyNot("the {0} has two axes along one of the codes", what);
    if (!type.isDynamicDim(axis) && !codesType.isDynamicDim(dim)) {
      int64_t blocks =
          llvm::divideCeilSigned(codesType.getDimSize(dim), extent);
      if (type.getDimSize(axis) != blocks)
        return whyNot("the {0} has {1} elements along dimension {2} of the "
                      "codes, which has {3} blocks",
                      what, type.getDimSize(axis), dim, blocks);
    }
    parameter.dims.push_back(dim);
    parameter.operandDims.push_back(axis);
    parameter.block[dim] = extent;
  }
  return success();
}

static bool isEncodableFloat(Type type) {
  return isa<Float32Type, Float16Type, BFloat16Type>(type);
}

/// Fills in codes, width and layout from what the codes operand is.
static LogicalResult matchCodes(Value codes, const DecodeBody &body,
                                EncodedTensor &result, WhyNot &whyNot) {
  auto type = cast<RankedTensorType>(codes.getType());
  result.codes = codes;
  result.zeroPoint.constant = body.zeroPoint;
  result.isSigned = body.isSigned.value_or(true);
  if (body.nibble != Nibble::Whole)
    return whyNot("only the {0} nibble of each byte is used",
                  body.nibble == Nibble::Low ? "low" : "high");
  auto expand = codes.getDefiningOp<tensor::ExpandShapeOp>();
  Value joined = expand ? expand.getSrc() : codes;
  if (!isJoined(joined)) {
    if (!type.getElementType().isSignlessInteger(8))
      return failure();
    return success();
  }
  FailureOr<PackedNibbles> nibbles = matchPackedNibbles(joined, whyNot);
  if (failed(nibbles))
    // A join of something else is a tensor like any other.
    return type.getElementType().isSignlessInteger(8) && !whyNot.isNearMiss()
               ? success()
               : failure();
  result.bits = 4;
  result.codes = nibbles->bytes;
  result.layout = nibbles->layout;
  if (nibbles->isSigned)
    result.isSigned = *nibbles->isSigned;
  result.zeroPoint.constant += nibbles->zeroPoint;
  result.low = nibbles->low;
  result.high = nibbles->high;
  return success();
}

/// The first of the two dimensions of `value` that whatever reads it takes as
/// one.
static std::optional<unsigned> getJoinedDim(Value value) {
  std::optional<unsigned> joined;
  for (Operation *user : value.getUsers()) {
    auto collapse = dyn_cast<tensor::CollapseShapeOp>(user);
    if (!collapse)
      return std::nullopt;
    SmallVector<ReassociationIndices> groups =
        collapse.getReassociationIndices();
    auto isJoined = [](ArrayRef<int64_t> dims) { return dims.size() != 1; };
    const auto *group = llvm::find_if(groups, isJoined);
    if (llvm::count_if(groups, isJoined) != 1 || group->size() != 2 ||
        (joined && *joined != group->front()))
      return std::nullopt;
    joined = group->front();
  }
  return joined;
}

/// [n, groups, group] with one scale per group is [n, k] with blocks, and so is
/// [groups, group, n] of [k, n].
static LogicalResult matchGroups(Value codes, Value decoded,
                                 EncodedTensor &result, WhyNot &whyNot) {
  unsigned rank = result.type.getRank();
  auto expand = codes.getDefiningOp<tensor::ExpandShapeOp>();
  bool needed = expand && result.bits == 4;
  if (rank < 3 || (!needed && !result.scale.operand))
    return success();
  unsigned dim = rank - 2;
  if (needed) {
    SmallVector<ReassociationIndices> split = expand.getReassociationIndices();
    const auto *group = llvm::find_if(
        split, [](ArrayRef<int64_t> dims) { return dims.size() == 2; });
    if (split.size() != rank - 1 || group == split.end())
      return whyNot("the codes are split otherwise than into groups");
    dim = group->front();
  } else {
    // Only what is joined again has groups: others are rows of rows.
    std::optional<unsigned> joined = getJoinedDim(decoded);
    if (!joined || result.scale.block[*joined] != 1 ||
        result.scale.block[*joined + 1] != 0)
      return success();
    dim = *joined;
  }
  if (!result.type.hasStaticShape())
    return whyNot("the groups have no known extents");
  ArrayRef<int64_t> shape = result.type.getShape();
  for (Parameter *parameter : {&result.scale, &result.zeroPoint}) {
    if (!parameter->operand ||
        !isa<RankedTensorType>(parameter->operand.getType()))
      continue;
    SmallVector<int64_t> &block = parameter->block;
    if (block[dim] != 1 || block[dim + 1] != 0)
      return whyNot("scales and zero points have different blocks");
    block[dim] = shape[dim + 1];
    block.erase(block.begin() + dim + 1);
    for (unsigned &axis : parameter->dims)
      axis -= axis > dim;
  }
  if (!needed && result.layout)
    return whyNot("the nibbles are packed within each group");
  result.groupDim = dim;
  SmallVector<int64_t> joined(shape);
  joined[dim] *= joined[dim + 1];
  joined.erase(joined.begin() + dim + 1);
  result.type = RankedTensorType::get(joined, result.type.getElementType());
  return success();
}

/// Scale and zero point must be per the same blocks, unless one is constant.
static LogicalResult reconcileBlocks(EncodedTensor &result, WhyNot &whyNot) {
  Parameter &scale = result.scale, &zeroPoint = result.zeroPoint;
  SmallVector<int64_t> whole(result.type.getRank(), 0);
  if (!scale.operand)
    scale.block = zeroPoint.operand ? zeroPoint.block : whole;
  if (!zeroPoint.operand)
    zeroPoint.block = scale.block;
  if (scale.block != zeroPoint.block)
    return whyNot("scales and zero points have different blocks");
  for (auto [dim, extent] : llvm::enumerate(scale.block))
    if (extent > 1 && !result.type.isDynamicDim(dim) &&
        extent > result.type.getDimSize(dim))
      return whyNot("a group of {0} exceeds dimension {1} of extent {2}",
                    extent, dim, result.type.getDimSize(dim));
  bool isConstant =
      !scale.operand || (result.hasZeroPoint && !zeroPoint.operand);
  if (isConstant && !result.type.hasStaticShape() &&
      llvm::any_of(scale.block, [](int64_t extent) { return extent != 0; }))
    return whyNot("a constant parameter would need a dynamic number of blocks");
  return success();
}

static FailureOr<EncodedTensor> matchDequantize(linalg::LinalgOp op,
                                                WhyNot &whyNot) {
  if (op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      !llvm::any_of(op.getDpsInputs(), mayBeCodes))
    return failure();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!isEncodableFloat(type.getElementType()))
    return failure();
  FailureOr<DecodeBody> body = matchDecodeBody(op, mayBeCodes, whyNot);
  if (failed(body))
    return failure();
  Value codes = op->getOperand(body->codes);
  if (!mayBeCodes(codes))
    return failure();
  AffineMap codesMap =
      op.getMatchingIndexingMap(&op->getOpOperand(body->codes));
  if (!codesMap.isPermutation() ||
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)) != codesMap)
    return whyNot("the codes are not read in the order of the result");

  EncodedTensor result;
  result.type = type;
  if (failed(matchCodes(codes, *body, result, whyNot)))
    return failure();
  result.scale.constant = body->scale;
  if (body->scaleOperand) {
    if (failed(matchParameter(op, *body->scaleOperand, codesMap, result.scale,
                              "scale", whyNot)))
      return failure();
    Type scaleType = getElementTypeOrSelf(result.scale.operand.getType());
    if (!isEncodableFloat(scaleType))
      return whyNot("the scale is neither f32, f16 nor bf16");
  }
  result.zeroPointIsUnsigned = body->zeroPointIsUnsigned;
  if (body->zeroPointOperand) {
    if (result.zeroPoint.constant != 0.0)
      return whyNot("it has a constant zero point and another");
    if (failed(matchParameter(op, *body->zeroPointOperand, codesMap,
                              result.zeroPoint, "zero point", whyNot)))
      return failure();
    Type zeroType = getElementTypeOrSelf(result.zeroPoint.operand.getType());
    if (!isEncodableFloat(zeroType) && !zeroType.isSignlessInteger(8) &&
        !zeroType.isSignlessInteger(16) && !zeroType.isSignlessInteger(32))
      return whyNot("the zero point is neither a float nor i8, i16 or i32");
  }
  result.hasZeroPoint =
      body->zeroPointOperand || result.zeroPoint.constant != 0.0;
  if (failed(matchGroups(codes, op->getResult(0), result, whyNot)) ||
      failed(reconcileBlocks(result, whyNot)))
    return failure();
  DecodeCheck check;
  check.low = result.low;
  check.high = result.high;
  check.decode = op;
  check.body = *body;
  check.isSigned = result.isSigned;
  check.zeroPoint = result.zeroPoint.constant;
  if (failed(check.run(whyNot)))
    return failure();
  return result;
}

/// Nibbles that are joined as floats and mean themselves.
static FailureOr<EncodedTensor> matchJoined(Value value, WhyNot &whyNot) {
  FailureOr<PackedNibbles> nibbles = matchPackedNibbles(value, whyNot);
  if (failed(nibbles))
    return failure();
  EncodedTensor result;
  result.codes = nibbles->bytes;
  result.type = cast<RankedTensorType>(value.getType());
  result.layout = nibbles->layout;
  result.bits = 4;
  // What is a float has been widened.
  result.isSigned = nibbles->isSigned.value_or(true);
  result.scale.constant = 1.0;
  result.zeroPoint.constant = nibbles->zeroPoint;
  result.hasZeroPoint = nibbles->zeroPoint != 0.0;
  result.scale.block.assign(result.type.getRank(), 0);
  result.zeroPoint.block = result.scale.block;
  DecodeCheck check;
  check.low = nibbles->low;
  check.high = nibbles->high;
  check.isSigned = result.isSigned;
  check.zeroPoint = nibbles->zeroPoint;
  if (failed(check.run(whyNot)))
    return failure();
  return result;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// The type of the zero point in the encoding.
static Type getZeroPointType(OpBuilder &builder, const EncodedTensor &encoded) {
  const Parameter &zeroPoint = encoded.zeroPoint;
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
                             const Parameter &parameter,
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
  if (!operandType)
    return tensor::FromElementsOp::create(builder, loc, type, value);
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

static Value createDequantize(OpBuilder &builder, Location loc,
                              const EncodedTensor &encoded) {
  MLIRContext *context = builder.getContext();
  Type storage = encoded.isSigned
                     ? builder.getIntegerType(encoded.bits)
                     : builder.getIntegerType(encoded.bits, /*isSigned=*/false);
  Type scale = encoded.scale.operand
                   ? getElementTypeOrSelf(encoded.scale.operand.getType())
                   : builder.getF32Type();
  Type zeroPoint =
      encoded.hasZeroPoint ? getZeroPointType(builder, encoded) : Type();
  auto encoding =
      EncodingAttr::get(context, storage, encoded.scale.block, scale, zeroPoint,
                        /*range=*/{}, Rounding::NearestEven, Overflow::Saturate,
                        /*codebook=*/{}, encoded.layout);
  ArrayRef<int64_t> shape = encoded.type.getShape();
  Value codes = encoded.codes;
  RankedTensorType codesType = encoding.getCodesType(shape);
  if (codes.getType() != codesType)
    codes = tensor::CollapseShapeOp::create(builder, loc, codesType, codes,
                                            encoded.getReassociation());
  Value scales = createParameter(builder, loc, encoded.scale,
                                 encoding.getScalesType(shape));
  Value zeroPoints;
  if (encoded.hasZeroPoint)
    zeroPoints = createParameter(builder, loc, encoded.zeroPoint,
                                 encoding.getZeroPointsType(shape));
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
  patterns.add<ImportElementwise, ImportJoined<tensor::ConcatOp>,
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
  if (getElementTypeOrSelf(value.getType()).isSignlessInteger(8) ||
      isJoined(value))
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
    // One op per decoding first.
    RewritePatternSet prepare(&getContext());
    prepare.add<GeneralizeDecoding>(&getContext());
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
