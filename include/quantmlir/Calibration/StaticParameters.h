//===- StaticParameters.h - Scales from statistics --------------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_STATICPARAMETERS_H
#define QUANTMLIR_CALIBRATION_STATICPARAMETERS_H

#include "quantmlir/Calibration/Scheme.h"
#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

namespace quantmlir::calibration {

/// x = (code - zeroPoint) * scale.
struct StaticParameters {
  /// As the encoding's scale type holds it.
  double scale = 1;
  int64_t zeroPoint = 0;
};

/// Parameters of a whole tensor of which `statistics` were seen, as
/// `quant_tensor.choose_params` defines each method; percentile, mse and kl
/// know the data as a histogram only, whose bins are at most 1/1024 of the
/// largest magnitude wide. A zero point is an integer of the code range. Fails
/// where nothing was seen or a statistic that the method needs was not kept.
llvm::Expected<StaticParameters>
chooseStaticParameters(quant_tensor::EncodingAttr encoding,
                       const TensorScheme &scheme,
                       const TensorStatistics &statistics);

/// Parameters for data in [low, high]: `absmax` of it without a zero point in
/// `encoding`, else `minmax`.
StaticParameters makeStaticParameters(quant_tensor::EncodingAttr encoding,
                                      double low, double high);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_STATICPARAMETERS_H
