//===- DecodeBody.h - (code - zero_point) * scale in a linalg body --------===//

#ifndef QUANTMLIR_LIB_IMPORT_DECODEBODY_H
#define QUANTMLIR_LIB_IMPORT_DECODEBODY_H

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir {

/// Which bits of a byte a body reads.
enum class Nibble { Whole, Low, High };

/// What a body makes of one element of its code operand:
/// `(code - zeroPoint) * scale`, each either a constant or an operand.
struct DecodeBody {
  /// Operand number of the codes.
  unsigned codes = 0;
  Nibble nibble = Nibble::Whole;
  /// Signedness of the code: of a nibble, or of the whole byte once a cast
  /// has said it.
  std::optional<bool> isSigned;
  double zeroPoint = 0.0;
  std::optional<unsigned> zeroPointOperand;
  bool zeroPointIsUnsigned = false;
  double scale = 1.0;
  std::optional<unsigned> scaleOperand;

  bool hasZeroPoint() const { return zeroPoint != 0.0 || zeroPointOperand; }
  bool hasScale() const { return scale != 1.0 || scaleOperand; }
};

/// Reads the body of an elementwise op. Its result may be an integer (a nibble
/// that is not scaled yet) or a float. `mayBeCodes` says which operands can be
/// the codes.
::mlir::FailureOr<DecodeBody>
matchDecodeBody(::mlir::linalg::LinalgOp op,
                ::llvm::function_ref<bool(::mlir::Value)> mayBeCodes,
                quant_tensor::WhyNot &whyNot);

/// Computes what the body of an elementwise `op` yields where its inputs are
/// `inputs`, which may be null where they are not read. Null where an op has no
/// constant folder.
::mlir::TypedAttr evaluateBody(::mlir::linalg::LinalgOp op,
                               ::llvm::ArrayRef<::mlir::Attribute> inputs);

/// What two bodies in a row make of each byte, against what was read off them.
struct DecodeCheck {
  /// From a byte to the code operand of `decode`: one body for a low and one
  /// for a high nibble, or none where `decode` reads bytes itself.
  ::mlir::linalg::LinalgOp low, high;
  /// From the code operand to the result; null where the nibbles are it.
  ::mlir::linalg::LinalgOp decode;
  /// Of `decode`. Its zero point is on top of the nibbles'.
  DecodeBody body;
  /// The code and the constant zero point as they will be understood.
  bool isSigned = true;
  double zeroPoint = 0.0;
  /// The type of codes that are 8-bit floats, else null.
  ::mlir::FloatType floatStorage;

  /// Tries all 256 bytes, with a scale operand of 1 and several zero points.
  /// Fails with a near miss where a body computes anything else: casts of the
  /// wrong signedness, wrapping, bits of the neighbour.
  ::mlir::LogicalResult run(quant_tensor::WhyNot &whyNot) const;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_DECODEBODY_H
