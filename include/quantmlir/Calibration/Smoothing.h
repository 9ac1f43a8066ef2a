//===- Smoothing.h - Outliers move into weights -----------------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_SMOOTHING_H
#define QUANTMLIR_CALIBRATION_SMOOTHING_H

#include "quantmlir/Calibration/Scheme.h"
#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Calibration/WeightValues.h"

namespace quantmlir::calibration {

/// Where the scales of `smoothActivations` come from, and what becomes of them.
struct SmoothOptions {
  /// Of activations, and of weights where nothing is searched for. Null where
  /// `scales` are given.
  const Statistics *statistics = nullptr;
  double alpha = 0.5;
  /// Search for the alpha that loses least under this scheme: SmoothQuant's,
  /// on the statistic `rows`, where it quantizes activations, AWQ's (of
  /// mean|x|), on `xtx`, where it does not. Needs `values`.
  std::optional<Scheme> search;
  const WeightValues *values = nullptr;
  /// Scales by name (`fc.smooth`) instead, and the file they are from.
  const io::ArrayMap *scales = nullptr;
  std::string scalesPath;
  /// Layers whose scheme is none are left out; with `search`, what others are
  /// searched under.
  std::vector<SchemeOverride> overrides;
  /// Fold scales into what makes the activations, where that can be.
  bool fold = true;
};

/// Divides channels of activations by scales, and multiplies those of the
/// weights that read them (`quant-tensor-smooth-activations`). `smoothed`, if
/// not null, has the statistics of the model, which become those of the
/// smoothed one: without histograms, and without those of weights that changed.
/// Fails after an error was emitted. Remarks are of `pass`.
mlir::LogicalResult smoothActivations(mlir::ModuleOp module,
                                      const SmoothOptions &options,
                                      llvm::StringRef pass,
                                      Statistics *smoothed = nullptr);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_SMOOTHING_H
