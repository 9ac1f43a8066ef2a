//===- CollapseContractions.cpp - Several dimensions of K or N as one -----===//

#include "EncodedViews.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORCOLLAPSECONTRACTIONS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-collapse-contractions";

//===----------------------------------------------------------------------===//
// Collapsing an encoding
//===----------------------------------------------------------------------===//

/// All dimensions of a tensor of `rank`, with `dims` as one.
static SmallVector<ReassociationIndices> joinDims(int64_t rank,
                                                  ArrayRef<int64_t> dims) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < rank; ++dim) {
    if (dim > dims.front() && dim <= dims.back())
      groups.back().push_back(dim);
    else
      groups.push_back({dim});
  }
  return groups;
}

/// `type` with `dims` as one dimension: null, with the reason, where its
/// encoding does not allow that.
static RankedTensorType getCollapsedType(RankedTensorType type,
                                         ArrayRef<int64_t> dims,
                                         WhyNot &whyNot) {
  EncodingAttr encoding;
  if (getEncoding(type)) {
    encoding = getCollapsedEncoding(type, dims, whyNot);
    if (!encoding)
      return {};
  }
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : joinDims(type.getRank(), dims)) {
    int64_t size = 1;
    for (int64_t dim : group)
      size = type.isDynamicDim(dim) || ShapedType::isDynamic(size)
                 ? ShapedType::kDynamic
                 : size * type.getDimSize(dim);
    shape.push_back(size);
  }
  return RankedTensorType::get(shape, type.getElementType(), encoding);
}

static Value collapseEncoded(OpBuilder &builder, Location loc, Value value,
                             ArrayRef<int64_t> dims) {
  auto type = cast<RankedTensorType>(value.getType());
  WhyNot whyNot;
  RankedTensorType collapsed = getCollapsedType(type, dims, whyNot);
  assert(collapsed && "checked by matchCollapse");
  auto parts = DisassembleOp::create(builder, loc, value);
  auto collapse = [&](Value part) -> Value {
    return part ? Value(tensor::CollapseShapeOp::create(
                      builder, loc, part, joinDims(type.getRank(), dims)))
                : part;
  };
  return AssembleOp::create(builder, loc, collapsed, collapse(parts.getCodes()),
                            collapse(parts.getScales()),
                            collapse(parts.getZeroPoints()));
}

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// A cast of all elements, below which an operand is collapsed so that the
/// passes that follow still see it.
static bool isCast(Operation *op) {
  return isa_and_nonnull<DequantizeOp, arith::ExtSIOp, arith::ExtUIOp,
                         arith::ExtFOp, arith::TruncFOp>(op);
}

namespace {

/// Loops that are as good as one.
struct LoopGroup {
  /// Outermost first; the first one stands for all.
  SmallVector<unsigned> loops;
  /// The dimensions that they run over, side by side, of either input and of
  /// the result; none where it is not read along them.
  SmallVector<int64_t> dims[3];
};

} // namespace

/// Where `loops` are in `map`: side by side and in this order, or nowhere.
static std::optional<SmallVector<int64_t>> findLoops(AffineMap map,
                                                     ArrayRef<unsigned> loops) {
  SmallVector<int64_t> dims;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (!llvm::is_contained(loops, loop))
      continue;
    if (dims.size() == loops.size() || loops[dims.size()] != loop ||
        (!dims.empty() && dims.back() + 1 != int64_t(dim)))
      return std::nullopt;
    dims.push_back(dim);
  }
  if (!dims.empty() && dims.size() != loops.size())
    return std::nullopt;
  return dims;
}

/// The loops of `map` that `is` holds of, in the order of its dimensions.
static SmallVector<unsigned> collectLoops(AffineMap map,
                                          function_ref<bool(unsigned)> is) {
  SmallVector<unsigned> loops;
  for (AffineExpr expr : map.getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition(); is(loop))
      loops.push_back(loop);
  return loops;
}

/// Whether `value`, and what is below its casts, can be collapsed along the
/// dimensions of each group.
static LogicalResult checkOperand(Value value, ArrayRef<LoopGroup> groups,
                                  unsigned operand, WhyNot &whyNot) {
  while (true) {
    auto type = cast<RankedTensorType>(value.getType());
    for (const LoopGroup &group : groups)
      if (!group.dims[operand].empty() && getEncoding(type) &&
          !getCollapsedEncoding(type, group.dims[operand], whyNot))
        return failure();
    if (!isCast(value.getDefiningOp()))
      return success();
    value = value.getDefiningOp()->getOperand(0);
  }
}

/// The contracted dimensions, where there are several.
static FailureOr<LoopGroup> matchContracted(linalg::LinalgOp op,
                                            WhyNot &whyNot) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  LoopGroup group;
  for (unsigned operand : {0u, 1u}) {
    SmallVector<unsigned> loops = collectLoops(maps[operand], [&](unsigned i) {
      return kinds[i] == utils::IteratorType::reduction;
    });
    if (loops.size() != op.getNumReductionLoops())
      return whyNot("operand #{0} is not read along all {1} contracted "
                    "dimensions",
                    operand, op.getNumReductionLoops());
    auto dims = findLoops(maps[operand], loops);
    if (!dims)
      return whyNot("its {0} contracted dimensions are not side by side in "
                    "operand #{1}",
                    loops.size(), operand);
    if (operand == 1 && loops != group.loops)
      return whyNot("its {0} contracted dimensions have another order in "
                    "operand #1",
                    loops.size());
    group.loops = loops;
    group.dims[operand] = *dims;
  }
  return group;
}

/// Several dimensions of columns: those of the result's last ones that are of
/// one input alone, where the other one has rows.
static std::optional<LoopGroup> matchColumns(linalg::LinalgOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (unsigned operand : {1u, 0u}) {
    auto isOf = [&](unsigned input, unsigned loop) {
      return maps[2].isFunctionOfDim(loop) &&
             maps[input].isFunctionOfDim(loop) &&
             !maps[1 - input].isFunctionOfDim(loop);
    };
    LoopGroup group;
    group.loops = collectLoops(
        maps[2], [&](unsigned loop) { return isOf(operand, loop); });
    bool hasRows = !collectLoops(maps[2], [&](unsigned loop) {
                      return isOf(1 - operand, loop);
                    }).empty();
    auto inInput = findLoops(maps[operand], group.loops);
    auto inResult = findLoops(maps[2], group.loops);
    if (group.loops.size() < 2 || !hasRows || !inInput || !inResult ||
        inResult->back() + 1 != int64_t(maps[2].getNumResults()))
      continue;
    group.dims[operand] = *inInput;
    group.dims[2] = *inResult;
    WhyNot whyNot;
    if (succeeded(
            checkOperand(op->getOperand(operand), group, operand, whyNot)))
      return group;
  }
  return std::nullopt;
}

/// Groups of loops of a contraction that can be one each.
static FailureOr<SmallVector<LoopGroup>> matchCollapse(linalg::LinalgOp op,
                                                       WhyNot &whyNot) {
  if (!op.hasPureTensorSemantics() || op.hasIndexSemantics() ||
      op.getNumReductionLoops() == 0 || !isMultiplyAccumulate(op))
    return failure();
  if (!llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return failure();
  SmallVector<LoopGroup> groups;
  if (op.getNumReductionLoops() > 1) {
    FailureOr<LoopGroup> contracted = matchContracted(op, whyNot);
    if (failed(contracted))
      return failure();
    groups.push_back(*contracted);
    for (unsigned operand : {0u, 1u})
      if (failed(
              checkOperand(op->getOperand(operand), groups, operand, whyNot)))
        return failure();
  }
  if (std::optional<LoopGroup> columns = matchColumns(op))
    groups.push_back(*columns);
  if (groups.empty())
    return failure();
  return groups;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

static Value collapseOperand(OpBuilder &builder, Value value,
                             ArrayRef<int64_t> dims) {
  auto type = cast<RankedTensorType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (isCast(op)) {
    Value source = collapseOperand(builder, op->getOperand(0), dims);
    IRMapping mapping;
    mapping.map(op->getOperand(0), source);
    Operation *cast = builder.clone(*op, mapping);
    cast->getResult(0).setType(RankedTensorType::get(
        mlir::cast<RankedTensorType>(source.getType()).getShape(),
        type.getElementType()));
    return cast->getResult(0);
  }
  Location loc = value.getLoc();
  if (getEncoding(type))
    return collapseEncoded(builder, loc, value, dims);
  SmallVector<ReassociationIndices> groups = joinDims(type.getRank(), dims);
  // What is filled stays so, for those who ask whether it is zero.
  auto fill = value.getDefiningOp<linalg::FillOp>();
  if (!fill)
    return tensor::CollapseShapeOp::create(builder, loc, value, groups);
  Value output = tensor::CollapseShapeOp::create(builder, loc,
                                                 fill.getOutputs()[0], groups);
  return linalg::FillOp::create(builder, loc, fill.getInputs()[0], output)
      .getResult(0);
}

/// `value` collapsed along all groups that `operand` has, the last dimensions
/// first, so that the others keep their place.
static Value collapseOperand(OpBuilder &builder, Value value,
                             ArrayRef<LoopGroup> groups, unsigned operand) {
  SmallVector<ArrayRef<int64_t>> all;
  for (const LoopGroup &group : groups)
    if (!group.dims[operand].empty())
      all.push_back(group.dims[operand]);
  llvm::sort(all, [](ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
    return a.front() > b.front();
  });
  for (ArrayRef<int64_t> dims : all)
    value = collapseOperand(builder, value, dims);
  return value;
}

namespace {

struct CollapseContraction : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<SmallVector<LoopGroup>> groups = matchCollapse(op, whyNot);
    if (failed(groups))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    auto isGone = [&](unsigned loop) {
      return llvm::any_of(*groups, [&](const LoopGroup &group) {
        return llvm::is_contained(ArrayRef(group.loops).drop_front(), loop);
      });
    };
    SmallVector<AffineExpr> loops(op.getNumLoops());
    SmallVector<utils::IteratorType> kinds;
    for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
      if (isGone(loop))
        continue;
      loops[loop] = rewriter.getAffineDimExpr(kinds.size());
      kinds.push_back(kind);
    }
    SmallVector<AffineMap> maps;
    SmallVector<Value> operands;
    for (auto [operand, map] : llvm::enumerate(op.getIndexingMapsArray())) {
      SmallVector<AffineExpr> exprs;
      for (AffineExpr expr : map.getResults())
        if (AffineExpr kept = loops[cast<AffineDimExpr>(expr).getPosition()])
          exprs.push_back(kept);
      maps.push_back(AffineMap::get(kinds.size(), 0, exprs, op.getContext()));
      operands.push_back(
          collapseOperand(rewriter, op->getOperand(operand), *groups, operand));
    }
    Location loc = op->getLoc();
    Value init = operands.pop_back_val();
    auto generic = linalg::GenericOp::create(rewriter, loc, init.getType(),
                                             operands, init, maps, kinds);
    rewriter.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                               generic.getRegion().begin());
    Value result = generic.getResult(0);
    for (const LoopGroup &group : *groups) {
      bool isColumns = !group.dims[2].empty();
      remarkPassed(op, passName,
                   llvm::formatv("collapsed {0} {1} into one",
                                 group.loops.size(),
                                 isColumns ? "dimensions of columns"
                                           : "contracted dimensions")
                       .str());
      if (!isColumns)
        continue;
      auto type = cast<RankedTensorType>(op->getResult(0).getType());
      result = tensor::ExpandShapeOp::create(
          rewriter, loc, type, result, joinDims(type.getRank(), group.dims[2]),
          tensor::getMixedSizes(rewriter, loc, op.getDpsInits()[0]));
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Whether `value` is, but for elementwise ops, what a contraction gives whose
/// columns were collapsed and are split again.
static bool isSplitResult(Value value) {
  auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand)
    return false;
  auto op = expand.getSrc().getDefiningOp<linalg::GenericOp>();
  while (op && op.getNumParallelLoops() == op.getNumLoops()) {
    linalg::GenericOp next;
    for (Value input : op.getInputs())
      if (auto producer = input.getDefiningOp<linalg::GenericOp>())
        next = producer;
    op = next;
  }
  return op && isMultiplyAccumulate(op);
}

/// Named elementwise ops on such results, so that they can be collapsed.
struct GeneralizeAfterSplit : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (isa<linalg::GenericOp>(op) || !op.hasPureTensorSemantics() ||
        op.getNumParallelLoops() != op.getNumLoops() ||
        llvm::none_of(op.getDpsInputs(), isSplitResult))
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// A size that is asked of a split result would be a second use of it.
struct SizeOfSplit : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::DimOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<int64_t> index = op.getConstantIndex();
    auto expand = op.getSource().getDefiningOp<tensor::ExpandShapeOp>();
    if (!expand || !index || *index < 0 ||
        *index >= expand.getResultType().getRank())
      return failure();
    rewriter.replaceOp(
        op, getValueOrCreateConstantIndexOp(
                rewriter, op.getLoc(), expand.getMixedOutputShape()[*index]));
    return success();
  }
};

struct CollapseContractions
    : quantmlir::quant_tensor::impl::QuantTensorCollapseContractionsBase<
          CollapseContractions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateCollapseContractionPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    // What follows is computed before the columns are split again, and stays
    // fit for an epilogue.
    WalkResult split = getOperation()->walk([](tensor::ExpandShapeOp op) {
      return isSplitResult(op) ? WalkResult::interrupt()
                               : WalkResult::advance();
    });
    RewritePatternSet behind(&getContext());
    if (split.wasInterrupted())
      populatePlainElementwiseToLinalgPatterns(behind);
    behind.add<GeneralizeAfterSplit, SizeOfSplit>(&getContext());
    linalg::populateFoldReshapeOpsByCollapsingPatterns(
        behind, [](OpOperand *operand) {
          auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
          return consumer && operand->get().hasOneUse() &&
                 consumer.getNumParallelLoops() == consumer.getNumLoops() &&
                 isSplitResult(operand->get());
        });
    if (failed(applyPatternsGreedily(getOperation(), std::move(behind))))
      return signalPassFailure();
    getOperation()->walk([](linalg::LinalgOp op) {
      WhyNot whyNot;
      (void)matchCollapse(op, whyNot);
      remarkMissed(op, passName, "contracted dimensions not collapsed", whyNot);
    });
  }
};

} // namespace

void quantmlir::quant_tensor::populateCollapseContractionPatterns(
    RewritePatternSet &patterns) {
  patterns.add<CollapseContraction>(patterns.getContext());
}
