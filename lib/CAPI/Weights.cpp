//===- Weights.cpp - Matrices to quantized weights ------------------------===//

#include "quantmlir-c/Weights.h"

#include "mlir/CAPI/Support.h"
#include "mlir/CAPI/Wrap.h"
#include "quantmlir/Calibration/Algorithms/AWQ.h"
#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "quantmlir/Calibration/Algorithms/Hadamard.h"
#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "llvm/Support/MathExtras.h"

using namespace quantmlir::calibration;

namespace {
/// An array and what its view points to.
struct Part {
  std::vector<uint8_t> bytes;
  std::vector<int64_t> shape;
  std::string element;

  QuantmlirArray view() const {
    return {bytes.data(), bytes.size(), static_cast<intptr_t>(shape.size()),
            shape.data(), wrap(llvm::StringRef(element))};
  }
};

struct Weights {
  Weights(QuantizedMatrix quantized, const WeightFormat &format)
      : matrix(std::move(quantized)), format(format),
        encoding(format.getEncodingText()) {
    int64_t columns =
        llvm::divideCeil(matrix.columns * int64_t(format.bits), 8);
    codes = {packRowMajor(matrix, format.bits),
             {matrix.rows, columns},
             format.code == CodeKind::FP8E4M3   ? "f8E4M3FN"
             : format.code == CodeKind::FP8E5M2 ? "f8E5M2"
                                                : "i8"};
    std::vector<int64_t> shape = {matrix.params.blockRows,
                                  matrix.params.blockColumns};
    scales = {encodeScales(matrix.params.scales, format.scale), shape,
              getElementName(format.scale).str()};
    if (format.hasZeroPoint())
      zeroPoints = {
          encodeZeroPoints(matrix.params.zeroPoints, format.zeroPoint), shape,
          format.hasFloatZeroPoint() ? getElementName(format.zeroPoint).str()
                                     : "i8"};
  }

  QuantizedMatrix matrix;
  WeightFormat format;
  std::string encoding;
  Part codes, scales, zeroPoints;
};

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
  WeightFormat format = WeightFormat::get(*scheme->weights);
  if (llvm::Error error = format.verify())
    return std::move(error);
  if (llvm::Error error = format.verifyFits(weights.rows, weights.columns))
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
  return unwrap(weights)->codes.view();
}

QuantmlirArray quantmlirWeightsGetScales(QuantmlirWeights weights) {
  return unwrap(weights)->scales.view();
}

QuantmlirArray quantmlirWeightsGetZeroPoints(QuantmlirWeights weights) {
  return unwrap(weights)->zeroPoints.view();
}

MlirStringRef quantmlirWeightsGetEncoding(QuantmlirWeights weights) {
  return wrap(llvm::StringRef(unwrap(weights)->encoding));
}

void quantmlirWeightsDequantize(QuantmlirWeights weights,
                                QuantmlirMatrix result) {
  dequantize(unwrap(weights)->matrix, unwrap(weights)->format,
             toMatrix(result));
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
