//===- FuseEpilogue.cpp - int_mm + mul fusion, and all that follows it ----===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Epilogue.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/SetVector.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORFUSEEPILOGUE
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

static constexpr StringRef passName = "quant-tensor-fuse-epilogue";

//===----------------------------------------------------------------------===//
// Integer contraction -> scaled_matmul
//===----------------------------------------------------------------------===//

/// Whether something says that `op` is meant to be an integer contraction, so
/// that a failure to fuse it is worth a remark.
static bool isIntegerCandidate(Operation *op) {
  if (isa<IntMatmulOp>(op))
    return true;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.getNumReductionLoops() != 0 &&
         op->getNumResults() == 1 && linalgOp.getNumDpsInputs() == 2 &&
         getElementTypeOrSelf(op->getResult(0).getType())
             .isSignlessInteger(32) &&
         llvm::all_of(linalgOp.getDpsInputs(), [](Value value) {
           return isa<IntegerType>(getElementTypeOrSelf(value.getType()));
         });
}

/// Whether `op` splits dimensions other than the last.
static bool expandsRowsOnly(tensor::ExpandShapeOp op) {
  SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
  return !groups.empty() && groups.back().size() == 1;
}

/// Follows the only users of `value` until the element type is no longer i32.
static LogicalResult checkLeavesI32(Value value, WhyNot &whyNot) {
  while (getElementTypeOrSelf(value.getType()).isSignlessInteger(32)) {
    // Dead, and about to go.
    if (value.use_empty())
      return failure();
    auto expand = dyn_cast<tensor::ExpandShapeOp>(*value.user_begin());
    if (expand && value.hasOneUse() && expandsRowsOnly(expand)) {
      value = expand.getResult();
      continue;
    }
    auto consumer = dyn_cast<linalg::LinalgOp>(*value.user_begin());
    if (!consumer) {
      if (!value.hasOneUse())
        return whyNot("the i32 result has a second use");
      return whyNot("the i32 result goes to {0}",
                    (*value.user_begin())->getName().getStringRef());
    }
    if (failed(checkEpilogueConsumer(consumer, value, whyNot)))
      return failure();
    value = consumer->getResult(0);
  }
  return success();
}

/// All that the rewrite asks of an integer contraction. With `leavesI32`, its
/// sum must become something else than i32 by elementwise ops.
static FailureOr<Contraction> matchScaledInteger(Operation *op, bool leavesI32,
                                                 WhyNot &whyNot) {
  if (!isIntegerCandidate(op))
    return failure();
  FailureOr<Contraction> contraction = matchContraction(op, whyNot);
  if (failed(contraction))
    return failure();
  if (!contraction->isInteger())
    return whyNot("it multiplies {0} by {1}, not i8 by i8",
                  contraction->lhs.getType().getElementType(),
                  contraction->rhs.getType().getElementType());
  if (!contraction->isResultInOrder())
    return whyNot("the result is stored transposed");
  int64_t k = contraction->getContractedExtent();
  int64_t limit = getMaxContractionExtent(contraction->lhs.isUnsigned,
                                          contraction->rhs.isUnsigned);
  if (!ShapedType::isDynamic(k) && k > limit)
    return whyNot("an i32 sum of K = {0} products could overflow: these codes "
                  "allow K up to {1}",
                  k, limit);
  if ((leavesI32 && failed(checkLeavesI32(op->getResult(0), whyNot))) ||
      failed(canNormalizeOperands(*contraction, whyNot)))
    return failure();
  return contraction;
}

namespace {

/// i8·i8 -> i32 whose result is scaled becomes a scaled_matmul; the scaling is
/// then fused as any other consumer. Without `leavesI32`, so does one whose i32
/// result is wanted as it is.
struct IntegerContraction : RewritePattern {
  IntegerContraction(MLIRContext *context, bool leavesI32)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context),
        leavesI32(leavesI32) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<Contraction> contraction =
        matchScaledInteger(op, leavesI32, whyNot);
    if (failed(contraction))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    FailureOr<NormalOperands> operands =
        normalizeOperands(rewriter, *contraction, whyNot);
    assert(succeeded(operands) && "checked by matchScaledInteger");
    Location loc = op->getLoc();
    TypedAttr start = getUniformValue(contraction->init);
    bool startsAtZero = isZeroTensor(contraction->init);
    SmallVector<EpilogueOperand> epilogue;
    if (!start)
      epilogue.push_back(getStart(*contraction));
    Value init =
        createNormalInit(rewriter, loc, *operands, rewriter.getI32Type());
    ScaledMatmulOp scaled = createScaledMatmul(
        rewriter, loc, operands->lhs, operands->rhs, epilogue, init,
        contraction->lhs.isUnsigned, contraction->rhs.isUnsigned,
        [&](OpBuilder &builder, Location loc, ValueRange arguments) -> Value {
          if (startsAtZero)
            return arguments[0];
          return arith::AddIOp::create(
              builder, loc, arguments[0],
              start ? arith::ConstantOp::create(builder, loc, start).getResult()
                    : arguments[1]);
        });
    remarkPassed(op, passName,
                 leavesI32 ? "fused the integer contraction with the "
                             "elementwise ops after it"
                           : "made the integer contraction a scaled_matmul "
                             "with an i32 result");
    rewriter.replaceOp(
        op, restoreResult(rewriter, loc, *contraction, scaled.getResult()));
    return success();
  }

private:
  bool leavesI32;
};

/// A product of plain floats of 16 or 8 bits, which tensor cores sum in f32
/// whatever float the result is. One row or one column of results is a product
/// and a sum instead, for which nothing has to be turned round.
static FailureOr<Contraction> matchFloat(Operation *op, WhyNot &whyNot) {
  if (!isa<linalg::LinalgOp>(op))
    return failure();
  WhyNot notContraction;
  FailureOr<Contraction> contraction = matchContraction(op, notContraction);
  if (failed(contraction)) {
    // What multiplies and accumulates nearly was one.
    auto hasNarrowFloats = [](Value operand) {
      Type type = getElementTypeOrSelf(operand.getType());
      return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 16 &&
             !getEncoding(operand.getType());
    };
    if (notContraction.isNearMiss() &&
        isMultiplyAccumulate(cast<linalg::LinalgOp>(op)) &&
        llvm::all_of(op->getOperands().take_front(2), hasNarrowFloats))
      return whyNot("{0}", notContraction.str());
    return failure();
  }
  if (contraction->lhs.getEncoding() || contraction->rhs.getEncoding())
    return failure();
  if (!contraction->hasRows() || !contraction->n)
    return failure();
  Type lhs = contraction->lhs.getType().getElementType();
  Type rhs = contraction->rhs.getType().getElementType();
  auto isFloat8 = [](Type type) {
    return isa<Float8E4M3FNType, Float8E5M2Type>(type);
  };
  if (!lhs.isF16() && !lhs.isBF16() && !isFloat8(lhs))
    return failure();
  // Those of 8 bits go together in any way.
  if (lhs != rhs && !(isFloat8(lhs) && isFloat8(rhs)))
    return whyNot("its operands have different types, {0} and {1}", lhs, rhs);
  if (!isa<Float32Type, Float16Type, BFloat16Type>(
          contraction->getResultType().getElementType()))
    return whyNot("the result is neither f32, f16 nor bf16");
  if (!contraction->isResultInOrder())
    return whyNot("the result is stored transposed");
  int64_t rows = 1, columns = 1;
  for (auto [loop, extent] : llvm::zip_equal(
           contraction->resultLoops, contraction->getResultType().getShape())) {
    bool isBatch = llvm::is_contained(
        ArrayRef(contraction->m).take_front(contraction->numBatch), loop);
    if (loop == contraction->n)
      columns = extent;
    else if (!isBatch && extent != 1)
      rows = extent;
  }
  if (rows == 1 || columns == 1 || contraction->getContractedExtent() == 0)
    return failure();
  return contraction;
}

/// The product becomes a scaled_matmul, so that what follows is fused.
struct FloatContraction : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    WhyNot whyNot;
    FailureOr<Contraction> contraction = matchFloat(op, whyNot);
    if (failed(contraction))
      return rewriter.notifyMatchFailure(op, whyNot.str());
    FailureOr<NormalOperands> operands =
        normalizeOperands(rewriter, *contraction, whyNot);
    assert(succeeded(operands) && "plain operands can be turned");
    ScaledMatmulOp scaled =
        createFloatProduct(rewriter, *contraction, *operands);
    remarkPassed(
        op, passName,
        llvm::formatv("made the contraction of {0}-bit floats a "
                      "scaled_matmul",
                      contraction->lhs.getType().getElementTypeBitWidth())
            .str());
    rewriter.replaceOp(op, restoreResult(rewriter, op->getLoc(), *contraction,
                                         scaled.getResult()));
    return success();
  }
};

/// [batch * sequence, N] that is split into [batch, sequence, N] is computed as
/// such, from a left-hand side that is split. Frameworks collapse the left-hand
/// side first, and the two reshapes then cancel.
struct ExpandRows : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp expand,
                                PatternRewriter &rewriter) const override {
    auto op = expand.getSrc().getDefiningOp<ScaledMatmulOp>();
    if (!op || !op->hasOneUse() || !expandsRowsOnly(expand))
      return failure();
    if (op.isBlockScaled())
      return rewriter.notifyMatchFailure(op, "has an encoded lhs");
    int64_t numBatchDims = op.getNumBatchDims();
    // Operands read along a row that is split would need a reshape as well;
    // this runs before there are any.
    if (!op.getEpilogueArgs().empty())
      return rewriter.notifyMatchFailure(op, "has epilogue operands");
    rewriter.setInsertionPoint(op);
    Location loc = op.getLoc();
    SmallVector<ReassociationIndices> groups = expand.getReassociationIndices();
    auto lhsType = op.getLhs().getType();
    SmallVector<int64_t> lhsShape(expand.getResultType().getShape());
    lhsShape.back() = lhsType.getShape().back();
    // The sizes may be computed after the contraction; it moves down to them.
    rewriter.setInsertionPoint(expand);
    SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
    SmallVector<OpFoldResult> lhsSizes = sizes;
    lhsSizes.back() =
        tensor::getMixedSize(rewriter, loc, op.getLhs(), lhsType.getRank() - 1);
    Value lhs = tensor::ExpandShapeOp::create(
        rewriter, loc,
        RankedTensorType::get(lhsShape, lhsType.getElementType()), op.getLhs(),
        groups, lhsSizes);
    Value rhs = op.getRhs();
    if (numBatchDims) {
      // Batch dimensions that are split are those of the right-hand side too.
      auto rhsType = cast<RankedTensorType>(rhs.getType());
      SmallVector<ReassociationIndices> rhsGroups(
          ArrayRef(groups).take_front(numBatchDims));
      int64_t last = rhsGroups.back().back();
      rhsGroups.append({{last + 1}, {last + 2}});
      SmallVector<int64_t> rhsShape(
          expand.getResultType().getShape().take_front(last + 1));
      rhsShape.append({rhsType.getDimSize(numBatchDims),
                       rhsType.getDimSize(numBatchDims + 1)});
      SmallVector<OpFoldResult> rhsSizes(ArrayRef(sizes).take_front(last + 1));
      for (int64_t dim : {numBatchDims, numBatchDims + 1})
        rhsSizes.push_back(tensor::getMixedSize(rewriter, loc, rhs, dim));
      rhs = tensor::ExpandShapeOp::create(
          rewriter, loc,
          RankedTensorType::get(rhsShape, rhsType.getElementType()), rhs,
          rhsGroups, rhsSizes);
    }
    Value init = tensor::EmptyOp::create(
        rewriter, loc, sizes, expand.getResultType().getElementType());
    ScaledMatmulOp expanded = createScaledMatmul(
        rewriter, loc, lhs, rhs, {}, init, op.getLhsUnsigned(),
        op.getRhsUnsigned(),
        [&](OpBuilder &builder, Location, ValueRange arguments) {
          return cloneEpilogue(builder, op, arguments);
        },
        op.getPaired());
    rewriter.replaceOp(expand, expanded.getResult());
    rewriter.eraseOp(op);
    return success();
  }
};

/// An elementwise consumer, or a quantize, of a scaled_matmul.
struct EpilogueConsumer : OpRewritePattern<ScaledMatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ScaledMatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (op->use_empty())
      return failure();
    Operation *user = *op->user_begin();
    WhyNot whyNot;
    if (auto consumer = dyn_cast<linalg::LinalgOp>(user)) {
      if (failed(checkEpilogueConsumer(consumer, op.getResult(), whyNot)))
        return rewriter.notifyMatchFailure(op, whyNot.str());
      fuseConsumer(rewriter, op, consumer);
      return success();
    }
    if (auto consumer = dyn_cast<QuantizeOp>(user)) {
      if (failed(checkEpilogueQuantize(consumer, op.getResult(), whyNot)))
        return rewriter.notifyMatchFailure(op, whyNot.str());
      remarkPassed(consumer, passName, "requantized in the epilogue");
      fuseQuantize(rewriter, op, consumer);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no elementwise consumer");
  }
};

} // namespace

void quantmlir::quant_tensor::populateFuseEpiloguePatterns(
    RewritePatternSet &patterns) {
  patterns.add<IntegerContraction>(patterns.getContext(), /*leavesI32=*/true);
  patterns.add<FloatContraction, ExpandRows, EpilogueConsumer>(
      patterns.getContext());
}

void quantmlir::quant_tensor::populateIntegerContractionPatterns(
    RewritePatternSet &patterns) {
  patterns.add<IntegerContraction>(patterns.getContext(), /*leavesI32=*/false);
}

//===----------------------------------------------------------------------===//
// Preparing the consumers
//===----------------------------------------------------------------------===//

/// How far up the fusion looks for the contraction that an elementwise op
/// belongs to. Longer chains have been shortened by fusion from below.
static constexpr unsigned maxChainLength = 32;

static bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return OpTrait::hasElementwiseMappableTraits(op);
  return linalgOp.getNumParallelLoops() == linalgOp.getNumLoops() &&
         linalgOp.getNumDpsInits() == 1;
}

/// Whether `value` comes out of a contraction by elementwise ops and reshapes.
static bool followsContraction(Value value, unsigned depth = 0) {
  Operation *op = value.getDefiningOp();
  if (!op || depth > maxChainLength)
    return false;
  if (isa<ScaledMatmulOp>(op) || isIntegerCandidate(op))
    return true;
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return followsContraction(op->getOperand(0), depth + 1);
  if (!isElementwise(op))
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return isa<RankedTensorType>(operand.getType()) &&
           followsContraction(operand, depth + 1);
  });
}

namespace {

/// Named elementwise ops downstream of a contraction become generic. A named
/// op that feeds such an op (a broadcast bias) does too.
struct GeneralizeConsumer : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    if (isa<linalg::GenericOp, linalg::FillOp>(op) ||
        !op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
        !isElementwise(op))
      return failure();
    bool relevant = followsContraction(op->getResult(0)) ||
                    llvm::any_of(op->getUsers(), [](Operation *user) {
                      return user->getNumResults() == 1 &&
                             isElementwise(user) &&
                             followsContraction(user->getResult(0));
                    });
    if (!relevant)
      return failure();
    return linalg::generalizeNamedOp(rewriter, op);
  }
};

/// A choice between two numbers in the body of an elementwise op computes both
/// where neither has an effect: an epilogue has no branches.
struct BranchToSelect : OpRewritePattern<scf::IfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(scf::IfOp op,
                                PatternRewriter &rewriter) const override {
    auto consumer = dyn_cast<linalg::GenericOp>(op->getParentOp());
    if (!consumer || op->getNumResults() == 0 ||
        !followsContraction(consumer->getResult(0)))
      return failure();
    for (Block *block : {op.thenBlock(), op.elseBlock()})
      for (Operation &inner : block->without_terminator())
        if (!isa<arith::ArithDialect, math::MathDialect>(inner.getDialect()) ||
            inner.getNumRegions() || !isPure(&inner))
          return rewriter.notifyMatchFailure(op, "has more than arithmetic");
    scf::YieldOp yields[2] = {op.thenYield(), op.elseYield()};
    SmallVector<Value> chosen(yields[0].getOperands());
    SmallVector<Value> others(yields[1].getOperands());
    for (Block *block : {op.thenBlock(), op.elseBlock()})
      for (Operation &inner :
           llvm::make_early_inc_range(block->without_terminator()))
        rewriter.moveOpBefore(&inner, op);
    for (auto [value, other] : llvm::zip_equal(chosen, others))
      value = arith::SelectOp::create(rewriter, op.getLoc(), op.getCondition(),
                                      value, other);
    rewriter.replaceOp(op, chosen);
    return success();
  }
};

/// Whether `value`, in the body of `op`, is computed of block argument
/// `argument` otherwise than by way of `through`; collects what computes it.
static bool isComputedOf(linalg::GenericOp op, Value value, Value through,
                         BlockArgument argument,
                         llvm::SetVector<Operation *> &ops) {
  if (value == through)
    return false;
  if (value == argument)
    return true;
  Operation *producer = value.getDefiningOp();
  if (!producer || producer->getBlock() != op.getBody())
    return false;
  bool reads = false;
  for (Value operand : producer->getOperands())
    reads |= isComputedOf(op, operand, through, argument, ops);
  ops.insert(producer);
  return reads;
}

/// An elementwise op of several results, all but one of which are computed of
/// that one, such as a row and its codes: the one is the contraction's result,
/// and what is left reads it. Else the sum itself would go through memory.
struct SplitResults : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() < 2 || !op.hasPureTensorSemantics() ||
        op.getNumParallelLoops() != op.getNumLoops() || op.hasIndexSemantics())
      return failure();
    for (OpOperand &init : op.getDpsInitsMutable())
      if (op.payloadUsesValueFromOperand(&init))
        return failure();
    OpOperand *sum = nullptr;
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (!followsContraction(input->get()))
        continue;
      if (sum)
        return failure();
      sum = input;
    }
    if (!sum)
      return failure();
    BlockArgument argument = op.getMatchingBlockArgument(sum);
    ValueRange yielded = op.getBody()->getTerminator()->getOperands();
    for (unsigned first = 0, e = yielded.size(); first != e; ++first) {
      llvm::SetVector<Operation *> ops, others;
      if (!yielded[first].getDefiningOp() ||
          !isComputedOf(op, yielded[first], Value(), argument, ops))
        continue;
      bool readsSum = false;
      for (unsigned other = 0; other != e; ++other)
        if (other != first)
          readsSum |= isComputedOf(op, yielded[other], yielded[first], argument,
                                   others);
      if (readsSum)
        continue;
      split(rewriter, op, first, sum, ops, others);
      return success();
    }
    return failure();
  }

private:
  /// An op like `op` with results `numbers`, which `ops` compute. It reads
  /// `inputs`, whose elements are `elements` in the body of `op`.
  static linalg::GenericOp
  createPart(PatternRewriter &rewriter, linalg::GenericOp op,
             ArrayRef<unsigned> numbers, ValueRange inputs,
             ArrayRef<AffineMap> inputMaps, ArrayRef<Value> elements,
             const llvm::SetVector<Operation *> &ops) {
    ValueRange yielded = op.getBody()->getTerminator()->getOperands();
    SmallVector<AffineMap> maps(inputMaps);
    SmallVector<Value> inits;
    SmallVector<Type> types;
    for (unsigned number : numbers) {
      OpOperand *init = op.getDpsInitOperand(number);
      inits.push_back(init->get());
      types.push_back(op->getResult(number).getType());
      maps.push_back(op.getMatchingIndexingMap(init));
    }
    return linalg::GenericOp::create(
        rewriter, op.getLoc(), types, inputs, inits, maps,
        op.getIteratorTypesArray(),
        [&](OpBuilder &inner, Location loc, ValueRange arguments) {
          IRMapping mapping;
          for (auto [element, value] : llvm::zip(elements, arguments))
            mapping.map(element, value);
          for (Operation *producer : ops)
            inner.clone(*producer, mapping);
          SmallVector<Value> results;
          for (unsigned number : numbers)
            results.push_back(mapping.lookupOrDefault(yielded[number]));
          linalg::YieldOp::create(inner, loc, results);
        });
  }

  static void split(PatternRewriter &rewriter, linalg::GenericOp op,
                    unsigned first, OpOperand *sum,
                    const llvm::SetVector<Operation *> &ops,
                    const llvm::SetVector<Operation *> &others) {
    SmallVector<Value> inputs, elements;
    SmallVector<AffineMap> maps;
    for (OpOperand *input : op.getDpsInputOperands()) {
      inputs.push_back(input->get());
      maps.push_back(op.getMatchingIndexingMap(input));
      elements.push_back(op.getMatchingBlockArgument(input));
    }
    linalg::GenericOp one =
        createPart(rewriter, op, {first}, inputs, maps, elements, ops);
    // The result takes the place of the sum.
    unsigned place = sum->getOperandNumber();
    inputs[place] = one.getResult(0);
    maps[place] = op.getMatchingIndexingMap(op.getDpsInitOperand(first));
    elements[place] = op.getBody()->getTerminator()->getOperand(first);
    SmallVector<unsigned> numbers;
    for (unsigned number = 0, e = op->getNumResults(); number != e; ++number)
      if (number != first)
        numbers.push_back(number);
    linalg::GenericOp rest =
        createPart(rewriter, op, numbers, inputs, maps, elements, others);
    SmallVector<Value> results(rest.getResults());
    results.insert(results.begin() + first, one.getResult(0));
    rewriter.replaceOp(op, results);
  }
};

} // namespace

void quantmlir::quant_tensor::populatePrepareEpiloguePatterns(
    RewritePatternSet &patterns) {
  patterns.add<GeneralizeConsumer, BranchToSelect, SplitResults>(
      patterns.getContext());
  // The extents of an intermediate result are asked of its destination, or
  // each such question would be a second use.
  tensor::DimOp::getCanonicalizationPatterns(patterns, patterns.getContext());
  populatePlainElementwiseToLinalgPatterns(patterns);
  linalg::populateElementwiseOpsFusionPatterns(
      patterns, [](OpOperand *operand) {
        Operation *producer = operand->get().getDefiningOp();
        Operation *consumer = operand->getOwner();
        return producer && isElementwise(producer) && isElementwise(consumer) &&
               consumer->getNumResults() == 1 && producer->hasOneUse() &&
               followsContraction(consumer->getResult(0));
      });
  // A collapse between the contraction and its scaling moves behind it; an
  // expansion moves up to the left-hand side instead (ExpandRows), for
  // upstream's collapsing patterns do not converge beside the others.
  auto movesBehind = [](OpOperand *operand) {
    auto reshape = operand->get().getDefiningOp<tensor::CollapseShapeOp>();
    return reshape && reshape->hasOneUse() &&
           followsContraction(operand->get());
  };
  linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, movesBehind);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct FuseEpilogue
    : quantmlir::quant_tensor::impl::QuantTensorFuseEpilogueBase<FuseEpilogue> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    {
      RewritePatternSet patterns(context);
      populatePrepareEpiloguePatterns(patterns);
      if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
        return signalPassFailure();
    }
    RewritePatternSet patterns(context);
    populatePrepareEpiloguePatterns(patterns);
    populateFuseEpiloguePatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation()->walk(explainMisses);
    RewritePatternSet contractions(context);
    populatePrepareEpiloguePatterns(contractions);
    populateFuseEpiloguePatterns(contractions);
    populateIntegerContractionPatterns(contractions);
    if (failed(applyPatternsGreedily(getOperation(), std::move(contractions))))
      signalPassFailure();
  }

  /// Ops that pass on a part of a result, or all of it, in another shape.
  static bool isView(Operation *op) {
    return isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
               tensor::ExtractSliceOp>(op);
  }

  /// Ops that would be an epilogue right behind a contraction.
  static bool isConsumer(Operation *op) {
    return isElementwise(op) || isa<QuantizeOp>(op);
  }

  /// Says why what is left was left.
  static void explainMisses(Operation *op) {
    WhyNot whyNot;
    if (isIntegerCandidate(op)) {
      (void)matchScaledInteger(op, /*leavesI32=*/true, whyNot);
      remarkMissed(op, passName, "integer contraction not fused", whyNot);
      return;
    }
    if (isa<linalg::LinalgOp>(op)) {
      (void)matchFloat(op, whyNot);
      remarkMissed(op, passName, "contraction of floats left as loops", whyNot);
    }
    auto scaled = dyn_cast<ScaledMatmulOp>(op);
    if (!scaled || scaled->use_empty())
      return;
    for (Operation *user : scaled->getUsers()) {
      WhyNot reason;
      if (auto consumer = dyn_cast<linalg::LinalgOp>(user)) {
        // Of an op, not of a linalg op: upstream has a stricter namesake.
        if (isElementwise(user))
          (void)checkEpilogueConsumer(consumer, scaled.getResult(), reason);
      } else if (auto consumer = dyn_cast<QuantizeOp>(user)) {
        (void)checkEpilogueQuantize(consumer, scaled.getResult(), reason);
      } else if (isView(user) && llvm::any_of(user->getUsers(), isConsumer)) {
        (void)reason("the consumer reads the result through {0}",
                     user->getName().getStringRef());
      }
      remarkMissed(user, passName, "not fused into the contraction before it",
                   reason);
    }
  }
};

} // namespace
