//===- CollapseContractions.cpp - Several contracted dimensions as one ----===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include <numeric>

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

/// `dims` of the encoded `type` as one dimension of the same bytes: null, with
/// the reason, where blocks would not stay runs of elements.
static EncodingAttr getCollapsedEncoding(RankedTensorType type,
                                         ArrayRef<int64_t> dims,
                                         WhyNot &whyNot) {
  EncodingAttr encoding = getEncoding(type);
  auto fail = [&](const char *text) -> EncodingAttr {
    (void)whyNot(text);
    return {};
  };
  if (!encoding.isRowMajor())
    return fail("an encoded operand is not row-major");
  for (int64_t dim : dims)
    if (type.isDynamicDim(dim))
      return fail("a contracted dimension of an encoded operand is dynamic");
  // Rows are padded to whole bytes.
  if (dims.back() == type.getRank() - 1 &&
      type.getShape().back() * encoding.getStorageBits() % 8 != 0)
    return fail("rows of an encoded operand are padded to whole bytes");
  // One element of each outer dimension, some of the next, all of the inner
  // ones.
  int64_t block = 1;
  bool mustBeOne = false;
  for (int64_t dim : llvm::reverse(dims)) {
    int64_t size = type.getDimSize(dim);
    int64_t extent = encoding.getBlockExtent(dim, size);
    if (mustBeOne && extent != 1)
      return fail("blocks of an encoded operand are no runs of its contracted "
                  "dimensions");
    block *= extent;
    if (extent == size)
      continue;
    mustBeOne = true;
    if (dim != dims.front() && size % extent != 0)
      return fail("blocks of an encoded operand end at each of its contracted "
                  "dimensions");
  }
  SmallVector<int64_t> blocks(encoding.getBlock());
  blocks[dims.front()] = block;
  blocks.erase(blocks.begin() + dims.front() + 1,
               blocks.begin() + dims.back() + 1);
  return EncodingAttr::get(
      type.getContext(), encoding.getStorage(), blocks, encoding.getScale(),
      encoding.getZeroPoint(), encoding.getRange(), encoding.getRounding(),
      encoding.getOverflow(), encoding.getCodebook(), encoding.getLayout());
}

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

static Value collapseEncoded(OpBuilder &builder, Location loc, Value value,
                             ArrayRef<int64_t> dims) {
  auto type = cast<RankedTensorType>(value.getType());
  WhyNot whyNot;
  EncodingAttr encoding = getCollapsedEncoding(type, dims, whyNot);
  assert(encoding && "checked by matchCollapse");
  SmallVector<ReassociationIndices> groups = joinDims(type.getRank(), dims);
  auto parts = DisassembleOp::create(builder, loc, value);
  auto collapse = [&](Value part) -> Value {
    return part ? Value(tensor::CollapseShapeOp::create(builder, loc, part,
                                                        groups))
                : part;
  };
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : groups)
    shape.push_back(
        group.size() == 1
            ? type.getDimSize(group.front())
            : std::accumulate(group.begin(), group.end(), int64_t(1),
                              [&](int64_t product, int64_t dim) {
                                return product * type.getDimSize(dim);
                              }));
  return AssembleOp::create(
      builder, loc,
      RankedTensorType::get(shape, type.getElementType(), encoding),
      collapse(parts.getCodes()), collapse(parts.getScales()),
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

/// A contraction of several dimensions that are as good as one.
struct CollapsibleContraction {
  /// The contracted loops, outermost first.
  SmallVector<unsigned> loops;
  /// The dimensions of either operand that they run over, side by side.
  SmallVector<int64_t> dims[2];
};

} // namespace

static FailureOr<CollapsibleContraction> matchCollapse(linalg::LinalgOp op,
                                                       WhyNot &whyNot) {
  if (!op.hasPureTensorSemantics() || op.hasIndexSemantics() ||
      op.getNumReductionLoops() < 2 || !isMultiplyAccumulate(op))
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps,
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return failure();
  CollapsibleContraction result;
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (unsigned operand : {0u, 1u}) {
    SmallVector<unsigned> loops;
    for (auto [dim, expr] : llvm::enumerate(maps[operand].getResults())) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      if (kinds[loop] != utils::IteratorType::reduction)
        continue;
      loops.push_back(loop);
      result.dims[operand].push_back(dim);
    }
    if (loops.size() != op.getNumReductionLoops())
      return whyNot("operand #{0} is not read along all {1} contracted "
                    "dimensions",
                    operand, op.getNumReductionLoops());
    ArrayRef<int64_t> dims = result.dims[operand];
    if (dims.back() - dims.front() + 1 != int64_t(dims.size()))
      return whyNot("its {0} contracted dimensions are not side by side in "
                    "operand #{1}",
                    dims.size(), operand);
    if (operand == 1 && loops != result.loops)
      return whyNot("its {0} contracted dimensions have another order in "
                    "operand #1",
                    dims.size());
    result.loops = loops;
    for (Value value = op->getOperand(operand);;) {
      auto type = cast<RankedTensorType>(value.getType());
      if (getEncoding(type) && !getCollapsedEncoding(type, dims, whyNot))
        return failure();
      if (!isCast(value.getDefiningOp()))
        break;
      value = value.getDefiningOp()->getOperand(0);
    }
  }
  return result;
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
  return tensor::CollapseShapeOp::create(builder, loc, value,
                                         joinDims(type.getRank(), dims));
}

namespace {

struct CollapseContraction : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<CollapsibleContraction> match = matchCollapse(op, whyNot);
    if (failed(match))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    // The first of the contracted loops stands for all of them.
    ArrayRef<unsigned> gone = ArrayRef(match->loops).drop_front();
    SmallVector<AffineExpr> loops(op.getNumLoops());
    SmallVector<utils::IteratorType> kinds;
    for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
      if (llvm::is_contained(gone, loop))
        continue;
      loops[loop] = rewriter.getAffineDimExpr(kinds.size());
      kinds.push_back(kind);
    }
    SmallVector<AffineMap> maps;
    for (AffineMap map : op.getIndexingMapsArray()) {
      SmallVector<AffineExpr> exprs;
      for (AffineExpr expr : map.getResults())
        if (AffineExpr kept = loops[cast<AffineDimExpr>(expr).getPosition()])
          exprs.push_back(kept);
      maps.push_back(AffineMap::get(kinds.size(), 0, exprs, op.getContext()));
    }
    SmallVector<Value> inputs;
    for (unsigned operand : {0u, 1u})
      inputs.push_back(collapseOperand(rewriter, op->getOperand(operand),
                                       match->dims[operand]));
    auto generic =
        linalg::GenericOp::create(rewriter, op->getLoc(), op->getResultTypes(),
                                  inputs, op.getDpsInits(), maps, kinds);
    rewriter.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                               generic.getRegion().begin());
    remarkPassed(op, passName,
                 llvm::formatv("collapsed {0} contracted dimensions into one",
                               match->loops.size())
                     .str());
    rewriter.replaceOp(op, generic->getResults());
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
