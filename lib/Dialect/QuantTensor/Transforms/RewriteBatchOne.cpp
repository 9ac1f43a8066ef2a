//===- RewriteBatchOne.cpp - Matrix times vector as product and sum -------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORREWRITEBATCHONE
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-rewrite-batch-1";

/// Marks the contraction that a test of M has already been made for.
static constexpr StringRef largeMAttrName = "quant_tensor.large_m";

/// How much larger than the limit M or N may be for a remark to be due.
static constexpr int64_t nearMissFactor = 8;

namespace {

struct BatchOneMatch {
  Contraction contraction;
  /// Dimension of the result that is the dynamic M to test; none where the
  /// extents are known.
  std::optional<unsigned> testedDim;
};

} // namespace

static FailureOr<BatchOneMatch> matchBatchOne(linalg::LinalgOp op,
                                              const BatchOneOptions &options,
                                              WhyNot &whyNot) {
  if (op->hasAttr(largeMAttrName))
    return failure();
  WhyNot notContraction;
  FailureOr<Contraction> contraction = matchContraction(op, notContraction);
  if (failed(contraction))
    return failure();
  for (Value operand : op.getDpsInputs()) {
    if (getEncoding(operand.getType()))
      return whyNot("an operand is encoded");
    std::string type;
    llvm::raw_string_ostream(type) << getElementTypeOrSelf(operand.getType());
    if (!options.types.empty() && !llvm::is_contained(options.types, type))
      return whyNot("element type {0} is not among the types to rewrite", type);
  }

  RankedTensorType resultType = contraction->getResultType();
  int64_t rows = 1, columns = 1;
  SmallVector<unsigned> dynamicRows;
  for (auto [dim, loop] : llvm::enumerate(contraction->resultLoops)) {
    int64_t extent = resultType.getDimSize(dim);
    if (llvm::is_contained(
            ArrayRef(contraction->m).take_front(contraction->numBatch), loop))
      continue;
    if (loop == contraction->n)
      columns = extent;
    else if (ShapedType::isDynamic(extent))
      dynamicRows.push_back(dim);
    else
      rows *= extent;
  }
  BatchOneMatch match{*contraction, std::nullopt};
  if (!ShapedType::isDynamic(columns) && columns <= options.maxM)
    return match;
  if (dynamicRows.empty()) {
    if (rows <= options.maxM)
      return match;
    int64_t least =
        ShapedType::isDynamic(columns) ? rows : std::min(rows, columns);
    if (least <= options.maxM * nearMissFactor)
      return whyNot("M = {0} and N = {1} exceed {2}", rows, columns,
                    options.maxM);
    return failure();
  }
  if (dynamicRows.size() > 1 || rows != 1)
    return whyNot("M is a product of dimensions that are not all known");
  if (!options.testM)
    return whyNot("M is dynamic");
  match.testedDim = dynamicRows.front();
  return match;
}

/// Product and sum of `op`, at the builder's place.
static Value createProductAndSum(RewriterBase &builder, linalg::LinalgOp op,
                                 const Contraction &contraction,
                                 bool genericSum) {
  Location loc = op.getLoc();
  RankedTensorType resultType = contraction.getResultType();
  MLIRContext *context = builder.getContext();
  SmallVector<AffineExpr> productDims;
  for (unsigned loop : contraction.resultLoops)
    productDims.push_back(getAffineDimExpr(loop, context));
  productDims.push_back(getAffineDimExpr(contraction.k, context));
  unsigned numLoops = op.getNumLoops();
  SmallVector<AffineMap> maps{
      op.getMatchingIndexingMap(op.getDpsInputOperand(0)),
      op.getMatchingIndexingMap(op.getDpsInputOperand(1)),
      AffineMap::get(numLoops, 0, productDims, context)};

  Value init = op.getDpsInitOperand(0)->get();
  Value lhs = contraction.lhs.value;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, init);
  sizes.push_back(
      tensor::getMixedSize(builder, loc, lhs,
                           llvm::find(contraction.lhs.loops, contraction.k) -
                               contraction.lhs.loops.begin()));
  Value empty =
      tensor::EmptyOp::create(builder, loc, sizes, resultType.getElementType());
  Block *body = op.getBlock();
  Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  Value product =
      linalg::GenericOp::create(
          builder, loc, empty.getType(), op.getDpsInputs(), empty, maps,
          iterators,
          [&](OpBuilder &inner, Location innerLoc, ValueRange arguments) {
            IRMapping mapping;
            mapping.map(body->getArguments().take_front(2),
                        arguments.take_front(2));
            for (Operation &innerOp : body->without_terminator())
              if (&innerOp != add)
                inner.clone(innerOp, mapping);
            Value term = add->getOperand(0) == body->getArgument(2)
                             ? add->getOperand(1)
                             : add->getOperand(0);
            linalg::YieldOp::create(inner, innerLoc, mapping.lookup(term));
          })
          .getResult(0);
  auto sum = linalg::ReduceOp::create(
      builder, loc, product, init, ArrayRef<int64_t>{resultType.getRank()},
      [&](OpBuilder &inner, Location innerLoc, ValueRange arguments) {
        Value sum = isa<FloatType>(resultType.getElementType())
                        ? arith::AddFOp::create(inner, innerLoc, arguments[0],
                                                arguments[1])
                              .getResult()
                        : arith::AddIOp::create(inner, innerLoc, arguments[0],
                                                arguments[1])
                              .getResult();
        linalg::YieldOp::create(inner, innerLoc, sum);
      });
  if (!genericSum)
    return sum->getResult(0);
  // The op's one is sure to become the other.
  return linalg::generalizeNamedOp(builder, sum)->getResult(0);
}

namespace {

struct RewriteBatchOne : OpInterfaceRewritePattern<linalg::LinalgOp> {
  RewriteBatchOne(MLIRContext *context, BatchOneOptions options)
      : OpInterfaceRewritePattern(context), options(std::move(options)) {}

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<BatchOneMatch> match = matchBatchOne(op, options, whyNot);
    if (failed(match))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    if (!match->testedDim) {
      remarkPassed(op, passName, "rewrote as a product and a sum");
      rewriter.replaceOp(op,
                         createProductAndSum(rewriter, op, match->contraction,
                                             options.genericSum));
      return success();
    }
    remarkPassed(op, passName,
                 "rewrote as a product and a sum behind a test of M");
    Location loc = op.getLoc();
    Value m = tensor::DimOp::create(
        rewriter, loc, op.getDpsInitOperand(0)->get(), *match->testedDim);
    Value limit = arith::ConstantIndexOp::create(rewriter, loc, options.maxM);
    Value isSmall = arith::CmpIOp::create(rewriter, loc,
                                          arith::CmpIPredicate::sle, m, limit);
    auto dispatch = scf::IfOp::create(
        rewriter, loc, isSmall,
        [&](OpBuilder &builder, Location innerLoc) {
          OpBuilder::InsertionGuard guard(rewriter);
          rewriter.restoreInsertionPoint(builder.saveInsertionPoint());
          Value sum = createProductAndSum(rewriter, op, match->contraction,
                                          options.genericSum);
          scf::YieldOp::create(rewriter, innerLoc, sum);
        },
        [&](OpBuilder &builder, Location innerLoc) {
          Operation *large = builder.clone(*op);
          large->setAttr(largeMAttrName, builder.getUnitAttr());
          scf::YieldOp::create(builder, innerLoc, large->getResults());
        });
    rewriter.replaceOp(op, dispatch.getResults());
    return success();
  }

private:
  BatchOneOptions options;
};

struct RewriteBatchOnePass
    : quantmlir::quant_tensor::impl::QuantTensorRewriteBatchOneBase<
          RewriteBatchOnePass> {
  using QuantTensorRewriteBatchOneBase::QuantTensorRewriteBatchOneBase;

  void runOnOperation() override {
    BatchOneOptions options;
    options.maxM = maxM;
    options.testM = testM;
    options.genericSum = genericSum;
    options.types.assign(types.begin(), types.end());
    RewritePatternSet patterns(&getContext());
    populateRewriteBatchOnePatterns(patterns, options);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk([&](linalg::LinalgOp op) {
      WhyNot whyNot;
      (void)matchBatchOne(op, options, whyNot);
      remarkMissed(op, passName, "contraction not rewritten", whyNot);
    });
  }
};

} // namespace

void quantmlir::quant_tensor::populateRewriteBatchOnePatterns(
    RewritePatternSet &patterns, const BatchOneOptions &options) {
  patterns.add<RewriteBatchOne>(patterns.getContext(), options);
}
