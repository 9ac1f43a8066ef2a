//===- WeightValues.h - What weights hold, while compiling ------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_WEIGHTVALUES_H
#define QUANTMLIR_CALIBRATION_WEIGHTVALUES_H

#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Runtime/ArrayIO.h"

namespace quantmlir::calibration {

/// Elements of weights that are known before the program runs: constants, the
/// arguments that a file gives values for, and what passes made of either by
/// sums and products, transpositions and reshapes.
class WeightValues {
public:
  /// With a file of arrays by the names of arguments, as `quant-run --inputs`
  /// takes it; without one where `path` is empty.
  static llvm::Expected<WeightValues> read(llvm::StringRef path);

  /// The elements of `value`, row-major, in f32. Fails where they are not
  /// known, saying what they depend on.
  llvm::Expected<std::vector<float>> evaluate(mlir::Value value) const;
  /// Those of the layer's weight, as an N×K matrix.
  llvm::Expected<std::vector<float>> evaluate(const Layer &layer) const;

private:
  llvm::Expected<std::vector<float>>
  evaluateArgument(mlir::BlockArgument argument) const;
  llvm::Expected<std::vector<float>>
  evaluateLinalg(mlir::linalg::LinalgOp op) const;

  std::string path;
  io::ArrayMap arrays;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_WEIGHTVALUES_H
