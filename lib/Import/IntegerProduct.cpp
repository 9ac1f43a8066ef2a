//===- IntegerProduct.cpp - Products of codes with zero points ------------===//

#include "IntegerProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

namespace {

/// Follows what is multiplied from the contraction's body up to the codes,
/// through bodies of elementwise ops in front of it.
class FactorMatcher {
public:
  FactorMatcher(linalg::LinalgOp op, WhyNot &whyNot) : op(op), whyNot(whyNot) {
    for (unsigned loop = 0, e = op.getNumLoops(); loop != e; ++loop)
      loops.push_back(loop);
  }

  FailureOr<IntegerFactor> match(Value value);

private:
  /// Takes `value` through widening casts; fails where they disagree.
  static FailureOr<Value> throughCasts(Value value, bool &isUnsigned) {
    while (Operation *cast = value.getDefiningOp()) {
      if (!isa<arith::ExtSIOp, arith::ExtUIOp>(cast))
        break;
      // zext(sext(x)) is neither.
      if (isUnsigned && isa<arith::ExtSIOp>(cast))
        return failure();
      isUnsigned |= isa<arith::ExtUIOp>(cast);
      value = cast->getOperand(0);
    }
    return value;
  }

  /// How the block argument `argument` of `op` is read.
  FailureOr<IntegerRead> readArgument(BlockArgument argument) {
    if (argument.getArgNumber() >= op.getNumDpsInputs())
      return failure();
    OpOperand &operand = op->getOpOperand(argument.getArgNumber());
    IntegerRead read;
    read.value = operand.get();
    if (!read.isTensor())
      return read;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        read.loops.push_back(loops[dim.getPosition()]);
      else if (isa<AffineConstantExpr>(expr))
        read.loops.push_back(std::nullopt);
      else
        return failure();
    }
    return read;
  }

  LogicalResult setZeroPoint(Value value, IntegerFactor &factor);
  /// Goes on in the elementwise op that computes `read`.
  FailureOr<Value> enterProducer(const IntegerRead &read);

  linalg::LinalgOp op;
  /// Loop of the contraction for each loop of `op`.
  SmallVector<std::optional<unsigned>> loops;
  WhyNot &whyNot;
};

} // namespace

LogicalResult FactorMatcher::setZeroPoint(Value value, IntegerFactor &factor) {
  if (factor.hasZeroPoint())
    return whyNot("two numbers are subtracted from the codes");
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    factor.constant = constant;
    return success();
  }
  bool isUnsigned = false;
  FailureOr<Value> source = throughCasts(value, isUnsigned);
  if (failed(source))
    return failure();
  if (auto argument = dyn_cast<BlockArgument>(*source);
      argument && argument.getOwner() == op.getBlock()) {
    FailureOr<IntegerRead> read = readArgument(argument);
    if (failed(read))
      return whyNot("its zero point is not read along plain dimensions");
    factor.zeroPoint = *read;
  } else if (op->isProperAncestor(source->getParentBlock()->getParentOp()) ||
             source->getParentBlock() == op.getBlock()) {
    return whyNot("its zero point is computed beside the product");
  } else {
    factor.zeroPoint.value = *source;
  }
  factor.zeroPoint.isUnsigned = isUnsigned;
  return success();
}

FailureOr<Value> FactorMatcher::enterProducer(const IntegerRead &read) {
  auto producer = read.value.getDefiningOp<linalg::LinalgOp>();
  if (!producer || producer->getNumResults() != 1 ||
      producer.getNumParallelLoops() != producer.getNumLoops() ||
      !producer.hasPureTensorSemantics())
    return failure();
  AffineMap out =
      producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  if (!out.isPermutation())
    return failure();
  SmallVector<std::optional<unsigned>> inner(producer.getNumLoops());
  for (auto [dim, loop] : llvm::enumerate(read.loops))
    inner[out.getDimPosition(dim)] = loop;
  op = producer;
  loops = inner;
  return op.getBlock()->getTerminator()->getOperand(0);
}

FailureOr<IntegerFactor> FactorMatcher::match(Value value) {
  IntegerFactor factor;
  bool isUnsigned = false, isInBody = true;
  while (true) {
    FailureOr<Value> source = throughCasts(value, isUnsigned);
    if (failed(source))
      return failure();
    value = *source;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (argument.getOwner() != op.getBlock())
        return failure();
      FailureOr<IntegerRead> read = readArgument(argument);
      if (failed(read) || !read->isTensor())
        return failure();
      if (isInBody)
        factor.input = argument.getArgNumber();
      isInBody = false;
      if (read->getWidth() <= 8) {
        factor.code = *read;
        factor.code.isUnsigned = isUnsigned;
        return factor;
      }
      FailureOr<Value> inner = enterProducer(*read);
      if (failed(inner))
        return failure();
      value = *inner;
      continue;
    }
    Operation *producer = value.getDefiningOp();
    APInt constant;
    bool addsConstant =
        isa<arith::AddIOp>(producer) &&
        matchPattern(producer->getOperand(1), m_ConstantInt(&constant));
    if (!isa<arith::SubIOp>(producer) && !addsConstant)
      return failure();
    // i32 is what the sum wraps in as well.
    if (!value.getType().isInteger(32) || isUnsigned)
      return whyNot("its zero point is subtracted in {0}, not in i32",
                    value.getType());
    if (addsConstant) {
      if (factor.hasZeroPoint())
        return whyNot("two numbers are subtracted from the codes");
      factor.constant = -constant;
    } else if (failed(setZeroPoint(producer->getOperand(1), factor))) {
      return failure();
    }
    value = producer->getOperand(0);
  }
}

FailureOr<IntegerProduct> quantmlir::matchIntegerProduct(linalg::LinalgOp op,
                                                         WhyNot &whyNot) {
  if (isa<linalg::QuantizedMatmulOp, linalg::QuantizedBatchMatmulOp>(op) ||
      !op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumReductionLoops() == 0 ||
      !getElementTypeOrSelf(op->getResult(0)).isSignlessInteger(32) ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0))
           .isProjectedPermutation())
    return failure();
  Block *body = op.getBlock();
  Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddIOp>(add))
    return failure();
  BlockArgument total = body->getArguments().back();
  unsigned side = add->getOperand(0) == total ? 1 : 0;
  auto mul = add->getOperand(side).getDefiningOp<arith::MulIOp>();
  if (add->getOperand(1 - side) != total || !mul)
    return failure();
  IntegerProduct product{op, {}};
  bool isPlain = true;
  for (unsigned factor : {0u, 1u}) {
    FailureOr<IntegerFactor> match =
        FactorMatcher(op, whyNot).match(mul->getOperand(factor));
    if (failed(match))
      return failure();
    for (std::optional<unsigned> loop : match->code.loops)
      if (!loop)
        return whyNot("an operand is not read along plain dimensions");
    for (std::optional<unsigned> loop : match->zeroPoint.loops)
      if (loop && product.isReduced(*loop))
        return whyNot("a zero point varies along K");
    isPlain &= !match->hasZeroPoint() && match->code.getWidth() == 8;
    product.factors[factor] = *match;
  }
  if (isPlain)
    return failure();
  if (product.factors[0].input > product.factors[1].input)
    std::swap(product.factors[0], product.factors[1]);
  // What is summed is what the result does not have, and each loop has its
  // extent from one of the codes.
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (unsigned loop = 0, e = op.getNumLoops(); loop != e; ++loop) {
    if (product.isReduced(loop) == out.isFunctionOfDim(loop))
      return whyNot("loop {0} is {1}, but the result {2} along it", loop,
                    product.isReduced(loop) ? "a reduction" : "parallel",
                    product.isReduced(loop) ? "varies" : "does not vary");
    if (llvm::none_of(product.factors, [&](const IntegerFactor &factor) {
          return llvm::is_contained(factor.code.loops,
                                    std::optional<unsigned>(loop));
        }))
      return whyNot("loop {0} is in neither operand", loop);
  }
  return product;
}
