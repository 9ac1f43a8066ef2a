//===- AWQ.h - Scales that protect weights of large inputs ------*- C++ -*-===//
//
// AWQ (Lin et al., 2023): W X = (W diag(s)) (diag(s)^-1 X). Weights are
// multiplied by s and inputs divided by it, s = mean|x|^alpha per input
// channel: channels with large inputs get finer steps relative to their size.
// (The inverse, dividing weights by s, stands in some texts and protects
// nothing.)
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_ALGORITHMS_AWQ_H
#define QUANTMLIR_CALIBRATION_ALGORITHMS_AWQ_H

#include "quantmlir/Calibration/Algorithms/GPTQ.h"

namespace quantmlir::calibration {

/// What AWQ searches, and how finely.
struct AWQOptions {
  /// alpha is tried at 0, 1/grid, ... (grid - 1)/grid.
  int64_t grid = 20;
  /// Rows of W, evenly spaced, that alpha is chosen by; 0 = all. Rows are
  /// independent given s, so a sample of them tells.
  int64_t searchRows = 1024;
  /// Whether each block's range is shrunk to what gives the least error at the
  /// output, down to half. Needs blocks of one row.
  bool clip = true;
  int64_t clipSteps = 10;
};

/// What was found, and what it was good for.
struct AWQReport {
  /// What alpha was chosen.
  double alpha = 0;
  /// ||(W - What) X||^2 on the rows searched for each alpha tried, before
  /// clipping; that of alpha = 0 is rounding's.
  std::vector<double> searched;
  /// Blocks whose range was shrunk, of how many.
  int64_t clipped = 0, blocks = 0;
  /// ||(W - What) X||^2 of the result and of rounding W to nearest.
  double objective = 0, roundingObjective = 0;
};

/// A matrix quantized by AWQ.
struct AWQResult {
  /// Codes of W diag(s).
  QuantizedMatrix matrix;
  /// s, one for each of K columns: inputs are to be divided by it.
  std::vector<float> channelScales;
  AWQReport report;
};

/// s for one alpha, of geometric mean 1 between its extremes; 1 where a channel
/// is always zero.
std::vector<float> computeChannelScales(llvm::ArrayRef<double> absMean,
                                        double alpha);

/// The Hessian of inputs that were divided by `scales`.
void unscaleHessian(MatrixRef<double> hessian, llvm::ArrayRef<float> scales);

/// What the search for alpha found.
struct ChannelScaleSearch {
  double alpha = 0;
  /// s of that alpha.
  std::vector<float> scales;
  /// The loss of each alpha tried.
  std::vector<double> losses;
};

/// Weights and how they are to be quantized.
struct WeightsToSearch {
  ConstMatrix weights;
  WeightFormat format;
};

/// The alpha that loses least of the outputs of all `layers`, which read the
/// same inputs, each of which is quantized by its own format. An error where
/// none has a finite loss.
llvm::Expected<ChannelScaleSearch> searchChannelScales(
    llvm::ArrayRef<WeightsToSearch> layers, llvm::ArrayRef<double> absMean,
    MatrixRef<const double> hessian, const AWQOptions &options = {});

/// `absMean` is mean|x| of each of the K inputs, `hessian` their X X^T.
llvm::Expected<AWQResult> quantizeAWQ(ConstMatrix weights,
                                      llvm::ArrayRef<double> absMean,
                                      MatrixRef<const double> hessian,
                                      const WeightFormat &format,
                                      const AWQOptions &options = {});

/// A matrix quantized by both.
struct AWQThenGPTQResult {
  /// `matrix` holds GPTQ's codes of W diag(s); the report is of AWQ's search.
  AWQResult awq;
  GPTQReport gptq;
};

/// AWQ's channel scales, then GPTQ of the scaled weights for inputs that are
/// divided by them. No clips are searched for: GPTQ chooses its own ranges.
llvm::Expected<AWQThenGPTQResult>
quantizeAWQThenGPTQ(ConstMatrix weights, llvm::ArrayRef<double> absMean,
                    MatrixRef<const double> hessian, const WeightFormat &format,
                    AWQOptions awqOptions = {},
                    const GPTQOptions &gptqOptions = {});

/// Parameters of each block of `weights` whose clip, of `steps` between the
/// whole range and half of it, loses least under the block's part of `hessian`.
/// `clipped`, if given, is how many are not the whole range's. The blocks have
/// one row. `hessian` is of inputs before they were divided by `channelScales`,
/// if given.
WeightParams chooseClippedParams(ConstMatrix weights,
                                 MatrixRef<const double> hessian,
                                 const WeightFormat &format, int64_t steps,
                                 int64_t *clipped = nullptr,
                                 llvm::ArrayRef<float> channelScales = {});

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_ALGORITHMS_AWQ_H
