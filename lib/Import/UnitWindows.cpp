//===- UnitWindows.cpp - Convolutions that are products -------------------===//

#include "UnitWindows.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "import-contractions";

namespace {

/// How an operand is read once some loops have one iteration.
struct Access {
  /// The loop of each dimension; none where it has one element, which is
  /// dropped.
  SmallVector<std::optional<unsigned>> loops;
  SmallVector<int64_t> strides;

  bool isWhole() const {
    return llvm::all_of(loops, [](auto loop) { return loop.has_value(); }) &&
           llvm::all_of(strides, [](int64_t stride) { return stride == 1; });
  }
};

} // namespace

/// How `map` reads a tensor of `type` where loops that `isUnit` stand still.
static std::optional<Access> getAccess(AffineMap map, RankedTensorType type,
                                       ArrayRef<int64_t> extents,
                                       function_ref<bool(unsigned)> isUnit) {
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> values;
  for (unsigned loop = 0; loop != map.getNumDims(); ++loop)
    values.push_back(isUnit(loop) ? getAffineConstantExpr(0, context)
                                  : getAffineDimExpr(loop, context));
  AffineMap fixed = map.replaceDimsAndSymbols(values, {}, map.getNumDims(), 0);
  Access access;
  llvm::SmallDenseSet<unsigned> seen;
  for (auto [dim, result] : llvm::enumerate(fixed.getResults())) {
    AffineExpr expr = result;
    int64_t stride = 1;
    if (auto product = dyn_cast<AffineBinaryOpExpr>(expr);
        product && product.getKind() == AffineExprKind::Mul) {
      auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
      if (!factor || factor.getValue() < 1)
        return std::nullopt;
      stride = factor.getValue();
      expr = product.getLHS();
    }
    access.strides.push_back(stride);
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      if (constant.getValue() != 0 || type.getDimSize(dim) != 1)
        return std::nullopt;
      access.loops.push_back(std::nullopt);
      continue;
    }
    auto loop = dyn_cast<AffineDimExpr>(expr);
    if (!loop || !seen.insert(loop.getPosition()).second)
      return std::nullopt;
    // A slice needs to know how much there is of it.
    if (stride != 1 && ShapedType::isDynamic(extents[loop.getPosition()]))
      return std::nullopt;
    access.loops.push_back(loop.getPosition());
  }
  return access;
}

/// A copy of `value` that `access` reads without strides: a view with strides
/// could not be collapsed.
static Value copyPlainly(OpBuilder &builder, Location loc, Value value,
                         const Access &access, ArrayRef<OpFoldResult> sizes) {
  unsigned next = 0;
  SmallVector<AffineExpr> exprs;
  for (auto [loop, stride] : llvm::zip_equal(access.loops, access.strides))
    exprs.push_back(loop ? builder.getAffineDimExpr(next++) * stride
                         : builder.getAffineConstantExpr(0));
  return readAt(builder, loc, value, exprs, sizes);
}

/// `value` as `access` reads it, dimension by dimension.
static Value readPlainly(OpBuilder &builder, Location loc, Value value,
                         const Access &access, ArrayRef<int64_t> extents) {
  if (access.isWhole())
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  // Slices of what is encoded are taken later, by who knows its blocks.
  if (getEncoding(type)) {
    type = RankedTensorType::get(type.getShape(), type.getElementType());
    value = DequantizeOp::create(builder, loc, type, value);
  }
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  SmallVector<OpFoldResult> kept;
  SmallVector<int64_t> shape;
  bool hasStride = false;
  for (auto [dim, loop] : llvm::enumerate(access.loops)) {
    if (!loop) {
      sizes[dim] = builder.getIndexAttr(1);
      continue;
    }
    bool isStrided = access.strides[dim] != 1;
    hasStride |= isStrided;
    shape.push_back(isStrided ? extents[*loop] : type.getDimSize(dim));
    kept.push_back(isStrided ? OpFoldResult(builder.getIndexAttr(shape.back()))
                             : sizes[dim]);
  }
  auto result = RankedTensorType::get(shape, type.getElementType());
  if (hasStride)
    return copyPlainly(builder, loc, value, access, kept);
  // What had only been given the dimensions that are dropped.
  auto expand = value.getDefiningOp<tensor::ExpandShapeOp>();
  if (expand && expand.getSrcType() == result)
    return expand.getSrc();
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, result, value, offsets,
                                        sizes, strides);
}

namespace {

struct UnitWindow : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        op.hasIndexSemantics() ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0))
             .isProjectedPermutation())
      return failure();
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
    // Loops of the window: reductions that are added to a position.
    llvm::SmallDenseSet<unsigned> units;
    unsigned numLeft = op.getNumReductionLoops();
    for (AffineMap map : op.getIndexingMapsArray())
      for (AffineExpr expr : map.getResults())
        if (isa<AffineBinaryOpExpr>(expr))
          for (unsigned loop = 0; loop != op.getNumLoops(); ++loop)
            if (expr.isFunctionOfDim(loop) && extents[loop] == 1 &&
                kinds[loop] == utils::IteratorType::reduction &&
                units.insert(loop).second)
              --numLeft;
    if (units.empty() || numLeft == 0)
      return failure();
    auto isUnit = [&](unsigned loop) { return units.contains(loop); };

    SmallVector<AffineExpr> renumbered(op.getNumLoops());
    SmallVector<utils::IteratorType> left;
    for (auto [loop, kind] : llvm::enumerate(kinds))
      if (!isUnit(loop)) {
        renumbered[loop] = rewriter.getAffineDimExpr(left.size());
        left.push_back(kind);
      }
    SmallVector<Access> accesses;
    SmallVector<AffineMap> maps;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      Access access;
      if (auto type = dyn_cast<RankedTensorType>(operand.get().getType())) {
        auto found = getAccess(map, type, extents, isUnit);
        if (!found)
          return rewriter.notifyMatchFailure(
              op, "an operand is not read along plain dimensions");
        access = *found;
      }
      SmallVector<AffineExpr> exprs;
      for (std::optional<unsigned> loop : access.loops)
        if (loop)
          exprs.push_back(renumbered[*loop]);
      maps.push_back(AffineMap::get(left.size(), 0, exprs, op.getContext()));
      accesses.push_back(std::move(access));
    }
    Location loc = op.getLoc();
    SmallVector<Value> operands;
    for (auto [operand, access] :
         llvm::zip_equal(op->getOpOperands(), accesses))
      operands.push_back(
          isa<RankedTensorType>(operand.get().getType())
              ? readPlainly(rewriter, loc, operand.get(), access, extents)
              : operand.get());
    Value init = operands.pop_back_val();
    auto generic = linalg::GenericOp::create(rewriter, loc, init.getType(),
                                             operands, init, maps, left);
    rewriter.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                               generic.getRegion().begin());
    remarkPassed(op, passName,
                 "made a convolution with a window of one element a product");
    rewriter.replaceOp(op, generic.getResults());
    return success();
  }
};

} // namespace

void quantmlir::populateUnitWindowPatterns(RewritePatternSet &patterns) {
  patterns.add<UnitWindow>(patterns.getContext());
}
