//===- IntegerProduct.h - Products of codes with zero points ----*- C++ -*-===//

#ifndef QUANTMLIR_LIB_IMPORT_INTEGERPRODUCT_H
#define QUANTMLIR_LIB_IMPORT_INTEGERPRODUCT_H

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

#include "llvm/ADT/APInt.h"

namespace quantmlir {

/// An integer that is read in a contraction: an element of a tensor, a scalar
/// or a constant.
struct IntegerRead {
  mlir::Value value;
  /// Loop of the contraction for each dimension; none where it is read at 0.
  llvm::SmallVector<std::optional<unsigned>> loops;
  bool isUnsigned = false;

  explicit operator bool() const { return bool(value); }
  bool isTensor() const {
    return llvm::isa<mlir::RankedTensorType>(value.getType());
  }
  unsigned getWidth() const {
    return mlir::getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
  }
};

/// `ext(code) - zero_point`, or `code` alone.
struct IntegerFactor {
  IntegerRead code;
  IntegerRead zeroPoint;
  /// The zero point where it is a constant.
  std::optional<llvm::APInt> constant;
  /// Which operand of the contraction the codes come in by.
  unsigned input = 0;

  bool hasZeroPoint() const { return zeroPoint || constant; }
};

/// A sum of products of two factors.
struct IntegerProduct {
  mlir::linalg::LinalgOp op;
  IntegerFactor factors[2];

  bool isReduced(unsigned loop) const {
    // Interface values have no const methods.
    return mlir::linalg::LinalgOp(op).getIteratorTypesArray()[loop] ==
           mlir::utils::IteratorType::reduction;
  }
};

/// Matches `yield(out + f0 * f1)` in any operand order, where a factor has a
/// zero point or codes of fewer than 8 bits.
mlir::FailureOr<IntegerProduct>
matchIntegerProduct(mlir::linalg::LinalgOp op, quant_tensor::WhyNot &whyNot);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_IMPORT_INTEGERPRODUCT_H
