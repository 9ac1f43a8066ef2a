//===- QuantizationConfig.h - What config.json says of it -------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_CHECKPOINTS_QUANTIZATIONCONFIG_H
#define QUANTMLIR_CALIBRATION_CHECKPOINTS_QUANTIZATIONCONFIG_H

#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"

#include "llvm/Support/JSON.h"

namespace quantmlir::calibration {

/// How one layer of a checkpoint is stored: its weight's format, unset for a
/// matrix that stayed float.
struct LayerFormat {
  std::string name;
  std::optional<WeightFormat> format;
  /// Whether an index gives the group of each column.
  bool hasGroupIndex = false;
};

/// The `quantization_config` of a model's config.json, by which Transformers
/// and vLLM know how to read a checkpoint of `format`. Layers that differ from
/// the first are entries of `dynamic` (GPTQ) or groups of their own
/// (compressed-tensors); AWQ has no place for them, which is an error.
llvm::Expected<llvm::json::Object>
makeQuantizationConfig(CheckpointFormat format,
                       llvm::ArrayRef<LayerFormat> layers);

/// Reads the object in the file `path`, a model's config.json.
llvm::Expected<llvm::json::Object> readConfig(llvm::StringRef path);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_CHECKPOINTS_QUANTIZATIONCONFIG_H
