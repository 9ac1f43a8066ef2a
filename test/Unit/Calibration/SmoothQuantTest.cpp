//===- SmoothQuantTest.cpp - Scales of channels, and outliers -------------===//
//
// The search for alpha is compared with brute force in
// test/Calibration/test_algorithms.py.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Algorithms/SmoothQuant.h"
#include "TestMatrices.h"
#include "quantmlir/Calibration/Algorithms/AWQ.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace quantmlir::calibration;
using namespace quantmlir::test;

namespace {

TEST(SmoothQuant, ColumnAbsMax) {
  Matrix<float> x(2, 3);
  x.elements = {1, -5, 0, -2, 3, -0.0f};
  EXPECT_EQ(getColumnAbsMax(x.ref()), (std::vector<float>{2, 5, 0}));
}

TEST(SmoothQuant, ScalesNeverDivideByZeroNorOverflow) {
  std::vector<float> inputs = {0, 1, 3e38f, 1e-38f, 4};
  std::vector<float> weights = {1, 0, 1e-38f, 3e38f, 9};
  for (double alpha : {0.0, 0.5, 1.0}) {
    std::vector<float> scales = computeSmoothScales(inputs, weights, alpha);
    EXPECT_EQ(scales[0], 1.0f);
    EXPECT_EQ(scales[1], 1.0f);
    for (float scale : scales) {
      EXPECT_TRUE(std::isfinite(scale) && std::isfinite(1 / scale)) << scale;
      EXPECT_GT(scale, 0.0f);
    }
  }
  EXPECT_FLOAT_EQ(computeSmoothScales(inputs, weights, 0.5)[4], 2.0f / 3.0f);
}

TEST(SmoothQuant, EachLayerCountsUnderItsOwnFormats) {
  Matrix<float> x = makeSamples(50, 24, 1);
  Matrix<float> a = makeNormal(9, 24, 2), b = makeNormal(17, 24, 3);
  WeightFormat fine, coarse;
  coarse.bits = 3;
  coarse.low = -4;
  coarse.high = 3;
  WeightFormat inputs;
  auto search = [&](std::optional<WeightFormat> ofA, WeightFormat formatA,
                    std::optional<WeightFormat> ofB, WeightFormat formatB) {
    LayerToSmooth layers[] = {{a.ref(), formatA, ofA, false},
                              {b.ref(), formatB, ofB, false}};
    return llvm::cantFail(searchSmoothAlpha(x.ref(), layers, 8)).losses;
  };
  auto both = search(inputs, fine, inputs, fine);
  auto neither = search(std::nullopt, coarse, std::nullopt, coarse);
  auto first = search(inputs, fine, std::nullopt, coarse);
  auto second = search(std::nullopt, coarse, inputs, fine);
  for (size_t i = 0; i < both.size(); ++i) {
    EXPECT_NEAR(both[i] + neither[i], first[i] + second[i],
                1e-9 * (both[i] + neither[i]));
    EXPECT_GT(std::fabs(both[i] - first[i]), 1e-3 * both[i]);
  }
}

TEST(SmoothQuant, LossesThatAreNoNumbersAreAnError) {
  Matrix<float> x = makeSamples(5, 4, 1), w = makeNormal(3, 4, 2);
  for (float &element : x.elements)
    element *= 1e36f;
  for (float &element : w.elements)
    element *= 1e37f;
  auto search =
      searchSmoothAlpha(x.ref(), LayerToSmooth{w.ref(), {}, {}, false}, 4);
  ASSERT_FALSE(static_cast<bool>(search));
  EXPECT_EQ(llvm::toString(search.takeError()), "no alpha has a finite loss");
}

TEST(SmoothQuant, OutliersAreThoseAtTheThreshold) {
  std::vector<float> inputs = {5.9f, 6.0f, 0.0f, 100.0f, 6.1f};
  EXPECT_EQ(chooseOutlierColumns(inputs, 6.0f),
            (std::vector<int64_t>{1, 3, 4}));
  EXPECT_TRUE(chooseOutlierColumns(inputs, 1000.0f).empty());
  EXPECT_TRUE(chooseOutlierColumns({}, 6.0f).empty());
}

TEST(AWQ, ChannelScales) {
  std::vector<double> means = {4, 1, 0, 16};
  // Powers 2, 1, 4 about the geometric mean of the extremes, 2.
  std::vector<float> scales = computeChannelScales(means, 0.5);
  EXPECT_EQ(scales, (std::vector<float>{1, 0.5f, 1, 2}));
  for (float scale : computeChannelScales(means, 0.0))
    EXPECT_EQ(scale, 1.0f);
  for (float scale : computeChannelScales({0, 0}, 0.5))
    EXPECT_EQ(scale, 1.0f);
  // Neither they nor their inverses overflow.
  for (float scale : computeChannelScales({1e-48, 1, 3e38}, 1.0))
    EXPECT_TRUE(std::isfinite(scale) && std::isfinite(1 / scale)) << scale;
}

TEST(AWQ, EachLayerCountsUnderItsOwnFormat) {
  Matrix<float> x = makeSamples(50, 24, 1);
  Matrix<float> a = makeNormal(9, 24, 2), b = makeNormal(17, 24, 3);
  Matrix<double> h = makeHessian(x);
  std::vector<double> means(24);
  for (int64_t i = 0; i < 50; ++i)
    for (int64_t k = 0; k < 24; ++k)
      means[k] += std::fabs(x(i, k)) / 50;
  WeightFormat tensor, groups;
  tensor.blockRows = 0;
  groups.blockColumns = 8;
  groups.bits = 4;
  groups.low = -8;
  groups.high = 7;
  AWQOptions options;
  options.clip = false;
  auto search = [&](llvm::ArrayRef<WeightsToSearch> layers) {
    return llvm::cantFail(searchChannelScales(layers, means, h.ref(), options));
  };
  auto own = search({{a.ref(), tensor}, {b.ref(), groups}});
  auto first = search({{a.ref(), tensor}}),
       second = search({{b.ref(), groups}});
  size_t best = 0;
  for (size_t i = 0; i < own.losses.size(); ++i) {
    EXPECT_DOUBLE_EQ(own.losses[i], first.losses[i] + second.losses[i]);
    best = own.losses[i] < own.losses[best] ? i : best;
  }
  EXPECT_EQ(own.alpha, double(best) / double(options.grid));
  EXPECT_EQ(own.scales, computeChannelScales(means, own.alpha));
}

TEST(AWQ, HessianOfDividedInputs) {
  Matrix<float> x = makeSamples(40, 12, 3);
  Matrix<double> h = makeHessian(x);
  std::vector<float> scales(12);
  for (int64_t k = 0; k < 12; ++k) {
    scales[k] = 0.5f + static_cast<float>(k);
    for (int64_t s = 0; s < 40; ++s)
      x(s, k) /= scales[k];
  }
  unscaleHessian(h.ref(), scales);
  Matrix<double> expected = makeHessian(x);
  for (int64_t i = 0; i < 12; ++i)
    for (int64_t j = 0; j < 12; ++j)
      EXPECT_NEAR(h(i, j), expected(i, j), 1e-5);
}

} // namespace
