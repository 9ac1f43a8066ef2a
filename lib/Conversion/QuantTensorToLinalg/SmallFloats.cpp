//===- SmallFloats.cpp - Exact conversions of 4- and 8-bit floats ---------===//
//
// In integer and f32 arithmetic only. arith.extf and arith.truncf on these
// types have no lowering on most CPUs, and on GPUs one that knows nearest-even
// alone.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Conversion/QuantTensorToLinalg/ScalarArithmetic.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// A float format of at most 8 bits with a sign.
struct Format {
  int64_t exponentBits, mantissaBits, bias;
  /// Magnitude bits of the largest finite value.
  int64_t largest;
  /// Magnitude bits of NaN and infinity, -1 where there is none.
  int64_t nan, infinity;

  int64_t getMagnitudeBits() const { return exponentBits + mantissaBits; }
};

Format getFormat(FloatType type) {
  if (isa<Float8E4M3FNType>(type))
    return {4, 3, 7, 0x7E, 0x7F, -1};
  if (isa<Float8E5M2Type>(type))
    return {5, 2, 15, 0x7B, 0x7E, 0x7C};
  assert(isa<Float4E2M1FNType>(type) && "not a small float");
  return {2, 1, 1, 0x7, -1, -1};
}

Value constI32(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}

Value compare(ImplicitLocOpBuilder &b, arith::CmpIPredicate predicate,
              Value lhs, int64_t rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, constI32(b, rhs));
}

Value shl(ImplicitLocOpBuilder &b, Value value, int64_t amount) {
  return amount ? arith::ShLIOp::create(b, value, constI32(b, amount)) : value;
}

/// e8m0: 2^(bits - 127), all ones is NaN.
Value buildF32FromE8M0(ImplicitLocOpBuilder &b, Value bits) {
  Value exponent = shl(b, bits, 23);
  // 2^-127 is subnormal in f32.
  Value isZero = compare(b, arith::CmpIPredicate::eq, bits, 0);
  Value word =
      arith::SelectOp::create(b, isZero, constI32(b, 0x00400000), exponent);
  Value isNaN = compare(b, arith::CmpIPredicate::eq, bits, 255);
  word = arith::SelectOp::create(b, isNaN, constI32(b, 0x7FC00000), word);
  return arith::BitcastOp::create(b, b.getF32Type(), word);
}

/// The smallest power of two not below `value`, which is not negative.
Value buildE8M0FromF32(ImplicitLocOpBuilder &b, Value value) {
  Value word = arith::BitcastOp::create(b, b.getI32Type(), value);
  Value magnitude = arith::AndIOp::create(b, word, constI32(b, 0x7FFFFFFF));
  // A mantissa other than 0 carries into the exponent.
  Value rounded = arith::ShRUIOp::create(
      b, arith::AddIOp::create(b, magnitude, constI32(b, 0x7FFFFF)),
      constI32(b, 23));
  // Up to 2^-127, half of the smallest normal, it is 2^-127.
  Value isTiny = compare(b, arith::CmpIPredicate::ule, magnitude, 0x00400000);
  rounded = arith::SelectOp::create(b, isTiny, constI32(b, 0), rounded);
  rounded = arith::MinUIOp::create(b, rounded, constI32(b, 254));
  Value isNaN = compare(b, arith::CmpIPredicate::ugt, magnitude, 0x7F800000);
  return arith::SelectOp::create(b, isNaN, constI32(b, 255), rounded);
}

} // namespace

bool quantmlir::quant_tensor::isSmallFloat(Type type) {
  return isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType,
             Float8E8M0FNUType>(type);
}

Value quantmlir::quant_tensor::buildF32FromBits(ImplicitLocOpBuilder &b,
                                                Value bits, FloatType type) {
  if (isa<Float8E8M0FNUType>(type))
    return buildF32FromE8M0(b, bits);
  Format format = getFormat(type);
  int64_t magnitudeBits = format.getMagnitudeBits();
  Value magnitude =
      arith::AndIOp::create(b, bits, constI32(b, (1 << magnitudeBits) - 1));
  // Put where f32 has its exponent and mantissa, the bits are the value times
  // 2^(bias - 127), subnormals included; the product below is exact.
  Value scaled = arith::BitcastOp::create(
      b, b.getF32Type(), shl(b, magnitude, 23 - format.mantissaBits));
  Value factor = arith::ConstantOp::create(
      b, b.getF32FloatAttr(std::ldexp(1.0f, 127 - format.bias)));
  Value word = arith::BitcastOp::create(
      b, b.getI32Type(), arith::MulFOp::create(b, scaled, factor));
  if (format.infinity >= 0) {
    Value isInfinity =
        compare(b, arith::CmpIPredicate::eq, magnitude, format.infinity);
    word =
        arith::SelectOp::create(b, isInfinity, constI32(b, 0x7F800000), word);
  }
  if (format.nan >= 0) {
    int64_t last = format.infinity >= 0 ? format.infinity : format.largest;
    Value isNaN = compare(b, arith::CmpIPredicate::ugt, magnitude, last);
    word = arith::SelectOp::create(b, isNaN, constI32(b, 0x7FC00000), word);
  }
  Value sign =
      shl(b, arith::ShRUIOp::create(b, bits, constI32(b, magnitudeBits)), 31);
  return arith::BitcastOp::create(b, b.getF32Type(),
                                  arith::OrIOp::create(b, word, sign));
}

Value quantmlir::quant_tensor::buildBitsFromF32(ImplicitLocOpBuilder &b,
                                                Value value, FloatType type,
                                                Rounding rounding,
                                                bool saturate) {
  if (isa<Float8E8M0FNUType>(type))
    return buildE8M0FromF32(b, value);
  Format format = getFormat(type);
  int64_t m = format.mantissaBits;
  Value zero = constI32(b, 0), one = constI32(b, 1);

  Value word = arith::BitcastOp::create(b, b.getI32Type(), value);
  Value sign = arith::ShRUIOp::create(b, word, constI32(b, 31));
  Value magnitude = arith::AndIOp::create(b, word, constI32(b, 0x7FFFFFFF));
  // |value| = significand * 2^(exponent - 150).
  Value field = arith::ShRUIOp::create(b, magnitude, constI32(b, 23));
  Value isNormal =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, field, zero);
  Value hidden =
      arith::SelectOp::create(b, isNormal, constI32(b, 0x800000), zero);
  Value significand = arith::OrIOp::create(
      b, arith::AndIOp::create(b, magnitude, constI32(b, 0x7FFFFF)), hidden);
  Value exponent = arith::MaxUIOp::create(b, field, one);

  // Bits of the significand below the target's last place: 23 - m for normal
  // results, more for subnormal ones. Past 25 the quotient stays 0 and the
  // remainder below a half, so 25 stands for all of them.
  Value shift =
      arith::SubIOp::create(b, constI32(b, 151 - format.bias - m), exponent);
  shift = arith::MaxSIOp::create(b, shift, constI32(b, 23 - m));
  shift = arith::MinSIOp::create(b, shift, constI32(b, 25));
  Value quotient = arith::ShRUIOp::create(b, significand, shift);
  Value remainder = arith::SubIOp::create(
      b, significand, arith::ShLIOp::create(b, quotient, shift));
  Value half =
      arith::ShLIOp::create(b, one, arith::SubIOp::create(b, shift, one));

  auto cmp = [&](arith::CmpIPredicate predicate, Value lhs,
                 Value rhs) -> Value {
    return arith::CmpIOp::create(b, predicate, lhs, rhs);
  };
  Value inexact = cmp(arith::CmpIPredicate::ne, remainder, zero);
  Value up;
  switch (rounding) {
  case Rounding::NearestEven: {
    Value above = cmp(arith::CmpIPredicate::ugt, remainder, half);
    Value tie = cmp(arith::CmpIPredicate::eq, remainder, half);
    Value odd = cmp(arith::CmpIPredicate::ne,
                    arith::AndIOp::create(b, quotient, one), zero);
    up = arith::OrIOp::create(b, above, arith::AndIOp::create(b, tie, odd));
    break;
  }
  case Rounding::NearestAway:
    up = cmp(arith::CmpIPredicate::uge, remainder, half);
    break;
  case Rounding::TowardZero:
    break;
  case Rounding::Downward:
    up = arith::AndIOp::create(b, inexact,
                               cmp(arith::CmpIPredicate::ne, sign, zero));
    break;
  case Rounding::Upward:
    up = arith::AndIOp::create(b, inexact,
                               cmp(arith::CmpIPredicate::eq, sign, zero));
    break;
  }
  if (up)
    quotient = arith::AddIOp::create(
        b, quotient, arith::ExtUIOp::create(b, b.getI32Type(), up));

  // Biased exponent minus one, in the target; 0 for its subnormals and its
  // smallest binade. The quotient holds the hidden bit, which adds the one; a
  // carry out of the mantissa adds another, as it must.
  Value biased = arith::MaxSIOp::create(
      b, arith::SubIOp::create(b, exponent, constI32(b, 128 - format.bias)),
      zero);
  Value code = arith::AddIOp::create(b, shl(b, biased, m), quotient);
  int64_t last = saturate               ? format.largest
                 : format.infinity >= 0 ? format.infinity
                 : format.nan >= 0      ? format.nan
                                        : format.largest;
  code = arith::MinUIOp::create(b, code, constI32(b, last));
  Value signBit = shl(b, sign, format.getMagnitudeBits());
  code = arith::OrIOp::create(b, code, signBit);
  Value isNaN =
      cmp(arith::CmpIPredicate::ugt, magnitude, constI32(b, 0x7F800000));
  Value nan =
      format.nan < 0
          ? zero
          : Value(arith::OrIOp::create(b, constI32(b, format.nan), signBit));
  return arith::SelectOp::create(b, isNaN, nan, code);
}

Value quantmlir::quant_tensor::buildToF32(ImplicitLocOpBuilder &b,
                                          Value value) {
  auto type = cast<FloatType>(value.getType());
  if (type.isF32())
    return value;
  if (type.getWidth() > 32)
    return arith::TruncFOp::create(b, b.getF32Type(), value);
  if (type.getWidth() == 16)
    return arith::ExtFOp::create(b, b.getF32Type(), value);
  Value bits =
      arith::BitcastOp::create(b, b.getIntegerType(type.getWidth()), value);
  return buildF32FromBits(b, arith::ExtUIOp::create(b, b.getI32Type(), bits),
                          type);
}

Value quantmlir::quant_tensor::buildFromFloat(ImplicitLocOpBuilder &b,
                                              Value value, FloatType type) {
  if (value.getType() == type)
    return value;
  if (type.getWidth() > 32)
    return arith::ExtFOp::create(b, type, value);
  if (!value.getType().isF32())
    value = arith::TruncFOp::create(b, b.getF32Type(), value);
  if (type.isF32())
    return value;
  if (type.getWidth() == 16)
    return arith::TruncFOp::create(b, type, value);
  Value bits = buildBitsFromF32(b, value, type, Rounding::NearestEven);
  bits = arith::TruncIOp::create(b, b.getIntegerType(type.getWidth()), bits);
  return arith::BitcastOp::create(b, type, bits);
}
