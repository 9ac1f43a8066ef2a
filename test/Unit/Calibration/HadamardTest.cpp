//===- HadamardTest.cpp - Every order that there is a construction for ----===//

#include "quantmlir/Calibration/Algorithms/Hadamard.h"
#include "TestMatrices.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace quantmlir::calibration;
using namespace quantmlir::test;

namespace {

TEST(Hadamard, RowsOfEveryOrderAreOrthogonal) {
  std::vector<int64_t> unknown;
  for (int64_t order = 1; order <= 256; ++order) {
    auto rotation = HadamardRotation::create(order);
    if (!rotation) {
      llvm::consumeError(rotation.takeError());
      if (order % 4 == 0)
        unknown.push_back(order);
      continue;
    }
    EXPECT_TRUE(order <= 2 || order % 4 == 0) << order;
    Matrix<float> q(order, order);
    for (int64_t i = 0; i < order; ++i)
      q(i, i) = 1;
    rotation->apply(q.ref());
    // Entries are 1 and -1 times one factor; dot products are exact integers.
    for (float &entry : q.elements) {
      EXPECT_NEAR(std::fabs(entry), 1 / std::sqrt(static_cast<float>(order)),
                  1e-6f);
      entry = entry < 0 ? -1.0f : 1.0f;
    }
    for (int64_t i = 0; i < order; ++i)
      for (int64_t j = 0; j <= i; ++j) {
        float dot = 0;
        for (int64_t k = 0; k < order; ++k)
          dot += q(i, k) * q(j, k);
        ASSERT_EQ(dot, i == j ? static_cast<float>(order) : 0.0f)
            << order << ": " << i << ", " << j;
      }
  }
  EXPECT_EQ(unknown, (std::vector<int64_t>{52, 92, 100, 116, 156, 184, 188, 232,
                                           236, 244}));
}

TEST(Hadamard, SizesOfRealLayers) {
  for (auto [size, order] : {std::pair<int64_t, int64_t>(384, 12),
                             {1536, 12},
                             {3584, 28},
                             {4096, 1},
                             {5120, 20},
                             {11008, 172},
                             {13824, 108},
                             {14336, 28},
                             {18944, 148},
                             {28672, 28}}) {
    auto rotation = HadamardRotation::create(size);
    ASSERT_TRUE(static_cast<bool>(rotation)) << size;
    EXPECT_EQ(rotation->getDenseOrder(), order) << size;
  }
}

TEST(Hadamard, HessianOfRotatedInputs) {
  Matrix<float> x = makeSamples(50, 24, 1);
  Matrix<double> h = makeHessian(x);
  auto rotation = HadamardRotation::create(24, /*seed=*/5);
  ASSERT_TRUE(static_cast<bool>(rotation));
  rotation->applyToHessian(h.ref());
  rotation->apply(x.ref());
  Matrix<double> expected = makeHessian(x);
  for (int64_t i = 0; i < 24; ++i)
    for (int64_t j = 0; j < 24; ++j)
      EXPECT_NEAR(h(i, j), expected(i, j), 1e-4);
  // Statistics in files are refused where they are not.
  for (int64_t i = 0; i < 24; ++i)
    for (int64_t j = 0; j < i; ++j)
      EXPECT_EQ(h(i, j), h(j, i)) << i << ", " << j;
}

TEST(Hadamard, RefusesOtherOrders) {
  for (int64_t order : {-4, 0, 3, 6, 52, 92})
    EXPECT_EQ(llvm::toString(HadamardRotation::create(order).takeError())
                  .find("no Hadamard matrix of order " + std::to_string(order)),
              0u);
}

} // namespace
