//===- ImportContractions.cpp - Contractions as others write them ---------===//

#include "IntegerProduct.h"
#include "NarrowSums.h"
#include "UnitWindows.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"
#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir {
#define GEN_PASS_DEF_IMPORTCONTRACTIONS
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "import-contractions";

//===----------------------------------------------------------------------===//
// Operands that are repeated
//===----------------------------------------------------------------------===//

namespace {

/// A tensor that is repeated along some dimensions of a value, by elementwise
/// ops of one tensor each.
struct Repetition {
  /// What is computed of `source`, in order.
  SmallVector<linalg::LinalgOp> ops;
  Value source;
  /// From the dimensions of the value to those of `source`.
  AffineMap toSource;
};

} // namespace

static std::optional<Repetition> matchRepetition(Value value) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op->getNumResults() != 1 || op.getNumDpsInputs() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() || op.hasIndexSemantics() ||
      op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
    return std::nullopt;
  OpOperand *input = op.getDpsInputOperand(0);
  AffineMap in = op.getMatchingIndexingMap(input);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!isa<RankedTensorType>(input->get().getType()))
    return std::nullopt;
  if (in.isIdentity() && out.isIdentity()) {
    std::optional<Repetition> below = matchRepetition(input->get());
    if (below)
      below->ops.push_back(op);
    return below;
  }
  if (!out.isPermutation() || !in.isProjectedPermutation() ||
      in.getNumResults() == in.getNumDims())
    return std::nullopt;
  return Repetition{{op}, input->get(), in.compose(inversePermutation(out))};
}

/// What is repeated, once.
static Value computeOnce(OpBuilder &builder, Repetition &repetition) {
  Value value = repetition.source;
  for (linalg::LinalgOp op : repetition.ops) {
    if (op.getBlock()->getTerminator()->getOperand(0) ==
        op.getBlock()->getArgument(0))
      continue;
    Location loc = op->getLoc();
    Value empty = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, value),
        getElementTypeOrSelf(op->getResult(0)));
    unsigned rank = cast<RankedTensorType>(empty.getType()).getRank();
    AffineMap identity = builder.getMultiDimIdentityMap(rank);
    auto once = linalg::GenericOp::create(
        builder, loc, empty.getType(), value, empty,
        ArrayRef<AffineMap>{identity, identity},
        SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel));
    IRMapping mapping;
    op->getRegion(0).cloneInto(&once.getRegion(), mapping);
    value = once.getResult(0);
  }
  return value;
}

/// Whether `op` multiplies and accumulates two operands, which may have zero
/// points.
static bool isProduct(linalg::LinalgOp op) {
  return isa<linalg::QuantizedMatmulOp, linalg::QuantizedBatchMatmulOp>(op) ||
         isMultiplyAccumulate(op);
}

namespace {

/// An operand that is repeated along rows or columns of the result, or along a
/// batch, is read as it is stored: frameworks multiply [batch, m, k] by weights
/// [k, n] as two batches.
struct ReadUnrepeated : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0 ||
        op->getNumResults() != 1 || !isProduct(op))
      return failure();
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    for (unsigned side : {0u, 1u}) {
      auto repetition = matchRepetition(op->getOperand(side));
      if (!repetition || !maps[side].isProjectedPermutation())
        continue;
      AffineMap map = repetition->toSource.compose(maps[side]);
      // Somebody else has to say how far each loop goes.
      auto staysKnown = [&](unsigned loop) {
        return map.isFunctionOfDim(loop) || !maps[side].isFunctionOfDim(loop) ||
               (iterators[loop] == utils::IteratorType::parallel &&
                maps[1 - side].isFunctionOfDim(loop));
      };
      if (!llvm::all_of(llvm::seq<unsigned>(0, maps[side].getNumDims()),
                        staysKnown))
        continue;
      maps[side] = map;
      SmallVector<Value> inputs = op.getDpsInputs();
      inputs[side] = computeOnce(rewriter, *repetition);
      auto generic =
          linalg::GenericOp::create(rewriter, op.getLoc(), op->getResultTypes(),
                                    inputs, op.getDpsInits(), maps, iterators);
      rewriter.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                                 generic.getRegion().begin());
      remarkPassed(op, passName, "reads an operand without its repetitions");
      rewriter.replaceOp(op, generic.getResults());
      return success();
    }
    return failure();
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Integer products with zero points
//===----------------------------------------------------------------------===//

namespace {

/// The map and the value that a linalg op over some loops reads.
struct Input {
  Value value;
  AffineMap map;
};

/// Builds what an IntegerProduct becomes.
class ProductRewriter {
public:
  ProductRewriter(OpBuilder &builder, const IntegerProduct &product)
      : builder(builder), product(product), loc(product.op->getLoc()) {}

  Value rewrite();

private:
  /// `read` in terms of the loops of the result or of the product: `position`
  /// has the dimension of each loop.
  AffineMap getMap(const IntegerRead &read, unsigned numDims,
                   ArrayRef<int64_t> position) {
    SmallVector<AffineExpr> exprs;
    for (std::optional<unsigned> loop : read.loops)
      exprs.push_back(loop ? builder.getAffineDimExpr(position[*loop])
                           : builder.getAffineConstantExpr(0));
    return AffineMap::get(numDims, 0, exprs, builder.getContext());
  }

  Value widen(OpBuilder &inner, Value value, bool isUnsigned, Type type) {
    if (value.getType() == type)
      return value;
    if (isUnsigned)
      return arith::ExtUIOp::create(inner, loc, type, value);
    return arith::ExtSIOp::create(inner, loc, type, value);
  }

  void widenCodes(IntegerRead &code);
  Value multiply(const IntegerRead &lhs, const IntegerRead &rhs);
  IntegerRead sumCodes(const IntegerRead &code);
  Value countProducts();

  OpBuilder &builder;
  const IntegerProduct &product;
  Location loc;
};

} // namespace

/// Codes of fewer than 8 bits in bytes of their own.
void ProductRewriter::widenCodes(IntegerRead &code) {
  if (code.getWidth() == 8)
    return;
  auto type = cast<RankedTensorType>(code.value.getType());
  Type i8 = builder.getIntegerType(8);
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, code.value), i8);
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  code.value = linalg::GenericOp::create(
                   builder, loc, empty.getType(), code.value, empty,
                   ArrayRef<AffineMap>{identity, identity}, iterators,
                   [&](OpBuilder &inner, Location, ValueRange arguments) {
                     Value wide =
                         widen(inner, arguments[0], code.isUnsigned, i8);
                     linalg::YieldOp::create(inner, loc, wide);
                   })
                   .getResult(0);
  // What fits with a bit to spare is signed as well.
  code.isUnsigned = false;
}

/// The sum of products of the codes as they are, from the init on.
Value ProductRewriter::multiply(const IntegerRead &lhs,
                                const IntegerRead &rhs) {
  linalg::LinalgOp op = product.op;
  unsigned numLoops = op.getNumLoops();
  auto identity = llvm::to_vector(llvm::seq<int64_t>(0, numLoops));
  Type i32 = builder.getI32Type();
  return linalg::GenericOp::create(
             builder, loc, op->getResultTypes(),
             ValueRange{lhs.value, rhs.value}, op.getDpsInits(),
             ArrayRef<AffineMap>{
                 getMap(lhs, numLoops, identity),
                 getMap(rhs, numLoops, identity),
                 op.getMatchingIndexingMap(op.getDpsInitOperand(0))},
             op.getIteratorTypesArray(),
             [&](OpBuilder &inner, Location, ValueRange arguments) {
               Value term = arith::MulIOp::create(
                   inner, loc, widen(inner, arguments[0], lhs.isUnsigned, i32),
                   widen(inner, arguments[1], rhs.isUnsigned, i32));
               Value sum =
                   arith::AddIOp::create(inner, loc, arguments[2], term);
               linalg::YieldOp::create(inner, loc, sum);
             })
      .getResult(0);
}

/// The codes summed along the loops that are contracted.
IntegerRead ProductRewriter::sumCodes(const IntegerRead &code) {
  unsigned rank = code.loops.size();
  Type i32 = builder.getI32Type();
  SmallVector<OpFoldResult> sizes =
                                tensor::getMixedSizes(builder, loc, code.value),
                            kept;
  SmallVector<utils::IteratorType> iterators;
  SmallVector<AffineExpr> exprs;
  IntegerRead sums;
  for (auto [dim, loop] : llvm::enumerate(code.loops)) {
    bool isReduced = product.isReduced(*loop);
    iterators.push_back(isReduced ? utils::IteratorType::reduction
                                  : utils::IteratorType::parallel);
    if (isReduced)
      continue;
    kept.push_back(sizes[dim]);
    exprs.push_back(builder.getAffineDimExpr(dim));
    sums.loops.push_back(loop);
  }
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, kept, i32);
  Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  sums.value =
      linalg::GenericOp::create(
          builder, loc, init.getType(), code.value, init,
          ArrayRef<AffineMap>{
              builder.getMultiDimIdentityMap(rank),
              AffineMap::get(rank, 0, exprs, builder.getContext())},
          iterators,
          [&](OpBuilder &inner, Location, ValueRange arguments) {
            Value wide = widen(inner, arguments[0], code.isUnsigned, i32);
            Value sum = arith::AddIOp::create(inner, loc, arguments[1], wide);
            linalg::YieldOp::create(inner, loc, sum);
          })
          .getResult(0);
  return sums;
}

/// How many products each sum has, in i32.
Value ProductRewriter::countProducts() {
  Value count =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(1));
  llvm::SmallDenseSet<unsigned> seen;
  for (const IntegerFactor &factor : product.factors)
    for (auto [dim, loop] : llvm::enumerate(factor.code.loops)) {
      if (!product.isReduced(*loop) || !seen.insert(*loop).second)
        continue;
      Value extent = getValueOrCreateConstantIndexOp(
          builder, loc,
          tensor::getMixedSize(builder, loc, factor.code.value, dim));
      extent = arith::IndexCastOp::create(builder, loc, builder.getI32Type(),
                                          extent);
      count = arith::MulIOp::create(builder, loc, count, extent);
    }
  return count;
}

Value ProductRewriter::rewrite() {
  linalg::LinalgOp op = product.op;
  IntegerRead codes[2];
  for (unsigned side : {0u, 1u}) {
    codes[side] = product.factors[side].code;
    widenCodes(codes[side]);
  }
  Value sum = multiply(codes[0], codes[1]);
  if (!product.factors[0].hasZeroPoint() && !product.factors[1].hasZeroPoint())
    return sum;

  // Σ(a - za)(b - zb) = Σab - zb·Σa - za·Σb + K·za·zb, all of it modulo 2^32 as
  // the sum itself is.
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned rank = out.getNumResults();
  SmallVector<int64_t> position(op.getNumLoops(), -1);
  for (unsigned dim = 0; dim != rank; ++dim)
    position[out.getDimPosition(dim)] = dim;
  Value count = countProducts();
  Type i32 = builder.getI32Type();
  SmallVector<Value> inputs{sum};
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps{identity};
  // Where each zero point, and each sum of the other side's codes, is read.
  std::optional<unsigned> zeroPointInput[2], sumInput[2];
  auto addInput = [&](const IntegerRead &read) -> unsigned {
    inputs.push_back(read.value);
    maps.push_back(getMap(read, rank, position));
    return inputs.size() - 1;
  };
  for (unsigned side : {0u, 1u}) {
    const IntegerFactor &factor = product.factors[side];
    if (!factor.hasZeroPoint())
      continue;
    if (factor.zeroPoint && factor.zeroPoint.isTensor())
      zeroPointInput[side] = addInput(factor.zeroPoint);
    sumInput[side] = addInput(sumCodes(codes[1 - side]));
  }
  maps.push_back(identity);
  Value empty = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, sum), i32);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, empty.getType(), inputs, empty, maps, iterators,
             [&](OpBuilder &inner, Location, ValueRange arguments) {
               Value result = arguments[0], zeroPoints[2];
               for (unsigned side : {0u, 1u}) {
                 const IntegerFactor &factor = product.factors[side];
                 if (!factor.hasZeroPoint())
                   continue;
                 Value zeroPoint;
                 if (factor.constant)
                   zeroPoint = arith::ConstantOp::create(
                       inner, loc, inner.getIntegerAttr(i32, *factor.constant));
                 else
                   zeroPoint =
                       widen(inner,
                             zeroPointInput[side]
                                 ? Value(arguments[*zeroPointInput[side]])
                                 : factor.zeroPoint.value,
                             factor.zeroPoint.isUnsigned, i32);
                 zeroPoints[side] = zeroPoint;
                 Value term = arith::MulIOp::create(inner, loc, zeroPoint,
                                                    arguments[*sumInput[side]]);
                 result = arith::SubIOp::create(inner, loc, result, term);
               }
               if (zeroPoints[0] && zeroPoints[1]) {
                 Value term = arith::MulIOp::create(inner, loc, zeroPoints[0],
                                                    zeroPoints[1]);
                 term = arith::MulIOp::create(inner, loc, term, count);
                 result = arith::AddIOp::create(inner, loc, result, term);
               }
               linalg::YieldOp::create(inner, loc, result);
             })
      .getResult(0);
}

namespace {

/// `(a - za) * (b - zb)` is a product of codes and sums of codes.
struct ExpandOffsets : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<IntegerProduct> product = matchIntegerProduct(op, whyNot);
    if (failed(product))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    for (const IntegerFactor &factor : product->factors) {
      if (factor.hasZeroPoint())
        remarkPassed(op, passName, "expanded a zero point into sums of codes");
      if (factor.code.getWidth() != 8)
        remarkPassed(op, passName,
                     llvm::formatv("widened {0}-bit codes to bytes",
                                   factor.code.getWidth())
                         .str());
    }
    rewriter.replaceOp(op, ProductRewriter(rewriter, *product).rewrite());
    return success();
  }
};

/// What is summed in i64 for want of a thought is summed in i32.
struct NarrowSum : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    if (failed(matchNarrowSum(op, whyNot)))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    remarkPassed(op, passName, "sums in i32, which holds its sums, not in i64");
    rewriter.replaceOp(op, createNarrowSum(rewriter, op));
    return success();
  }
};

struct ImportContractions
    : quantmlir::impl::ImportContractionsBase<ImportContractions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateImportContractionPatterns(patterns);
    populatePlainElementwiseToLinalgPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([](linalg::LinalgOp op) {
      WhyNot whyNot;
      if (succeeded(matchNarrowSum(op, whyNot)) || !whyNot.isNearMiss())
        (void)matchIntegerProduct(op, whyNot);
      remarkMissed(op, passName, "integer product left as it is", whyNot);
    });
  }
};

} // namespace

void quantmlir::populateImportContractionPatterns(RewritePatternSet &patterns) {
  patterns.add<ReadUnrepeated, ExpandOffsets, NarrowSum>(patterns.getContext());
  populateUnitWindowPatterns(patterns);
}
