//===- FactorFolder.h - Factors along a dimension ---------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_FACTORFOLDER_H
#define QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_FACTORFOLDER_H

#include "quantmlir/Calibration/Layers.h"

namespace quantmlir::calibration {

/// `value` with each element multiplied by the factor of its index along `dim`,
/// in f32 where its type is narrower.
mlir::Value multiplyAlong(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value value, unsigned dim,
                          llvm::ArrayRef<float> factors);

/// Finds operands of earlier ops that, multiplied by a factor along one
/// dimension, multiply a value by it. Changes nothing until all are found.
class FactorFolder {
public:
  FactorFolder(llvm::ArrayRef<Layer> layers) : layers(layers) {}

  /// Whether `value` can be multiplied along `dim`, where only `users` and
  /// queries of its size see the difference.
  bool find(mlir::Value value, unsigned dim,
            llvm::function_ref<bool(mlir::OpOperand &)> isExpectedUse,
            quant_tensor::WhyNot &whyNot);

  /// Multiplies all that `find` found.
  void apply(llvm::ArrayRef<float> factors) const;

  /// The layers that it ends in.
  std::vector<const Layer *> getLayers() const;
  /// Whether it ended in a layer, a gain, or both.
  std::string describe() const;

private:
  bool findInElementwise(mlir::linalg::LinalgOp op, unsigned dim,
                         quant_tensor::WhyNot &whyNot);
  bool findInBody(mlir::linalg::LinalgOp op, unsigned loop, mlir::Value value,
                  quant_tensor::WhyNot &whyNot);

  struct Target {
    /// A layer whose weight has `dim`, or an operand.
    const Layer *layer = nullptr;
    mlir::OpOperand *operand = nullptr;
    unsigned dim = 0;
  };
  llvm::ArrayRef<Layer> layers;
  llvm::SmallVector<Target> targets;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_FACTORFOLDER_H
