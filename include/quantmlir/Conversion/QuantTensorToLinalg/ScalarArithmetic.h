//===- ScalarArithmetic.h - Codes and small floats as scalar ops ----------===//
//
// The meaning of one code, as arith and math ops on scalars: the reference
// conversion puts these into the bodies of linalg.generic, kernels may put them
// anywhere. Nothing here needs a hardware instruction or a library routine for
// types narrower than 16 bits, so a CPU and a GPU compute the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_SCALARARITHMETIC_H
#define QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_SCALARARITHMETIC_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

namespace quantmlir::quant_tensor {

//===----------------------------------------------------------------------===//
// Small floats: f8E4M3FN, f8E5M2, f4E2M1FN, f8E8M0FNU
//===----------------------------------------------------------------------===//

/// Whether `type` is one of these types: a scalar, not a vector or tensor.
bool isSmallFloat(mlir::Type type);

/// The exact f32 value of the small float whose bits are the low bits of the
/// i32 `bits`. Bits above the type's width must be zero.
mlir::Value buildF32FromBits(mlir::ImplicitLocOpBuilder &b, mlir::Value bits,
                             mlir::FloatType type);

/// The bits (i32, zero-extended) of f32 `value` rounded to `type`, saturating:
/// what exceeds the largest finite value, infinities included, becomes it with
/// its sign. NaN becomes NaN where the type has one and code 0 where it has
/// none. f8E8M0FNU rounds up to the power of two not below `value`, whatever
/// `rounding` says, so that a scale never makes a code saturate.
/// Without `saturate`, what exceeds the largest finite value becomes infinity,
/// or NaN in a type without infinity (f4E2M1FN has neither and saturates).
mlir::Value buildBitsFromF32(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                             mlir::FloatType type, Rounding rounding,
                             bool saturate = true);

/// A float scalar of any type as f32: exact for f16, bf16 and the small floats,
/// rounded to nearest even from f64.
mlir::Value buildToF32(mlir::ImplicitLocOpBuilder &b, mlir::Value value);

/// An f32 or f64 scalar as `type`: nearest even (through f32); small floats
/// as in `buildBitsFromF32`.
mlir::Value buildFromFloat(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                           mlir::FloatType type);

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Rounds an f32 or f64 scalar to an integral value.
mlir::Value buildRound(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                       Rounding rounding);

/// Type in which `(code - zero_point) * scale` is computed: f32 where that
/// rounds only once, f64 for float zero points and those wider than 16 bits.
mlir::FloatType getValueType(EncodingAttr encoding);

/// What a code means: `(code - zero_point) * scale` or `codebook[code] *
/// scale`, of type `getValueType`, or f64 where `wide`.
/// \param bits the code's bits as i32, zero above the storage's width.
/// \param scale scalar of the scale type.
/// \param zeroPoint scalar of the zero points' element type, null for none.
mlir::Value buildDecode(mlir::ImplicitLocOpBuilder &b, EncodingAttr encoding,
                        mlir::Value bits, mlir::Value scale,
                        mlir::Value zeroPoint, bool wide = false);

/// The code of f32 `value`, as i32 bits that are zero above the storage's
/// width: `quantize` for one element.
mlir::Value buildEncode(mlir::ImplicitLocOpBuilder &b, EncodingAttr encoding,
                        mlir::Value value, mlir::Value scale,
                        mlir::Value zeroPoint);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_SCALARARITHMETIC_H
