//===- Codes.h - Codes of runs of elements ----------------------*- C++ -*-===//
//
// The arithmetic of one code, as the dialect's reference has it, over runs of
// elements that share a scale or have one each. Built without contraction of
// products and sums, so that every instruction set gives the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_CODES_H
#define QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_CODES_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

/// A loop that is compiled for several generations of x86 and chosen when the
/// program starts.
#if defined(__x86_64__) && defined(__clang__)
#define QUANTMLIR_VECTOR_CLONES                                                \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define QUANTMLIR_VECTOR_CLONES
#endif

namespace quantmlir::calibration {

/// `count` elements under one scale and zero point.
void encodeRun(const WeightFormat &format, const float *source, int64_t count,
               float scale, float zeroPoint, uint8_t *codes);
void decodeRun(const WeightFormat &format, const uint8_t *codes, int64_t count,
               float scale, float zeroPoint, float *result);
/// The sum over elements that are numbers of the squared error, in order and in
/// f64.
double sumSquaredErrors(const WeightFormat &format, const float *source,
                        int64_t count, float scale, float zeroPoint);

/// `count` elements with a scale and zero point each, to codes and what these
/// mean. `zeroPoints` may be null where the format has none.
void encodeLanes(const WeightFormat &format, const float *source, int64_t count,
                 const float *scales, const float *zeroPoints, uint8_t *codes,
                 float *decoded);

/// A scale in its type: 1 for 0, never above the largest finite value of a
/// 16-bit type; f8E8M0FNU up to a power of two.
float roundScale(float scale, ScaleKind kind);
float roundZeroPoint(float zeroPoint, ZeroPointKind kind);
/// The bits of a value that the type holds exactly.
uint16_t toHalfBits(float value);
uint16_t toBFloat16Bits(float value);
uint8_t toE8M0Bits(float value);
uint8_t toSmallFloatBits(float value, const SmallFloatFormat &format);
float fromHalfBits(uint16_t bits);
float fromSmallFloatBits(uint32_t bits, const SmallFloatFormat &format);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_CODES_H
