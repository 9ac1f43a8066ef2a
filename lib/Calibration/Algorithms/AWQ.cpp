//===- AWQ.cpp - Scales that protect weights of large inputs --------------===//

#include "quantmlir/Calibration/Algorithms/AWQ.h"
#include "BlockParams.h"
#include "Codes.h"
#include "MatrixKernels.h"
#include "quantmlir/Calibration/Algorithms/GPTQ.h"

#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

using namespace quantmlir::calibration;

std::vector<float>
quantmlir::calibration::computeChannelScales(llvm::ArrayRef<double> absMean,
                                             double alpha) {
  std::vector<float> scales(absMean.size(), 1.0f);
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (double mean : absMean) {
    if (mean == 0)
      continue;
    least = std::min(least, std::pow(mean, alpha));
    most = std::max(most, std::pow(mean, alpha));
  }
  double middle = std::sqrt(least) * std::sqrt(most);
  for (auto [scale, mean] : llvm::zip_equal(scales, absMean))
    if (mean != 0)
      // Neither 0 nor infinite as f32, and nor is its inverse.
      scale = static_cast<float>(
          std::clamp(std::pow(mean, alpha) / middle, 0x1p-120, 0x1p120));
  return scales;
}

/// Multiplies column k of `weights` by `scales[k]`.
static void scaleColumns(MatrixRef<float> weights,
                         llvm::ArrayRef<float> scales) {
  llvm::parallelFor(0, weights.rows, [&](size_t row) {
    float *elements = weights.row(row);
    for (int64_t k = 0; k < weights.columns; ++k)
      elements[k] *= scales[k];
  });
}

void quantmlir::calibration::unscaleHessian(MatrixRef<double> hessian,
                                            llvm::ArrayRef<float> scales) {
  for (int64_t i = 0; i < hessian.rows; ++i)
    for (int64_t j = 0; j < hessian.columns; ++j)
      hessian(i, j) /=
          static_cast<double>(scales[i]) * static_cast<double>(scales[j]);
}

//===----------------------------------------------------------------------===//
// Clips
//===----------------------------------------------------------------------===//

/// Rows that a thread works on at once.
static constexpr int64_t chunk = 48;

static std::pair<float, float> getParams(float low, float high,
                                         const WeightFormat &format) {
  if (format.hasZeroPoint())
    return getAsymmetricParams(low, high, format);
  return getSymmetricParams(std::max(-low, high), format);
}

namespace {
/// Tries clips on a chunk of rows of one column of blocks.
struct ClipSearch {
  ConstMatrix weights;
  MatrixRef<const double> hessian;
  const WeightFormat &format;
  int64_t steps;
  llvm::ArrayRef<float> channelScales;

  /// e^T H e of each row of errors.
  static void computeLosses(MatrixRef<double> errors,
                            MatrixRef<const double> hessian,
                            MatrixRef<double> products, double *losses) {
    std::fill_n(products.data, products.rows * products.columns, 0.0);
    subtractProduct(errors, hessian, products);
    for (int64_t i = 0; i < errors.rows; ++i) {
      losses[i] = 0;
      for (int64_t j = 0; j < errors.columns; ++j)
        losses[i] -= products(i, j) * errors(i, j);
    }
  }

  int64_t run(int64_t firstRow, int64_t firstColumn, int64_t width,
              int64_t block, WeightParams &params) const {
    int64_t rows = std::min(chunk, weights.rows - firstRow);
    std::vector<double> errorStorage(rows * width),
        productStorage(rows * width);
    MatrixRef<double> errors(errorStorage.data(), rows, width);
    MatrixRef<double> products(productStorage.data(), rows, width);
    // The block's part of H, of the inputs that it is for.
    std::vector<double> partStorage(width * width);
    MatrixRef<double> part(partStorage.data(), width, width);
    for (int64_t i = 0; i < width; ++i)
      std::copy_n(&hessian(firstColumn + i, firstColumn), width, part.row(i));
    if (!channelScales.empty())
      unscaleHessian(part, channelScales.slice(firstColumn, width));
    std::vector<uint8_t> codes(width);
    std::vector<float> decoded(width);
    double losses[chunk], best[chunk];
    std::pair<float, float> candidates[chunk];
    bool isClipped[chunk] = {};
    for (int64_t step = 0; step <= steps; ++step) {
      float fraction =
          1.0f - 0.5f * static_cast<float>(step) / static_cast<float>(steps);
      for (int64_t i = 0; i < rows; ++i) {
        llvm::ArrayRef<float> elements(weights.row(firstRow + i) + firstColumn,
                                       width);
        auto [low, high] =
            std::minmax_element(elements.begin(), elements.end());
        candidates[i] = getParams(std::min(*low, 0.0f) * fraction,
                                  std::max(*high, 0.0f) * fraction, format);
        auto [scale, zeroPoint] = candidates[i];
        encodeRun(format, elements.data(), width, scale, zeroPoint,
                  codes.data());
        decodeRun(format, codes.data(), width, scale, zeroPoint,
                  decoded.data());
        for (int64_t j = 0; j < width; ++j)
          errors(i, j) = double(elements[j]) - double(decoded[j]);
      }
      computeLosses(errors, part, products, losses);
      for (int64_t i = 0; i < rows; ++i) {
        // The widest of equals.
        if (step != 0 && !(losses[i] < best[i]))
          continue;
        best[i] = losses[i];
        isClipped[i] = step != 0;
        int64_t index = (firstRow + i) * params.blockColumns + block;
        params.scales[index] = candidates[i].first;
        if (format.hasZeroPoint())
          params.zeroPoints[index] = candidates[i].second;
      }
    }
    return std::count(isClipped, isClipped + rows, true);
  }
};
} // namespace

WeightParams quantmlir::calibration::chooseClippedParams(
    ConstMatrix weights, MatrixRef<const double> hessian,
    const WeightFormat &format, int64_t steps, int64_t *clipped,
    llvm::ArrayRef<float> channelScales) {
  WeightParams params =
      WeightParams::allocate(format, weights.rows, weights.columns);
  int64_t width = format.blockColumns ? format.blockColumns : weights.columns;
  ClipSearch search{weights, hessian, format, steps, channelScales};
  std::atomic<int64_t> total(0);
  llvm::parallelFor(0, (weights.rows + chunk - 1) / chunk, [&](size_t index) {
    for (int64_t block = 0; block < params.blockColumns; ++block)
      total += search.run(index * chunk, block * width,
                          std::min(width, weights.columns - block * width),
                          block, params);
  });
  if (clipped)
    *clipped = total;
  return params;
}

//===----------------------------------------------------------------------===//
// The search for alpha
//===----------------------------------------------------------------------===//

static llvm::Error checkInputs(ConstMatrix weights,
                               llvm::ArrayRef<double> absMean,
                               MatrixRef<const double> hessian,
                               const WeightFormat &format,
                               const AWQOptions &options) {
  if (llvm::Error error = format.verify())
    return error;
  if (static_cast<int64_t>(absMean.size()) != weights.columns)
    return llvm::createStringError("there are means of " +
                                   llvm::Twine(absMean.size()) +
                                   " channels, but the weights have " +
                                   llvm::Twine(weights.columns) + " columns");
  if (llvm::Error error = checkHessian(hessian, weights.columns))
    return error;
  for (auto [index, mean] : llvm::enumerate(absMean))
    if (!(mean >= 0) || !std::isfinite(mean))
      return llvm::createStringError("mean|x| of channel " +
                                     llvm::Twine(index) +
                                     " is negative, NaN or infinite");
  if (llvm::Error error = checkWeights(weights))
    return error;
  if (options.grid < 1)
    return llvm::createStringError(
        "the grid of alpha needs at least one point");
  if (options.clip && options.clipSteps < 1)
    return llvm::createStringError(
        "the search for clips needs at least one step");
  if (options.clip && format.blockRows != 1)
    return llvm::createStringError(
        "clips are searched for in blocks of one row; switch the "
        "search off for blocks of several");
  return llvm::Error::success();
}

/// What `matrix`, codes of weights times `scales`, means for inputs that are
/// not divided.
static std::vector<float> decodeUnscaled(const QuantizedMatrix &matrix,
                                         const WeightFormat &format,
                                         llvm::ArrayRef<float> scales) {
  std::vector<float> decoded(matrix.rows * matrix.columns);
  dequantize(matrix, format, {decoded.data(), matrix.rows, matrix.columns});
  llvm::parallelFor(0, matrix.rows, [&](size_t row) {
    for (int64_t k = 0; k < matrix.columns; ++k)
      decoded[row * matrix.columns + k] /= scales[k];
  });
  return decoded;
}

static std::vector<float> copyScaled(ConstMatrix weights,
                                     llvm::ArrayRef<float> scales) {
  std::vector<float> scaled(weights.rows * weights.columns);
  for (int64_t row = 0; row < weights.rows; ++row)
    std::copy_n(weights.row(row), weights.columns,
                &scaled[row * weights.columns]);
  scaleColumns({scaled.data(), weights.rows, weights.columns}, scales);
  return scaled;
}

/// Some rows of `weights`, evenly spaced.
static ConstMatrix sampleRows(const WeightsToSearch &layer,
                              int64_t searchRows) {
  const auto &[weights, format] = layer;
  // Blocks of several rows would not be the same blocks among a few rows.
  int64_t stride = 1;
  if (searchRows > 0 && format.blockRows == 1)
    stride = std::max<int64_t>(1, (weights.rows + searchRows - 1) / searchRows);
  return {weights.data, (weights.rows + stride - 1) / stride, weights.columns,
          weights.stride * stride};
}

llvm::Expected<ChannelScaleSearch> quantmlir::calibration::searchChannelScales(
    llvm::ArrayRef<WeightsToSearch> layers, llvm::ArrayRef<double> absMean,
    MatrixRef<const double> hessian, const AWQOptions &options) {
  for (const auto &[weights, format] : layers)
    if (llvm::Error error =
            checkInputs(weights, absMean, hessian, format, options))
      return std::move(error);
  ChannelScaleSearch search;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t step = 0; step < options.grid; ++step) {
    double alpha =
        static_cast<double>(step) / static_cast<double>(options.grid);
    std::vector<float> scales = computeChannelScales(absMean, alpha);
    double loss = 0;
    for (const WeightsToSearch &layer : layers) {
      ConstMatrix searched = sampleRows(layer, options.searchRows);
      std::vector<float> scaled = copyScaled(searched, scales);
      ConstMatrix view(scaled.data(), searched.rows, searched.columns);
      std::vector<float> decoded =
          decodeUnscaled(quantize(view, layer.format), layer.format, scales);
      loss += computeObjective(
          searched, {decoded.data(), searched.rows, searched.columns}, hessian);
    }
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

llvm::Expected<AWQResult> quantmlir::calibration::quantizeAWQ(
    ConstMatrix weights, llvm::ArrayRef<double> absMean,
    MatrixRef<const double> hessian, const WeightFormat &format,
    const AWQOptions &options) {
  int64_t columns = weights.columns;
  auto search = searchChannelScales(WeightsToSearch{weights, format}, absMean,
                                    hessian, options);
  if (!search)
    return search.takeError();
  AWQResult result;
  AWQReport &report = result.report;
  report.alpha = search->alpha;
  report.searched = std::move(search->losses);
  result.channelScales = std::move(search->scales);

  std::vector<float> scaled = copyScaled(weights, result.channelScales);
  ConstMatrix view(scaled.data(), weights.rows, columns);
  report.blocks =
      format.getNumBlockRows(weights.rows) * format.getNumBlockColumns(columns);
  if (options.clip) {
    result.matrix =
        quantize(view, format,
                 chooseClippedParams(view, hessian, format, options.clipSteps,
                                     &report.clipped, result.channelScales));
  } else {
    result.matrix = quantize(view, format);
  }

  std::vector<float> decoded =
      decodeUnscaled(result.matrix, format, result.channelScales);
  report.objective = computeObjective(
      weights, {decoded.data(), weights.rows, columns}, hessian);
  dequantize(quantize(weights, format), format,
             {decoded.data(), weights.rows, columns});
  report.roundingObjective = computeObjective(
      weights, {decoded.data(), weights.rows, columns}, hessian);
  return result;
}

llvm::Expected<AWQThenGPTQResult> quantmlir::calibration::quantizeAWQThenGPTQ(
    ConstMatrix weights, llvm::ArrayRef<double> absMean,
    MatrixRef<const double> hessian, const WeightFormat &format,
    AWQOptions awqOptions, const GPTQOptions &gptqOptions) {
  // GPTQ chooses ranges of its own.
  awqOptions.clip = false;
  auto awq = quantizeAWQ(weights, absMean, hessian, format, awqOptions);
  if (!awq)
    return awq.takeError();
  auto gptq =
      quantizeGPTQ(weights, hessian, format, gptqOptions, awq->channelScales);
  if (!gptq)
    return gptq.takeError();
  AWQThenGPTQResult result{std::move(*awq), gptq->report};
  result.awq.matrix = std::move(gptq->matrix);
  return result;
}
