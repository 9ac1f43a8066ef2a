//===- Statistics.cpp - What calibration saw of a tensor ------------------===//

#include "quantmlir/Calibration/Statistics.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <Eigen/Core>
#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

using namespace quantmlir::calibration;

using RowMajor =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

//===----------------------------------------------------------------------===//
// Some rows
//===----------------------------------------------------------------------===//

void RowSample::add(llvm::ArrayRef<float> row) {
  uint64_t hash = llvm::xxh3_64bits(llvm::ArrayRef(
      reinterpret_cast<const uint8_t *>(row.data()), row.size() * 4));
  if (rows.size() == numRows && hash > rows.rbegin()->first)
    return;
  auto [it, isNew] = rows.try_emplace(hash, row.begin(), row.end());
  // Of two rows of one hash the same one stays, whichever came first.
  if (!isNew &&
      std::lexicographical_compare(row.begin(), row.end(), it->second.begin(),
                                   it->second.end()))
    it->second = row.vec();
  if (rows.size() > numRows)
    rows.erase(std::prev(rows.end()));
}

void RowSample::merge(const RowSample &other) {
  for (const auto &[hash, row] : other.rows)
    add(row);
}

void RowSample::transform(
    llvm::function_ref<void(llvm::MutableArrayRef<float> row)> change) {
  for (auto &[hash, row] : rows)
    change(row);
}

//===----------------------------------------------------------------------===//
// One tensor
//===----------------------------------------------------------------------===//

TensorStatistics TensorStatistics::create(int64_t channels, unsigned kinds) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  TensorStatistics result;
  result.channels = channels;
  if (kinds & MinMaxStatistic) {
    result.min.assign(channels, infinity);
    result.max.assign(channels, -infinity);
  }
  if (kinds & AbsMeanStatistic)
    result.absSum.assign(channels, 0.0);
  if (kinds & HistogramStatistic)
    result.histogram.counts.assign(Histogram::numBins, 0);
  if (kinds & XtXStatistic)
    result.xtx.assign(channels * channels, 0.0);
  if (kinds & RowsStatistic)
    result.sample.emplace();
  return result;
}

unsigned TensorStatistics::getKinds() const {
  unsigned kinds = 0;
  if (!min.empty())
    kinds |= MinMaxStatistic;
  if (!absSum.empty())
    kinds |= AbsMeanStatistic;
  if (!histogram.empty())
    kinds |= HistogramStatistic;
  if (!xtx.empty())
    kinds |= XtXStatistic;
  if (sample)
    kinds |= RowsStatistic;
  return kinds;
}

float TensorStatistics::getMin() const {
  return count == 0 || min.empty() ? 0 : *llvm::min_element(min);
}

float TensorStatistics::getMax() const {
  return count == 0 || max.empty() ? 0 : *llvm::max_element(max);
}

float TensorStatistics::getAbsMax() const {
  return std::max(std::fabs(getMin()), std::fabs(getMax()));
}

/// Adds x^T x to the symmetric `sum`, some rows at a time so that their f64
/// copy stays small.
static void addProducts(llvm::ArrayRef<float> rows, int64_t channels,
                        std::vector<double> &sum) {
  constexpr int64_t chunk = 256;
  Eigen::Map<RowMajor> target(sum.data(), channels, channels);
  int64_t count = rows.size() / channels;
  for (int64_t first = 0; first < count; first += chunk) {
    int64_t size = std::min(chunk, count - first);
    RowMajor block =
        Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic,
                                       Eigen::RowMajor>>(
            rows.data() + first * channels, size, channels)
            .cast<double>();
    target.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
  }
  target.triangularView<Eigen::StrictlyUpper>() = target.transpose();
}

llvm::Error TensorStatistics::add(llvm::ArrayRef<float> rows) {
  assert(channels > 0 && rows.size() % channels == 0 && "not whole rows");
  for (auto [index, element] : llvm::enumerate(rows))
    if (!std::isfinite(element))
      return llvm::createStringError(
          llvm::formatv("holds {0} in row {1}, channel {2}",
                        std::isnan(element) ? "NaN" : "infinity",
                        index / channels, index % channels));
  for (size_t row = 0; row < rows.size(); row += channels) {
    llvm::ArrayRef<float> elements = rows.slice(row, channels);
    if (!min.empty())
      for (int64_t i = 0; i < channels; ++i) {
        min[i] = std::min(min[i], elements[i]);
        max[i] = std::max(max[i], elements[i]);
      }
    if (!absSum.empty())
      for (int64_t i = 0; i < channels; ++i)
        absSum[i] += std::fabs(elements[i]);
    if (sample)
      sample->add(elements);
  }
  if (!histogram.empty())
    histogram.add(rows);
  if (!xtx.empty())
    addProducts(rows, channels, xtx);
  count += rows.size() / channels;
  return llvm::Error::success();
}

llvm::Error TensorStatistics::merge(const TensorStatistics &other) {
  if (channels != other.channels)
    return llvm::createStringError(
        llvm::formatv("has {0} channels in one file and {1} in "
                      "another",
                      channels, other.channels));
  if (getKinds() != other.getKinds())
    return llvm::createStringError(
        "has other kinds of statistics in one file than in "
        "another");
  count += other.count;
  for (size_t i = 0; i < min.size(); ++i) {
    min[i] = std::min(min[i], other.min[i]);
    max[i] = std::max(max[i], other.max[i]);
  }
  for (size_t i = 0; i < absSum.size(); ++i)
    absSum[i] += other.absSum[i];
  histogram.merge(other.histogram);
  for (size_t i = 0; i < xtx.size(); ++i)
    xtx[i] += other.xtx[i];
  if (sample)
    sample->merge(*other.sample);
  return llvm::Error::success();
}

void TensorStatistics::divide(llvm::ArrayRef<float> scales) {
  for (std::vector<float> *values : {&min, &max})
    for (size_t i = 0; i < values->size(); ++i)
      (*values)[i] /= scales[i];
  for (size_t i = 0; i < absSum.size(); ++i)
    absSum[i] /= scales[i];
  histogram = {};
  for (size_t i = 0; i < xtx.size(); ++i)
    xtx[i] /= double(scales[i / channels]) * double(scales[i % channels]);
  if (sample)
    sample->transform([&](llvm::MutableArrayRef<float> row) {
      for (auto [value, scale] : llvm::zip_equal(row, scales))
        value /= scale;
    });
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

const TensorStatistics *Statistics::find(llvm::StringRef name) const {
  auto it = tensors.find(name.str());
  return it == tensors.end() ? nullptr : &it->second;
}

llvm::Expected<const TensorStatistics *>
Statistics::get(llvm::StringRef name) const {
  if (const TensorStatistics *found = find(name))
    return found;
  if (tensors.empty())
    return llvm::createStringError("no statistics of '" + name +
                                   "', nor of anything");
  constexpr size_t shown = 4;
  std::string names;
  llvm::raw_string_ostream stream(names);
  llvm::interleaveComma(
      llvm::make_range(
          tensors.begin(),
          std::next(tensors.begin(), std::min(shown, tensors.size()))),
      stream, [&](const auto &entry) { stream << "'" << entry.first << "'"; });
  stream << (tensors.size() > shown ? ", ..." : "");
  return llvm::createStringError("no statistics of '" + name + "'; there are " +
                                 names);
}

llvm::Error Statistics::merge(const Statistics &other) {
  for (const auto &[name, statistics] : other.tensors) {
    auto [it, isNew] = tensors.emplace(name, statistics);
    if (isNew)
      continue;
    if (llvm::Error error = it->second.merge(statistics))
      return llvm::createStringError("'" + name + "' " +
                                     llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}
