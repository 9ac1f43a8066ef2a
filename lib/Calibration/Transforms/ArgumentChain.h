//===- ArgumentChain.h - What becomes of a weight argument ------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_ARGUMENTCHAIN_H
#define QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_ARGUMENTCHAIN_H

#include "quantmlir/Calibration/Layers.h"

#include <memory>

namespace quantmlir::calibration {

/// A value that is computed from one argument of a function and from constants,
/// such as a weight times the scales of smoothing.
struct ArgumentChain {
  mlir::BlockArgument argument;
  /// In order; nothing else reads what depends on the argument.
  llvm::SmallVector<mlir::Operation *> ops;

  /// The chain that ends in `value`.
  static mlir::FailureOr<ArgumentChain> match(mlir::Value value,
                                              quant_tensor::WhyNot &whyNot);

  /// Ops on a block argument, for another function.
  struct Copy {
    std::shared_ptr<mlir::Block> block;
    mlir::Value result;

    /// Builds them on `value`, of the argument's type.
    mlir::Value build(mlir::OpBuilder &builder, mlir::Value value) const;
  };
  /// A copy of the ops; `value` is what the chain ends in.
  Copy copy(mlir::Value value) const;
  /// Erases the ops that depend on the argument, once nothing reads them.
  void erase() const;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_ARGUMENTCHAIN_H
