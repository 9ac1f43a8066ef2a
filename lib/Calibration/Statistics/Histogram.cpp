//===- Histogram.cpp - Counts that do not depend on the order -------------===//

#include "quantmlir/Calibration/Statistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

using namespace quantmlir::calibration;

static constexpr int64_t half = Histogram::numBins / 2;

int64_t Histogram::getTotal() const {
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

/// The smallest power of two above `magnitude`; 0 for 0. 2^128 does not fit
/// f32, so that the largest magnitudes share the largest limit with those above
/// 2^126.
static float getLimit(float magnitude) {
  if (magnitude == 0)
    return 0;
  int exponent;
  std::frexp(magnitude, &exponent);
  return std::ldexp(1.0f, std::clamp(exponent, -126, 127));
}

void Histogram::widen(float magnitude) {
  float wanted = getLimit(magnitude);
  if (counts.empty())
    counts.assign(numBins, 0);
  if (wanted <= limit)
    return;
  // Zeros alone lie in one bin, which is that of any limit.
  if (limit == 0) {
    limit = wanted;
    return;
  }
  for (; limit < wanted; limit *= 2) {
    std::vector<int64_t> folded(numBins, 0);
    for (int64_t bin = 0; bin < numBins; ++bin)
      folded[bin / 2 + half / 2] += counts[bin];
    counts = std::move(folded);
  }
}

void Histogram::add(llvm::ArrayRef<float> elements) {
  float magnitude = 0;
  for (float element : elements)
    magnitude = std::max(magnitude, std::fabs(element));
  widen(magnitude);
  if (limit == 0) {
    counts[half] += elements.size();
    return;
  }
  // A power of two, but for the largest limits whose inverse is subnormal.
  double scale = half / static_cast<double>(limit);
  for (float element : elements) {
    auto bin = static_cast<int64_t>(std::floor(element * scale)) + half;
    ++counts[std::clamp<int64_t>(bin, 0, numBins - 1)];
  }
}

void Histogram::merge(Histogram other) {
  if (other.empty())
    return;
  if (empty()) {
    *this = std::move(other);
    return;
  }
  // A limit is above the magnitudes that asked for it: its half asks for it.
  widen(other.limit / 2);
  other.widen(limit / 2);
  for (int64_t bin = 0; bin < numBins; ++bin)
    counts[bin] += other.counts[bin];
}

double Histogram::getQuantile(double fraction) const {
  double rank = fraction * static_cast<double>(getTotal());
  double below = 0;
  int64_t last = half;
  for (int64_t bin = 0; bin < static_cast<int64_t>(counts.size()); ++bin) {
    if (counts[bin] == 0)
      continue;
    last = bin;
    auto count = static_cast<double>(counts[bin]);
    if (below + count >= rank) {
      double within = std::max(0.0, rank - below) / count;
      return getEdge(bin) + within * (getEdge(bin + 1) - getEdge(bin));
    }
    below += count;
  }
  return getEdge(last + 1);
}
