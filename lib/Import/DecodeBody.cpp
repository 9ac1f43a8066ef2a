//===- DecodeBody.cpp - (code - zero_point) * scale in a linalg body ------===//

#include "DecodeBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tensor;

namespace {

/// Walks a body from what it yields down to the code.
class BodyMatcher {
public:
  BodyMatcher(linalg::LinalgOp op, function_ref<bool(Value)> mayBeCodes,
              WhyNot &whyNot)
      : op(op), mayBeCodes(mayBeCodes), whyNot(whyNot) {}

  FailureOr<DecodeBody> match() {
    Value yielded = op.getBlock()->getTerminator()->getOperand(0);
    if (failed(matchScaled(yielded)))
      return failure();
    return result;
  }

private:
  LogicalResult matchScaled(Value value);
  LogicalResult matchOffset(Value value);
  LogicalResult matchCode(Value value);
  LogicalResult matchNibble(Operation *op);
  LogicalResult matchLeaf(Value value);
  LogicalResult setScale(Value value);
  LogicalResult setZeroPoint(Value value, bool negate);

  /// A scalar constant of either kind.
  static std::optional<double> getConstant(Value value) {
    TypedAttr attr;
    if (!matchPattern(value, m_Constant(&attr)))
      return std::nullopt;
    if (auto number = dyn_cast<FloatAttr>(attr))
      return number.getValueAsDouble();
    if (auto number = dyn_cast<IntegerAttr>(attr))
      return static_cast<double>(number.getValue().getSExtValue());
    return std::nullopt;
  }

  /// The operand that `value` reads, through casts; says whether one of them
  /// took it as unsigned.
  std::optional<unsigned> getOperand(Value value, bool &isUnsigned) {
    while (Operation *cast = value.getDefiningOp()) {
      if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp, arith::SIToFPOp,
               arith::UIToFPOp>(cast))
        return std::nullopt;
      isUnsigned |= isa<arith::ExtUIOp, arith::UIToFPOp>(cast);
      value = cast->getOperand(0);
    }
    auto argument = cast<BlockArgument>(value);
    if (argument.getOwner() != op.getBlock() ||
        argument.getArgNumber() >= op.getNumDpsInputs())
      return std::nullopt;
    return argument.getArgNumber();
  }

  /// Whether `value` leads down to an operand that can be the codes.
  bool mayHoldCode(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return argument.getOwner() == op.getBlock() &&
             argument.getArgNumber() < op.getNumDpsInputs() &&
             mayBeCodes(op->getOperand(argument.getArgNumber()));
    Operation *producer = value.getDefiningOp();
    return producer && isa<arith::ArithDialect>(producer->getDialect()) &&
           llvm::any_of(producer->getOperands(),
                        [&](Value operand) { return mayHoldCode(operand); });
  }

  linalg::LinalgOp op;
  function_ref<bool(Value)> mayBeCodes;
  WhyNot &whyNot;
  DecodeBody result;
};

} // namespace

LogicalResult BodyMatcher::setScale(Value value) {
  if (result.hasScale())
    return whyNot("it is scaled twice");
  if (std::optional<double> constant = getConstant(value)) {
    result.scale = *constant;
    return success();
  }
  bool isUnsigned = false;
  result.scaleOperand = getOperand(value, isUnsigned);
  if (!result.scaleOperand)
    return whyNot("its scale is computed beside the decoding");
  return success();
}

LogicalResult BodyMatcher::setZeroPoint(Value value, bool negate) {
  if (std::optional<double> constant = getConstant(value)) {
    result.zeroPoint += negate ? -*constant : *constant;
    return success();
  }
  if (negate || result.zeroPointOperand)
    return whyNot("what is subtracted is no zero point");
  result.zeroPointOperand = getOperand(value, result.zeroPointIsUnsigned);
  if (!result.zeroPointOperand)
    return whyNot("its zero point is computed beside the decoding");
  return success();
}

/// [cast] (offset [* scale])
LogicalResult BodyMatcher::matchScaled(Value value) {
  Operation *producer = value.getDefiningOp();
  if (isa_and_nonnull<arith::ExtFOp, arith::TruncFOp>(producer))
    return matchScaled(producer->getOperand(0));
  if (!isa_and_nonnull<arith::MulFOp>(producer))
    return matchOffset(value);
  Value left = producer->getOperand(0), right = producer->getOperand(1);
  if (!mayHoldCode(left))
    std::swap(left, right);
  if (failed(setScale(right)))
    return failure();
  return matchScaled(left);
}

/// code [- zero point], in integers or floats.
LogicalResult BodyMatcher::matchOffset(Value value) {
  Operation *producer = value.getDefiningOp();
  if (isa_and_nonnull<arith::SubFOp, arith::SubIOp, arith::AddFOp,
                      arith::AddIOp>(producer)) {
    bool negate = isa<arith::AddFOp, arith::AddIOp>(producer);
    if (failed(setZeroPoint(producer->getOperand(1), negate)) ||
        failed(matchOffset(producer->getOperand(0))))
      return failure();
    // In i8 only the difference of a nibble and a small constant is exact.
    if (value.getType().isInteger(8) &&
        (result.nibble == Nibble::Whole || result.zeroPointOperand ||
         std::abs(result.zeroPoint) > 64.0))
      return whyNot("it subtracts the zero point in i8, which may wrap");
    return success();
  }
  if (isa_and_nonnull<arith::ExtFOp, arith::SIToFPOp, arith::UIToFPOp,
                      arith::ExtSIOp, arith::ExtUIOp>(producer)) {
    Value source = producer->getOperand(0);
    // Once something was subtracted in i8, the difference is what is signed.
    bool isDifference =
        isa_and_nonnull<arith::SubIOp, arith::AddIOp>(source.getDefiningOp());
    if (isa<arith::SIToFPOp, arith::ExtSIOp>(producer) && !isDifference)
      result.isSigned = true;
    else if (isa<arith::UIToFPOp, arith::ExtUIOp>(producer)) {
      if (isDifference)
        return whyNot("the difference is read as unsigned");
      result.isSigned = false;
    }
    return matchOffset(source);
  }
  return matchCode(value);
}

/// A byte, or a nibble of one.
LogicalResult BodyMatcher::matchCode(Value value) {
  if (Operation *producer = value.getDefiningOp()) {
    if (isa<arith::TruncIOp>(producer))
      return matchCode(producer->getOperand(0));
    return matchNibble(producer);
  }
  return matchLeaf(value);
}

/// w & 15, w >> 4, (w >> 4) & 15, and signed: w >>s 4, (w << 4) >>s 4.
LogicalResult BodyMatcher::matchNibble(Operation *producer) {
  if (!isa<arith::AndIOp, arith::ShRUIOp, arith::ShRSIOp>(producer))
    return whyNot("{0} is no part of a decoding",
                  producer->getName().getStringRef());
  std::optional<double> amount = getConstant(producer->getOperand(1));
  if (!amount)
    return whyNot("it masks or shifts by something unknown");
  Value source = producer->getOperand(0);
  Operation *below = source.getDefiningOp();
  if (isa<arith::AndIOp>(producer)) {
    result.isSigned = false;
    if (*amount != 15.0)
      return whyNot("mask {0} is not the low nibble", int64_t(*amount));
    if (!isa_and_nonnull<arith::ShRUIOp, arith::ShRSIOp>(below)) {
      result.nibble = Nibble::Low;
      return matchLeaf(source);
    }
    std::optional<double> shift = getConstant(below->getOperand(1));
    if (shift != 4.0)
      return whyNot("the high nibble is not at bit 4");
    result.nibble = Nibble::High;
    return matchLeaf(below->getOperand(0));
  }
  if (*amount != 4.0)
    return whyNot("a shift by {0} is no nibble", int64_t(*amount));
  if (isa_and_nonnull<arith::ShLIOp>(below)) {
    if (!isa<arith::ShRSIOp>(producer) || !source.getType().isInteger(8) ||
        getConstant(below->getOperand(1)) != 4.0)
      return whyNot("it shifts left by other than a nibble");
    result.nibble = Nibble::Low;
    result.isSigned = true;
    return matchLeaf(below->getOperand(0));
  }
  result.nibble = Nibble::High;
  // Bits above the byte come in where it was widened before.
  bool fromByte = source.getType().isInteger(8);
  bool fromUnsigned = isa_and_nonnull<arith::ExtUIOp>(below);
  bool fromSigned = isa_and_nonnull<arith::ExtSIOp>(below);
  if (isa<arith::ShRUIOp>(producer)) {
    if (!fromByte && !fromUnsigned)
      return whyNot("the high nibble brings the bits of a sign with it");
    result.isSigned = false;
  } else {
    if (!fromByte && !fromUnsigned && !fromSigned)
      return whyNot("the high nibble is of no byte");
    result.isSigned = !fromUnsigned;
  }
  return matchLeaf(source);
}

LogicalResult BodyMatcher::matchLeaf(Value value) {
  while (Operation *producer = value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::ExtUIOp>(producer))
      return whyNot("{0} is no part of a decoding",
                    producer->getName().getStringRef());
    value = producer->getOperand(0);
  }
  auto argument = cast<BlockArgument>(value);
  if (argument.getOwner() != op.getBlock() ||
      argument.getArgNumber() >= op.getNumDpsInputs())
    return failure();
  result.codes = argument.getArgNumber();
  return success();
}

FailureOr<DecodeBody> quantmlir::matchDecodeBody(
    linalg::LinalgOp op, function_ref<bool(Value)> mayBeCodes, WhyNot &whyNot) {
  if (op.getNumParallelLoops() != op.getNumLoops() ||
      op->getNumResults() != 1 || !op.hasPureTensorSemantics())
    return failure();
  return BodyMatcher(op, mayBeCodes, whyNot).match();
}
