//===- DecodeBody.cpp - (code - zero_point) * scale in a linalg body ------===//

#include "DecodeBody.h"
#include "PackedNibbles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/Format.h"

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
  LogicalResult matchTruncated(Operation *truncation);
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

/// Whether `codes` are put together from parts of bytes: DecodeCheck then tries
/// all values that they have.
static bool areJoined(Value codes) {
  if (auto expand = codes.getDefiningOp<tensor::ExpandShapeOp>())
    codes = expand.getSrc();
  return isJoined(codes);
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
        ((result.nibble == Nibble::Whole &&
          !areJoined(op->getOperand(result.codes))) ||
         result.zeroPointOperand || std::abs(result.zeroPoint) > 64.0))
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

/// A byte, or a nibble of one; nibble ^ 8 is the signed nibble plus 8.
LogicalResult BodyMatcher::matchCode(Value value) {
  if (Operation *producer = value.getDefiningOp()) {
    if (isa<arith::XOrIOp>(producer) &&
        getConstant(producer->getOperand(1)) == 8.0) {
      if (failed(matchCode(producer->getOperand(0))))
        return failure();
      if (result.nibble == Nibble::Whole || result.isSigned != false)
        return whyNot("it flips a bit of other than an unsigned nibble");
      result.isSigned = true;
      result.zeroPoint -= 8.0;
      return success();
    }
    if (isa<arith::TruncIOp>(producer))
      return value.getType().isInteger(4) ? matchTruncated(producer)
                                          : matchCode(producer->getOperand(0));
    return matchNibble(producer);
  }
  return matchLeaf(value);
}

/// trunc(w) and trunc(w >> 4) to i4. What widens it says if it is signed.
LogicalResult BodyMatcher::matchTruncated(Operation *truncation) {
  Value source = truncation->getOperand(0);
  Operation *below = source.getDefiningOp();
  if (!isa_and_nonnull<arith::ShRUIOp, arith::ShRSIOp>(below)) {
    result.nibble = Nibble::Low;
    return matchLeaf(source);
  }
  if (getConstant(below->getOperand(1)) != 4.0)
    return whyNot("the high nibble is not at bit 4");
  result.nibble = Nibble::High;
  return matchLeaf(below->getOperand(0));
}

/// Whether `op` is value >> 4 with zeros shifted in.
static bool isLogicalShift(Operation *op) {
  return isa_and_nonnull<arith::ShRUIOp, arith::DivUIOp>(op);
}

/// w & 15, w >> 4, (w >> 4) & 15, (w & 240) >> 4, (w << 4) >> 4, and signed:
/// w >>s 4, (w << 4) >>s 4. Unsigned w % 16 and w / 16 are w & 15 and w >> 4.
LogicalResult BodyMatcher::matchNibble(Operation *producer) {
  bool isMask = isa<arith::AndIOp, arith::RemUIOp>(producer);
  if (!isMask && !isLogicalShift(producer) && !isa<arith::ShRSIOp>(producer))
    return whyNot("{0} is no part of a decoding",
                  producer->getName().getStringRef());
  std::optional<double> amount = getConstant(producer->getOperand(1));
  if (!amount)
    return whyNot("it masks or shifts by something unknown");
  Value source = producer->getOperand(0);
  Operation *below = source.getDefiningOp();
  if (isMask) {
    result.isSigned = false;
    if (*amount != (isa<arith::RemUIOp>(producer) ? 16.0 : 15.0))
      return whyNot("mask {0} is not the low nibble", int64_t(*amount));
    if (!isLogicalShift(below) && !isa_and_nonnull<arith::ShRSIOp>(below)) {
      result.nibble = Nibble::Low;
      return matchLeaf(source);
    }
    std::optional<double> shift = getConstant(below->getOperand(1));
    if (shift != (isa<arith::DivUIOp>(below) ? 16.0 : 4.0))
      return whyNot("the high nibble is not at bit 4");
    result.nibble = Nibble::High;
    return matchLeaf(below->getOperand(0));
  }
  if (*amount != (isa<arith::DivUIOp>(producer) ? 16.0 : 4.0))
    return whyNot("a shift by {0} is no nibble", int64_t(*amount));
  bool fromByte = source.getType().isInteger(8);
  if (isa_and_nonnull<arith::ShLIOp>(below)) {
    if (!fromByte || getConstant(below->getOperand(1)) != 4.0)
      return whyNot("it shifts left by other than a nibble");
    result.nibble = Nibble::Low;
    result.isSigned = isa<arith::ShRSIOp>(producer);
    return matchLeaf(below->getOperand(0));
  }
  result.nibble = Nibble::High;
  if (isa_and_nonnull<arith::AndIOp>(below)) {
    // Nothing above the byte is left; in i8 the mask is -16.
    std::optional<double> mask = getConstant(below->getOperand(1));
    if (mask != (fromByte ? -16.0 : 240.0))
      return whyNot("a mask below the shift is not the high nibble");
    result.isSigned = fromByte && isa<arith::ShRSIOp>(producer);
    return matchLeaf(below->getOperand(0));
  }
  // Bits above the byte come in where it was widened before.
  bool fromUnsigned = isa_and_nonnull<arith::ExtUIOp>(below);
  bool fromSigned = isa_and_nonnull<arith::ExtSIOp>(below);
  if (isLogicalShift(producer)) {
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

//===----------------------------------------------------------------------===//
// Trying every byte
//===----------------------------------------------------------------------===//

TypedAttr quantmlir::evaluateBody(linalg::LinalgOp op,
                                  ArrayRef<Attribute> inputs) {
  Block *body = op.getBlock();
  llvm::DenseMap<Value, Attribute> values;
  for (auto [argument, input] : llvm::zip(body->getArguments(), inputs))
    values[argument] = input;
  auto valueOf = [&](Value value) -> Attribute {
    auto it = values.find(value);
    if (it != values.end())
      return it->second;
    Attribute constant;
    return matchPattern(value, m_Constant(&constant)) ? constant : Attribute();
  };
  for (Operation &inner : body->without_terminator()) {
    SmallVector<Attribute> operands = llvm::map_to_vector(
        inner.getOperands(), [&](Value operand) { return valueOf(operand); });
    SmallVector<OpFoldResult> results;
    // An op that nothing reads may well not fold.
    if (!inner.isRegistered() || failed(inner.fold(operands, results)) ||
        results.size() != inner.getNumResults())
      continue;
    for (auto [result, folded] : llvm::zip(inner.getResults(), results)) {
      auto attribute = dyn_cast<Attribute>(folded);
      values[result] = attribute ? attribute : valueOf(cast<Value>(folded));
    }
  }
  return dyn_cast_or_null<TypedAttr>(
      valueOf(body->getTerminator()->getOperand(0)));
}

/// A number of `type` with the value `value`, integers modulo their width.
static Attribute getNumber(Type type, double value) {
  if (isa<FloatType>(type))
    return FloatAttr::get(type, value);
  return IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(),
                                      static_cast<int64_t>(value),
                                      /*isSigned=*/true,
                                      /*implicitTrunc=*/true));
}

/// What a zero point operand of `type` may hold, as values.
static SmallVector<double> getZeroPointSamples(Type type, bool isUnsigned) {
  if (isa<FloatType>(type))
    return {0.0, 8.0, 0.5, -3.25};
  double high = std::min(
      120.0,
      std::exp2(type.getIntOrFloatBitWidth() - (isUnsigned ? 0 : 1)) - 1.0);
  if (isUnsigned && type.isInteger(8))
    high = 255.0;
  return {0.0, 3.0, high, isUnsigned ? 1.0 : -5.0};
}

/// `value` in as many digits as it needs.
static std::string printed(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", value);
  return text;
}

LogicalResult DecodeCheck::run(WhyNot &whyNot) const {
  // Interface values have no const methods.
  linalg::LinalgOp low = this->low, high = this->high, decode = this->decode;
  // Each op may round once to the narrowest float in use.
  unsigned precision = 53;
  for (linalg::LinalgOp op : {low, high, decode})
    if (op)
      op.getBlock()->walk([&](Operation *inner) {
        for (Type type : inner->getResultTypes())
          if (auto number = dyn_cast<FloatType>(type))
            precision = std::min(precision, number.getFPMantissaWidth());
      });
  SmallVector<double> zeroPoints = {0.0};
  if (body.zeroPointOperand)
    zeroPoints = getZeroPointSamples(
        getElementTypeOrSelf(decode->getOperand(*body.zeroPointOperand)),
        body.zeroPointIsUnsigned);

  auto checkOne = [&](linalg::LinalgOp half, unsigned byte,
                      double zeroPoint) -> LogicalResult {
    MLIRContext *context = (half ? half : decode)->getContext();
    APFloat number8(0.0);
    Attribute value = getNumber(IntegerType::get(context, 8), byte);
    if (floatStorage) {
      number8 = APFloat(floatStorage.getFloatSemantics(), APInt(8, byte));
      // Not every arithmetic folds what is no number.
      if (!number8.isFinite())
        return success();
      value = FloatAttr::get(floatStorage, number8);
    }
    unsigned code = byte, bits = 8;
    if (half) {
      value = evaluateBody(half, value);
      code = half == low ? byte & 15 : byte >> 4;
      bits = 4;
    }
    if (value && decode) {
      SmallVector<Attribute> inputs(decode.getNumDpsInputs());
      inputs[body.codes] = value;
      if (body.scaleOperand)
        inputs[*body.scaleOperand] = getNumber(
            getElementTypeOrSelf(decode->getOperand(*body.scaleOperand)), 1.0);
      if (body.zeroPointOperand)
        inputs[*body.zeroPointOperand] = getNumber(
            getElementTypeOrSelf(decode->getOperand(*body.zeroPointOperand)),
            zeroPoint);
      value = evaluateBody(decode, inputs);
    }
    auto number = dyn_cast_or_null<FloatAttr>(value);
    if (!number)
      return whyNot("its arithmetic is not understood");
    double meaning = isSigned && code >> (bits - 1)
                         ? double(code) - double(1u << bits)
                         : double(code);
    if (floatStorage)
      meaning = number8.convertToDouble();
    double offset = this->zeroPoint + zeroPoint;
    double wanted = (meaning - offset) * body.scale;
    double got = number.getValueAsDouble();
    double slack = std::ldexp((std::abs(meaning) + std::abs(offset)) *
                                  std::abs(body.scale),
                              2 - static_cast<int>(precision));
    if (got == wanted || std::abs(got - wanted) <= slack)
      return success();
    return whyNot("its arithmetic makes {0} of byte {1}, whose code means {2}",
                  printed(got), byte, printed(wanted));
  };
  SmallVector<linalg::LinalgOp> halves = {low};
  if (low)
    halves.push_back(high);
  for (auto [index, zeroPoint] : llvm::enumerate(zeroPoints))
    for (unsigned byte = 0; byte < 256; byte += index == 0 ? 1 : 17)
      for (linalg::LinalgOp half : halves)
        if (failed(checkOne(half, byte, zeroPoint)))
          return failure();
  return success();
}
