//===- KnownCodes.h - Codes that are made while compiling -------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_KNOWNCODES_H
#define QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_KNOWNCODES_H

#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "quantmlir/Calibration/Layers.h"
#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Calibration/WeightValues.h"

namespace quantmlir::calibration {

/// The parts (codes, scales, zero points) that GPTQ makes of a layer's weight
/// for inputs of these statistics, as the weight lies. `report` says what it
/// was good for.
llvm::Expected<io::ArrayMap> quantizeLayerByGPTQ(const Layer &layer,
                                                 const TensorScheme &scheme,
                                                 const WeightValues &values,
                                                 const TensorStatistics &inputs,
                                                 GPTQReport &report);

/// An encoded tensor of constant parts. Fails where these are not what `type`
/// is made of.
llvm::Expected<mlir::Value> assembleConstants(mlir::OpBuilder &builder,
                                              mlir::Location loc,
                                              mlir::RankedTensorType type,
                                              const io::ArrayMap &parts);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_LIB_CALIBRATION_TRANSFORMS_KNOWNCODES_H
