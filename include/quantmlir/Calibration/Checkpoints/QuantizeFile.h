//===- QuantizeFile.h - A file of weights, a layer at a time ----*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_CHECKPOINTS_QUANTIZEFILE_H
#define QUANTMLIR_CALIBRATION_CHECKPOINTS_QUANTIZEFILE_H

#include "quantmlir/Calibration/Algorithms/AWQ.h"
#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace quantmlir::calibration {

/// How codes of weights are found.
enum class WeightMethod {
  /// To nearest, under the parameters of the scheme's method.
  Round,
  GPTQ,
  AWQ,
  /// AWQ's channel scales, then GPTQ of the scaled weights.
  AWQAndGPTQ
};

/// What becomes of a file.
struct FileOptions {
  /// Safetensors files.
  std::string input, output;
  /// What layers' weights become, where the input is float.
  Scheme scheme;
  std::vector<SchemeOverride> overrides;
  WeightMethod method = WeightMethod::Round;
  GPTQOptions gptq;
  AWQOptions awq;
  /// For GPTQ and AWQ: `<layer>.input.xtx` and `.absmean`, as a calibration run
  /// wrote them (quantmlir/Calibration/Statistics.h).
  std::string statistics;
  /// The input holds quantized layers of this format, which keep their codes;
  /// `bits` where shapes do not tell them.
  std::optional<CheckpointFormat> from;
  unsigned bits = 0;
  /// With `from`, into our format: codes stay in the words that they are in,
  /// under a type with a `#quant_tensor.layout`. An error where there is none
  /// for them: codes that straddle words, whole bytes.
  bool keepLayout = false;
  /// The output's format; ours where unset.
  std::optional<CheckpointFormat> to;
  /// With `to`: the model's config.json. A copy with the checkpoint's
  /// `quantization_config` goes beside the output. Empty: none does.
  std::string config;
};

/// What became of one layer.
struct LayerReport {
  std::string name;
  int64_t rows = 0, columns = 0;
  /// Text of the `#quant_tensor.encoding`.
  std::string encoding;
  uint64_t inputBytes = 0, outputBytes = 0;
  /// Mean square of the weights over that of the error, in dB; infinite where
  /// there is none, unset where codes were given.
  std::optional<double> signalToNoise;
  std::optional<GPTQReport> gptq;
  std::optional<AWQReport> awq;
};

/// Where a file stands. `layer` is null for tensors that are copied.
struct FileProgress {
  uint64_t doneBytes = 0, totalBytes = 0;
  llvm::StringRef tensor;
  const LayerReport *layer = nullptr;
};

/// Quantizes (or converts) the layers of a file: matrices of f32, f16 or bf16
/// called `<layer>.weight` that the scheme, or the first override that matches
/// `<layer>`, does not leave alone. All other tensors are copied.
///
/// In our format `<layer>.weight` becomes `<layer>.weight.codes`, `.scales` and
/// `.zero_points` (where there are any) and, by AWQ, `.channel_scales`; the
/// metadata have "format" = "quantmlir.weights", "version" = "1", and under
/// `<layer>.weight` the text of the encoded tensor's type.
///
/// One layer is in memory at a time. The output appears when all is done; an
/// error names the tensor, and leaves nothing behind.
llvm::Expected<std::vector<LayerReport>>
quantizeFile(const FileOptions &options,
             llvm::function_ref<void(const FileProgress &)> onProgress);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_CHECKPOINTS_QUANTIZEFILE_H
