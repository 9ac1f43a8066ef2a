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

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_DECODEBODY_H
