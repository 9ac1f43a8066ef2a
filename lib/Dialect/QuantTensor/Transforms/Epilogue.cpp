//===- Epilogue.cpp - Moving consumers into a scaled_matmul ---------------===//

#include "quantmlir/Dialect/QuantTensor/Transforms/Epilogue.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// Text of a type or map, for a reason.
template <typename T> static std::string toText(T value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

/// Results of an epilogue are of 32 bits or less.
static bool isEpilogueType(Type type) {
  return isa<FloatType, IntegerType>(type) &&
         type.getIntOrFloatBitWidth() <= 32;
}

/// What an epilogue computes on the way may be an integer of 64 bits, such as
/// the product of a sum and a fixed-point multiplier before it is shifted.
static bool isIntermediateType(Type type) {
  return isEpilogueType(type) || type.isInteger(64);
}

static LogicalResult checkOnlyUser(Value produced, Operation *consumer,
                                   WhyNot &whyNot) {
  for (Operation *user : produced.getUsers())
    if (user != consumer)
      return whyNot("the {0} result has a second use, by {1}",
                    toText(getElementTypeOrSelf(produced.getType())),
                    user->getName().getStringRef());
  return success();
}

LogicalResult
quantmlir::quant_tensor::checkEpilogueConsumer(linalg::LinalgOp consumer,
                                               Value produced, WhyNot &whyNot) {
  if (failed(checkOnlyUser(produced, consumer, whyNot)))
    return failure();
  if (!consumer.hasPureTensorSemantics() || consumer->getNumResults() != 1)
    return whyNot("{0} does not make one tensor",
                  consumer->getName().getStringRef());
  if (consumer.getNumParallelLoops() != consumer.getNumLoops())
    return whyNot("{0} reduces the result", consumer->getName().getStringRef());
  unsigned rank = cast<RankedTensorType>(produced.getType()).getRank();
  OpOperand *init = consumer.getDpsInitOperand(0);
  AffineMap accumulatorMap;
  for (OpOperand &operand : consumer->getOpOperands()) {
    if (operand.get() != produced)
      continue;
    if (&operand == init)
      return whyNot("the consumer writes into the result's buffer");
    AffineMap map = consumer.getMatchingIndexingMap(&operand);
    if (accumulatorMap && accumulatorMap != map)
      return whyNot("the result is read in two ways");
    accumulatorMap = map;
  }
  if (consumer.getNumLoops() != rank) {
    unsigned scaleRank = 0;
    for (OpOperand *operand : consumer.getDpsInputOperands())
      if (operand->get() != produced)
        scaleRank = std::max<unsigned>(scaleRank, consumer.getRank(operand));
    return whyNot("the result of rank {0} is broadcast to rank {1} by an "
                  "operand of rank {2}",
                  rank, consumer.getNumLoops(), scaleRank);
  }
  if (!accumulatorMap.isPermutation())
    return whyNot("the result is read through {0}", toText(accumulatorMap));
  if (consumer.getMatchingIndexingMap(init) != accumulatorMap)
    return whyNot("the consumer transposes the result");
  for (OpOperand &operand : consumer->getOpOperands()) {
    AffineMap map = consumer.getMatchingIndexingMap(&operand);
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return whyNot("operand #{0} of the consumer is read through {1}",
                    operand.getOperandNumber(), toText(map));
    if (getEncoding(operand.get().getType()))
      return whyNot("operand #{0} of the consumer is encoded",
                    operand.getOperandNumber());
  }
  for (Operation &op : *consumer.getBlock()) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      continue;
    if (!isa<arith::ArithDialect, math::MathDialect>(op.getDialect()) ||
        op.getNumRegions() || !isMemoryEffectFree(&op))
      return whyNot("the consumer's {0} is neither arith nor math",
                    op.getName().getStringRef());
    for (Type type : op.getResultTypes())
      if (!isIntermediateType(type))
        return whyNot("{0} widens to {1}, which an epilogue does not hold",
                      op.getName().getStringRef(), toText(type));
  }
  Type resultType = getElementTypeOrSelf(consumer->getResult(0).getType());
  if (!isEpilogueType(resultType))
    return whyNot("an epilogue does not hold {0}", toText(resultType));
  return success();
}

/// Where a quantize of the result reads its parameters.
static FailureOr<AffineMap> getResultParameterMap(RankedTensorType type,
                                                  WhyNot &whyNot) {
  SmallVector<std::optional<unsigned>> loops;
  for (unsigned dim = 0, e = type.getRank(); dim != e; ++dim)
    loops.push_back(dim);
  return getParameterMap(type, loops, type.getRank(), "requantized result",
                         whyNot);
}

LogicalResult
quantmlir::quant_tensor::checkEpilogueQuantize(QuantizeOp consumer,
                                               Value produced, WhyNot &whyNot) {
  if (failed(checkOnlyUser(produced, consumer, whyNot)))
    return failure();
  auto type = cast<RankedTensorType>(consumer.getType());
  EncodingAttr encoding = getEncoding(type);
  if (!consumer.getScales())
    return whyNot("quantize chooses its scales from the whole result");
  if (encoding.getCodebook() || encoding.getStorageBits() != 8 ||
      !encoding.isRowMajor())
    return whyNot("codes of the requantized result are not row-major and of 8 "
                  "bits");
  if (encoding.isFloatStorage() &&
      encoding.getRounding() != Rounding::NearestEven)
    return whyNot("the requantized floats are not rounded to nearest");
  if (encoding.getOverflow() != Overflow::Saturate)
    return whyNot("the requantized codes wrap");
  if (isa_and_nonnull<FloatType>(encoding.getZeroPoint()))
    return whyNot("the requantized codes have a float zero point");
  if (failed(getResultParameterMap(type, whyNot)))
    return failure();
  assert(isa<FloatType>(getElementTypeOrSelf(produced.getType())) &&
         "a quantize reads floats");
  return success();
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

namespace {

/// Collects the operands of a growing epilogue, each once.
class OperandList {
public:
  explicit OperandList(ScaledMatmulOp op) {
    for (auto [index, value] : llvm::enumerate(op.getEpilogueArgs()))
      operands.push_back({value, op.getEpilogueMap(index)});
  }
  /// Index of the operand, which is added where it is new.
  unsigned add(Value value, AffineMap map) {
    for (auto [index, operand] : llvm::enumerate(operands))
      if (operand.value == value && operand.map == map)
        return index;
    operands.push_back({value, map});
    return operands.size() - 1;
  }
  ArrayRef<EpilogueOperand> get() const { return operands; }

private:
  SmallVector<EpilogueOperand> operands;
};

} // namespace

Value quantmlir::quant_tensor::cloneEpilogue(OpBuilder &builder,
                                             ScaledMatmulOp op,
                                             ValueRange arguments) {
  IRMapping mapping;
  Block &body = op.getEpilogue().front();
  for (auto [from, to] : llvm::zip(body.getArguments(), arguments))
    mapping.map(from, to);
  for (Operation &inner : body.without_terminator())
    builder.clone(inner, mapping);
  return mapping.lookupOrDefault(body.getTerminator()->getOperand(0));
}

Value quantmlir::quant_tensor::getOnlyElementTensor(OpBuilder &builder,
                                                    Value scalar) {
  auto extract = scalar.getDefiningOp<tensor::ExtractOp>();
  if (!extract)
    return {};
  RankedTensorType type = extract.getTensor().getType();
  if (!type.hasStaticShape() || type.getNumElements() != 1)
    return {};
  if (type.getRank() == 0)
    return extract.getTensor();
  return tensor::CollapseShapeOp::create(
      builder, scalar.getLoc(), RankedTensorType::get({}, scalar.getType()),
      extract.getTensor(), ArrayRef<ReassociationIndices>{});
}

void quantmlir::quant_tensor::fuseConsumer(RewriterBase &rewriter,
                                           ScaledMatmulOp op,
                                           linalg::LinalgOp consumer) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(consumer);
  Value produced = op.getResult();
  Block *body = consumer.getBlock();
  AffineMap fromResult;
  for (OpOperand &operand : consumer->getOpOperands())
    if (operand.get() == produced)
      fromResult =
          inversePermutation(consumer.getMatchingIndexingMap(&operand));
  unsigned rank = fromResult.getNumDims();
  AffineMap scalarMap = AffineMap::get(rank, 0, rewriter.getContext());

  // An operand of the consumer is the accumulator, a constant, or an operand
  // of the new epilogue.
  OperandList operands(op);
  llvm::MapVector<Value, unsigned> indexOf;
  llvm::MapVector<Value, TypedAttr> constants;
  auto addScalar = [&](Value key, Value scalar) {
    TypedAttr attr;
    if (matchPattern(scalar, m_Constant(&attr))) {
      constants[key] = attr;
      return;
    }
    Value tensor = getOnlyElementTensor(rewriter, scalar);
    if (!tensor)
      tensor = tensor::FromElementsOp::create(
          rewriter, scalar.getLoc(),
          RankedTensorType::get({}, scalar.getType()), scalar);
    indexOf[key] = operands.add(tensor, scalarMap);
  };
  for (OpOperand &operand : consumer->getOpOperands()) {
    Value key = body->getArgument(operand.getOperandNumber());
    if (operand.get() == produced ||
        !consumer.payloadUsesValueFromOperand(&operand))
      continue;
    if (!isa<RankedTensorType>(operand.get().getType())) {
      addScalar(key, operand.get());
      continue;
    }
    if (TypedAttr attr = getUniformValue(operand.get())) {
      constants[key] = attr;
      continue;
    }
    AffineMap map = consumer.getMatchingIndexingMap(&operand);
    indexOf[key] = operands.add(operand.get(), map.compose(fromResult));
  }
  // Values that the body takes from outside.
  body->walk([&](Operation *inner) {
    for (Value value : inner->getOperands())
      if (value.getParentBlock() != body && !indexOf.count(value) &&
          !constants.count(value))
        addScalar(value, value);
  });

  ScaledMatmulOp fused = createScaledMatmul(
      rewriter, rewriter.getFusedLoc({op.getLoc(), consumer.getLoc()}),
      op.getLhs(), op.getRhs(), operands.get(),
      consumer.getDpsInitOperand(0)->get(), op.getLhsUnsigned(),
      op.getRhsUnsigned(),
      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        Value result = cloneEpilogue(
            builder, op,
            arguments.take_front(op.getEpilogue().getNumArguments()));
        IRMapping mapping;
        for (OpOperand &operand : consumer->getOpOperands())
          if (operand.get() == produced)
            mapping.map(body->getArgument(operand.getOperandNumber()), result);
        for (auto [value, index] : indexOf)
          mapping.map(value, arguments[index + op.getNumSums()]);
        for (auto [value, attr] : constants)
          mapping.map(value, arith::ConstantOp::create(builder, loc, attr));
        for (Operation &inner : body->without_terminator())
          builder.clone(inner, mapping);
        return mapping.lookupOrDefault(body->getTerminator()->getOperand(0));
      },
      op.getPaired());
  rewriter.replaceOp(consumer, fused.getResult());
  rewriter.eraseOp(op);
}

/// `value` as f32.
static Value toF32(OpBuilder &builder, Location loc, Value value,
                   bool isUnsigned) {
  Type f32 = builder.getF32Type();
  if (value.getType() == f32)
    return value;
  if (isa<IntegerType>(value.getType())) {
    if (isUnsigned)
      return arith::UIToFPOp::create(builder, loc, f32, value);
    return arith::SIToFPOp::create(builder, loc, f32, value);
  }
  return arith::ExtFOp::create(builder, loc, f32, value);
}

static Value roundTo(OpBuilder &builder, Location loc, Rounding rounding,
                     Value value) {
  switch (rounding) {
  case Rounding::NearestEven:
    return math::RoundEvenOp::create(builder, loc, value);
  case Rounding::NearestAway:
    return math::RoundOp::create(builder, loc, value);
  case Rounding::TowardZero:
    return math::TruncOp::create(builder, loc, value);
  case Rounding::Downward:
    return math::FloorOp::create(builder, loc, value);
  case Rounding::Upward:
    return math::CeilOp::create(builder, loc, value);
  }
  llvm_unreachable("all roundings handled");
}

void quantmlir::quant_tensor::fuseQuantize(RewriterBase &rewriter,
                                           ScaledMatmulOp op,
                                           QuantizeOp consumer) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(consumer);
  auto type = cast<RankedTensorType>(consumer.getType());
  EncodingAttr encoding = getEncoding(type);
  WhyNot whyNot;
  FailureOr<AffineMap> map = getResultParameterMap(type, whyNot);
  assert(succeeded(map) && "checked by checkEpilogueQuantize");
  OperandList operands(op);
  unsigned scale = operands.add(consumer.getScales(), *map);
  std::optional<unsigned> zeroPoint;
  if (consumer.getZeroPoints())
    zeroPoint = operands.add(consumer.getZeroPoints(), *map);

  Location loc = rewriter.getFusedLoc({op.getLoc(), consumer.getLoc()});
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, op.getInit());
  Value init = tensor::EmptyOp::create(
      rewriter, loc, sizes,
      encoding.isFloatStorage() ? encoding.getStorage() : rewriter.getI8Type());
  ScaledMatmulOp fused = createScaledMatmul(
      rewriter, loc, op.getLhs(), op.getRhs(), operands.get(), init,
      op.getLhsUnsigned(), op.getRhsUnsigned(),
      [&](OpBuilder &builder, Location loc, ValueRange arguments) -> Value {
        Value x = toF32(builder, loc,
                        cloneEpilogue(builder, op,
                                      arguments.take_front(
                                          op.getEpilogue().getNumArguments())),
                        /*isUnsigned=*/false);
        Type f32 = builder.getF32Type();
        auto constant = [&](double value) -> Value {
          return arith::ConstantOp::create(builder, loc,
                                           builder.getFloatAttr(f32, value));
        };
        Value s =
            toF32(builder, loc, arguments[scale + op.getNumSums()], false);
        Value q = arith::DivFOp::create(builder, loc, x, s);
        if (auto storage = dyn_cast<FloatType>(encoding.getStorage())) {
          // Saturates; NaN stays what it is.
          APFloat most = APFloat::getLargest(storage.getFloatSemantics());
          double largest = most.convertToDouble();
          q = arith::MaximumFOp::create(builder, loc, q, constant(-largest));
          q = arith::MinimumFOp::create(builder, loc, q, constant(largest));
          return arith::TruncFOp::create(builder, loc, storage, q);
        }
        Value isNaN = arith::CmpFOp::create(builder, loc,
                                            arith::CmpFPredicate::UNO, q, q);
        q = arith::SelectOp::create(builder, loc, isNaN, constant(0.0), q);
        q = roundTo(builder, loc, encoding.getRounding(), q);
        if (zeroPoint)
          q = arith::AddFOp::create(
              builder, loc, q,
              toF32(builder, loc, arguments[*zeroPoint + op.getNumSums()],
                    encoding.getZeroPoint().isUnsignedInteger()));
        auto [low, high] = encoding.getCodeRange();
        q = arith::MaxNumFOp::create(builder, loc, q, constant(low));
        q = arith::MinNumFOp::create(builder, loc, q, constant(high));
        Type i8 = builder.getI8Type();
        if (encoding.isSignedStorage())
          return arith::FPToSIOp::create(builder, loc, i8, q);
        return arith::FPToUIOp::create(builder, loc, i8, q);
      },
      op.getPaired());
  rewriter.replaceOpWithNewOp<AssembleOp>(consumer, type, fused.getResult(),
                                          consumer.getScales(),
                                          consumer.getZeroPoints());
  rewriter.eraseOp(op);
}
