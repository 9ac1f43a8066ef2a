//===- SmoothQuant.h - Outliers moved into weights --------------*- C++ -*-===//
//
// SmoothQuant (Xiao et al., 2023): Y = (X diag(s)^-1) (W diag(s))^T with
// s_k = max|x_k|^alpha / max|w_k|^(1 - alpha). Weights are scaled up and
// activations down, so that both are easy to quantize.
//
// And the other way to deal with the same outliers, LLM.int8() (Dettmers et
// al., 2022): the few columns that hold them stay float.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_ALGORITHMS_SMOOTHQUANT_H
#define QUANTMLIR_CALIBRATION_ALGORITHMS_SMOOTHQUANT_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

namespace quantmlir::calibration {

/// max|m_k| of each column.
std::vector<float> getColumnAbsMax(ConstMatrix matrix);

/// s, one for each channel; 1 where inputs or weights of a channel are all
/// zero. `weightAbsMax` is over all weights that read the inputs.
std::vector<float> computeSmoothScales(llvm::ArrayRef<float> inputAbsMax,
                                       llvm::ArrayRef<float> weightAbsMax,
                                       double alpha);

/// The best alpha, its scales of K channels, and what the others lost.
struct SmoothSearch {
  double alpha = 0;
  std::vector<float> scales;
  /// The alphas tried, and ||Q(X/s) Q(W s)^T - X W^T||^2 for each, summed over
  /// the weights.
  std::vector<double> alphas, losses;
};

/// A layer whose inputs are smoothed.
struct LayerToSmooth {
  /// N×K, and how they are quantized.
  ConstMatrix weights;
  WeightFormat format;
  /// How inputs are quantized, where they are: blocks [1, 0] per token, [0, 0]
  /// with one scale for all samples.
  std::optional<WeightFormat> inputFormat;
  /// Whether scales of inputs, where they have no zero points and are by
  /// absmax, are those of the given magnitudes.
  bool isStatic = false;
};

/// Tries `steps` + 1 alphas from 0 to 1 on `samples` (rows of K inputs) for
/// layers that share them. `inputAbsMax`, if given, is max|x_k| of more inputs
/// than the samples. An error where no alpha has a finite loss.
llvm::Expected<SmoothSearch>
searchSmoothAlpha(ConstMatrix samples, llvm::ArrayRef<LayerToSmooth> layers,
                  int64_t steps = 20, llvm::ArrayRef<float> inputAbsMax = {});

/// The channels with max|x_k| of at least `threshold`, ascending.
std::vector<int64_t> chooseOutlierColumns(llvm::ArrayRef<float> inputAbsMax,
                                          float threshold);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_ALGORITHMS_SMOOTHQUANT_H
