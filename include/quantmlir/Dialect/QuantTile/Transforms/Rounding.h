//===- Rounding.h - Rounding to integers by an addition ---------*- C++ -*-===//

#ifndef QUANTMLIR_DIALECT_QUANTTILE_TRANSFORMS_ROUNDING_H
#define QUANTMLIR_DIALECT_QUANTTILE_TRANSFORMS_ROUNDING_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Matchers.h"

#include <cmath>
#include <optional>

namespace quantmlir::quant_tile {

/// Added to an f32 of up to 2^21, it rounds that to an integer, half to even,
/// which lies in the low bits of the sum.
inline constexpr float roundingAddend = 0x1.8p23f;

/// The integer that `value` is a constant of, if it is one that
/// `roundingAddend` can be added to without leaving its binade.
inline std::optional<double> getRoundableInteger(mlir::Value value) {
  mlir::FloatAttr attribute;
  if (!mlir::matchPattern(value, mlir::m_Constant(&attribute)))
    return std::nullopt;
  double number = attribute.getValueAsDouble();
  if (number != std::trunc(number) || std::abs(number) > 0x1p21)
    return std::nullopt;
  return number;
}

} // namespace quantmlir::quant_tile

#endif // QUANTMLIR_DIALECT_QUANTTILE_TRANSFORMS_ROUNDING_H
