//===- NarrowSums.cpp - Sums of integers that need no 64 bits -------------===//

#include "NarrowSums.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

/// How many elementwise ops in front of a product are looked through.
static constexpr unsigned maxDepth = 8;

static constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

namespace {

/// What an integer may be.
struct Interval {
  int64_t low, high;

  int64_t getMagnitude() const { return std::max(-low, high); }
};

} // namespace

/// `range` where i32 holds it, and its negation.
static std::optional<Interval> checkInterval(Interval range) {
  if (range.low < -kMost || range.high > kMost)
    return std::nullopt;
  return range;
}

/// Factors of the sum of products that `op` adds to its output; none where it
/// computes something else.
static arith::MulIOp matchProduct(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  auto add =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  BlockArgument total = body->getArguments().back();
  if (!add || !total.hasOneUse())
    return {};
  unsigned side = add.getLhs() == total ? 1 : 0;
  if (add->getOperand(1 - side) != total)
    return {};
  return add->getOperand(side).getDefiningOp<arith::MulIOp>();
}

/// The elementwise op that computes the i64 operand of `op` at `number`, if
/// its elements are what its body yields.
static linalg::LinalgOp getProducer(linalg::LinalgOp op, unsigned number) {
  auto producer = op->getOperand(number).getDefiningOp<linalg::LinalgOp>();
  if (!producer || producer->getNumResults() != 1 ||
      producer.getNumParallelLoops() != producer.getNumLoops() ||
      producer.hasIndexSemantics() || !producer.hasPureTensorSemantics() ||
      producer.payloadUsesValueFromOperand(producer.getDpsInitOperand(0)))
    return {};
  return producer;
}

/// The one number that all elements of an input of integers are.
static std::optional<APInt> getUniformInput(linalg::LinalgOp op,
                                            unsigned number) {
  auto value =
      dyn_cast_or_null<IntegerAttr>(getUniformValue(op->getOperand(number)));
  if (!value)
    return std::nullopt;
  return value.getValue();
}

/// What `value`, in the body of `op`, may be, if it is computed in i32's ring
/// and all on the way fits into i32.
static std::optional<Interval> getInterval(linalg::LinalgOp op, Value value,
                                           unsigned depth) {
  if (depth > maxDepth || !isa<IntegerType>(value.getType()))
    return std::nullopt;
  auto getOne = [](const APInt &number) -> std::optional<Interval> {
    if (number.getSignificantBits() > 32)
      return std::nullopt;
    return checkInterval({number.getSExtValue(), number.getSExtValue()});
  };
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return getOne(constant);
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() != op.getBlock() ||
        argument.getArgNumber() >= unsigned(op.getNumDpsInputs()))
      return std::nullopt;
    if (auto number = getUniformInput(op, argument.getArgNumber()))
      return getOne(*number);
    linalg::LinalgOp producer = getProducer(op, argument.getArgNumber());
    if (!producer)
      return std::nullopt;
    return getInterval(producer,
                       producer.getBlock()->getTerminator()->getOperand(0),
                       depth + 1);
  }
  Operation *producer = value.getDefiningOp();
  if (isa<arith::ExtSIOp, arith::ExtUIOp>(producer)) {
    unsigned bits = producer->getOperand(0).getType().getIntOrFloatBitWidth();
    if (bits >= 32)
      return std::nullopt;
    if (isa<arith::ExtUIOp>(producer))
      return Interval{0, int64_t(llvm::maskTrailingOnes<uint64_t>(bits))};
    return Interval{llvm::minIntN(bits), llvm::maxIntN(bits)};
  }
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(producer))
    return std::nullopt;
  auto a = getInterval(op, producer->getOperand(0), depth + 1);
  auto b = getInterval(op, producer->getOperand(1), depth + 1);
  if (!a || !b)
    return std::nullopt;
  if (isa<arith::AddIOp>(producer))
    return checkInterval({a->low + b->low, a->high + b->high});
  if (isa<arith::SubIOp>(producer))
    return checkInterval({a->low - b->high, a->high - b->low});
  int64_t most = a->getMagnitude() * b->getMagnitude();
  return checkInterval({-most, most});
}

LogicalResult quantmlir::matchNarrowSum(linalg::LinalgOp op, WhyNot &whyNot) {
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      op.getNumReductionLoops() == 0 || op.getNumDpsInputs() < 2 ||
      !getElementTypeOrSelf(op->getResult(0)).isSignlessInteger(64))
    return failure();
  arith::MulIOp product = matchProduct(op);
  if (!product)
    return failure();
  std::optional<Interval> range = getInterval(op, product, 0);
  if (!range)
    return failure();
  int64_t count = 1;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  for (unsigned loop : reductions) {
    if (ShapedType::isDynamic(extents[loop]))
      return whyNot("it sums an unknown number of products in i64");
    if (llvm::MulOverflow(count, extents[loop], count))
      count = std::numeric_limits<int64_t>::max();
  }
  int64_t limit = kMost / std::max<int64_t>(range->getMagnitude(), 1);
  if (count > limit)
    return whyNot("it sums K = {0} products in i64: i32 holds {1} of them",
                  count, limit);
  return success();
}

/// `value` of the body of an op, computed in i32 where it was in i64.
static Value narrow(OpBuilder &builder, Value value, IRMapping &mapping) {
  if (Value done = mapping.lookupOrNull(value))
    return done;
  Location loc = value.getLoc();
  Type i32 = builder.getI32Type();
  APInt constant;
  Value result;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    result = arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(constant.getSExtValue()));
  } else {
    Operation *op = value.getDefiningOp();
    if (isa<arith::ExtSIOp, arith::ExtUIOp>(op)) {
      Value source = mapping.lookupOrDefault(op->getOperand(0));
      if (isa<arith::ExtSIOp>(op))
        result = arith::ExtSIOp::create(builder, loc, i32, source);
      else
        result = arith::ExtUIOp::create(builder, loc, i32, source);
    } else {
      Value a = narrow(builder, op->getOperand(0), mapping);
      Value b = narrow(builder, op->getOperand(1), mapping);
      if (isa<arith::AddIOp>(op))
        result = arith::AddIOp::create(builder, loc, a, b);
      else if (isa<arith::SubIOp>(op))
        result = arith::SubIOp::create(builder, loc, a, b);
      else
        result = arith::MulIOp::create(builder, loc, a, b);
    }
  }
  mapping.map(value, result);
  return result;
}

/// A copy of `op` that computes in i32 and writes `init`; so do ops in front of
/// it whose i64 its body reads.
static Value cloneNarrow(OpBuilder &builder, linalg::LinalgOp op, Value init) {
  SmallVector<Value> inputs;
  SmallVector<std::optional<APInt>> numbers;
  for (OpOperand *input : op.getDpsInputOperands()) {
    Value value = input->get();
    BlockArgument argument = op.getMatchingBlockArgument(input);
    bool isWide = getElementTypeOrSelf(value.getType()).isInteger(64) &&
                  !argument.use_empty();
    std::optional<APInt> number;
    if (isWide)
      number = getUniformInput(op, input->getOperandNumber());
    numbers.push_back(number);
    if (isWide && !number) {
      linalg::LinalgOp producer = getProducer(op, input->getOperandNumber());
      Value empty = tensor::EmptyOp::create(
          builder, op.getLoc(),
          tensor::getMixedSizes(builder, op.getLoc(), value),
          builder.getI32Type());
      value = cloneNarrow(builder, producer, empty);
    }
    inputs.push_back(value);
  }
  return linalg::GenericOp::create(
             builder, op.getLoc(), init.getType(), inputs, init,
             op.getIndexingMapsArray(), op.getIteratorTypesArray(),
             [&](OpBuilder &inner, Location loc, ValueRange arguments) {
               IRMapping mapping;
               mapping.map(op.getBlock()->getArguments(), arguments);
               for (auto [index, number] : llvm::enumerate(numbers))
                 if (number)
                   mapping.map(
                       op.getBlock()->getArgument(index),
                       arith::ConstantOp::create(
                           inner, loc,
                           inner.getI32IntegerAttr(number->getSExtValue()))
                           .getResult());
               Value result =
                   narrow(inner, op.getBlock()->getTerminator()->getOperand(0),
                          mapping);
               linalg::YieldOp::create(inner, loc, result);
             })
      .getResult(0);
}

Value quantmlir::createNarrowSum(OpBuilder &builder, linalg::LinalgOp op) {
  Location loc = op.getLoc();
  Value init = op.getDpsInits()[0];
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, init);
  Type i32 = builder.getI32Type();
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, i32);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value start = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  Value sum = cloneNarrow(builder, op, start);

  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<Value> inputs{sum};
  if (!isZeroTensor(init))
    inputs.push_back(init);
  Value output =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  SmallVector<AffineMap> maps(inputs.size() + 1,
                              builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, type, inputs, output, maps, loops,
             [&](OpBuilder &inner, Location, ValueRange arguments) {
               Value wide = arith::ExtSIOp::create(
                   inner, loc, type.getElementType(), arguments[0]);
               if (inputs.size() > 1)
                 wide = arith::AddIOp::create(inner, loc, arguments[1], wide);
               linalg::YieldOp::create(inner, loc, wide);
             })
      .getResult(0);
}
