//===- StatisticsTest.cpp - What calibration keeps of a tensor ------------===//

#include "quantmlir/Calibration/Statistics.h"
#include "quantmlir/Runtime/ArrayIO.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace quantmlir;
using namespace quantmlir::calibration;

static constexpr unsigned allKinds =
    MinMaxStatistic | AbsMeanStatistic | HistogramStatistic | XtXStatistic;

static std::vector<float> makeRows(int64_t rows, int64_t channels,
                                   unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * channels);
  for (float &value : values)
    value = normal(random) * std::exp2(float(random() % 12));
  // A channel of zeros, and both signs of zero.
  for (int64_t row = 0; row < rows; ++row)
    values[row * channels] = row % 2 ? 0.0f : -0.0f;
  return values;
}

static std::string messageOf(llvm::Error error) {
  return llvm::toString(std::move(error));
}

TEST(Statistics, AgreeWithAPlainComputation) {
  constexpr int64_t rows = 611, channels = 13;
  std::vector<float> x = makeRows(rows, channels, 1);
  TensorStatistics statistics = TensorStatistics::create(channels, allKinds);
  ASSERT_FALSE(static_cast<bool>(statistics.add(x)));
  EXPECT_EQ(statistics.count, rows);
  for (int64_t i = 0; i < channels; ++i) {
    double low = INFINITY, high = -INFINITY, sum = 0;
    for (int64_t row = 0; row < rows; ++row) {
      double value = x[row * channels + i];
      low = std::min(low, value);
      high = std::max(high, value);
      sum += std::fabs(value);
    }
    EXPECT_EQ(statistics.min[i], low);
    EXPECT_EQ(statistics.max[i], high);
    EXPECT_NEAR(statistics.getAbsMean(i), sum / rows, 1e-12 * sum);
    for (int64_t j = 0; j < channels; ++j) {
      double product = 0, magnitude = 0;
      for (int64_t row = 0; row < rows; ++row) {
        double term = double(x[row * channels + i]) * x[row * channels + j];
        product += term;
        magnitude += std::fabs(term);
      }
      EXPECT_NEAR(statistics.xtx[i * channels + j], product, 1e-12 * magnitude);
    }
  }
  const Histogram &histogram = statistics.histogram;
  EXPECT_EQ(histogram.getTotal(), rows * channels);
  EXPECT_GT(histogram.limit, statistics.getAbsMax());
  EXPECT_LE(histogram.limit, 2 * statistics.getAbsMax());
  for (int64_t bin = 0; bin < Histogram::numBins; ++bin) {
    int64_t expected = 0;
    for (float value : x)
      expected +=
          value >= histogram.getEdge(bin) && value < histogram.getEdge(bin + 1);
    EXPECT_EQ(histogram.counts[bin], expected) << bin;
  }
}

// The same rows in any order and split into any runs give the same file.
TEST(Statistics, MergeAsIfSeenAtOnce) {
  constexpr int64_t rows = 300, channels = 7;
  std::vector<float> x = makeRows(rows, channels, 2);
  // One sample of zeros, before and after which limits differ.
  std::fill(x.begin(), x.begin() + channels, 0.0f);
  TensorStatistics whole = TensorStatistics::create(channels, allKinds);
  ASSERT_FALSE(static_cast<bool>(whole.add(x)));
  TensorStatistics merged = TensorStatistics::create(channels, allKinds);
  llvm::ArrayRef<float> rest(x);
  for (int64_t size : {1, 2, 97, 0, 130, 70}) {
    TensorStatistics part = TensorStatistics::create(channels, allKinds);
    ASSERT_FALSE(static_cast<bool>(part.add(rest.take_front(size * channels))));
    rest = rest.drop_front(size * channels);
    // Each part from the other side, so that both directions widen.
    if (size % 2) {
      ASSERT_FALSE(static_cast<bool>(merged.merge(part)));
    } else {
      ASSERT_FALSE(static_cast<bool>(part.merge(merged)));
      merged = part;
    }
  }
  ASSERT_TRUE(rest.empty());
  EXPECT_EQ(merged.count, whole.count);
  EXPECT_EQ(merged.min, whole.min);
  EXPECT_EQ(merged.max, whole.max);
  EXPECT_EQ(merged.histogram.limit, whole.histogram.limit);
  EXPECT_EQ(merged.histogram.counts, whole.histogram.counts);
  for (size_t i = 0; i < whole.xtx.size(); ++i)
    EXPECT_NEAR(merged.xtx[i], whole.xtx[i],
                1e-9 * std::fabs(whole.xtx[0]) + 1e-10 * whole.xtx[8]);

  TensorStatistics other = TensorStatistics::create(channels + 1, allKinds);
  EXPECT_NE(messageOf(merged.merge(other)).find("channels"), std::string::npos);
  other = TensorStatistics::create(channels, MinMaxStatistic);
  EXPECT_NE(messageOf(merged.merge(other)).find("kinds"), std::string::npos);
}

TEST(Statistics, RefuseWhatIsNotFinite) {
  TensorStatistics statistics = TensorStatistics::create(3, allKinds);
  std::vector<float> x = {1, 2, 3, 4, NAN, 6};
  EXPECT_EQ(messageOf(statistics.add(x)), "holds NaN in row 1, channel 1");
  x[4] = -INFINITY;
  EXPECT_EQ(messageOf(statistics.add(x)), "holds infinity in row 1, channel 1");
  EXPECT_EQ(statistics.count, 0);
  EXPECT_EQ(statistics.histogram.getTotal(), 0);
}

TEST(Statistics, HistogramHoldsEveryMagnitude) {
  constexpr float largest = std::numeric_limits<float>::max();
  constexpr float smallest = std::numeric_limits<float>::denorm_min();
  Histogram histogram;
  histogram.add({smallest, -smallest, 0.0f});
  EXPECT_EQ(histogram.getTotal(), 3);
  histogram.add({largest, -largest, 1.0f});
  EXPECT_EQ(histogram.getTotal(), 6);
  EXPECT_EQ(histogram.counts.front(), 1);
  EXPECT_EQ(histogram.counts.back(), 1);
}

TEST(Statistics, QuantilesInterpolate) {
  Histogram histogram;
  std::vector<float> x;
  for (int i = 0; i < 1000; ++i)
    x.push_back(i / 1000.0f);
  histogram.add(x);
  EXPECT_NEAR(histogram.getQuantile(0.5), 0.5, 2e-3);
  EXPECT_NEAR(histogram.getQuantile(0.999), 0.999, 2e-3);
  EXPECT_LE(histogram.getQuantile(1.0), 1.0);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {

/// A directory that goes with the test.
class StatisticsFile : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("statistics", directory));
    path = file("s.safetensors");
    statistics.tensors["a.in"] = TensorStatistics::create(5, allKinds);
    ASSERT_FALSE(
        static_cast<bool>(statistics.tensors["a.in"].add(makeRows(20, 5, 3))));
    statistics.tensors["b"] = TensorStatistics::create(2, HistogramStatistic);
    ASSERT_FALSE(static_cast<bool>(statistics.write(path)));
    std::string error;
    ASSERT_TRUE(io::readArrays(path, arrays, error, &metadata)) << error;
  }
  void TearDown() override { llvm::sys::fs::remove_directories(directory); }

  std::string file(llvm::StringRef name) {
    llvm::SmallString<128> result(directory);
    llvm::sys::path::append(result, name);
    return result.str().str();
  }

  /// Writes `arrays` as they are now, and what reading them says.
  std::string readAgain() {
    std::string error;
    EXPECT_TRUE(io::writeArrays(path, arrays, error, metadata)) << error;
    auto result = Statistics::read(path);
    return result ? "accepted" : messageOf(result.takeError());
  }

  template <typename T> void poke(const char *name, size_t index, T value) {
    uint8_t *copy = nullptr;
    io::Array &array = arrays.at(name);
    io::Bytes bytes = io::Bytes::allocate(array.data.size, copy);
    std::memcpy(copy, array.data.data, array.data.size);
    std::memcpy(copy + index * sizeof(T), &value, sizeof(T));
    array.data = bytes;
  }

  llvm::SmallString<128> directory;
  std::string path;
  Statistics statistics;
  io::ArrayMap arrays;
  io::Metadata metadata;
};

} // namespace

TEST_F(StatisticsFile, ComesBackAsWritten) {
  auto result = Statistics::read(path);
  ASSERT_TRUE(static_cast<bool>(result)) << messageOf(result.takeError());
  ASSERT_EQ(result->tensors.size(), 2u);
  const TensorStatistics &before = statistics.tensors["a.in"];
  auto found = result->get("a.in");
  ASSERT_TRUE(static_cast<bool>(found));
  const TensorStatistics &after = **found;
  EXPECT_EQ(after.count, before.count);
  EXPECT_EQ(after.channels, 5);
  EXPECT_EQ(after.min, before.min);
  EXPECT_EQ(after.max, before.max);
  EXPECT_EQ(after.histogram.counts, before.histogram.counts);
  EXPECT_EQ(after.histogram.limit, before.histogram.limit);
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_NEAR(after.getAbsMean(i), before.getAbsMean(i),
                1e-12 * before.getAbsMean(i));
  for (size_t i = 0; i < before.xtx.size(); ++i)
    EXPECT_EQ(after.xtx[i], float(before.xtx[i]));
  EXPECT_EQ(result->find("b")->getKinds(), unsigned(HistogramStatistic));
  EXPECT_EQ(messageOf(result->get("c").takeError()),
            "no statistics of 'c'; there are 'a.in', 'b'");
}

TEST_F(StatisticsFile, IsCheckedTensorByTensor) {
  io::ArrayMap good = arrays;
  auto expect = [&](llvm::StringRef part) {
    std::string message = readAgain();
    EXPECT_NE(message.find(part.str()), std::string::npos) << message;
    EXPECT_NE(message.find(path), std::string::npos) << message;
    arrays = good;
  };
  poke<float>("a.in.min", 2, NAN);
  expect("'a.in.min' is not finite at 2");
  poke<float>("a.in.min", 2, 1e30f);
  expect("'a.in.min' is above the maximum at 2");
  poke<double>("a.in.absmean", 4, -1.0);
  expect("'a.in.absmean' is negative at 4");
  poke<int64_t>("a.in.histogram", 7, -1);
  expect("'a.in.histogram' has an impossible count in bin 7");
  poke<int64_t>("a.in.histogram", 7, INT64_MAX);
  expect("'a.in.histogram'");
  poke<int64_t>("a.in.count", 0, 21);
  expect("'a.in.histogram' counts 100 elements");
  poke<int64_t>("a.in.count", 1, INT64_MAX);
  expect("'a.in.min' is 5xf32");
  poke<int64_t>("a.in.count", 1, 0);
  expect("'a.in.count'");
  poke<float>("a.in.histogram_range", 1, 3.0f);
  expect("'a.in.histogram_range'");
  poke<float>("a.in.xtx", 1, 12345.0f);
  expect("'a.in.xtx' is not symmetric");
  poke<float>("a.in.xtx", 24, -1.0f);
  expect("'a.in.xtx' is negative at diagonal element 4");
  arrays.erase("a.in.count");
  expect("'a.in.count' is missing");
  arrays.erase("a.in.max");
  expect("'a.in.max' is missing");
  arrays["a.in.variance"] = arrays["a.in.min"];
  expect("'a.in.variance' is no statistic");
  arrays["lonely"] = arrays["a.in.min"];
  expect("'lonely' is no statistic");
  arrays["a.in.min"].element = "i32";
  expect("'a.in.min' is 5xi32, expected 5xf32");
}

TEST_F(StatisticsFile, SaysWhatItIs) {
  metadata["version"] = "2";
  EXPECT_NE(readAgain().find("version '2'"), std::string::npos);
  metadata.clear();
  EXPECT_NE(readAgain().find("is no statistics file"), std::string::npos);
  EXPECT_NE(messageOf(Statistics::read(file("none.safetensors")).takeError())
                .find("none.safetensors"),
            std::string::npos);
}

TEST_F(StatisticsFile, IsNotLeftHalfWritten) {
  statistics.tensors["a.in"].xtx[0] = 1e300;
  std::string other = file("other.safetensors");
  EXPECT_EQ(messageOf(statistics.write(other)), "'a.in.xtx' does not fit f32");
  EXPECT_FALSE(llvm::sys::fs::exists(other));
  EXPECT_NE(messageOf(statistics.write(file("no/where.safetensors"))), "");
}
