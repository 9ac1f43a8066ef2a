//===- GPTQ.h - Codes that make up for each other's errors ------*- C++ -*-===//
//
// GPTQ (Frantar et al., 2023): the columns of W (N×K) are quantized one after
// the other, and what each loses is taken from the columns not yet quantized,
// weighted by the inverse of H = X X^T (K×K, X the layer's inputs as
// K×samples). With U the upper triangular factor of H^-1 = U^T U:
//
//   for k = 0 .. K-1:   q = round(W[:, k]);   e = (W[:, k] - q) / U[k, k]
//                       W[:, k+1:] -= e U[k, k+1:]
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_ALGORITHMS_GPTQ_H
#define QUANTMLIR_CALIBRATION_ALGORITHMS_GPTQ_H

#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"

#include <cmath>

namespace quantmlir::calibration {

/// How GPTQ goes about it.
struct GPTQOptions {
  /// Columns after which the rest of W is brought up to date. Changes the speed
  /// and, by rounding alone, the result.
  int64_t blockSize = 128;
  /// Added to H's diagonal, as a fraction of its mean.
  double damping = 0.01;
  /// Columns with the largest diagonal of H first. Groups keep to the order of
  /// the matrix, so their parameters are then static.
  bool actOrder = false;
  /// Parameters of every group from the weights as they were given, rather than
  /// from what they have become when the group's turn comes. Always so where a
  /// block has more than one row.
  bool staticGroups = false;
  /// With `actOrder`: groups are of columns in the order in which they are
  /// quantized, with parameters from what the weights have become, and the
  /// result has the group of each column. For blocks of one row.
  bool orderedGroups = false;
};

/// What was done, and what it was good for.
struct GPTQReport {
  /// The fraction that H was damped by: the option, or ten, a hundred, ...
  /// times that where H was not numerically positive definite.
  double damping = 0;
  /// How often it was raised.
  unsigned dampingSteps = 0;
  /// Columns whose input is always zero; they are rounded to nearest.
  int64_t deadColumns = 0;
  /// ||(W - What) X||^2 of the result and of rounding to nearest, both under
  /// the H that was given.
  double objective = 0;
  double roundingObjective = 0;

  /// Below 1 where GPTQ helped; 1 where neither loses anything.
  double getRatio() const {
    return roundingObjective > 0 ? objective / roundingObjective
           : objective > 0       ? HUGE_VAL
                                 : 1.0;
  }
};

/// A matrix quantized by GPTQ.
struct GPTQResult {
  QuantizedMatrix matrix;
  GPTQReport report;
};

/// Quantizes `weights` for inputs with `hessian`, symmetric K×K. The result is
/// GPTQ's even where its objective exceeds rounding's: the report tells.
/// Fails where shapes do not match, `hessian` is not finite, symmetric or
/// positive semidefinite, or `weights` are not finite. With `channelScales` s
/// (K, positive), the codes are of W diag(s) for inputs divided by s, and the
/// report is of the layer for the inputs as they are.
///
/// Beside its arguments it needs K×K doubles, of which it keeps half while
/// codes are found, and about twice the weights.
llvm::Expected<GPTQResult>
quantizeGPTQ(ConstMatrix weights, MatrixRef<const double> hessian,
             const WeightFormat &format, const GPTQOptions &options = {},
             llvm::ArrayRef<float> channelScales = {});

/// An error where `hessian` is no X X^T of that many channels: not of that
/// shape, not finite, not symmetric, or larger than its diagonal allows.
llvm::Error checkHessian(MatrixRef<const double> hessian, int64_t channels);

/// ||(a - b) X||^2 where H = X X^T.
double computeObjective(ConstMatrix a, ConstMatrix b,
                        MatrixRef<const double> hessian);

/// Adds x^T x of `samples` (rows of K inputs) to `hessian`.
void accumulateHessian(ConstMatrix samples, MatrixRef<double> hessian);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_ALGORITHMS_GPTQ_H
