//===- BlockParams.h - Scale and zero point of one block --------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_BLOCKPARAMS_H
#define QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_BLOCKPARAMS_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

#include <utility>

namespace quantmlir::calibration {

/// Scale and zero point (0) where `magnitude` is the largest.
std::pair<float, float> getSymmetricParams(float magnitude,
                                           const WeightFormat &format);
/// Scale and zero point of data in [low, high], which is widened to hold 0.
std::pair<float, float> getAsymmetricParams(float low, float high,
                                            const WeightFormat &format);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_ALGORITHMS_BLOCKPARAMS_H
