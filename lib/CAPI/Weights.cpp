//===- Weights.cpp - Matrices to quantized weights ------------------------===//

#include "quantmlir-c/Weights.h"

#include "mlir/CAPI/Support.h"
#include "mlir/CAPI/Wrap.h"
#include "quantmlir/Calibration/Algorithms/AWQ.h"
#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "quantmlir/Calibration/Algorithms/Hadamard.h"
#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "quantmlir/Calibration/Checkpoints/Checkpoints.h"

using namespace quantmlir::calibration;

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

/// Where errors go.
struct Reporter {
  MlirStringCallback onError;
  void *userData;

  void operator()(llvm::Error error) const {
    std::string message = llvm::toString(std::move(error));
    onError(wrap(llvm::StringRef(message)), userData);
  }
};
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

static llvm::Error makeError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// The format of a scheme's weights.
static llvm::Expected<WeightFormat> parseFormat(MlirStringRef text,
                                                QuantmlirMatrix weights) {
  llvm::Expected<Scheme> scheme = Scheme::parse(unwrap(text));
  if (!scheme)
    return scheme.takeError();
  if (!scheme->weights)
    return makeError("the scheme leaves weights as they are");
  WeightFormat format =
      WeightFormat::get(*scheme->weights).fit(weights.rows, weights.columns);
  if (llvm::Error error = format.verify())
    return std::move(error);
  if (auto where = findNonFinite(toMatrix(weights)))
    return makeError("the weight at [" + llvm::Twine(where->first) + ", " +
                     llvm::Twine(where->second) + "] is NaN or infinite");
  return format;
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
  Reporter report{onError, userData};
  llvm::Expected<WeightFormat> format = parseFormat(scheme, weights);
  if (!format) {
    report(format.takeError());
    return {nullptr};
  }
  return wrap(new Weights(quantize(toMatrix(weights), *format), *format));
}

//===----------------------------------------------------------------------===//
// GPTQ and AWQ
//===----------------------------------------------------------------------===//

QuantmlirGPTQOptions quantmlirGPTQOptionsGetDefault(void) {
  GPTQOptions options;
  return {options.blockSize, options.damping, options.actOrder,
          options.staticGroups};
}

QuantmlirWeights
quantmlirQuantizeGPTQ(QuantmlirMatrix weights, const double *hessian,
                      MlirStringRef scheme, QuantmlirGPTQOptions options,
                      QuantmlirGPTQReport *report, MlirStringCallback onError,
                      void *userData) {
  Reporter reportError{onError, userData};
  llvm::Expected<WeightFormat> format = parseFormat(scheme, weights);
  if (!format) {
    reportError(format.takeError());
    return {nullptr};
  }
  llvm::Expected<GPTQResult> result = quantizeGPTQ(
      toMatrix(weights), {hessian, weights.columns, weights.columns}, *format,
      {options.blockSize, options.damping, options.actOrder,
       options.staticGroups});
  if (!result) {
    reportError(result.takeError());
    return {nullptr};
  }
  *report = {result->report.damping, result->report.dampingSteps,
             result->report.deadColumns, result->report.objective,
             result->report.roundingObjective};
  return wrap(new Weights(std::move(result->matrix), *format));
}

QuantmlirAWQOptions quantmlirAWQOptionsGetDefault(void) {
  AWQOptions options;
  return {options.grid, options.searchRows, options.clip, options.clipSteps};
}

QuantmlirWeights
quantmlirQuantizeAWQ(QuantmlirMatrix weights, const double *absMean,
                     const double *hessian, MlirStringRef scheme,
                     QuantmlirAWQOptions options, float *channelScales,
                     double *searched, QuantmlirAWQReport *report,
                     MlirStringCallback onError, void *userData) {
  Reporter reportError{onError, userData};
  llvm::Expected<WeightFormat> format = parseFormat(scheme, weights);
  if (!format) {
    reportError(format.takeError());
    return {nullptr};
  }
  llvm::Expected<AWQResult> result = quantizeAWQ(
      toMatrix(weights), llvm::ArrayRef(absMean, weights.columns),
      {hessian, weights.columns, weights.columns}, *format,
      {options.grid, options.searchRows, options.clip, options.clipSteps});
  if (!result) {
    reportError(result.takeError());
    return {nullptr};
  }
  *report = {result->report.alpha, result->report.clipped,
             result->report.blocks, result->report.objective,
             result->report.roundingObjective};
  llvm::copy(result->channelScales, channelScales);
  llvm::copy(result->report.searched, searched);
  return wrap(new Weights(std::move(result->matrix), *format));
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
  Reporter report{onError, userData};
  auto search = [&]() -> llvm::Expected<SmoothSearch> {
    llvm::Expected<Scheme> parsed = Scheme::parse(unwrap(scheme));
    if (!parsed)
      return parsed.takeError();
    if (!parsed->weights || !parsed->activations)
      return makeError("the scheme must quantize weights and activations");
    std::vector<ConstMatrix> matrices;
    for (const QuantmlirMatrix &matrix : llvm::ArrayRef(weights, numWeights))
      matrices.push_back(toMatrix(matrix));
    return searchSmoothAlpha(toMatrix(samples), matrices,
                             WeightFormat::get(*parsed->activations),
                             WeightFormat::get(*parsed->weights), steps);
  }();
  if (!search) {
    report(search.takeError());
    return wrap(mlir::failure());
  }
  *alpha = search->alpha;
  llvm::copy(search->scales, scales);
  llvm::copy(search->alphas, alphas);
  llvm::copy(search->losses, losses);
  return wrap(mlir::success());
}

MlirLogicalResult quantmlirHadamardRotate(QuantmlirMatrix rows, uint64_t seed,
                                          bool inverse,
                                          MlirStringCallback onError,
                                          void *userData) {
  llvm::Expected<HadamardRotation> rotation =
      HadamardRotation::create(rows.columns, seed);
  if (!rotation) {
    Reporter{onError, userData}(rotation.takeError());
    return wrap(mlir::failure());
  }
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
  llvm::Expected<CheckpointFormat> parsed =
      parseCheckpointFormat(unwrap(format));
  if (!parsed) {
    report(parsed.takeError());
    return {nullptr};
  }
  auto tensors = writeLayer(*parsed, unwrap(weights)->layer);
  if (!tensors) {
    report(tensors.takeError());
    return {nullptr};
  }
  return wrap(new Tensors(tensors->begin(), tensors->end()));
}

QuantmlirWeights quantmlirWeightsFromCheckpoint(
    MlirStringRef format, intptr_t numTensors, const MlirStringRef *suffixes,
    const QuantmlirArray *arrays, unsigned bits, bool isSigned,
    MlirStringCallback onError, void *userData) {
  Reporter report{onError, userData};
  llvm::Expected<CheckpointFormat> parsed =
      parseCheckpointFormat(unwrap(format));
  if (!parsed) {
    report(parsed.takeError());
    return {nullptr};
  }
  quantmlir::io::ArrayMap tensors;
  for (intptr_t i = 0; i < numTensors; ++i) {
    const QuantmlirArray &array = arrays[i];
    size_t bytes =
        quantmlir::io::getElementBytes(std::string_view(unwrap(array.element)));
    for (int64_t extent : llvm::ArrayRef(array.shape, array.rank))
      bytes *= extent;
    if (bytes != array.numBytes) {
      report(makeError("'" + unwrap(suffixes[i]) +
                       "' has other bytes than its type and shape say"));
      return {nullptr};
    }
    tensors[unwrap(suffixes[i]).str()] = {
        unwrap(array.element).str(),
        std::vector<int64_t>(array.shape, array.shape + array.rank),
        {nullptr, static_cast<const uint8_t *>(array.data), array.numBytes}};
  }
  llvm::Expected<LayerWeights> layer = readLayer(*parsed, tensors, bits);
  if (!layer) {
    report(layer.takeError());
    return {nullptr};
  }
  if (isSigned)
    *layer = toSigned(std::move(*layer));
  return wrap(new Weights(std::move(*layer)));
}

MlirLogicalResult quantmlirCheckpointGetLayout(MlirStringRef format,
                                               unsigned bits,
                                               MlirStringCallback onLayout,
                                               MlirStringCallback onError,
                                               void *userData) {
  llvm::Expected<CheckpointFormat> parsed =
      parseCheckpointFormat(unwrap(format));
  if (!parsed) {
    Reporter{onError, userData}(parsed.takeError());
    return wrap(mlir::failure());
  }
  std::string text;
  if (auto packing = getCodePacking(*parsed, bits))
    text = packing->getLayoutText();
  onLayout(wrap(llvm::StringRef(text)), userData);
  return wrap(mlir::success());
}
