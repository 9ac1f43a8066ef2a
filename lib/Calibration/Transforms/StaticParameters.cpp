//===- StaticParameters.cpp - Scales from statistics ----------------------===//

#include "quantmlir/Calibration/StaticParameters.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

//===----------------------------------------------------------------------===//
// From a range to parameters
//===----------------------------------------------------------------------===//

/// `scale` as the scale type holds it: 1 for 0, powers of two rounded up, never
/// above the largest finite value nor zero.
static double roundScale(double scale, Type type) {
  if (scale == 0)
    return 1;
  auto floatType = cast<FloatType>(type);
  const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
  if (isa<Float8E8M0FNUType>(type)) {
    int exponent;
    if (std::frexp(scale, &exponent) == 0.5)
      --exponent;
    return std::ldexp(1.0, std::clamp(exponent, -127, 127));
  }
  llvm::APFloat value(static_cast<float>(scale));
  bool losesInfo;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  if (!value.isFinite())
    value = llvm::APFloat::getLargest(semantics);
  if (value.isZero())
    value = llvm::APFloat::getSmallest(semantics);
  return value.convertToDouble();
}

StaticParameters
quantmlir::calibration::makeStaticParameters(EncodingAttr encoding, double low,
                                             double high) {
  StaticParameters result;
  low = std::min(low, 0.0);
  high = std::max(high, 0.0);
  if (!encoding.hasZeroPoint()) {
    result.scale = roundScale(std::max(-low, high) / encoding.getMaxMagnitude(),
                              encoding.getScale());
    return result;
  }
  auto [codeLow, codeHigh] = encoding.getCodeRange();
  result.scale =
      roundScale((high - low) / (codeHigh - codeLow), encoding.getScale());
  result.zeroPoint = static_cast<int64_t>(std::clamp<double>(
      std::nearbyint(codeLow - low / result.scale), codeLow, codeHigh));
  return result;
}

//===----------------------------------------------------------------------===//
// Searches over a histogram
//===----------------------------------------------------------------------===//

/// What the codes of `encoding` mean before zero point and scale, ascending.
static std::vector<double> getCodeValues(EncodingAttr encoding) {
  std::vector<double> values;
  if (CodebookAttr codebook = encoding.getCodebook()) {
    values = codebook.getValues().vec();
  } else if (auto type = dyn_cast<FloatType>(encoding.getStorage())) {
    unsigned bits = type.getWidth();
    for (uint64_t code = 0; code < uint64_t(1) << bits; ++code) {
      llvm::APFloat value(type.getFloatSemantics(), llvm::APInt(bits, code));
      if (value.isFinite())
        values.push_back(value.convertToDouble());
    }
    std::sort(values.begin(), values.end());
  } else {
    auto [low, high] = encoding.getCodeRange();
    for (int64_t code = low; code <= high; ++code)
      values.push_back(static_cast<double>(code));
  }
  return values;
}

/// Squared error of the histogram's elements, each bin as its middle, under
/// `parameters`.
static double getSquaredError(llvm::ArrayRef<double> codes,
                              const Histogram &histogram,
                              const StaticParameters &parameters) {
  double error = 0;
  for (int64_t bin = 0; bin < Histogram::numBins; ++bin) {
    if (histogram.counts[bin] == 0)
      continue;
    double x = (histogram.getEdge(bin) + histogram.getEdge(bin + 1)) / 2;
    double wanted = x / parameters.scale + parameters.zeroPoint;
    const double *above = std::lower_bound(codes.begin(), codes.end(), wanted);
    double distance = std::numeric_limits<double>::infinity();
    if (above != codes.end())
      distance = *above - wanted;
    if (above != codes.begin())
      distance = std::min(distance, wanted - *std::prev(above));
    distance *= parameters.scale;
    error += distance * distance * static_cast<double>(histogram.counts[bin]);
  }
  return error;
}

static StaticParameters searchMSE(EncodingAttr encoding, int64_t candidates,
                                  const TensorStatistics &statistics) {
  std::vector<double> codes = getCodeValues(encoding);
  StaticParameters best;
  double least = std::numeric_limits<double>::infinity();
  // From the whole range down, so that the widest of equals wins.
  for (int64_t step = candidates; step > 0; --step) {
    double fraction = static_cast<double>(step) / candidates;
    StaticParameters parameters =
        makeStaticParameters(encoding, fraction * statistics.getMin(),
                             fraction * statistics.getMax());
    double error = getSquaredError(codes, statistics.histogram, parameters);
    if (error < least) {
      least = error;
      best = parameters;
    }
  }
  return best;
}

/// Number of magnitudes that codes tell apart.
static int64_t getLevels(EncodingAttr encoding) {
  if (encoding.isFloatStorage() || encoding.getCodebook())
    return int64_t(1) << (encoding.getStorageBits() - 1);
  auto [low, high] = encoding.getCodeRange();
  int64_t levels = encoding.hasZeroPoint() ? (high - low + 1) / 2 : high + 1;
  return std::max<int64_t>(levels, 2);
}

/// Divergence of the magnitudes, counted in `bins`, from what `levels` levels
/// below `kept` bins tell of them.
static double getDivergence(llvm::ArrayRef<double> bins, double total,
                            int64_t kept, int64_t levels) {
  // Stands in for a count of 0, whose logarithm is infinite.
  constexpr double tiny = 1e-4;
  double inside = 0;
  for (double count : bins.take_front(kept))
    inside += count;
  double clipped = total - inside;
  inside = std::max(inside, tiny);
  double divergence = 0;
  for (int64_t level = 0; level < levels; ++level) {
    int64_t first = level * kept / levels, last = (level + 1) * kept / levels;
    auto read = [&](int64_t bin) {
      return bins[bin] + (bin + 1 == kept ? clipped : 0);
    };
    double count = 0, occupied = 0;
    for (int64_t bin = first; bin < last; ++bin) {
      count += bins[bin];
      occupied += read(bin) > 0;
    }
    if (occupied == 0)
      continue;
    double q = std::max(count / occupied, tiny);
    for (int64_t bin = first; bin < last; ++bin)
      if (double p = read(bin); p > 0)
        divergence += p / total * std::log(p * inside / (q * total));
  }
  return divergence;
}

static StaticParameters searchKL(EncodingAttr encoding, int64_t candidates,
                                 const TensorStatistics &statistics) {
  const Histogram &histogram = statistics.histogram;
  constexpr int64_t half = Histogram::numBins / 2;
  std::vector<double> bins(half);
  double total = 0;
  for (int64_t i = 0; i < half; ++i) {
    bins[i] = static_cast<double>(histogram.counts[half + i] +
                                  histogram.counts[half - 1 - i]);
    total += bins[i];
  }
  double magnitude = statistics.getAbsMax();
  int64_t levels = std::min(getLevels(encoding), half);
  double clip = magnitude;
  double least = std::numeric_limits<double>::infinity();
  // From no clip at all down, so that the widest of equals wins.
  for (int64_t step = candidates; step > 0; --step) {
    double candidate = magnitude * static_cast<double>(step) / candidates;
    auto kept = static_cast<int64_t>(
        std::ceil(candidate / histogram.limit * static_cast<double>(half)));
    // Fewer bins than levels tell nothing of levels.
    if (kept < levels)
      break;
    double divergence =
        getDivergence(bins, total, std::min(kept, half), levels);
    if (divergence < least) {
      least = divergence;
      clip = candidate;
    }
  }
  return makeStaticParameters(encoding,
                              std::max<double>(statistics.getMin(), -clip),
                              std::min<double>(statistics.getMax(), clip));
}

static StaticParameters searchPercentile(EncodingAttr encoding, double percent,
                                         const TensorStatistics &statistics) {
  double fraction = percent / 100;
  const Histogram &histogram = statistics.histogram;
  double low = statistics.getMin(), high = statistics.getMax();
  if (encoding.hasZeroPoint())
    return makeStaticParameters(
        encoding, std::max(low, histogram.getQuantile(1 - fraction)),
        std::min(high, histogram.getQuantile(fraction)));
  // Of the magnitudes: both halves on one.
  Histogram magnitudes = histogram;
  constexpr int64_t half = Histogram::numBins / 2;
  for (int64_t i = 0; i < half; ++i) {
    magnitudes.counts[half + i] += magnitudes.counts[half - 1 - i];
    magnitudes.counts[half - 1 - i] = 0;
  }
  double clip = std::min<double>(magnitudes.getQuantile(fraction),
                                 statistics.getAbsMax());
  return makeStaticParameters(encoding, -clip, clip);
}

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

llvm::Expected<StaticParameters> quantmlir::calibration::chooseStaticParameters(
    EncodingAttr encoding, const TensorScheme &scheme,
    const TensorStatistics &statistics) {
  if (statistics.count == 0)
    return llvm::createStringError("nothing was seen");
  if (!(statistics.getKinds() & MinMaxStatistic))
    return llvm::createStringError("the statistic minmax was not kept");
  bool isSearch =
      scheme.method != Method::AbsMax && scheme.method != Method::MinMax;
  if (isSearch && !(statistics.getKinds() & HistogramStatistic))
    return llvm::createStringError("the statistic histogram was not kept");
  double magnitude = statistics.getAbsMax();
  // No search over nothing but zeros.
  if (magnitude == 0)
    return makeStaticParameters(encoding, 0, 0);
  switch (scheme.method) {
  case Method::AbsMax: {
    StaticParameters result;
    result.scale =
        roundScale(magnitude / encoding.getMaxMagnitude(), encoding.getScale());
    return result;
  }
  case Method::MinMax:
    return makeStaticParameters(encoding, statistics.getMin(),
                                statistics.getMax());
  case Method::Percentile:
    return searchPercentile(encoding, scheme.percent, statistics);
  case Method::MSE:
    return searchMSE(encoding, scheme.candidates, statistics);
  case Method::KL:
    return searchKL(encoding, scheme.candidates, statistics);
  }
  llvm_unreachable("unknown method");
}
