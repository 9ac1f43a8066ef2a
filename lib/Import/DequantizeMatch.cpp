//===- DequantizeMatch.cpp - Dequantization that is written out -----------===//

#include "DequantizeMatch.h"
#include "PackedNibbles.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

/// How many ops in front of a decoding are looked at for where its codes lie.
static constexpr unsigned maxDepth = 8;

bool quantmlir::isFloatCode(Type type) {
  return isa<Float8E4M3FNType, Float8E5M2Type>(type);
}

static bool mayBeCodes(Value value) {
  Type type = getElementTypeOrSelf(value.getType());
  if (type.isSignlessInteger(8) || isFloatCode(type))
    return !getEncoding(value.getType());
  if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>())
    value = expand.getSrc();
  return isJoined(value);
}

/// Reads how an operand is indexed: by whole dimensions of the codes, or by
/// their quotients.
static LogicalResult matchParameter(linalg::LinalgOp op, unsigned operand,
                                    AffineMap codesMap,
                                    BlockParameter &parameter, StringRef what,
                                    WhyNot &whyNot) {
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

bool quantmlir::isEncodableFloat(Type type) {
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
  result.floatStorage = dyn_cast<FloatType>(type.getElementType());
  if (result.floatStorage) {
    if (body.zeroPoint != 0.0 || body.zeroPointOperand)
      return whyNot("codes that are floats have a zero point");
    // Without a scale it is a cast, which products look through.
    return success(body.scale != 1.0 || body.scaleOperand);
  }
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
  for (BlockParameter *parameter : {&result.scale, &result.zeroPoint}) {
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

/// Extent of blocks that are whole both in blocks of `a` and of `b`, where
/// either divides the other; 0 is the whole dimension.
static std::optional<int64_t> getFinerExtent(int64_t a, int64_t b) {
  if (a == 0 || b == 0)
    return std::max(a, b);
  int64_t finer = std::min(a, b);
  if (std::max(a, b) % finer)
    return std::nullopt;
  return finer;
}

/// Blocks that have one scale and one zero point, as large as can be.
static LogicalResult reconcileBlocks(EncodedTensor &result, WhyNot &whyNot) {
  BlockParameter &scale = result.scale, &zeroPoint = result.zeroPoint;
  SmallVector<int64_t> whole(result.type.getRank(), 0);
  if (!scale.operand)
    scale.block = zeroPoint.operand ? zeroPoint.block : whole;
  if (!zeroPoint.operand)
    zeroPoint.block = scale.block;
  for (auto [a, b] : llvm::zip_equal(scale.block, zeroPoint.block)) {
    std::optional<int64_t> extent = getFinerExtent(a, b);
    if (!extent)
      return whyNot("blocks of {0} with one scale and of {1} with one zero "
                    "point overlap",
                    a, b);
    result.block.push_back(*extent);
  }
  if (scale.block != zeroPoint.block && !result.type.hasStaticShape())
    return whyNot("scales and zero points have different blocks, of an unknown "
                  "number");
  for (auto [dim, extent] : llvm::enumerate(result.block))
    if (extent > 1 && !result.type.isDynamicDim(dim) &&
        extent > result.type.getDimSize(dim))
      return whyNot("a group of {0} exceeds dimension {1} of extent {2}",
                    extent, dim, result.type.getDimSize(dim));
  bool isConstant =
      !scale.operand || (result.hasZeroPoint && !zeroPoint.operand);
  if (isConstant && !result.type.hasStaticShape() &&
      llvm::any_of(result.block, [](int64_t extent) { return extent != 0; }))
    return whyNot("a constant parameter would need a dynamic number of blocks");
  return success();
}

/// Whether `value` is computed of wider integers than bytes by elementwise ops
/// and reshapes that shift, as codes are that lie in words.
static bool isShiftedOutOfWords(Value value, unsigned depth) {
  auto isWord = [](Value word) {
    auto type = dyn_cast<IntegerType>(getElementTypeOrSelf(word.getType()));
    return type && type.getWidth() >= 16;
  };
  Operation *op = value.getDefiningOp();
  if (!op || depth > maxDepth)
    return false;
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::ExtractSliceOp, linalg::TransposeOp>(op))
    return isShiftedOutOfWords(op->getOperand(0), depth + 1);
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumParallelLoops() != linalgOp.getNumLoops() ||
      llvm::none_of(linalgOp.getDpsInputs(), isWord))
    return false;
  bool shifts = false;
  for (Operation &inner : *linalgOp.getBlock())
    shifts |= isa<arith::ShRUIOp, arith::ShRSIOp>(inner);
  return shifts || llvm::any_of(linalgOp.getDpsInputs(), [&](Value input) {
           return isShiftedOutOfWords(input, depth + 1);
         });
}

FailureOr<EncodedTensor> quantmlir::matchDequantize(linalg::LinalgOp op,
                                                    WhyNot &whyNot) {
  if (op->getNumResults() != 1 || !op.hasPureTensorSemantics())
    return failure();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (!isEncodableFloat(type.getElementType()))
    return failure();
  if (!llvm::any_of(op.getDpsInputs(), mayBeCodes)) {
    if (op.getNumParallelLoops() == op.getNumLoops() &&
        llvm::any_of(op.getDpsInputs(), [](Value input) {
          return isa<IntegerType>(getElementTypeOrSelf(input.getType())) &&
                 isShiftedOutOfWords(input, 0);
        }))
      return whyNot("its codes are shifted out of words that are no bytes: "
                    "quant_tensor.assemble takes words of 32 bits as they lie, "
                    "by a packed layout");
    if (op.getNumParallelLoops() == op.getNumLoops())
      for (Value input : op.getDpsInputs())
        if (auto narrow =
                dyn_cast<IntegerType>(getElementTypeOrSelf(input.getType()));
            narrow && narrow.getWidth() > 1 && narrow.getWidth() < 8)
          return whyNot(
              "its {0}-bit codes are computed, not taken out of bytes",
              narrow.getWidth());
    return failure();
  }
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
    if (!isEncodableFloat(scaleType) &&
        !isa<Float8E8M0FNUType, Float8E4M3FNType>(scaleType))
      return whyNot("the scale is neither f32, f16, bf16, f8E8M0FNU nor "
                    "f8E4M3FN");
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
  check.floatStorage = result.floatStorage;
  check.isSigned = result.isSigned;
  check.zeroPoint = result.zeroPoint.constant;
  if (failed(check.run(whyNot)))
    return failure();
  return result;
}

FailureOr<EncodedTensor> quantmlir::matchJoined(Value value, WhyNot &whyNot) {
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
  result.block = result.scale.block;
  DecodeCheck check;
  check.low = nibbles->low;
  check.high = nibbles->high;
  check.isSigned = result.isSigned;
  check.zeroPoint = nibbles->zeroPoint;
  if (failed(check.run(whyNot)))
    return failure();
  return result;
}
