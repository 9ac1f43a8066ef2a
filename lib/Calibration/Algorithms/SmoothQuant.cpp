//===- SmoothQuant.cpp - Outliers moved into weights ----------------------===//

#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "MatrixKernels.h"
#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"

#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace quantmlir::calibration;

std::vector<float> quantmlir::calibration::getColumnAbsMax(ConstMatrix matrix) {
  std::vector<float> result(matrix.columns);
  for (int64_t i = 0; i < matrix.rows; ++i)
    for (int64_t k = 0; k < matrix.columns; ++k)
      result[k] = std::max(result[k], std::fabs(matrix(i, k)));
  return result;
}

std::vector<float>
quantmlir::calibration::computeSmoothScales(llvm::ArrayRef<float> inputAbsMax,
                                            llvm::ArrayRef<float> weightAbsMax,
                                            double alpha) {
  std::vector<float> scales(inputAbsMax.size(), 1.0f);
  for (auto [scale, input, weight] :
       llvm::zip_equal(scales, inputAbsMax, weightAbsMax)) {
    if (input == 0 || weight == 0)
      continue;
    double value = std::pow(double(input), alpha) /
                   std::pow(static_cast<double>(weight), 1 - alpha);
    // Neither 0 nor infinite as f32, and nor is its inverse.
    scale = static_cast<float>(std::clamp(value, 0x1p-120, 0x1p120));
  }
  return scales;
}

/// `matrix` with its columns multiplied or divided by `scales`, quantized and
/// decoded where there is a format; under the parameters of `element` alone,
/// where it is given.
static std::vector<float> simulate(ConstMatrix matrix,
                                   llvm::ArrayRef<float> scales, bool divide,
                                   const WeightFormat *format,
                                   llvm::ArrayRef<float> element = {}) {
  std::vector<float> scaled(matrix.rows * matrix.columns);
  MatrixRef<float> view(scaled.data(), matrix.rows, matrix.columns);
  llvm::parallelFor(0, matrix.rows, [&](size_t i) {
    for (int64_t k = 0; k < matrix.columns; ++k)
      view(i, k) = divide ? matrix(i, k) / scales[k] : matrix(i, k) * scales[k];
  });
  if (!format)
    return scaled;
  if (element.empty()) {
    dequantize(quantize(view, *format), *format, view);
    return scaled;
  }
  WeightParams params{1, 1, {chooseBlockParams(element, *format).first}, {}};
  dequantize(quantize(view, *format, params), *format, view);
  return scaled;
}

static std::vector<float> transpose(ConstMatrix matrix) {
  std::vector<float> result(matrix.rows * matrix.columns);
  for (int64_t i = 0; i < matrix.rows; ++i)
    for (int64_t k = 0; k < matrix.columns; ++k)
      result[k * matrix.rows + i] = matrix(i, k);
  return result;
}

/// ||x a - y b||^2 for x, y of the same rows and a, b of the same columns.
static double getDistance(ConstMatrix x, ConstMatrix a, ConstMatrix y,
                          ConstMatrix b) {
  constexpr int64_t chunk = 96;
  int64_t numChunks = (x.rows + chunk - 1) / chunk;
  std::vector<double> sums(numChunks);
  llvm::parallelFor(0, numChunks, [&](size_t index) {
    int64_t first = index * chunk, rows = std::min(chunk, x.rows - first);
    std::vector<float> left(rows * a.columns), right(rows * a.columns);
    subtractProduct(x.rowRange(first, rows), a,
                    MatrixRef<float>{left.data(), rows, a.columns});
    subtractProduct(y.rowRange(first, rows), b,
                    MatrixRef<float>{right.data(), rows, a.columns});
    double sum = 0;
    for (auto [l, r] : llvm::zip_equal(left, right))
      sum += (double(l) - double(r)) * (double(l) - double(r));
    sums[index] = sum;
  });
  double sum = 0;
  for (double part : sums)
    sum += part;
  return sum;
}

static llvm::Error checkLayer(const LayerToSmooth &layer, ConstMatrix samples) {
  if (llvm::Error error = layer.format.verify())
    return error;
  if (layer.inputFormat)
    if (llvm::Error error = layer.inputFormat->verify())
      return error;
  if (layer.weights.columns != samples.columns)
    return llvm::createStringError("the weights have " +
                                   llvm::Twine(layer.weights.columns) +
                                   " columns, but samples have " +
                                   llvm::Twine(samples.columns) + " channels");
  return checkWeights(layer.weights);
}

/// `samples` divided by `scales` as `layer` sees them; `largest` is the largest
/// magnitude of all that are.
static std::vector<float> simulateInputs(const LayerToSmooth &layer,
                                         ConstMatrix samples,
                                         llvm::ArrayRef<float> scales,
                                         float largest) {
  const std::optional<WeightFormat> &format = layer.inputFormat;
  // Other methods and zero points look at the data.
  bool isOfLargest = format && layer.isStatic &&
                     format->method == Method::AbsMax &&
                     !format->hasZeroPoint();
  return simulate(samples, scales, /*divide=*/true, format ? &*format : nullptr,
                  isOfLargest ? llvm::ArrayRef(largest)
                              : llvm::ArrayRef<float>());
}

llvm::Expected<SmoothSearch> quantmlir::calibration::searchSmoothAlpha(
    ConstMatrix samples, llvm::ArrayRef<LayerToSmooth> layers, int64_t steps,
    llvm::ArrayRef<float> givenAbsMax) {
  if (layers.empty() || samples.rows == 0 || steps < 1)
    return llvm::createStringError(
        "a search for alpha needs weights, samples and a step");
  if (auto where = findNonFinite(samples))
    return llvm::createStringError("sample " + llvm::Twine(where->first) +
                                   " is NaN or infinite in channel " +
                                   llvm::Twine(where->second));
  std::vector<float> inputAbsMax = getColumnAbsMax(samples);
  for (auto [index, magnitude] : llvm::enumerate(givenAbsMax))
    inputAbsMax[index] = std::max(inputAbsMax[index], magnitude);
  std::vector<float> weightAbsMax(samples.columns);
  std::vector<std::vector<float>> transposed;
  for (const LayerToSmooth &layer : layers) {
    if (llvm::Error error = checkLayer(layer, samples))
      return std::move(error);
    for (auto [all, one] :
         llvm::zip_equal(weightAbsMax, getColumnAbsMax(layer.weights)))
      all = std::max(all, one);
    transposed.push_back(transpose(layer.weights));
  }

  SmoothSearch search;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t step = 0; step <= steps; ++step) {
    double alpha = static_cast<double>(step) / static_cast<double>(steps);
    std::vector<float> scales =
        computeSmoothScales(inputAbsMax, weightAbsMax, alpha);
    float largest = 0;
    for (auto [magnitude, scale] : llvm::zip_equal(inputAbsMax, scales))
      largest = std::max(largest, magnitude / scale);
    double loss = 0;
    for (auto [layer, exact] : llvm::zip_equal(layers, transposed)) {
      ConstMatrix matrix = layer.weights;
      std::vector<float> inputs =
          simulateInputs(layer, samples, scales, largest);
      std::vector<float> simulated =
          simulate(matrix, scales, /*divide=*/false, &layer.format);
      simulated = transpose({simulated.data(), matrix.rows, matrix.columns});
      loss += getDistance({inputs.data(), samples.rows, samples.columns},
                          {simulated.data(), matrix.columns, matrix.rows},
                          samples, {exact.data(), matrix.columns, matrix.rows});
    }
    search.alphas.push_back(alpha);
    search.losses.push_back(loss);
    if (!(loss < least))
      continue;
    least = loss;
    search.alpha = alpha;
    search.scales = std::move(scales);
  }
  if (search.scales.empty())
    return llvm::createStringError("no alpha has a finite loss");
  return search;
}

std::vector<int64_t>
quantmlir::calibration::chooseOutlierColumns(llvm::ArrayRef<float> inputAbsMax,
                                             float threshold) {
  std::vector<int64_t> columns;
  for (auto [index, magnitude] : llvm::enumerate(inputAbsMax))
    if (magnitude >= threshold)
      columns.push_back(index);
  return columns;
}
