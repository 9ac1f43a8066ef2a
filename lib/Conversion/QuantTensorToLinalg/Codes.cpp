//===- Codes.cpp - What a code means, and which code a value gets ---------===//

#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

static Value constI32(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

static Value constFloat(ImplicitLocOpBuilder &b, Type type, double value) {
  return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
}

/// `value` in f32 or f64, exactly.
static Value widen(ImplicitLocOpBuilder &b, Value value, FloatType type) {
  if (value.getType().isF64() || (value.getType().isF32() && type.isF32()))
    return value;
  value = buildToF32(b, value);
  return type.isF32() ? value : arith::ExtFOp::create(b, type, value);
}

Value quantmlir::quant_tensor::buildRound(ImplicitLocOpBuilder &b, Value value,
                                          Rounding rounding) {
  switch (rounding) {
  case Rounding::NearestEven:
    return math::RoundEvenOp::create(b, value);
  case Rounding::NearestAway:
    return math::RoundOp::create(b, value);
  case Rounding::TowardZero:
    return math::TruncOp::create(b, value);
  case Rounding::Downward:
    return math::FloorOp::create(b, value);
  case Rounding::Upward:
    return math::CeilOp::create(b, value);
  }
  llvm_unreachable("all roundings handled");
}

FloatType quantmlir::quant_tensor::getValueType(EncodingAttr encoding) {
  Builder b(encoding.getContext());
  Type zeroPoint = encoding.getZeroPoint();
  if (!zeroPoint)
    return b.getF32Type();
  auto integer = dyn_cast<IntegerType>(zeroPoint);
  return integer && integer.getWidth() <= 16 ? FloatType(b.getF32Type())
                                             : FloatType(b.getF64Type());
}

/// The bits of an integer code as the i32 that it means.
static Value extendCode(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                        Value bits) {
  if (!encoding.isSignedStorage())
    return bits;
  Value amount = constI32(b, 32 - encoding.getStorageBits());
  return arith::ShRSIOp::create(b, arith::ShLIOp::create(b, bits, amount),
                                amount);
}

/// An integer zero point, which sits alone in its element, as i32.
static Value extendZeroPoint(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                             Value zeroPoint) {
  if (zeroPoint.getType().isInteger(32))
    return zeroPoint;
  if (encoding.getZeroPoint().isUnsignedInteger())
    return arith::ExtUIOp::create(b, b.getI32Type(), zeroPoint);
  return arith::ExtSIOp::create(b, b.getI32Type(), zeroPoint);
}

/// An integer zero point as f64; i32 may be unsigned.
static Value zeroPointToF64(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                            Value zeroPoint) {
  if (isa<FloatType>(zeroPoint.getType()))
    return widen(b, zeroPoint, b.getF64Type());
  Value integer = extendZeroPoint(b, encoding, zeroPoint);
  if (encoding.getZeroPoint().isUnsignedInteger())
    return arith::UIToFPOp::create(b, b.getF64Type(), integer);
  return arith::SIToFPOp::create(b, b.getF64Type(), integer);
}

/// `codebook[bits]`: a tree of selects, which needs no table in memory and
/// stays in registers on a GPU.
static Value lookUp(ImplicitLocOpBuilder &b, CodebookAttr codebook,
                    Value bits) {
  SmallVector<Value> values;
  for (double entry : codebook.getValues())
    values.push_back(constFloat(b, b.getF32Type(), entry));
  for (int64_t bit = 0; values.size() > 1; ++bit) {
    Value isSet = arith::TruncIOp::create(
        b, b.getI1Type(), arith::ShRUIOp::create(b, bits, constI32(b, bit)));
    SmallVector<Value> next;
    for (size_t i = 0; i < values.size(); i += 2)
      next.push_back(
          arith::SelectOp::create(b, isSet, values[i + 1], values[i]));
    values = std::move(next);
  }
  return values.front();
}

Value quantmlir::quant_tensor::buildDecode(ImplicitLocOpBuilder &b,
                                           EncodingAttr encoding, Value bits,
                                           Value scale, Value zeroPoint,
                                           bool wide) {
  FloatType type = wide ? FloatType(b.getF64Type()) : getValueType(encoding);
  Value difference;
  if (CodebookAttr codebook = encoding.getCodebook()) {
    difference = widen(b, lookUp(b, codebook, bits), type);
  } else if (auto storage = dyn_cast<FloatType>(encoding.getStorage())) {
    difference = widen(b, buildF32FromBits(b, bits, storage), type);
  } else {
    Value code = extendCode(b, encoding, bits);
    if (zeroPoint && type.isF32())
      code = arith::SubIOp::create(b, code,
                                   extendZeroPoint(b, encoding, zeroPoint));
    difference = arith::SIToFPOp::create(b, type, code);
    if (zeroPoint && type.isF64())
      difference = arith::SubFOp::create(
          b, difference, zeroPointToF64(b, encoding, zeroPoint));
  }
  return arith::MulFOp::create(b, difference, widen(b, scale, type));
}

/// Number of midpoints between neighbouring entries that `value` exceeds.
static Value encodeCodebook(ImplicitLocOpBuilder &b, CodebookAttr codebook,
                            Value value) {
  Value code = constI32(b, 0);
  ArrayRef<double> entries = codebook.getValues();
  for (size_t i = 0; i + 1 < entries.size(); ++i) {
    // An f32 exceeds the midpoint exactly where it exceeds the largest f32
    // that does not; the entries are f32 as decoding sees them.
    double exact =
        0.5 * (static_cast<double>(static_cast<float>(entries[i])) +
               static_cast<double>(static_cast<float>(entries[i + 1])));
    APFloat midpoint(exact);
    bool losesInfo;
    midpoint.convert(APFloat::IEEEsingle(), APFloat::rmTowardNegative,
                     &losesInfo);
    Value exceeds = arith::CmpFOp::create(
        b, arith::CmpFPredicate::OGT, value,
        constFloat(b, b.getF32Type(), midpoint.convertToFloat()));
    code = arith::AddIOp::create(
        b, code, arith::ExtUIOp::create(b, b.getI32Type(), exceeds));
  }
  return code;
}

/// `code` reduced to the storage's width, as bits.
static Value maskCode(ImplicitLocOpBuilder &b, EncodingAttr encoding,
                      Value code) {
  return arith::AndIOp::create(
      b, code,
      constI32(b, llvm::maskTrailingOnes<uint32_t>(encoding.getStorageBits())));
}

Value quantmlir::quant_tensor::buildEncode(ImplicitLocOpBuilder &b,
                                           EncodingAttr encoding, Value value,
                                           Value scale, Value zeroPoint) {
  Value quotient =
      arith::DivFOp::create(b, buildToF32(b, value), buildToF32(b, scale));
  // Zero points go with integer codes only.
  if (auto storage = dyn_cast<FloatType>(encoding.getStorage()))
    return buildBitsFromF32(b, quotient, storage, encoding.getRounding());
  // Elsewhere NaN is taken for zero.
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, quotient, quotient);
  quotient = arith::SelectOp::create(
      b, isNaN, constFloat(b, b.getF32Type(), 0.0), quotient);
  if (CodebookAttr codebook = encoding.getCodebook())
    return encodeCodebook(b, codebook, quotient);

  auto [low, high] = encoding.getCodeRange();
  FloatType type = getValueType(encoding);
  bool floatZeroPoint = zeroPoint && isa<FloatType>(encoding.getZeroPoint());
  quotient = widen(b, quotient, type);
  // An integer zero point moves whole codes; a float one moves the value that
  // is rounded.
  if (floatZeroPoint)
    quotient = arith::AddFOp::create(b, quotient,
                                     zeroPointToF64(b, encoding, zeroPoint));
  Value rounded = buildRound(b, quotient, encoding.getRounding());

  if (encoding.getOverflow() == Overflow::Wrap) {
    Value zero = constFloat(b, type, 0.0);
    // Floats from 2^31 up are multiples of 2^8 in f32, and 0 in any storage;
    // with f64 the quotient is still one of f32.
    Value magnitude = math::AbsFOp::create(b, rounded);
    Value fits = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, magnitude,
                                       constFloat(b, type, 0x1p31));
    Value isInfinite = arith::CmpFOp::create(
        b, arith::CmpFPredicate::OEQ, magnitude,
        constFloat(b, type, std::numeric_limits<double>::infinity()));
    Value integer = arith::FPToSIOp::create(
        b, b.getI32Type(), arith::SelectOp::create(b, fits, rounded, zero));
    if (zeroPoint && !floatZeroPoint)
      integer = arith::AddIOp::create(b, integer,
                                      extendZeroPoint(b, encoding, zeroPoint));
    Value positive =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, rounded, zero);
    Value end = arith::SelectOp::create(b, positive, constI32(b, high),
                                        constI32(b, low));
    integer = arith::SelectOp::create(b, isInfinite, end, integer);
    return maskCode(b, encoding, integer);
  }

  // Added in float: past 2^24 the sum rounds, but is out of range either way.
  if (zeroPoint && !floatZeroPoint)
    rounded = arith::AddFOp::create(
        b, rounded,
        type.isF64() ? zeroPointToF64(b, encoding, zeroPoint)
                     : Value(arith::SIToFPOp::create(
                           b, type, extendZeroPoint(b, encoding, zeroPoint))));
  rounded = arith::MaxNumFOp::create(b, rounded, constFloat(b, type, low));
  rounded = arith::MinNumFOp::create(b, rounded, constFloat(b, type, high));
  return maskCode(b, encoding,
                  arith::FPToSIOp::create(b, b.getI32Type(), rounded));
}
