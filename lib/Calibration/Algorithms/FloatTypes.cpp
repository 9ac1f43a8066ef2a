//===- FloatTypes.cpp - Rounding to the types of scales -------------------===//

#include "Codes.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>

using namespace quantmlir::calibration;

/// Nearest even, subnormals and infinity included.
uint16_t quantmlir::calibration::toHalfBits(float value) {
  uint32_t word = llvm::bit_cast<uint32_t>(value);
  uint16_t sign = word >> 16 & 0x8000;
  uint32_t magnitude = word & 0x7FFFFFFF;
  if (magnitude > 0x7F800000)
    return sign | 0x7E00;
  // From half an ulp above the largest finite value on.
  if (magnitude >= 0x477FF000)
    return sign | 0x7C00;
  if (magnitude < 0x38800000) {
    // Subnormal: the sum's last place is worth 2^-24.
    float shifted = llvm::bit_cast<float>(magnitude) + 0.5f;
    return sign | (llvm::bit_cast<uint32_t>(shifted) - 0x3F000000);
  }
  uint32_t odd = magnitude >> 13 & 1;
  return sign | ((magnitude - 0x38000000 + 0xFFF + odd) >> 13);
}

float quantmlir::calibration::fromHalfBits(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t magnitude = bits & 0x7FFF;
  uint32_t word;
  if (magnitude >= 0x7C00)
    word = 0x7F800000 | (magnitude & 0x3FF) << 13;
  else if (magnitude >= 0x400)
    word = (magnitude << 13) + 0x38000000;
  else
    word = llvm::bit_cast<uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  return llvm::bit_cast<float>(word | sign);
}

uint16_t quantmlir::calibration::toBFloat16Bits(float value) {
  uint32_t word = llvm::bit_cast<uint32_t>(value);
  if ((word & 0x7FFFFFFF) > 0x7F800000)
    return word >> 16 | 0x40;
  return (word + 0x7FFF + (word >> 16 & 1)) >> 16;
}

uint8_t quantmlir::calibration::toE8M0Bits(float value) {
  uint32_t magnitude = llvm::bit_cast<uint32_t>(value) & 0x7FFFFFFF;
  if (magnitude > 0x7F800000)
    return 255;
  // Up to 2^-127, half of the smallest normal.
  if (magnitude <= 0x00400000)
    return 0;
  // A mantissa other than 0 carries into the exponent.
  return std::min<uint32_t>((magnitude + 0x7FFFFF) >> 23, 254);
}

static float fromE8M0Bits(uint8_t bits) {
  if (bits == 255)
    return std::numeric_limits<float>::quiet_NaN();
  return std::ldexp(1.0f, int(bits) - 127);
}

float quantmlir::calibration::fromSmallFloatBits(
    uint32_t bits, const SmallFloatFormat &format) {
  int magnitudeBits = format.exponentBits + format.mantissaBits;
  int32_t magnitude = bits & ((1u << magnitudeBits) - 1);
  bool negative = bits >> magnitudeBits & 1;
  float value;
  if (magnitude == format.infinity)
    value = std::numeric_limits<float>::infinity();
  else if (format.nan >= 0 &&
           magnitude >
               (format.infinity >= 0 ? format.infinity : format.largest))
    value = std::numeric_limits<float>::quiet_NaN();
  else
    // Put where f32 has its exponent and mantissa, the bits are the value times
    // 2^(bias - 127), subnormals included.
    value = llvm::bit_cast<float>(magnitude << (23 - format.mantissaBits)) *
            std::ldexp(1.0f, 127 - format.bias);
  return negative ? -value : value;
}

uint8_t
quantmlir::calibration::toSmallFloatBits(float value,
                                         const SmallFloatFormat &format) {
  WeightFormat weights;
  weights.code = format.exponentBits == 4   ? CodeKind::FP8E4M3
                 : format.exponentBits == 5 ? CodeKind::FP8E5M2
                                            : CodeKind::FP4E2M1;
  uint8_t code;
  encodeRun(weights, &value, 1, 1.0f, 0.0f, &code);
  return code;
}

/// Of scales and zero points; 16-bit types do not saturate here.
static float roundTo16(float value, bool isHalf) {
  if (isHalf)
    return fromHalfBits(toHalfBits(value));
  return llvm::bit_cast<float>(uint32_t(toBFloat16Bits(value)) << 16);
}

float quantmlir::calibration::roundScale(float scale, ScaleKind kind) {
  if (scale == 0)
    scale = 1.0f;
  switch (kind) {
  case ScaleKind::F32:
    return scale;
  case ScaleKind::F16:
    return roundTo16(std::min(scale, 65504.0f), /*isHalf=*/true);
  case ScaleKind::BF16:
    return roundTo16(std::min(scale, 0x1.fep127f), /*isHalf=*/false);
  case ScaleKind::E8M0:
    return fromE8M0Bits(toE8M0Bits(scale));
  case ScaleKind::E4M3: {
    SmallFloatFormat format{4, 3, 7, 0x7E, 0x7F, -1};
    return fromSmallFloatBits(toSmallFloatBits(scale, format), format);
  }
  }
  llvm_unreachable("all kinds handled");
}

float quantmlir::calibration::roundZeroPoint(float zeroPoint,
                                             ZeroPointKind kind) {
  switch (kind) {
  case ZeroPointKind::F16:
    return roundTo16(zeroPoint, /*isHalf=*/true);
  case ZeroPointKind::BF16:
    return roundTo16(zeroPoint, /*isHalf=*/false);
  default:
    return zeroPoint;
  }
}
