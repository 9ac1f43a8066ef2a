//===- Weights.cpp - Matrices to quantized weights ------------------------===//

#include "quantmlir-c/Weights.h"

#include "Support.h"
#include "mlir/CAPI/Wrap.h"
#include "quantmlir/Calibration/Algorithms/AWQ.h"
#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "quantmlir/Calibration/Algorithms/Hadamard.h"
#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"
#include "llvm/Support/MathExtras.h"

using namespace quantmlir::calibration;
using quantmlir::capi::Reporter;

namespace {
struct Weights {
  Weights(QuantizedMatrix quantized, const WeightFormat &format)
      : Weights(LayerWeights{format, std::move(quantized)}) {}
  explicit Weights(LayerWeights given)
      : layer(std::move(given)), encoding(layer.format.getEncodingText()),
        parts(makeParts(layer)) {}

  QuantmlirArray getPart(const char *name) const;

  LayerWeights layer;
  std::string encoding;
  quantmlir::io::ArrayMap parts;
};

using Tensors = std::vector<std::pair<std::string, quantmlir::io::Array>>;
} // namespace

DEFINE_C_API_PTR_METHODS(QuantmlirWeights, Weights)
DEFINE_C_API_PTR_METHODS(QuantmlirTensors, Tensors)

static QuantmlirArray view(const quantmlir::io::Array &array) {
  return {array.data.data, array.data.size,
          static_cast<intptr_t>(array.shape.size()), array.shape.data(),
          wrap(llvm::StringRef(array.element))};
}

QuantmlirArray Weights::getPart(const char *name) const {
  auto it = parts.find(name);
  if (it != parts.end())
    return view(it->second);
  return {nullptr, 0, 0, nullptr, wrap(llvm::StringRef())};
}

static MatrixRef<float> toMatrix(QuantmlirMatrix matrix) {
  return {matrix.data, matrix.rows, matrix.columns};
}

/// The format of a scheme's weights.
static llvm::Expected<WeightFormat> parseFormat(MlirStringRef text,
                                                QuantmlirMatrix weights) {
  llvm::Expected<Scheme> scheme = Scheme::parse(unwrap(text));
  if (!scheme)
    return scheme.takeError();
  if (!scheme->weights)
    return llvm::createStringError("the scheme leaves weights as they are");
  if (scheme->activations)
    return llvm::createStringError("the scheme quantizes activations, and "
                                   "there are weights alone");
  WeightFormat format =
      WeightFormat::get(*scheme->weights).fit(weights.rows, weights.columns);
  if (llvm::Error error = format.verify())
    return std::move(error);
  if (llvm::Error error = checkWeights(toMatrix(weights)))
    return std::move(error);
  return format;
}

/// What `quantizer` makes of `weights` in the format of a scheme; null once an
/// error was reported.
static QuantmlirWeights quantizeBy(
    QuantmlirMatrix weights, MlirStringRef scheme, Reporter report,
    llvm::function_ref<llvm::Expected<QuantizedMatrix>(const WeightFormat &)>
        quantizer) {
  std::optional<WeightFormat> format =
      report.take(parseFormat(scheme, weights));
  if (!format)
    return {nullptr};
  std::optional<QuantizedMatrix> matrix = report.take(quantizer(*format));
  if (!matrix)
    return {nullptr};
  return wrap(new Weights(std::move(*matrix), *format));
}

void quantmlirWeightsDestroy(QuantmlirWeights weights) {
  delete unwrap(weights);
}

QuantmlirArray quantmlirWeightsGetCodes(QuantmlirWeights weights) {
  return unwrap(weights)->getPart("codes");
}

QuantmlirArray quantmlirWeightsGetScales(QuantmlirWeights weights) {
  return unwrap(weights)->getPart("scales");
}

QuantmlirArray quantmlirWeightsGetZeroPoints(QuantmlirWeights weights) {
  return unwrap(weights)->getPart("zero_points");
}

QuantmlirArray quantmlirWeightsGetGroupIndex(QuantmlirWeights weights) {
  return unwrap(weights)->getPart("group_index");
}

int64_t quantmlirWeightsGetNumRows(QuantmlirWeights weights) {
  return unwrap(weights)->layer.matrix.rows;
}

int64_t quantmlirWeightsGetNumColumns(QuantmlirWeights weights) {
  return unwrap(weights)->layer.matrix.columns;
}

MlirStringRef quantmlirWeightsGetEncoding(QuantmlirWeights weights) {
  return wrap(llvm::StringRef(unwrap(weights)->encoding));
}

void quantmlirWeightsDequantize(QuantmlirWeights weights,
                                QuantmlirMatrix result) {
  const LayerWeights &layer = unwrap(weights)->layer;
  dequantize(layer.matrix, layer.format, toMatrix(result));
}

QuantmlirWeights quantmlirQuantizeWeights(QuantmlirMatrix weights,
                                          MlirStringRef scheme,
                                          MlirStringCallback onError,
                                          void *userData) {
  return quantizeBy(
      weights, scheme, {onError, userData},
      [&](const WeightFormat &format) -> llvm::Expected<QuantizedMatrix> {
        return quantize(toMatrix(weights), format);
      });
}

//===----------------------------------------------------------------------===//
// GPTQ and AWQ
//===----------------------------------------------------------------------===//

QuantmlirGPTQOptions quantmlirGPTQOptionsGetDefault(void) {
  GPTQOptions options;
  return {options.blockSize, options.damping, options.actOrder,
          options.staticGroups, options.orderedGroups};
}

static GPTQOptions unwrapOptions(const QuantmlirGPTQOptions &options) {
  return {options.blockSize, options.damping, options.actOrder,
          options.staticGroups, options.orderedGroups};
}

static QuantmlirGPTQReport wrapReport(const GPTQReport &report) {
  return {report.damping, report.dampingSteps, report.deadColumns,
          report.objective, report.roundingObjective};
}

QuantmlirWeights
quantmlirQuantizeGPTQ(QuantmlirMatrix weights, const double *hessian,
                      MlirStringRef scheme, QuantmlirGPTQOptions options,
                      QuantmlirGPTQReport *report, MlirStringCallback onError,
                      void *userData) {
  Reporter reportError{onError, userData};
  return quantizeBy(
      weights, scheme, reportError,
      [&](const WeightFormat &format) -> llvm::Expected<QuantizedMatrix> {
        llvm::Expected<GPTQResult> result = quantizeGPTQ(
            toMatrix(weights), {hessian, weights.columns, weights.columns},
            format, unwrapOptions(options));
        if (!result)
          return result.takeError();
        *report = wrapReport(result->report);
        return std::move(result->matrix);
      });
}

QuantmlirAWQOptions quantmlirAWQOptionsGetDefault(void) {
  AWQOptions options;
  return {options.grid, options.searchRows, options.clip, options.clipSteps};
}

static AWQOptions unwrapOptions(const QuantmlirAWQOptions &options) {
  return {options.grid, options.searchRows, options.clip, options.clipSteps};
}

/// The codes of `result`; the rest goes where the caller wants it.
static QuantizedMatrix takeAWQ(AWQResult &&result, float *channelScales,
                               double *searched, QuantmlirAWQReport *report) {
  *report = {result.report.alpha, result.report.clipped, result.report.blocks,
             result.report.objective, result.report.roundingObjective};
  llvm::copy(result.channelScales, channelScales);
  llvm::copy(result.report.searched, searched);
  return std::move(result.matrix);
}

QuantmlirWeights
quantmlirQuantizeAWQ(QuantmlirMatrix weights, const double *absMean,
                     const double *hessian, MlirStringRef scheme,
                     QuantmlirAWQOptions options, float *channelScales,
                     double *searched, QuantmlirAWQReport *report,
                     MlirStringCallback onError, void *userData) {
  Reporter reportError{onError, userData};
  return quantizeBy(
      weights, scheme, reportError,
      [&](const WeightFormat &format) -> llvm::Expected<QuantizedMatrix> {
        llvm::Expected<AWQResult> result = quantizeAWQ(
            toMatrix(weights), llvm::ArrayRef(absMean, weights.columns),
            {hessian, weights.columns, weights.columns}, format,
            unwrapOptions(options));
        if (!result)
          return result.takeError();
        return takeAWQ(std::move(*result), channelScales, searched, report);
      });
}

QuantmlirWeights quantmlirQuantizeAWQThenGPTQ(
    QuantmlirMatrix weights, const double *absMean, const double *hessian,
    MlirStringRef scheme, QuantmlirAWQOptions awqOptions,
    QuantmlirGPTQOptions gptqOptions, float *channelScales, double *searched,
    QuantmlirAWQReport *awqReport, QuantmlirGPTQReport *gptqReport,
    MlirStringCallback onError, void *userData) {
  Reporter reportError{onError, userData};
  return quantizeBy(
      weights, scheme, reportError,
      [&](const WeightFormat &format) -> llvm::Expected<QuantizedMatrix> {
        llvm::Expected<AWQThenGPTQResult> result = quantizeAWQThenGPTQ(
            toMatrix(weights), llvm::ArrayRef(absMean, weights.columns),
            {hessian, weights.columns, weights.columns}, format,
            unwrapOptions(awqOptions), unwrapOptions(gptqOptions));
        if (!result)
          return result.takeError();
        *gptqReport = wrapReport(result->gptq);
        return takeAWQ(std::move(result->awq), channelScales, searched,
                       awqReport);
      });
}

void quantmlirAccumulateHessian(QuantmlirMatrix samples, double *hessian) {
  accumulateHessian(toMatrix(samples),
                    {hessian, samples.columns, samples.columns});
}

double quantmlirComputeObjective(QuantmlirMatrix a, QuantmlirMatrix b,
                                 const double *hessian) {
  return computeObjective(toMatrix(a), toMatrix(b),
                          {hessian, a.columns, a.columns});
}

//===----------------------------------------------------------------------===//
// SmoothQuant and rotations
//===----------------------------------------------------------------------===//

void quantmlirComputeSmoothScales(intptr_t numChannels,
                                  const float *inputAbsMax,
                                  const float *weightAbsMax, double alpha,
                                  float *scales) {
  llvm::copy(computeSmoothScales({inputAbsMax, size_t(numChannels)},
                                 {weightAbsMax, size_t(numChannels)}, alpha),
             scales);
}

MlirLogicalResult
quantmlirSearchSmoothAlpha(QuantmlirMatrix samples, intptr_t numWeights,
                           const QuantmlirMatrix *weights, MlirStringRef scheme,
                           int64_t steps, double *alpha, float *scales,
                           double *alphas, double *losses,
                           MlirStringCallback onError, void *userData) {
  auto search = [&]() -> llvm::Expected<SmoothSearch> {
    llvm::Expected<Scheme> parsed = Scheme::parse(unwrap(scheme));
    if (!parsed)
      return parsed.takeError();
    if (!parsed->weights || !parsed->activations)
      return llvm::createStringError(
          "the scheme must quantize weights and activations");
    std::vector<LayerToSmooth> layers;
    for (const QuantmlirMatrix &matrix : llvm::ArrayRef(weights, numWeights))
      layers.push_back({toMatrix(matrix), WeightFormat::get(*parsed->weights),
                        WeightFormat::get(*parsed->activations)});
    return searchSmoothAlpha(toMatrix(samples), layers, steps);
  };
  std::optional<SmoothSearch> found =
      Reporter{onError, userData}.take(search());
  if (!found)
    return wrap(mlir::failure());
  *alpha = found->alpha;
  llvm::copy(found->scales, scales);
  llvm::copy(found->alphas, alphas);
  llvm::copy(found->losses, losses);
  return wrap(mlir::success());
}

MlirLogicalResult quantmlirHadamardRotate(QuantmlirMatrix rows, uint64_t seed,
                                          bool inverse,
                                          MlirStringCallback onError,
                                          void *userData) {
  std::optional<HadamardRotation> rotation = Reporter{onError, userData}.take(
      HadamardRotation::create(rows.columns, seed));
  if (!rotation)
    return wrap(mlir::failure());
  if (inverse)
    rotation->applyInverse(toMatrix(rows));
  else
    rotation->apply(toMatrix(rows));
  return wrap(mlir::success());
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

intptr_t quantmlirTensorsGetSize(QuantmlirTensors tensors) {
  return unwrap(tensors)->size();
}

MlirStringRef quantmlirTensorsGetName(QuantmlirTensors tensors,
                                      intptr_t index) {
  return wrap(llvm::StringRef((*unwrap(tensors))[index].first));
}

QuantmlirArray quantmlirTensorsGetArray(QuantmlirTensors tensors,
                                        intptr_t index) {
  return view((*unwrap(tensors))[index].second);
}

void quantmlirTensorsDestroy(QuantmlirTensors tensors) {
  delete unwrap(tensors);
}

QuantmlirTensors quantmlirWeightsToCheckpoint(QuantmlirWeights weights,
                                              MlirStringRef format,
                                              MlirStringCallback onError,
                                              void *userData) {
  Reporter report{onError, userData};
  std::optional<CheckpointFormat> parsed =
      report.take(parseCheckpointFormat(unwrap(format)));
  if (!parsed)
    return {nullptr};
  auto tensors = report.take(writeLayer(*parsed, unwrap(weights)->layer));
  if (!tensors)
    return {nullptr};
  return wrap(new Tensors(tensors->begin(), tensors->end()));
}

QuantmlirWeights quantmlirWeightsFromCheckpoint(
    MlirStringRef format, intptr_t numTensors, const MlirStringRef *suffixes,
    const QuantmlirArray *arrays, unsigned bits, bool isSigned,
    MlirStringCallback onError, void *userData) {
  Reporter report{onError, userData};
  std::optional<CheckpointFormat> parsed =
      report.take(parseCheckpointFormat(unwrap(format)));
  if (!parsed)
    return {nullptr};
  quantmlir::io::ArrayMap tensors;
  for (intptr_t i = 0; i < numTensors; ++i) {
    const QuantmlirArray &array = arrays[i];
    int64_t bytes =
        quantmlir::io::getElementBytes(std::string_view(unwrap(array.element)));
    bool fits = bytes != 0;
    for (int64_t extent : llvm::ArrayRef(array.shape, array.rank))
      fits &= extent >= 0 && !llvm::MulOverflow(bytes, extent, bytes);
    if (!fits || static_cast<size_t>(bytes) != array.numBytes) {
      report(llvm::createStringError(
          "'" + unwrap(suffixes[i]) +
          "' has other bytes than its type and shape say"));
      return {nullptr};
    }
    tensors[unwrap(suffixes[i]).str()] = {
        unwrap(array.element).str(),
        std::vector<int64_t>(array.shape, array.shape + array.rank),
        {nullptr, static_cast<const uint8_t *>(array.data), array.numBytes}};
  }
  std::optional<LayerWeights> layer =
      report.take(readLayer(*parsed, tensors, bits));
  if (!layer)
    return {nullptr};
  if (isSigned)
    *layer = toSigned(std::move(*layer));
  return wrap(new Weights(std::move(*layer)));
}

MlirLogicalResult quantmlirCheckpointGetLayout(MlirStringRef format,
                                               unsigned bits,
                                               MlirStringCallback onLayout,
                                               MlirStringCallback onError,
                                               void *userData) {
  std::optional<CheckpointFormat> parsed =
      Reporter{onError, userData}.take(parseCheckpointFormat(unwrap(format)));
  if (!parsed)
    return wrap(mlir::failure());
  std::string text;
  if (auto packing = getCodePacking(*parsed, bits))
    text = packing->getLayoutText();
  onLayout(wrap(llvm::StringRef(text)), userData);
  return wrap(mlir::success());
}
