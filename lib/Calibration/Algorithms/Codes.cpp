//===- Codes.cpp - Codes of runs of elements ------------------------------===//

#include "Codes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

using namespace quantmlir::calibration;

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

namespace {
/// Where `code - zero_point` ends, and which bits of a code are kept.
struct IntegerRange {
  float low, high;
  int32_t mask;
};
} // namespace

/// Adding and taking this away rounds magnitudes up to 2^22 to the nearest even
/// integer.
static constexpr float roundingBias = 0x1.8p23f;
static constexpr double wideRoundingBias = 0x1.8p52;

/// Clamped before it is rounded: the ends are integers, so the order does not
/// matter, and rounding is then a sum and a difference.
static inline float roundQuotient(float quotient, float low, float high) {
  quotient = quotient != quotient ? 0.0f : quotient;
  quotient = quotient < low ? low : quotient;
  quotient = quotient > high ? high : quotient;
  return (quotient + roundingBias) - roundingBias;
}

QUANTMLIR_VECTOR_CLONES
static void encodeIntegers(const float *__restrict source, int64_t count,
                           float scale, float zeroPoint, IntegerRange range,
                           uint8_t *__restrict codes) {
  float low = range.low - zeroPoint, high = range.high - zeroPoint;
  for (int64_t i = 0; i < count; ++i) {
    float rounded = roundQuotient(source[i] / scale, low, high);
    codes[i] = static_cast<int32_t>(rounded + zeroPoint) & range.mask;
  }
}

QUANTMLIR_VECTOR_CLONES
static void encodeIntegerLanes(const float *__restrict source, int64_t count,
                               const float *__restrict scales,
                               const float *__restrict zeroPoints,
                               IntegerRange range, uint8_t *__restrict codes,
                               float *__restrict decoded) {
  for (int64_t i = 0; i < count; ++i) {
    float zeroPoint = zeroPoints[i];
    float rounded = roundQuotient(source[i] / scales[i], range.low - zeroPoint,
                                  range.high - zeroPoint);
    codes[i] = static_cast<int32_t>(rounded + zeroPoint) & range.mask;
    decoded[i] = rounded * scales[i];
  }
}

/// A float zero point moves the value that is rounded; in f64.
QUANTMLIR_VECTOR_CLONES
static void encodeShifted(const float *__restrict source, int64_t count,
                          float scale, double zeroPoint, IntegerRange range,
                          uint8_t *__restrict codes) {
  for (int64_t i = 0; i < count; ++i) {
    float quotient = source[i] / scale;
    quotient = quotient != quotient ? 0.0f : quotient;
    double value = quotient + zeroPoint;
    value = value < range.low ? range.low : value;
    value = value > range.high ? range.high : value;
    value = (value + wideRoundingBias) - wideRoundingBias;
    codes[i] = static_cast<int32_t>(value) & range.mask;
  }
}

static IntegerRange getRange(const WeightFormat &format) {
  return {static_cast<float>(format.low), static_cast<float>(format.high),
          (1 << format.bits) - 1};
}

//===----------------------------------------------------------------------===//
// Small floats and codebooks
//===----------------------------------------------------------------------===//

/// `value` rounded to nearest even, saturating; the steps of the reference, in
/// integers.
static inline uint32_t encodeSmallFloat(float value, SmallFloatFormat format) {
  uint32_t word = llvm::bit_cast<uint32_t>(value);
  uint32_t sign = word >> 31;
  uint32_t magnitude = word & 0x7FFFFFFF;
  int32_t field = magnitude >> 23;
  uint32_t significand = (magnitude & 0x7FFFFF) | (field != 0 ? 0x800000 : 0);
  int32_t exponent = std::max(field, 1);
  int32_t mantissaBits = format.mantissaBits;
  int32_t shift = 151 - format.bias - mantissaBits - exponent;
  shift = std::min(std::max(shift, 23 - mantissaBits), 25);
  uint32_t quotient = significand >> shift;
  uint32_t remainder = significand - (quotient << shift);
  uint32_t half = 1u << (shift - 1);
  quotient += (remainder > half) | ((remainder == half) & (quotient & 1));
  int32_t biased = std::max(exponent - (128 - format.bias), 0);
  int32_t code = (biased << mantissaBits) + static_cast<int32_t>(quotient);
  code = std::min(code, format.largest);
  int32_t nan = format.nan < 0 ? 0 : format.nan;
  uint32_t signBit = sign << (format.exponentBits + mantissaBits);
  // A type without NaN takes it for +0.
  signBit = magnitude > 0x7F800000 && format.nan < 0 ? 0 : signBit;
  return (magnitude > 0x7F800000 ? nan : code) | signBit;
}

QUANTMLIR_VECTOR_CLONES
static void encodeSmallFloats(const float *__restrict source, int64_t count,
                              float scale, SmallFloatFormat format,
                              uint8_t *__restrict codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = encodeSmallFloat(source[i] / scale, format);
}

namespace {
/// A codebook's entries and what an f32 must exceed to be nearer to the next.
struct Codebook {
  llvm::ArrayRef<float> entries;
  std::array<float, 255> midpoints;

  explicit Codebook(llvm::ArrayRef<float> entries) : entries(entries) {
    for (size_t i = 0; i + 1 < entries.size(); ++i) {
      double exact =
          0.5 * (double(entries[i]) + static_cast<double>(entries[i + 1]));
      // The largest f32 that does not exceed the midpoint.
      float midpoint = static_cast<float>(exact);
      if (midpoint > exact)
        midpoint =
            std::nextafter(midpoint, -std::numeric_limits<float>::infinity());
      midpoints[i] = midpoint;
    }
  }
};
} // namespace

static const Codebook &getCodebook(const WeightFormat &format) {
  static const Codebook nf4(format.getCodebook());
  return nf4;
}

QUANTMLIR_VECTOR_CLONES
static void encodeCodebook(const float *__restrict source, int64_t count,
                           float scale, const float *__restrict midpoints,
                           int64_t numMidpoints, uint8_t *__restrict codes) {
  for (int64_t i = 0; i < count; ++i) {
    float quotient = source[i] / scale;
    quotient = quotient != quotient ? 0.0f : quotient;
    int32_t code = 0;
    for (int64_t j = 0; j < numMidpoints; ++j)
      code += quotient > midpoints[j];
    codes[i] = code;
  }
}

/// What each code that is no integer means before the scale.
static std::array<float, 256> makeTable(CodeKind code) {
  WeightFormat format;
  format.code = code;
  std::array<float, 256> values{};
  if (code == CodeKind::NF4) {
    llvm::copy(format.getCodebook(), values.begin());
    return values;
  }
  unsigned bits = code == CodeKind::FP4E2M1 ? 4 : 8;
  for (uint32_t bit = 0; bit < (1u << bits); ++bit)
    values[bit] = fromSmallFloatBits(bit, format.getSmallFloat());
  return values;
}

static const std::array<float, 256> &getTable(CodeKind code) {
  static const auto e4m3 = makeTable(CodeKind::FP8E4M3);
  static const auto e5m2 = makeTable(CodeKind::FP8E5M2);
  static const auto e2m1 = makeTable(CodeKind::FP4E2M1);
  static const auto nf4 = makeTable(CodeKind::NF4);
  switch (code) {
  case CodeKind::FP8E4M3:
    return e4m3;
  case CodeKind::FP8E5M2:
    return e5m2;
  case CodeKind::FP4E2M1:
    return e2m1;
  case CodeKind::NF4:
    return nf4;
  case CodeKind::Integer:
    break;
  }
  llvm_unreachable("integers have no table");
}

//===----------------------------------------------------------------------===//
// Any code
//===----------------------------------------------------------------------===//

void quantmlir::calibration::encodeRun(const WeightFormat &format,
                                       const float *source, int64_t count,
                                       float scale, float zeroPoint,
                                       uint8_t *codes) {
  switch (format.code) {
  case CodeKind::Integer:
    if (format.hasFloatZeroPoint())
      return encodeShifted(source, count, scale, zeroPoint, getRange(format),
                           codes);
    return encodeIntegers(source, count, scale, zeroPoint, getRange(format),
                          codes);
  case CodeKind::FP8E4M3:
  case CodeKind::FP8E5M2:
  case CodeKind::FP4E2M1:
    return encodeSmallFloats(source, count, scale, format.getSmallFloat(),
                             codes);
  case CodeKind::NF4: {
    const Codebook &codebook = getCodebook(format);
    return encodeCodebook(source, count, scale, codebook.midpoints.data(),
                          codebook.entries.size() - 1, codes);
  }
  }
}

/// An integer code's bits as what they mean.
static inline int32_t extendCode(uint8_t code, int32_t signBit) {
  return (int32_t(code) ^ signBit) - signBit;
}

static int32_t getSignBit(const WeightFormat &format) {
  return format.isSigned ? 1 << (format.bits - 1) : 0;
}

QUANTMLIR_VECTOR_CLONES
static void decodeIntegers(const uint8_t *__restrict codes, int64_t count,
                           float scale, float zeroPoint, int32_t signBit,
                           float *__restrict result) {
  for (int64_t i = 0; i < count; ++i)
    result[i] =
        (static_cast<float>(extendCode(codes[i], signBit)) - zeroPoint) * scale;
}

void quantmlir::calibration::decodeRun(const WeightFormat &format,
                                       const uint8_t *codes, int64_t count,
                                       float scale, float zeroPoint,
                                       float *result) {
  if (format.code != CodeKind::Integer) {
    const std::array<float, 256> &table = getTable(format.code);
    for (int64_t i = 0; i < count; ++i)
      result[i] = table[codes[i]] * scale;
    return;
  }
  int32_t signBit = getSignBit(format);
  if (!format.hasFloatZeroPoint())
    return decodeIntegers(codes, count, scale, zeroPoint, signBit, result);
  for (int64_t i = 0; i < count; ++i)
    result[i] = static_cast<float>(
        (extendCode(codes[i], signBit) - double(zeroPoint)) * double(scale));
}

QUANTMLIR_VECTOR_CLONES
static void squareErrors(const float *__restrict source,
                         const double *__restrict decoded, int64_t count,
                         double *__restrict errors) {
  for (int64_t i = 0; i < count; ++i) {
    double difference = static_cast<double>(source[i]) - decoded[i];
    errors[i] = source[i] == source[i] ? difference * difference : 0.0;
  }
}

double quantmlir::calibration::sumSquaredErrors(const WeightFormat &format,
                                                const float *source,
                                                int64_t count, float scale,
                                                float zeroPoint) {
  constexpr int64_t chunk = 512;
  uint8_t codes[chunk];
  double values[chunk], errors[chunk];
  bool isInteger = format.code == CodeKind::Integer;
  const float *table = isInteger ? nullptr : getTable(format.code).data();
  int32_t signBit = getSignBit(format);
  double sum = 0;
  for (int64_t first = 0; first < count; first += chunk) {
    int64_t size = std::min(chunk, count - first);
    encodeRun(format, source + first, size, scale, zeroPoint, codes);
    if (isInteger)
      for (int64_t i = 0; i < size; ++i)
        values[i] = (extendCode(codes[i], signBit) - double(zeroPoint)) *
                    static_cast<double>(scale);
    else
      for (int64_t i = 0; i < size; ++i)
        values[i] = double(table[codes[i]]) * static_cast<double>(scale);
    squareErrors(source + first, values, size, errors);
    // In order: a sum of another order could prefer another candidate.
    for (int64_t i = 0; i < size; ++i)
      sum += errors[i];
  }
  return sum;
}

void quantmlir::calibration::encodeLanes(const WeightFormat &format,
                                         const float *source, int64_t count,
                                         const float *scales,
                                         const float *zeroPoints,
                                         uint8_t *codes, float *decoded) {
  if (format.code == CodeKind::Integer && !format.hasFloatZeroPoint()) {
    constexpr int64_t chunk = 256;
    static constexpr float zeros[chunk] = {};
    for (int64_t first = 0; first < count; first += chunk)
      encodeIntegerLanes(source + first, std::min(chunk, count - first),
                         scales + first,
                         zeroPoints ? zeroPoints + first : zeros,
                         getRange(format), codes + first, decoded + first);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    float zeroPoint = zeroPoints ? zeroPoints[i] : 0.0f;
    encodeRun(format, source + i, 1, scales[i], zeroPoint, codes + i);
    decodeRun(format, codes + i, 1, scales[i], zeroPoint, decoded + i);
  }
}
