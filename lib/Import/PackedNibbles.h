//===- PackedNibbles.h - 4-bit codes put together from bytes --------------===//

#ifndef QUANTMLIR_LIB_IMPORT_PACKEDNIBBLES_H
#define QUANTMLIR_LIB_IMPORT_PACKEDNIBBLES_H

#include "DecodeBody.h"

namespace quantmlir {

/// The codes of a tensor that was put together from the two nibbles of bytes.
struct PackedNibbles {
  /// The bytes.
  ::mlir::Value bytes;
  /// Where the codes sit; null for row major.
  quant_tensor::LayoutAttr layout;
  /// None where a nibble is an i4 that nothing has widened yet.
  std::optional<bool> isSigned;
  /// What makes a low and a high nibble of a byte.
  ::mlir::linalg::LinalgOp low, high;
  /// What was subtracted from both nibbles already.
  double zeroPoint = 0.0;
};

/// Whether `value` is two tensors put side by side along one dimension, which
/// is all that a quick look shows.
bool isJoined(::mlir::Value value);

/// Matches two tensors of nibbles of the same bytes, joined by tensor.concat
/// or a pair of tensor.insert_slice, as halves or neighbours along one
/// dimension.
::mlir::FailureOr<PackedNibbles>
matchPackedNibbles(::mlir::Value value, quant_tensor::WhyNot &whyNot);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_PACKEDNIBBLES_H
