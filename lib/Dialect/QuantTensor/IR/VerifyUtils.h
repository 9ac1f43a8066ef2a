//===- VerifyUtils.h - Checks that several op verifiers share ---*- C++ -*-===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTENSOR_IR_VERIFYUTILS_H
#define QUANTMLIR_LIB_DIALECT_QUANTTENSOR_IR_VERIFYUTILS_H

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

namespace quantmlir::quant_tensor {

/// Checks the encoding of `type` (called `what` in messages) against its shape
/// and element type. Types that a builder or a pass made were never verified,
/// and the queries of an encoding assume that it fits its tensor.
::mlir::LogicalResult verifyEncodedType(::mlir::Operation *op,
                                        ::llvm::StringRef what,
                                        ::mlir::RankedTensorType type);

/// Checks that `actual` agrees with `expected`: same element type, same rank,
/// extents equal or dynamic, no encoding of any kind.
::mlir::LogicalResult verifyAgrees(::mlir::Operation *op,
                                   ::llvm::StringRef what, ::mlir::Type actual,
                                   ::mlir::RankedTensorType expected);

/// Checks that the elements of `result` can be what codes are decoded to.
::mlir::LogicalResult verifyDecodedElement(::mlir::Operation *op,
                                           ::mlir::RankedTensorType result);

/// Checks that `zeroPoints` (null where absent) is there exactly where
/// `encoding` has a zero point, and agrees with its type for `shape`.
::mlir::LogicalResult verifyZeroPoints(::mlir::Operation *op,
                                       ::mlir::Type zeroPoints,
                                       EncodingAttr encoding,
                                       ::llvm::ArrayRef<int64_t> shape);

/// Whether extents `a` and `b` are equal or one of them is dynamic.
inline bool extentsAgree(int64_t a, int64_t b) {
  return a == b || ::mlir::ShapedType::isDynamic(a) ||
         ::mlir::ShapedType::isDynamic(b);
}

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_LIB_DIALECT_QUANTTENSOR_IR_VERIFYUTILS_H
