//===- TensorCoreSum.h - How tensor cores add up products -----------------===//
//
// NVIDIA documents the order and the rounding of float mma and wgmma as
// unspecified. These are the rules that results recorded on sm_90 follow, bit
// for bit: test/Emulator/conformance.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_MODELS_TENSORCORESUM_H
#define QUANTMLIR_LIB_EMULATOR_MODELS_TENSORCORESUM_H

#include "Matrix.h"

namespace quantmlir::emulator {

/// Adds the products of one instruction and the accumulator.
///
/// All products are exact. They and the accumulator are aligned to the largest
/// exponent among those that are not zero (the exponent of a product is the sum
/// of its factors', and at least -133), cut off towards zero below
/// `fractionBits` behind that exponent's bit, and added as integers. The sum is
/// rounded once: to f32 towards zero, of which `keptBits` of the mantissa stay,
/// or to f16 to nearest even. A zero is positive, a NaN has all bits set but
/// the sign.
class TensorCoreSum {
public:
  /// For factors of these float types.
  TensorCoreSum(MatrixElement a, MatrixElement b);

  /// The sum of `c` and the products of `count` factors of each.
  uint32_t addFloat(const float *a, const float *b, unsigned count,
                    uint32_t c) const;
  uint16_t addHalf(const float *a, const float *b, unsigned count,
                   uint16_t c) const;

private:
  /// A sum of finite numbers is exact in a double; others are themselves.
  double sum(const float *a, const float *b, unsigned count, float c) const;

  /// The exponents of the smallest normal numbers: those below it share it.
  int aMinimum, bMinimum;
  int fractionBits;
  unsigned keptBits;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_MODELS_TENSORCORESUM_H
