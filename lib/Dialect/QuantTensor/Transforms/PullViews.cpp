//===- PullViews.cpp - Weights that are sliced, joined or batched ---------===//
//
// A contraction decodes an operand that is encoded as a whole. What is sliced
// or joined after it was decoded is sliced or joined as it is encoded instead;
// batches of encoded weights are contractions of their own.
//
//===----------------------------------------------------------------------===//

#include "PullViews.h"
#include "EncodedViews.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-pull-dequantize";

/// Each batch is a launch: beyond this many they would be what takes the time.
static constexpr int64_t kMaxBatch = 128;

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

/// What `op` takes out of a dequantized tensor.
static FailureOr<StaticSlice> matchSlice(tensor::ExtractSliceOp op,
                                         WhyNot &whyNot) {
  auto source = op.getSource().getDefiningOp<DequantizeOp>();
  if (!source)
    return failure();
  if (!llvm::all_of(op.getStaticStrides(), [](int64_t s) { return s == 1; }))
    return whyNot("a slice of the dequantized tensor has a stride");
  if (ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      ShapedType::isDynamicShape(op.getStaticSizes()))
    return whyNot("a slice of the dequantized tensor is at a position, or of a "
                  "size, that is known when the program runs");
  StaticSlice slice{llvm::to_vector(op.getStaticOffsets()),
                    llvm::to_vector(op.getStaticSizes()), op.getDroppedDims()};
  if (failed(checkEncodedSlice(source.getSource().getType(), slice, whyNot)))
    return failure();
  return slice;
}

namespace {

struct SliceEncoded : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<StaticSlice> slice = matchSlice(op, whyNot);
    if (failed(slice))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    auto source = op.getSource().getDefiningOp<DequantizeOp>();
    remarkPassed(op, passName, "slices the codes, not what they mean");
    Value encoded =
        sliceEncoded(rewriter, op.getLoc(), source.getSource(), *slice);
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op.getType(), encoded);
    return success();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

/// The encoded type of the result of a reshape of a dequantized tensor.
static FailureOr<RankedTensorType>
matchReshape(Operation *op, SmallVectorImpl<ReassociationIndices> &groups,
             WhyNot &whyNot) {
  if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return failure();
  auto source = op->getOperand(0).getDefiningOp<DequantizeOp>();
  if (!source)
    return failure();
  auto type = cast<RankedTensorType>(source.getSource().getType());
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  if (!type.hasStaticShape() || !result.hasStaticShape() ||
      result.getRank() == 0)
    return whyNot("a dequantized tensor of dynamic extents is reshaped");
  EncodingAttr encoding = getEncoding(type);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    groups = expand.getReassociationIndices();
    encoding = getExpandedEncoding(type, groups, result.getShape(), whyNot);
  } else {
    groups = cast<tensor::CollapseShapeOp>(op).getReassociationIndices();
    // The last ones first, so that the others keep their place.
    SmallVector<int64_t> shape(type.getShape());
    for (ArrayRef<int64_t> group : llvm::reverse(groups)) {
      if (!encoding || group.size() == 1)
        continue;
      encoding = getCollapsedEncoding(
          RankedTensorType::get(shape, type.getElementType(), encoding), group,
          whyNot);
      int64_t size = 1;
      for (int64_t dim : group)
        size *= shape[dim];
      shape[group.front()] = size;
      shape.erase(shape.begin() + group.front() + 1,
                  shape.begin() + group.back() + 1);
    }
  }
  if (!encoding)
    return failure();
  return RankedTensorType::get(result.getShape(), type.getElementType(),
                               encoding);
}

namespace {

struct ReshapeEncoded : RewritePattern {
  explicit ReshapeEncoded(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    SmallVector<ReassociationIndices> groups;
    FailureOr<RankedTensorType> type = matchReshape(op, groups, whyNot);
    if (failed(type))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    auto source = op->getOperand(0).getDefiningOp<DequantizeOp>();
    Value encoded = reshapeEncoded(rewriter, op->getLoc(), source.getSource(),
                                   *type, groups);
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op->getResult(0).getType(),
                                              encoded);
    return success();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Joins
//===----------------------------------------------------------------------===//

namespace {

/// Tensors one behind the other along a dimension.
struct Join {
  SmallVector<Value> parts;
  unsigned dim = 0;
};

} // namespace

/// A chain of slices inserted into what they cover as a whole.
static std::optional<Join> matchInsertions(tensor::InsertSliceOp last) {
  auto type = cast<RankedTensorType>(last.getType());
  struct Piece {
    int64_t offset, size;
    Value value;
  };
  SmallVector<Piece> pieces;
  std::optional<unsigned> joined;
  for (auto op = last; op;
       op = op.getDest().getDefiningOp<tensor::InsertSliceOp>()) {
    RankedTensorType part = op.getSourceType();
    if (!type.hasStaticShape() || !part.hasStaticShape() ||
        part.getRank() != type.getRank() || (op != last && !op->hasOneUse()))
      return std::nullopt;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      if (op.getStaticStrides()[dim] != 1 || op.isDynamicOffset(dim))
        return std::nullopt;
      if (part.getDimSize(dim) == type.getDimSize(dim))
        continue;
      if (joined && *joined != dim)
        return std::nullopt;
      joined = dim;
    }
    if (!joined)
      return std::nullopt;
    pieces.push_back({op.getStaticOffset(*joined), part.getDimSize(*joined),
                      op.getSource()});
  }
  llvm::stable_sort(pieces, [](const Piece &a, const Piece &b) {
    return a.offset < b.offset;
  });
  Join join;
  join.dim = *joined;
  int64_t end = 0;
  for (const Piece &piece : pieces) {
    if (piece.offset != end)
      return std::nullopt;
    end += piece.size;
    join.parts.push_back(piece.value);
  }
  if (end != type.getDimSize(*joined))
    return std::nullopt;
  return join;
}

/// The join that `op` makes of dequantized tensors.
static FailureOr<Join> matchJoin(Operation *op, WhyNot &whyNot) {
  std::optional<Join> join;
  if (auto concat = dyn_cast<tensor::ConcatOp>(op))
    join = Join{llvm::to_vector(concat.getInputs()),
                static_cast<unsigned>(concat.getDim())};
  else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    join = matchInsertions(insert);
  if (!join)
    return failure();
  SmallVector<RankedTensorType> types;
  for (Value part : join->parts)
    if (auto source = part.getDefiningOp<DequantizeOp>())
      types.push_back(cast<RankedTensorType>(source.getSource().getType()));
  if (types.empty())
    return failure();
  if (types.size() != join->parts.size())
    return whyNot("a dequantized tensor is joined with one that is not");
  if (!getJoinedType(types, join->dim, whyNot))
    return failure();
  return *join;
}

namespace {

struct JoinEncoded : RewritePattern {
  explicit JoinEncoded(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<Join> join = matchJoin(op, whyNot);
    if (failed(join))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    auto sources = llvm::map_to_vector(join->parts, [](Value part) {
      return part.getDefiningOp<DequantizeOp>().getSource();
    });
    remarkPassed(op, passName, "joins the codes, not what they mean");
    SmallVector<Value> values(sources.begin(), sources.end());
    Value encoded = joinEncoded(rewriter, op->getLoc(), values, join->dim);
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op->getResult(0).getType(),
                                              encoded);
    return success();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

namespace {

/// A contraction of plain floats with encoded weights of more than two
/// dimensions.
struct Batches {
  /// Which operand is encoded, and what of.
  unsigned side = 0;
  Value encoded;
  /// Loop of each dimension of `encoded`.
  SmallVector<unsigned> loops;
  /// Loops that are a contraction each.
  SmallVector<unsigned> batch;
};

} // namespace

static FailureOr<Batches> matchBatches(linalg::LinalgOp op, WhyNot &whyNot) {
  if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() != 1 ||
      op->getNumResults() != 1 || op.hasIndexSemantics() ||
      !isMultiplyAccumulate(op) ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  Batches result;
  auto getSource = [&](unsigned side) -> Value {
    Value value = op->getOperand(side);
    // What rounds a decoded value is looked through as by other contractions.
    while (auto cast = value.getDefiningOp()) {
      if (auto dequantize = dyn_cast<DequantizeOp>(cast))
        return dequantize.getSource();
      if (!isa<arith::ExtFOp, arith::TruncFOp>(cast))
        break;
      value = cast->getOperand(0);
    }
    return getEncoding(value.getType()) ? value : Value();
  };
  for (unsigned side : {0u, 1u}) {
    Value source = getSource(side);
    if (!source)
      continue;
    if (result.encoded)
      return failure();
    result.side = side;
    result.encoded = source;
  }
  if (!result.encoded ||
      cast<RankedTensorType>(result.encoded.getType()).getRank() < 3)
    return failure();
  for (Value value : {op->getOperand(1 - result.side), op.getDpsInits()[0]})
    if (!isa<Float32Type, Float16Type, BFloat16Type>(
            getElementTypeOrSelf(value)))
      return whyNot("the other operand or the result is neither f32, f16 nor "
                    "bf16");
  for (AffineExpr expr : maps[result.side].getResults())
    result.loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  // Columns are those of the result's last loop that the other operand has not;
  // all others have weights of their own.
  std::optional<unsigned> columns;
  for (AffineExpr expr : maps[2].getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (maps[result.side].isFunctionOfDim(loop) &&
        !maps[1 - result.side].isFunctionOfDim(loop))
      columns = loop;
  }
  if (!columns)
    return whyNot("the encoded operand is a batch of vectors");
  auto type = cast<RankedTensorType>(result.encoded.getType());
  auto results = cast<RankedTensorType>(op->getResult(0).getType());
  if (llvm::is_contained(results.getShape(), 0))
    return failure();
  StaticSlice slice{SmallVector<int64_t>(type.getRank(), 0),
                    llvm::to_vector(type.getShape()),
                    llvm::SmallBitVector(type.getRank())};
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  int64_t count = 1;
  for (auto [dim, loop] : llvm::enumerate(result.loops)) {
    bool isBatch =
        loop != *columns && kinds[loop] != utils::IteratorType::reduction;
    if (type.isDynamicDim(dim))
      return whyNot("the encoded operand has {0} of a dynamic number",
                    isBatch ? "batches" : "rows or columns");
    if (!isBatch)
      continue;
    result.batch.push_back(loop);
    slice.sizes[dim] = 1;
    slice.dropped.set(dim);
    if (llvm::MulOverflow(count, type.getDimSize(dim), count))
      count = kMaxBatch + 1;
  }
  if (count > kMaxBatch || count == 0)
    return whyNot("the encoded operand has {0} batches, each of which would be "
                  "a launch: {1} are the most",
                  count, kMaxBatch);
  // Of one batch; the others have the same granules.
  if (failed(checkEncodedSlice(type, slice, whyNot)))
    return failure();
  return result;
}

namespace {

/// A batch of encoded weights is as many contractions, since each streams
/// weights of its own and there is no kernel for them all.
struct UnrollBatches : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<Batches> batches = matchBatches(op, whyNot);
    if (failed(batches))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    SmallVector<int64_t> extents, position(batches->batch.size(), 0);
    auto type = cast<RankedTensorType>(batches->encoded.getType());
    int64_t count = 1;
    for (unsigned loop : batches->batch) {
      unsigned dim = llvm::find(batches->loops, loop) - batches->loops.begin();
      extents.push_back(type.getDimSize(dim));
      count *= extents.back();
    }
    Location loc = op.getLoc();
    Value init = op.getDpsInits()[0];
    Value result = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, init),
        getElementTypeOrSelf(init));
    for (int64_t index = 0; index != count; ++index) {
      result = createOne(rewriter, op, *batches, position, result);
      // The last loop first, as the batches lie.
      for (size_t i = position.size(); i-- > 0;) {
        if (++position[i] != extents[i])
          break;
        position[i] = 0;
      }
    }
    remarkPassed(op, passName,
                 llvm::formatv("made {0} batches of encoded weights a "
                               "contraction each",
                               count)
                     .str());
    rewriter.replaceOp(op, result);
    return success();
  }

private:
  /// Where a batch is in a tensor that is read through `map`.
  struct Place {
    SmallVector<OpFoldResult> offsets, sizes, strides;
    RankedTensorType type;
  };
  static Place getPlace(OpBuilder &builder, Value value, AffineMap map,
                        const Batches &batches, ArrayRef<int64_t> position) {
    Location loc = value.getLoc();
    auto type = cast<RankedTensorType>(value.getType());
    Place place;
    place.sizes = tensor::getMixedSizes(builder, loc, value);
    place.strides.assign(type.getRank(), builder.getIndexAttr(1));
    SmallVector<int64_t> shape;
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      const unsigned *it = llvm::find(batches.batch, loop);
      if (it == batches.batch.end()) {
        place.offsets.push_back(builder.getIndexAttr(0));
        shape.push_back(type.getDimSize(dim));
        continue;
      }
      place.offsets.push_back(
          builder.getIndexAttr(position[it - batches.batch.begin()]));
      place.sizes[dim] = builder.getIndexAttr(1);
    }
    place.type = RankedTensorType::get(shape, type.getElementType());
    return place;
  }

  static Value createOne(PatternRewriter &rewriter, linalg::LinalgOp op,
                         const Batches &batches, ArrayRef<int64_t> position,
                         Value result);
};

} // namespace

/// The contraction of one batch, inserted into `result`.
Value UnrollBatches::createOne(PatternRewriter &rewriter, linalg::LinalgOp op,
                               const Batches &batches,
                               ArrayRef<int64_t> position, Value result) {
  Location loc = op.getLoc();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<Value> operands(3);
  auto slice = [&](Value value, AffineMap map) -> Value {
    Place place = getPlace(rewriter, value, map, batches, position);
    return tensor::ExtractSliceOp::create(rewriter, loc, place.type, value,
                                          place.offsets, place.sizes,
                                          place.strides);
  };
  // The weights, as float as what the body reads.
  auto type = cast<RankedTensorType>(batches.encoded.getType());
  StaticSlice part{SmallVector<int64_t>(type.getRank(), 0),
                   llvm::to_vector(type.getShape()),
                   llvm::SmallBitVector(type.getRank())};
  for (auto [dim, loop] : llvm::enumerate(batches.loops)) {
    const unsigned *it = llvm::find(batches.batch, loop);
    if (it == batches.batch.end())
      continue;
    part.offsets[dim] = position[it - batches.batch.begin()];
    part.sizes[dim] = 1;
    part.dropped.set(dim);
  }
  Value encoded = sliceEncoded(rewriter, loc, batches.encoded, part);
  operands[batches.side] = DequantizeOp::create(
      rewriter, loc,
      RankedTensorType::get(
          cast<RankedTensorType>(encoded.getType()).getShape(),
          getElementTypeOrSelf(op->getOperand(batches.side))),
      encoded);
  unsigned other = 1 - batches.side;
  operands[other] = slice(op->getOperand(other), maps[other]);
  Value init = op.getDpsInits()[0];
  if (isZeroTensor(init)) {
    // Zero for whoever asks.
    Place place = getPlace(rewriter, init, maps[2], batches, position);
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, expr] : llvm::enumerate(maps[2].getResults()))
      if (!llvm::is_contained(batches.batch,
                              cast<AffineDimExpr>(expr).getPosition()))
        sizes.push_back(place.sizes[dim]);
    Type element = getElementTypeOrSelf(init);
    Value empty = tensor::EmptyOp::create(rewriter, loc, sizes, element);
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(element));
    operands[2] =
        linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  } else {
    operands[2] = slice(init, maps[2]);
  }

  SmallVector<AffineExpr> loops(op.getNumLoops());
  SmallVector<utils::IteratorType> kinds;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (!llvm::is_contained(batches.batch, loop)) {
      loops[loop] = rewriter.getAffineDimExpr(kinds.size());
      kinds.push_back(kind);
    }
  for (AffineMap &map : maps) {
    SmallVector<AffineExpr> exprs;
    for (AffineExpr expr : map.getResults())
      if (AffineExpr kept = loops[cast<AffineDimExpr>(expr).getPosition()])
        exprs.push_back(kept);
    map = AffineMap::get(kinds.size(), 0, exprs, op.getContext());
  }
  Value start = operands.pop_back_val();
  auto generic = linalg::GenericOp::create(rewriter, loc, start.getType(),
                                           operands, start, maps, kinds);
  rewriter.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                             generic.getRegion().begin());
  Place place = getPlace(rewriter, result, op.getIndexingMapsArray()[2],
                         batches, position);
  return tensor::InsertSliceOp::create(rewriter, loc, generic.getResult(0),
                                       result, place.offsets, place.sizes,
                                       place.strides);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

void quantmlir::quant_tensor::populatePullViewPatterns(
    RewritePatternSet &patterns) {
  patterns.add<JoinEncoded, ReshapeEncoded, SliceEncoded, UnrollBatches>(
      patterns.getContext());
}

/// What computes `value` of a dequantized tensor: the op that reads it, if any
/// does on the way.
static Operation *findReaderOfDecoded(Value value, unsigned depth) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0 || isa<ScaledMatmulOp, IntMatmulOp>(op))
    return nullptr;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
      linalgOp && linalgOp.getNumReductionLoops())
    return nullptr;
  for (Value operand : op->getOperands()) {
    if (operand.getDefiningOp<DequantizeOp>())
      return op;
    if (isa<RankedTensorType>(operand.getType()))
      if (Operation *reader = findReaderOfDecoded(operand, depth - 1))
        return reader;
  }
  return nullptr;
}

/// How many ops in front of a contraction are looked at for that.
static constexpr unsigned maxDepth = 6;

static LogicalResult explainDense(linalg::LinalgOp op, WhyNot &whyNot) {
  if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0 ||
      !isMultiplyAccumulate(op))
    return failure();
  for (unsigned side : {0u, 1u})
    if (Operation *reader = findReaderOfDecoded(op->getOperand(side), maxDepth))
      return whyNot("operand #{0} is what {1} makes of a dequantized tensor: "
                    "that is a dense one",
                    side, reader->getName());
  return failure();
}

void quantmlir::quant_tensor::explainViews(Operation *op, WhyNot &whyNot) {
  SmallVector<ReassociationIndices> groups;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    (void)matchSlice(slice, whyNot);
  else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    if (failed(matchBatches(linalgOp, whyNot)) && !whyNot.isNearMiss())
      (void)explainDense(linalgOp, whyNot);
  } else if (failed(matchReshape(op, groups, whyNot)) && !whyNot.isNearMiss())
    (void)matchJoin(op, whyNot);
}
