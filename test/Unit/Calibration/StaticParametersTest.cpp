//===- StaticParametersTest.cpp - Scales from statistics ------------------===//

#include "quantmlir/Calibration/StaticParameters.h"
#include "quantmlir/Calibration/Layers.h"

#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

namespace {

class StaticParametersTest : public testing::Test {
protected:
  StaticParametersTest() { context.loadDialect<QuantTensorDialect>(); }

  StaticParameters choose(llvm::StringRef text, llvm::ArrayRef<float> data) {
    Scheme scheme = llvm::cantFail(
        Scheme::parse(("int8/" + text + ",tensor,static").str()));
    auto type = RankedTensorType::get({int64_t(data.size()), 1},
                                      Float32Type::get(&context));
    EncodingAttr encoding = makeEncoding(type, 1, *scheme.activations);
    TensorStatistics statistics =
        TensorStatistics::create(1, MinMaxStatistic | HistogramStatistic);
    llvm::cantFail(statistics.add(data));
    auto result =
        chooseStaticParameters(encoding, *scheme.activations, statistics);
    if (!result)
      ADD_FAILURE() << llvm::toString(result.takeError());
    return result ? *result : StaticParameters();
  }

  MLIRContext context;
};

double squaredError(llvm::ArrayRef<float> data, const StaticParameters &p) {
  double sum = 0;
  for (float x : data) {
    double code =
        std::clamp(std::nearbyint(x / p.scale + p.zeroPoint), -128.0, 127.0);
    double error = (code - p.zeroPoint) * p.scale - x;
    sum += error * error;
  }
  return sum;
}

std::vector<float> makeOutliers() {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> data(20000);
  for (float &x : data)
    x = normal(random);
  for (int i = 0; i < 4; ++i)
    data[1000 * i] = i % 2 ? 256.0f : -256.0f;
  return data;
}

} // namespace

// Convention: x = (code - Z) * scale. Under x * S + Z, where S = 1 / scale, the
// range [-7.59, 10.8] gives S = 13.866 and Z = -23.
TEST_F(StaticParametersTest, KnownAsymmetricRange) {
  StaticParameters p = choose("int8,asymmetric", {-7.59f, 10.8f, 0.5f});
  EXPECT_NEAR(1 / p.scale, 13.866, 5e-4);
  EXPECT_EQ(p.zeroPoint, -23);
}

// One outlier of 256 takes all codes from the rest under absmax; clipping
// leaves them.
TEST_F(StaticParametersTest, AnOutlierCollapsesAbsMax) {
  std::vector<float> data(1000, 0.5f);
  for (size_t i = 0; i < data.size(); i += 2)
    data[i] = -0.5f;
  data[3] = 256;
  StaticParameters absmax = choose("int8", data);
  EXPECT_EQ(absmax.scale, double(256.0f / 127));
  EXPECT_EQ(std::nearbyint(0.5 / absmax.scale), 0);
  StaticParameters clipped = choose("int8,percentile=99", data);
  EXPECT_GE(std::nearbyint(0.5 / clipped.scale), 64);
}

TEST_F(StaticParametersTest, SearchesBeatTheWholeRange) {
  std::vector<float> data = makeOutliers();
  for (llvm::StringRef symmetry : {"", ",asymmetric"}) {
    std::string suffix = symmetry.str();
    StaticParameters whole = choose(
        "int8" + suffix + (suffix.empty() ? ",absmax" : ",minmax"), data);
    for (llvm::StringRef method : {"mse", "mse=400", "kl=400"}) {
      StaticParameters found =
          choose("int8" + suffix + "," + method.str(), data);
      EXPECT_LT(found.scale, whole.scale) << method.str() << suffix;
    }
    StaticParameters mse = choose("int8" + suffix + ",mse=100", data);
    EXPECT_LT(squaredError(data, mse), squaredError(data, whole));
  }
}

// The histogram's choice against a search over the data themselves.
TEST_F(StaticParametersTest, MSEIsNearTheBest) {
  std::vector<float> data = makeOutliers();
  for (float &x : data)
    x = std::clamp(x, -6.0f, 30.0f);
  double best = INFINITY;
  for (int i = 1; i <= 80; ++i) {
    StaticParameters p;
    p.scale = 30.0 * i / 80 / 127;
    best = std::min(best, squaredError(data, p));
  }
  StaticParameters found = choose("int8,mse", data);
  EXPECT_LE(squaredError(data, found), 1.05 * best);
}

TEST_F(StaticParametersTest, ZerosAndScaleTypes) {
  StaticParameters zeros = choose("int8,mse", {0.0f, -0.0f});
  EXPECT_EQ(zeros.scale, 1);
  EXPECT_EQ(zeros.zeroPoint, 0);
  EXPECT_EQ(choose("int8,scale=f8E8M0FNU", {100.0f}).scale, 1);
  EXPECT_EQ(choose("int8,scale=f8E8M0FNU", {128.0f}).scale, 2);
  EXPECT_EQ(choose("int8,scale=bf16", {127.0f * 1.01f}).scale, 1.0078125);
  EXPECT_EQ(choose("fp8", {448.0f}).scale, 1);
  EXPECT_GT(choose("int8,scale=f16", {1e-12f}).scale, 0);
  EXPECT_EQ(choose("int8,scale=f16", {3e38f}).scale, 65504);
}

TEST_F(StaticParametersTest, SaysWhatIsMissing) {
  Scheme scheme = llvm::cantFail(Scheme::parse("int8/int8,tensor,static,mse"));
  auto type = RankedTensorType::get({4, 4}, Float32Type::get(&context));
  EncodingAttr encoding = makeEncoding(type, 1, *scheme.activations);
  auto message = [&](const TensorStatistics &statistics) {
    auto result =
        chooseStaticParameters(encoding, *scheme.activations, statistics);
    return result ? "accepted" : llvm::toString(result.takeError());
  };
  TensorStatistics statistics = TensorStatistics::create(4, MinMaxStatistic);
  EXPECT_EQ(message(statistics), "nothing was seen");
  llvm::cantFail(statistics.add({1, 2, 3, 4}));
  EXPECT_EQ(message(statistics), "the statistic histogram was not kept");
  statistics = TensorStatistics::create(4, AbsMeanStatistic);
  llvm::cantFail(statistics.add({1, 2, 3, 4}));
  EXPECT_EQ(message(statistics), "the statistic minmax was not kept");
}
