//===- GPTQTest.cpp - GPTQ against its definition in f64 ------------------===//
//
// The slow one inverts H, factors the inverse, and takes one column after the
// other over whole rows, all in f64; only codes and parameters are those of
// WeightQuantizer, whose definition is the reference's.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Algorithms/GPTQ.h"
#include "TestMatrices.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace quantmlir::calibration;
using namespace quantmlir::test;

namespace {

/// H^-1 by Gauss-Jordan elimination without pivots, which a positive definite
/// matrix does not need.
Matrix<double> invert(Matrix<double> a) {
  int64_t n = a.rows;
  Matrix<double> result(n, n);
  for (int64_t i = 0; i < n; ++i)
    result(i, i) = 1;
  for (int64_t k = 0; k < n; ++k) {
    double pivot = a(k, k);
    for (int64_t j = 0; j < n; ++j) {
      a(k, j) /= pivot;
      result(k, j) /= pivot;
    }
    for (int64_t i = 0; i < n; ++i) {
      double factor = a(i, k);
      if (i == k || factor == 0)
        continue;
      for (int64_t j = 0; j < n; ++j) {
        a(i, j) -= factor * a(k, j);
        result(i, j) -= factor * result(k, j);
      }
    }
  }
  return result;
}

/// Upper triangular U with U^T U = a.
Matrix<double> factorUpper(const Matrix<double> &a) {
  int64_t n = a.rows;
  Matrix<double> u(n, n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i; j < n; ++j) {
      double sum = a(i, j);
      for (int64_t k = 0; k < i; ++k)
        sum -= u(k, i) * u(k, j);
      u(i, j) = i == j ? std::sqrt(sum) : sum / u(i, i);
    }
  return u;
}

struct Expected {
  std::vector<uint8_t> codes;
  std::vector<float> scales, zeroPoints;
};

Expected quantizeSlowly(const Matrix<float> &weights,
                        const Matrix<double> &hessian,
                        const WeightFormat &format,
                        const GPTQOptions &options) {
  int64_t n = weights.columns;
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  if (options.actOrder)
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return hessian(a, a) > hessian(b, b);
    });
  double mean = 0;
  int64_t live = 0;
  for (int64_t i = 0; i < n; ++i) {
    mean += hessian(i, i);
    live += hessian(i, i) != 0;
  }
  mean /= static_cast<double>(live);
  Matrix<double> damped(n, n);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      damped(i, j) = hessian(order[i], order[j]);
      if (i == j)
        damped(i, j) =
            (damped(i, j) == 0 ? mean : damped(i, j)) + options.damping * mean;
    }
  Matrix<double> u = factorUpper(invert(damped));

  int64_t group = format.blockColumns ? format.blockColumns : n;
  bool isStatic =
      options.actOrder || options.staticGroups || format.blockRows != 1;
  QuantizedMatrix initial = quantize(weights.ref(), format);
  Expected result{std::vector<uint8_t>(weights.elements.size()),
                  initial.params.scales, initial.params.zeroPoints};
  int64_t groups = initial.params.blockColumns;
  WeightFormat row = format;
  row.blockRows = 1;
  row.blockColumns = 0;
  for (int64_t r = 0; r < weights.rows; ++r) {
    std::vector<double> w(n);
    for (int64_t k = 0; k < n; ++k)
      w[k] = weights(r, order[k]);
    for (int64_t k = 0; k < n; ++k) {
      int64_t column = order[k];
      int64_t blockRow = format.blockRows ? r / format.blockRows : 0;
      int64_t index = blockRow * groups + column / group;
      if (!isStatic && k % group == 0) {
        std::vector<float> now(w.begin() + k,
                               w.begin() + std::min(k + group, n));
        auto [scale, zeroPoint] = chooseBlockParams(now, row);
        result.scales[index] = scale;
        if (format.hasZeroPoint())
          result.zeroPoints[index] = zeroPoint;
      }
      Matrix<float> one(1, 1);
      one(0, 0) = static_cast<float>(w[k]);
      WeightParams params{1, 1, {result.scales[index]}, {}};
      if (format.hasZeroPoint())
        params.zeroPoints = {result.zeroPoints[index]};
      QuantizedMatrix q = quantize(one.ref(), row, params);
      result.codes[r * n + column] = q.codes[0];
      dequantize(q, row, one.ref());
      double error = (w[k] - one(0, 0)) / u(k, k);
      for (int64_t j = k + 1; j < n; ++j)
        w[j] -= error * u(k, j);
    }
  }
  return result;
}

/// The definition: a row of errors times every sample.
double computeObjectiveSlowly(const Matrix<float> &a, const Matrix<float> &b,
                              const Matrix<float> &x) {
  double sum = 0;
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t s = 0; s < x.rows; ++s) {
      double dot = 0;
      for (int64_t k = 0; k < a.columns; ++k)
        dot += (double(a(r, k)) - double(b(r, k))) * double(x(s, k));
      sum += dot * dot;
    }
  return sum;
}

struct Case {
  const char *name;
  unsigned bits;
  bool symmetric;
  Method method;
  int64_t blockRows, blockColumns;
  bool actOrder, staticGroups;
  CodeKind code = CodeKind::Integer;
};

void PrintTo(const Case &c, std::ostream *os) { *os << c.name; }

class GPTQ : public testing::TestWithParam<Case> {};

const Case cases[] = {
    {"channel4", 4, true, Method::AbsMax, 1, 0, false, false},
    {"channel3mse", 3, true, Method::MSE, 1, 0, false, false},
    {"tensor8", 8, true, Method::AbsMax, 0, 0, false, false},
    {"group32", 4, true, Method::AbsMax, 1, 32, false, false},
    {"group48asymmetric", 4, false, Method::MinMax, 1, 48, false, false},
    {"group32static", 4, true, Method::AbsMax, 1, 32, false, true},
    {"group32actorder", 3, false, Method::MinMax, 1, 32, true, false},
    {"channelactorder", 2, false, Method::MinMax, 1, 0, true, false},
    {"group150", 4, true, Method::AbsMax, 1, 150, false, false},
    {"block16x32", 4, true, Method::AbsMax, 16, 32, false, false},
    {"nf4", 4, true, Method::AbsMax, 1, 64, false, false, CodeKind::NF4},
    {"fp4", 4, true, Method::AbsMax, 1, 32, false, false, CodeKind::FP4E2M1},
};

TEST_P(GPTQ, EqualsItsDefinition) {
  const Case &c = GetParam();
  TensorScheme scheme;
  scheme.code = c.code;
  scheme.bits = c.bits;
  scheme.symmetric = c.symmetric;
  scheme.method = c.method;
  scheme.blockN = c.blockRows;
  scheme.blockK = c.blockColumns;
  WeightFormat format = WeightFormat::get(scheme);
  // 211 columns and 101 rows: tails of blocks, groups, panels and chunks.
  Matrix<float> w = makeNormal(101, 211, 1, 0.1f);
  Matrix<float> x = makeSamples(400, 211, 2);
  Matrix<double> h = makeHessian(x);
  GPTQOptions options;
  options.actOrder = c.actOrder;
  options.staticGroups = c.staticGroups;
  llvm::Expected<GPTQResult> result =
      quantizeGPTQ(w.ref(), h.ref(), format, options);
  ASSERT_TRUE(static_cast<bool>(result)) << llvm::toString(result.takeError());
  Expected expected = quantizeSlowly(w, h, format, options);
  // f32 against f64: a weight that lies within rounding of the middle between
  // two codes may get the other, and what follows in its row with it.
  int64_t differing = 0;
  for (int64_t r = 0; r < w.rows; ++r)
    differing += !std::equal(&expected.codes[r * w.columns],
                             &expected.codes[r * w.columns] + w.columns,
                             &result->matrix.codes[r * w.columns]);
  EXPECT_LE(differing, 2) << "rows of " << w.rows;
  for (size_t i = 0; i < expected.scales.size(); ++i)
    EXPECT_NEAR(result->matrix.params.scales[i], expected.scales[i],
                1e-3f * expected.scales[i]);

  Matrix<float> decoded(w.rows, w.columns);
  dequantize(result->matrix, format, decoded.ref());
  double objective = computeObjectiveSlowly(w, decoded, x);
  EXPECT_NEAR(result->report.objective, objective, 1e-9 * objective);
  dequantize(quantize(w.ref(), format), format, decoded.ref());
  objective = computeObjectiveSlowly(w, decoded, x);
  EXPECT_NEAR(result->report.roundingObjective, objective, 1e-9 * objective);
  EXPECT_LT(result->report.getRatio(), c.bits == 8 ? 1.0 : 0.8);
  EXPECT_EQ(result->report.dampingSteps, 0u);
}

INSTANTIATE_TEST_SUITE_P(Cases, GPTQ, testing::ValuesIn(cases),
                         [](const auto &info) { return info.param.name; });

WeightFormat makeInt4() {
  TensorScheme scheme;
  scheme.bits = 4;
  return WeightFormat::get(scheme);
}

TEST(GPTQInputs, SingularHessianIsDampedAndReported) {
  Matrix<float> w = makeNormal(5, 64, 1);
  // 8 samples for 64 channels, and no damping asked for.
  Matrix<double> h = makeHessian(makeNormal(8, 64, 2));
  GPTQOptions options;
  options.damping = 0;
  auto result = quantizeGPTQ(w.ref(), h.ref(), makeInt4(), options);
  ASSERT_TRUE(static_cast<bool>(result));
  EXPECT_GT(result->report.dampingSteps, 0u);
  EXPECT_GT(result->report.damping, 0.0);
  EXPECT_LT(result->report.getRatio(), 1.0);
}

TEST(GPTQInputs, DeadColumnsAreRounded) {
  Matrix<float> w = makeNormal(5, 64, 1);
  Matrix<float> x = makeSamples(200, 64, 2);
  for (int64_t s = 0; s < x.rows; ++s)
    x(s, 7) = x(s, 63) = 0;
  Matrix<double> h = makeHessian(x);
  auto result = quantizeGPTQ(w.ref(), h.ref(), makeInt4());
  ASSERT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(result->report.deadColumns, 2);
  QuantizedMatrix rounded = quantize(w.ref(), makeInt4());
  for (int64_t r = 0; r < w.rows; ++r)
    for (int64_t column : {7, 63})
      EXPECT_EQ(result->matrix.codes[r * 64 + column],
                rounded.codes[r * 64 + column]);
}

TEST(GPTQInputs, NoInputAtAll) {
  Matrix<float> w = makeNormal(3, 16, 1);
  Matrix<double> h(16, 16);
  auto result = quantizeGPTQ(w.ref(), h.ref(), makeInt4());
  ASSERT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(result->report.deadColumns, 16);
  EXPECT_EQ(result->report.getRatio(), 1.0);
  EXPECT_EQ(result->matrix.codes, quantize(w.ref(), makeInt4()).codes);
}

TEST(GPTQInputs, Refused) {
  Matrix<float> w = makeNormal(3, 16, 1);
  Matrix<double> good = makeHessian(makeNormal(64, 16, 2));
  auto expectError = [&](const Matrix<float> &weights, const Matrix<double> &h,
                         const char *message) {
    auto result = quantizeGPTQ(weights.ref(), h.ref(), makeInt4());
    ASSERT_FALSE(static_cast<bool>(result)) << message;
    std::string text = llvm::toString(result.takeError());
    EXPECT_NE(text.find(message), std::string::npos) << text;
  };
  expectError(w, Matrix<double>(15, 15), "15x15, but the weights have 16");
  Matrix<float> bad = w;
  bad(1, 2) = std::numeric_limits<float>::quiet_NaN();
  expectError(bad, good, "weight at [1, 2] is NaN or infinite");
  Matrix<double> h = good;
  h(3, 1) = std::numeric_limits<double>::infinity();
  expectError(w, h, "Hessian at [3, 1] is NaN or infinite");
  h = good;
  h(4, 2) += h(4, 4);
  expectError(w, h, "not symmetric at [4, 2]");
  h = good;
  h(5, 5) = -1;
  expectError(w, h, "which no x^T x has");
  h = good;
  h(6, 2) = h(2, 6) = 2 * std::sqrt(h(2, 2) * h(6, 6));
  expectError(w, h, "exceeds what its diagonal allows");
  // Each 2x2 minor is one of an x^T x, the whole is not.
  h = Matrix<double>(16, 16);
  for (int64_t i = 0; i < 16; ++i)
    h(i, i) = 1;
  for (auto [i, j, sign] : {std::tuple(0, 1, 1.0), {1, 2, 1.0}, {0, 2, -1.0}})
    h(i, j) = h(j, i) = sign;
  auto result = quantizeGPTQ(w.ref(), h.ref(), makeInt4());
  // Damping makes even this one definite; the report says how much it took.
  ASSERT_TRUE(static_cast<bool>(result));
  EXPECT_GE(result->report.damping, 1.0);
}

} // namespace
