//===- StatisticsFile.cpp - Statistics as safetensors ---------------------===//
//
// Files are untrusted: ArrayIO has checked that tensors lie in the file, and
// here each is checked to be of the type and shape that the format says, and to
// agree with the others of its name.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Runtime/ArrayIO.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <cstring>

using namespace quantmlir;
using namespace quantmlir::calibration;

static constexpr llvm::StringLiteral formatName = "quantmlir.statistics";
static constexpr llvm::StringLiteral formatVersion = "1";

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

template <typename T>
static io::Array makeArray(llvm::StringRef element, std::vector<int64_t> shape,
                           llvm::ArrayRef<T> values) {
  io::Array array;
  array.element = element.str();
  array.shape = std::move(shape);
  uint8_t *target = nullptr;
  array.data = io::Bytes::allocate(values.size() * sizeof(T), target);
  if (!values.empty())
    std::memcpy(target, values.data(), values.size() * sizeof(T));
  return array;
}

static llvm::Error addArrays(llvm::StringRef name,
                             const TensorStatistics &statistics,
                             io::ArrayMap &arrays) {
  int64_t channels = statistics.channels;
  auto set = [&](llvm::StringRef suffix, io::Array array) {
    arrays[(name + "." + suffix).str()] = std::move(array);
  };
  set("count", makeArray<int64_t>("i64", {2}, {statistics.count, channels}));
  if (!statistics.min.empty()) {
    set("min", makeArray<float>("f32", {channels}, statistics.min));
    set("max", makeArray<float>("f32", {channels}, statistics.max));
  }
  if (!statistics.absSum.empty()) {
    std::vector<double> mean(channels);
    for (int64_t i = 0; i < channels; ++i)
      mean[i] = statistics.getAbsMean(i);
    set("absmean", makeArray<double>("f64", {channels}, mean));
  }
  if (!statistics.histogram.empty()) {
    const Histogram &histogram = statistics.histogram;
    set("histogram",
        makeArray<int64_t>("i64", {Histogram::numBins}, histogram.counts));
    set("histogram_range",
        makeArray<float>("f32", {2}, {-histogram.limit, histogram.limit}));
  }
  if (!statistics.xtx.empty()) {
    std::vector<float> xtx(statistics.xtx.begin(), statistics.xtx.end());
    if (!llvm::all_of(xtx, [](float value) { return std::isfinite(value); }))
      return llvm::createStringError("'" + name + ".xtx' does not fit f32");
    set("xtx", makeArray<float>("f32", {channels, channels}, xtx));
  }
  if (statistics.sample) {
    std::vector<float> rows;
    for (const auto &[hash, row] : statistics.sample->getRows())
      rows.insert(rows.end(), row.begin(), row.end());
    int64_t count = rows.size() / channels;
    set("rows", makeArray<float>("f32", {count, channels}, rows));
  }
  return llvm::Error::success();
}

llvm::Error Statistics::checkPath(llvm::StringRef path) {
  if (path.ends_with(".safetensors"))
    return llvm::Error::success();
  return llvm::createStringError(
      "'" + path.str() +
      "': statistics are written to a file named .safetensors");
}

llvm::Error Statistics::write(llvm::StringRef path) const {
  if (llvm::Error error = checkPath(path))
    return error;
  io::ArrayMap arrays;
  for (const auto &[name, statistics] : tensors)
    if (llvm::Error error = addArrays(name, statistics, arrays))
      return error;
  io::Metadata metadata = {{"format", formatName.str()},
                           {"version", formatVersion.str()}};
  std::string error;
  if (!io::writeArrays(path.str(), arrays, error, metadata))
    return llvm::createStringError(error);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

/// The arrays of one tensor, by their suffixes.
class Reader {
public:
  Reader(llvm::StringRef name,
         const std::map<std::string, const io::Array *> &arrays)
      : name(name), arrays(arrays) {}

  llvm::Expected<TensorStatistics> read();

private:
  llvm::Error fail(llvm::StringRef suffix, const llvm::Twine &message) const {
    return llvm::createStringError("'" + name + "." + suffix + "' " + message);
  }
  bool has(llvm::StringRef suffix) const {
    return arrays.count(suffix.str()) != 0;
  }

  /// Copies an array that has to be of this type and shape.
  template <typename T>
  llvm::Error copy(llvm::StringRef suffix, llvm::StringRef element,
                   std::vector<int64_t> shape, std::vector<T> &values) const {
    auto it = arrays.find(suffix.str());
    if (it == arrays.end())
      return fail(suffix, "is missing");
    const io::Array &array = *it->second;
    if (array.element != element || array.shape != shape) {
      io::Array expected{element.str(), shape, {}};
      return fail(suffix, "is " + io::describe(array) + ", expected " +
                              io::describe(expected));
    }
    values.resize(array.data.size / sizeof(T));
    if (!values.empty())
      std::memcpy(values.data(), array.data.data, array.data.size);
    return llvm::Error::success();
  }

  template <typename T>
  llvm::Error checkFinite(llvm::StringRef suffix,
                          const std::vector<T> &values) const {
    for (auto [index, value] : llvm::enumerate(values))
      if (!std::isfinite(value))
        return fail(suffix, "is not finite at " + llvm::Twine(index));
    return llvm::Error::success();
  }

  llvm::Error readMinMax(TensorStatistics &result) const;
  llvm::Error readAbsMean(TensorStatistics &result) const;
  llvm::Error readHistogram(TensorStatistics &result) const;
  llvm::Error readXtX(TensorStatistics &result) const;
  llvm::Error readRows(TensorStatistics &result) const;

  llvm::StringRef name;
  const std::map<std::string, const io::Array *> &arrays;
};

} // namespace

llvm::Error Reader::readMinMax(TensorStatistics &result) const {
  if (!has("min") && !has("max"))
    return llvm::Error::success();
  if (llvm::Error error = copy("min", "f32", {result.channels}, result.min))
    return error;
  if (llvm::Error error = copy("max", "f32", {result.channels}, result.max))
    return error;
  if (result.count == 0)
    return llvm::Error::success();
  if (llvm::Error error = checkFinite("min", result.min))
    return error;
  if (llvm::Error error = checkFinite("max", result.max))
    return error;
  for (auto [index, low, high] : llvm::enumerate(result.min, result.max))
    if (low > high)
      return fail("min", "is above the maximum at " + llvm::Twine(index));
  return llvm::Error::success();
}

llvm::Error Reader::readAbsMean(TensorStatistics &result) const {
  if (!has("absmean"))
    return llvm::Error::success();
  if (llvm::Error error =
          copy("absmean", "f64", {result.channels}, result.absSum))
    return error;
  if (llvm::Error error = checkFinite("absmean", result.absSum))
    return error;
  for (auto [index, value] : llvm::enumerate(result.absSum)) {
    if (value < 0)
      return fail("absmean", "is negative at " + llvm::Twine(index));
    value *= static_cast<double>(result.count);
  }
  return llvm::Error::success();
}

llvm::Error Reader::readHistogram(TensorStatistics &result) const {
  if (!has("histogram") && !has("histogram_range"))
    return llvm::Error::success();
  Histogram &histogram = result.histogram;
  std::vector<float> range;
  if (llvm::Error error =
          copy("histogram", "i64", {Histogram::numBins}, histogram.counts))
    return error;
  if (llvm::Error error = copy("histogram_range", "f32", {2}, range))
    return error;
  int exponent;
  histogram.limit = range[1];
  if (!std::isfinite(range[1]) || range[0] != -range[1] ||
      (range[1] != 0 && std::frexp(range[1], &exponent) != 0.5f))
    return fail("histogram_range", "is not -L and L with L zero or a power of "
                                   "two");
  int64_t total = 0, expected = 0;
  for (auto [index, count] : llvm::enumerate(histogram.counts))
    if (count < 0 || llvm::AddOverflow(total, count, total))
      return fail("histogram",
                  "has an impossible count in bin " + llvm::Twine(index));
  if (llvm::MulOverflow(result.count, result.channels, expected) ||
      total != expected)
    return fail("histogram", "counts " + llvm::Twine(total) +
                                 " elements instead of count * channels");
  return llvm::Error::success();
}

llvm::Error Reader::readXtX(TensorStatistics &result) const {
  if (!has("xtx"))
    return llvm::Error::success();
  int64_t channels = result.channels;
  std::vector<float> xtx;
  if (llvm::Error error = copy("xtx", "f32", {channels, channels}, xtx))
    return error;
  if (llvm::Error error = checkFinite("xtx", xtx))
    return error;
  for (int64_t row = 0; row < channels; ++row) {
    if (xtx[row * channels + row] < 0)
      return fail("xtx", "is negative at diagonal element " + llvm::Twine(row));
    for (int64_t column = 0; column < row; ++column)
      if (xtx[row * channels + column] != xtx[column * channels + row])
        return fail("xtx", "is not symmetric at row " + llvm::Twine(row) +
                               ", column " + llvm::Twine(column));
  }
  result.xtx.assign(xtx.begin(), xtx.end());
  return llvm::Error::success();
}

llvm::Error Reader::readRows(TensorStatistics &result) const {
  auto it = arrays.find("rows");
  if (it == arrays.end())
    return llvm::Error::success();
  const std::vector<int64_t> &shape = it->second->shape;
  int64_t most = std::min<int64_t>(result.count, RowSample::numRows);
  if (shape.size() != 2 || shape[0] > most)
    return fail("rows", "is " + io::describe(*it->second) +
                            ", expected at most " + llvm::Twine(most) +
                            " rows");
  std::vector<float> values;
  if (llvm::Error error =
          copy("rows", "f32", {shape[0], result.channels}, values))
    return error;
  if (llvm::Error error = checkFinite("rows", values))
    return error;
  result.sample.emplace();
  for (int64_t row = 0; row < shape[0]; ++row)
    result.sample->add(
        llvm::ArrayRef(values).slice(row * result.channels, result.channels));
  return llvm::Error::success();
}

llvm::Expected<TensorStatistics> Reader::read() {
  static constexpr llvm::StringLiteral known[] = {
      "count",           "min", "max", "absmean", "histogram",
      "histogram_range", "xtx", "rows"};
  for (const auto &[suffix, array] : arrays)
    if (!llvm::is_contained(known, suffix))
      return fail(suffix, "is no statistic");
  TensorStatistics result;
  std::vector<int64_t> count;
  if (llvm::Error error = copy("count", "i64", {2}, count))
    return std::move(error);
  if (count[0] < 0 || count[1] < 1)
    return fail("count", "is not a number of rows and one of channels");
  result.count = count[0];
  result.channels = count[1];
  if (llvm::Error error = readMinMax(result))
    return std::move(error);
  if (llvm::Error error = readAbsMean(result))
    return std::move(error);
  if (llvm::Error error = readHistogram(result))
    return std::move(error);
  if (llvm::Error error = readXtX(result))
    return std::move(error);
  if (llvm::Error error = readRows(result))
    return std::move(error);
  return result;
}

llvm::Expected<Statistics> Statistics::read(llvm::StringRef path) {
  auto fail = [&](const llvm::Twine &message) {
    return llvm::createStringError("'" + path + "': " + message);
  };
  io::ArrayMap arrays;
  io::Metadata metadata;
  std::string error;
  if (!path.ends_with(".safetensors"))
    return fail("statistics are kept in .safetensors");
  if (!io::readArrays(path.str(), arrays, error, &metadata))
    return llvm::createStringError(error);
  if (metadata["format"] != formatName)
    return fail("is no statistics file: its metadata have no format '" +
                formatName + "'");
  if (metadata["version"] != formatVersion)
    return fail("version '" + metadata["version"] +
                "' of the format, which is not known here");
  std::map<std::string, std::map<std::string, const io::Array *>> byName;
  for (const auto &[key, array] : arrays) {
    auto [name, suffix] = llvm::StringRef(key).rsplit('.');
    if (name.empty() || suffix.empty())
      return fail("'" + key + "' is no statistic of a tensor");
    byName[name.str()][suffix.str()] = &array;
  }
  Statistics result;
  for (const auto &[name, parts] : byName) {
    auto statistics = Reader(name, parts).read();
    if (!statistics)
      return fail(llvm::toString(statistics.takeError()));
    result.tensors.emplace(name, std::move(*statistics));
  }
  return result;
}
