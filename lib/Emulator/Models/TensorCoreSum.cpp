//===- TensorCoreSum.cpp - How tensor cores add up products ---------------===//

#include "TensorCoreSum.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cmath>

using namespace quantmlir::emulator;
using llvm::APFloat;

/// No alignment is finer than to this exponent.
static constexpr int lowestExponent = -133;
static constexpr uint32_t quietNaN = 0x7fffffff;
static constexpr uint16_t quietHalfNaN = 0x7fff;

static int getMinimum(MatrixElement element) {
  switch (element) {
  case MatrixElement::F16:
  case MatrixElement::E5M2:
    return -14;
  case MatrixElement::BF16:
  case MatrixElement::TF32:
    return -126;
  case MatrixElement::E4M3:
    return -6;
  default:
    llvm_unreachable("a float type");
  }
}

TensorCoreSum::TensorCoreSum(MatrixElement a, MatrixElement b)
    : aMinimum(getMinimum(a)), bMinimum(getMinimum(b)) {
  // Eight-bit floats have a narrower adder and a narrower result.
  bool narrow = getBitWidth(a) == 8;
  fractionBits = narrow ? 13 : 25;
  keptBits = narrow ? 13 : 23;
}

/// The exponent of a finite number; that of a subnormal one is `minimum`.
static int getExponent(float value, int minimum) {
  int biased = llvm::bit_cast<uint32_t>(value) >> 23 & 0xff;
  return std::max(biased - 127, minimum);
}

/// 2^exponent, of a normal double.
static double power(int exponent) {
  return llvm::bit_cast<double>(uint64_t(exponent + 1023) << 52);
}

double TensorCoreSum::sum(const float *a, const float *b, unsigned count,
                          float c) const {
  int exponent = lowestExponent;
  double special = c; // the sum of what is not finite
  for (unsigned i = 0; i < count; ++i) {
    double product = double(a[i]) * double(b[i]);
    special += product;
    if (product != 0)
      exponent = std::max(exponent, getExponent(a[i], aMinimum) +
                                        getExponent(b[i], bMinimum));
  }
  if (!std::isfinite(special))
    return special;
  if (c != 0)
    exponent = std::max(exponent, getExponent(c, -126));
  int lowest = exponent - fractionBits;
  double scale = power(-lowest);
  int64_t total = double(c) * scale;
  for (unsigned i = 0; i < count; ++i)
    total += int64_t(double(a[i]) * double(b[i]) * scale);
  return double(total) * power(lowest);
}

uint32_t TensorCoreSum::addFloat(const float *a, const float *b, unsigned count,
                                 uint32_t c) const {
  double exact = sum(a, b, count, llvm::bit_cast<float>(c));
  if (std::isnan(exact))
    return quietNaN;
  if (std::isinf(exact))
    return llvm::bit_cast<uint32_t>(float(exact));
  // To the nearest, and a step back where that is further from zero.
  float rounded = exact;
  auto bits = llvm::bit_cast<uint32_t>(rounded);
  bool overflows = std::fabs(exact) >= 0x1p128;
  if (std::fabs(double(rounded)) > std::fabs(exact) && !overflows)
    --bits;
  if (!overflows)
    bits &= ~uint32_t(0) << (23 - keptBits);
  return bits << 1 ? bits : 0;
}

uint16_t TensorCoreSum::addHalf(const float *a, const float *b, unsigned count,
                                uint16_t c) const {
  float accumulator =
      decode(MatrixElement::F16, reinterpret_cast<const char *>(&c), 0);
  double exact = sum(a, b, count, accumulator);
  if (std::isnan(exact))
    return quietHalfNaN;
  APFloat value(exact);
  bool lost;
  value.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &lost);
  uint16_t bits = value.bitcastToAPInt().getZExtValue();
  return bits & 0x7fff ? bits : 0;
}
