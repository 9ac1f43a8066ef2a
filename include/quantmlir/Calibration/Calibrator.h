//===- Calibrator.h - Runs a model and keeps statistics ---------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_CALIBRATOR_H
#define QUANTMLIR_CALIBRATION_CALIBRATOR_H

#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Execution/ReferenceExecutor.h"

#include <memory>

namespace quantmlir::calibration {

/// A model with `quant_tensor.observe` ops, compiled for this machine, and what
/// they have seen so far. Memory holds one sample's values and the statistics.
class Calibrator {
public:
  /// Compiles MLIR text or bytecode. Fails where the module observes nothing,
  /// or one name with different kinds.
  static llvm::Expected<std::unique_ptr<Calibrator>>
  create(llvm::MemoryBufferRef module);

  const ReferenceExecutor &getExecutor() const { return *executor; }

  /// Runs a function on one sample and adds what is observed. Fails where a
  /// value is not finite, naming the tensor; the statistics then are of no use.
  llvm::Error run(llvm::StringRef function, llvm::ArrayRef<ArrayView> inputs);

  const Statistics &getStatistics() const { return statistics; }
  /// Adds those of another run.
  llvm::Error merge(const Statistics &other);

private:
  Calibrator() = default;
  llvm::Error add(size_t observation, const ArrayView &data);

  std::unique_ptr<ReferenceExecutor> executor;
  /// Bits of StatisticKind for each observation.
  std::vector<unsigned> kinds;
  Statistics statistics;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_CALIBRATOR_H
