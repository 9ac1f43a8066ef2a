//===- BlockParams.cpp - Scale and zero point of one block ----------------===//
//
// What choose_params does to one block, on its elements in order.
//
//===----------------------------------------------------------------------===//

#include "BlockParams.h"
#include "Codes.h"

#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace quantmlir::calibration;

using Params = std::pair<float, float>;

Params quantmlir::calibration::getSymmetricParams(float magnitude,
                                                  const WeightFormat &format) {
  return {roundScale(magnitude / format.getMaxMagnitude(), format.scale), 0.0f};
}

Params quantmlir::calibration::getAsymmetricParams(float low, float high,
                                                   const WeightFormat &format) {
  float codeLow = static_cast<float>(format.low);
  float codeHigh = static_cast<float>(format.high);
  low = std::fmin(low, 0.0f);
  high = std::fmax(high, 0.0f);
  float scale = roundScale((high - low) / (codeHigh - codeLow), format.scale);
  // As encoding will see it: after rounding to the scale type.
  float exact = codeLow - low / scale;
  if (format.hasFloatZeroPoint())
    return {scale, roundZeroPoint(exact, format.zeroPoint)};
  return {scale,
          std::fmin(std::fmax(std::nearbyint(exact), codeLow), codeHigh)};
}

/// The parameters of data clipped to [low, high].
static Params getParams(float low, float high, const WeightFormat &format) {
  if (format.hasZeroPoint())
    return getAsymmetricParams(low, high, format);
  return getSymmetricParams(std::fmax(-low, high), format);
}

/// Smallest and largest element and zero; NaN never wins.
static std::pair<float, float> getRange(llvm::ArrayRef<float> elements) {
  float low = 0.0f, high = 0.0f;
  for (float element : elements) {
    low = element < low ? element : low;
    high = element > high ? element : high;
  }
  return {low, high};
}

/// The value below which `fraction` of the (unordered) numbers lie.
static float getQuantile(std::vector<float> &numbers, double fraction) {
  if (numbers.empty())
    return 0.0f;
  double place = static_cast<double>(numbers.size() - 1) * fraction;
  auto rank = static_cast<size_t>(place);
  auto weight = static_cast<float>(place - static_cast<double>(rank));
  auto nth = numbers.begin() + rank;
  std::nth_element(numbers.begin(), nth, numbers.end());
  float low = *nth;
  // Without a weight, an infinite neighbour must not turn the value into NaN.
  if (weight == 0.0f || rank + 1 == numbers.size())
    return low;
  float high = *std::min_element(nth + 1, numbers.end());
  return low + (high - low) * weight;
}

static Params choosePercentile(llvm::ArrayRef<float> elements,
                               const WeightFormat &format) {
  double fraction = format.percent / 100.0;
  std::vector<float> numbers;
  numbers.reserve(elements.size());
  for (float element : elements)
    if (!std::isnan(element))
      numbers.push_back(format.hasZeroPoint() ? element : std::fabs(element));
  if (!format.hasZeroPoint())
    return getSymmetricParams(getQuantile(numbers, fraction), format);
  float low = getQuantile(numbers, 1.0 - fraction);
  return getAsymmetricParams(low, getQuantile(numbers, fraction), format);
}

static Params chooseMSE(llvm::ArrayRef<float> elements,
                        const WeightFormat &format) {
  auto [low, high] = getRange(elements);
  Params best = getParams(low, high, format);
  double least = std::numeric_limits<double>::infinity();
  // From the whole range down, so that the widest of equals wins.
  for (int64_t left = format.candidates; left > 0; --left) {
    float fraction =
        static_cast<float>(left) / static_cast<float>(format.candidates);
    Params params = getParams(low * fraction, high * fraction, format);
    double error = sumSquaredErrors(format, elements.data(), elements.size(),
                                    params.first, params.second);
    if (error < least) {
      least = error;
      best = params;
    }
  }
  return best;
}

/// Number of magnitudes that codes tell apart.
static int64_t getNumLevels(const WeightFormat &format) {
  if (format.code != CodeKind::Integer)
    return int64_t(1) << (format.bits - 1);
  return format.hasZeroPoint()
             ? std::max<int64_t>((format.high - format.low + 1) / 2, 2)
             : std::max<int64_t>(format.high + 1, 2);
}

/// Divergence of the histogram from its quantized form when `perLevel` bins of
/// each level are kept. f32 and in order, as the reference.
static float getDivergence(llvm::ArrayRef<float> histogram, int64_t levels,
                           int64_t perLevel, float total) {
  // Stands in for a count of 0, whose logarithm is infinite.
  constexpr float tiny = 1e-4f;
  int64_t kept = perLevel * levels;
  float inside = 0.0f;
  for (int64_t bin = 0; bin < kept; ++bin)
    inside += histogram[bin];
  float clipped = total - inside;
  inside = std::fmax(inside, tiny);
  auto getP = [&](int64_t bin) {
    return histogram[bin] + (bin == kept - 1 ? clipped : 0.0f);
  };
  float sum = 0.0f;
  for (int64_t level = 0; level < levels; ++level) {
    int64_t first = level * perLevel;
    float count = 0.0f, occupied = 0.0f;
    for (int64_t i = first; i < first + perLevel; ++i) {
      count += histogram[i];
      occupied += getP(i) > 0.0f ? 1.0f : 0.0f;
    }
    float q = std::fmax(count / occupied, tiny);
    for (int64_t i = first; i < first + perLevel; ++i) {
      float p = getP(i);
      float ratio = p > 0.0f ? (p * inside) / (q * total) : 1.0f;
      sum += (p / total) * std::log(ratio);
    }
  }
  return sum;
}

static Params chooseKL(llvm::ArrayRef<float> elements,
                       const WeightFormat &format) {
  int64_t levels = getNumLevels(format);
  int64_t numBins = format.candidates * levels;
  auto [low, high] = getRange(elements);
  float magnitude = std::fmax(-low, high);
  std::vector<int32_t> counts(numBins);
  for (float element : elements) {
    float share = std::fabs(element) / magnitude;
    // NaN in, or from 0 / 0 and inf / inf, is not counted.
    if (std::isnan(share))
      continue;
    auto bin = static_cast<int64_t>(share * static_cast<float>(numBins));
    ++counts[std::min(bin, numBins - 1)];
  }
  std::vector<float> histogram(counts.begin(), counts.end());
  float total = 0.0f;
  for (float count : histogram)
    total += count;
  float least = std::numeric_limits<float>::infinity(), clip = magnitude;
  for (int64_t perLevel = format.candidates; perLevel > 0; --perLevel) {
    float found = getDivergence(histogram, levels, perLevel, total);
    if (!(found < least))
      continue;
    least = found;
    clip = magnitude * (static_cast<float>(perLevel) /
                        static_cast<float>(format.candidates));
  }
  return getParams(std::fmax(low, -clip), std::fmin(high, clip), format);
}

Params quantmlir::calibration::chooseBlockParams(llvm::ArrayRef<float> elements,
                                                 const WeightFormat &format) {
  switch (format.method) {
  case Method::AbsMax: {
    auto [low, high] = getRange(elements);
    return getSymmetricParams(std::fmax(-low, high), format);
  }
  case Method::MinMax: {
    auto [low, high] = getRange(elements);
    return getAsymmetricParams(low, high, format);
  }
  case Method::Percentile:
    return choosePercentile(elements, format);
  case Method::MSE:
    return chooseMSE(elements, format);
  case Method::KL:
    return chooseKL(elements, format);
  }
  llvm_unreachable("all methods handled");
}
