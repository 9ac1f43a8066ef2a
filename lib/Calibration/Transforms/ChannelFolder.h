//===- ChannelFolder.h - Changes along a dimension --------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_CHANNELFOLDER_H
#define QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_CHANNELFOLDER_H

#include "quantmlir/Calibration/Layers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace quantmlir::calibration {

/// `value` with each element multiplied by the factor of its index along `dim`,
/// in f32 where its type is narrower.
mlir::Value multiplyAlong(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value value, unsigned dim,
                          llvm::ArrayRef<float> factors);

/// What is done to the channels of a value: each is multiplied by a positive
/// factor of its own, or all are multiplied by a matrix.
enum class ChannelChange { Factors, Rotation };

/// Finds operands of earlier ops that, changed along one dimension, change a
/// value so: the weight of the layer that makes it, and what is added behind.
/// Factors go through products, quotients and maxima with zero as well. Changes
/// nothing until all are found.
class ChannelFolder {
public:
  ChannelFolder(llvm::ArrayRef<Layer> layers, ChannelChange change)
      : layers(layers), change(change) {}

  /// Whether `value` can be changed along `dim`, where only `users` and queries
  /// of its size see the difference.
  bool find(mlir::Value value, unsigned dim,
            llvm::function_ref<bool(mlir::OpOperand &)> isExpectedUse,
            quant_tensor::WhyNot &whyNot);

  /// Changes all that `find` found: `changeAlong` makes of a value the same
  /// changed along a dimension.
  void apply(llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                            mlir::Value, unsigned)>
                 changeAlong) const;

  /// The layers that it ends in.
  std::vector<const Layer *> getLayers() const;
  /// The layers by name, and the number of vectors.
  std::string describe() const;

private:
  bool findInElementwise(mlir::linalg::LinalgOp op, unsigned dim,
                         quant_tensor::WhyNot &whyNot);
  bool findInBody(mlir::linalg::LinalgOp op, unsigned loop, mlir::Value value,
                  quant_tensor::WhyNot &whyNot);
  bool findInProduct(mlir::linalg::LinalgOp op, unsigned loop,
                     mlir::arith::MulFOp product, quant_tensor::WhyNot &whyNot);

  struct Target {
    /// A layer whose weight has `dim`, or an operand.
    const Layer *layer = nullptr;
    mlir::OpOperand *operand = nullptr;
    unsigned dim = 0;
  };
  llvm::ArrayRef<Layer> layers;
  ChannelChange change;
  llvm::SmallVector<Target> targets;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_CHANNELFOLDER_H
