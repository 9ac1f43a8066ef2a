//===- SmallFloatTest.cpp - 4- and 8-bit floats against APFloat -----------===//
//
// The reference's conversions, compiled for this CPU, against LLVM's software
// floats: every code one way, and the other way every f32 up to what rounding
// can tell apart.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Execution/ReferenceExecutor.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace quantmlir;
using llvm::APFloat;
using llvm::APInt;

namespace {

struct Format {
  const char *name;
  const llvm::fltSemantics &(*semantics)();
  unsigned bits;
};

const Format formats[] = {{"f8E4M3FN", APFloat::Float8E4M3FN, 8},
                          {"f8E5M2", APFloat::Float8E5M2, 8},
                          {"f4E2M1FN", APFloat::Float4E2M1FN, 4}};

struct Mode {
  const char *name;
  llvm::RoundingMode mode;
};

const Mode modes[] = {{"nearest_even", APFloat::rmNearestTiesToEven},
                      {"nearest_away", APFloat::rmNearestTiesToAway},
                      {"toward_zero", APFloat::rmTowardZero},
                      {"downward", APFloat::rmTowardNegative},
                      {"upward", APFloat::rmTowardPositive}};

std::unique_ptr<ReferenceExecutor> compile(const std::string &text) {
  auto executor =
      ReferenceExecutor::create(llvm::MemoryBufferRef(text, "test.mlir"));
  if (!executor) {
    ADD_FAILURE() << llvm::toString(executor.takeError());
    return nullptr;
  }
  return std::move(*executor);
}

template <typename T>
ArrayView view(const std::vector<T> &values, std::vector<int64_t> shape) {
  return {values.data(), std::move(shape), ""};
}

/// Runs a function of one result.
template <typename T>
std::vector<T> invoke(ReferenceExecutor &executor, const char *name,
                      std::vector<ArrayView> inputs, size_t result = 0) {
  auto results = executor.invoke(name, inputs);
  if (!results) {
    ADD_FAILURE() << llvm::toString(results.takeError());
    return {};
  }
  const std::vector<char> &data = (*results)[result].data;
  std::vector<T> values(data.size() / sizeof(T));
  std::memcpy(values.data(), data.data(), data.size());
  return values;
}

/// f32 values that include, for every sign, exponent and leading 7 bits of
/// mantissa, what lies on, just beside and far from a tie. A target with at
/// most 3 bits of mantissa decides by these and whether a lower bit is set.
std::vector<float> makeInputs() {
  std::vector<float> values;
  for (uint32_t high = 0; high < 0x10000; ++high)
    for (uint32_t low : {0x0000, 0x0001, 0x7FFF, 0x8000, 0xFFFF})
      values.push_back(llvm::bit_cast<float>(high << 16 | low));
  return values;
}

/// What `quantize` defines: rounded, saturating, NaN kept where there is one.
APFloat roundSaturating(float value, const llvm::fltSemantics &semantics,
                        llvm::RoundingMode mode) {
  APFloat largest = APFloat::getLargest(semantics, std::signbit(value));
  if (std::isnan(value))
    return APFloat::semanticsHasNaN(semantics) ? APFloat::getNaN(semantics)
                                               : APFloat::getZero(semantics);
  if (std::fabs(value) >= std::fabs(largest.convertToDouble()))
    return largest;
  APFloat result(value);
  bool losesInfo;
  result.convert(semantics, mode, &losesInfo);
  return result;
}

TEST(SmallFloat, EveryCodeDecodes) {
  std::string text;
  for (const Format &format : formats)
    text += llvm::formatv(R"(
#{0} = #quant_tensor.encoding<{{storage = {0}, block = [0], scale = f32}>
func.func @{0}(%q: tensor<{1}xf32, #{0}>) -> tensor<{1}xf32> {{
  %d = quant_tensor.dequantize %q : tensor<{1}xf32, #{0}> -> tensor<{1}xf32>
  return %d : tensor<{1}xf32>
}
)",
                          format.name, 1 << format.bits);
  auto executor = compile(text);
  ASSERT_TRUE(executor);
  std::vector<float> scale = {1.0f};
  for (const Format &format : formats) {
    int64_t count = int64_t(1) << format.bits;
    std::vector<uint8_t> codes;
    for (int64_t code = 0; code < count; ++code) {
      if (format.bits == 8)
        codes.push_back(code);
      else if (code % 2 == 0)
        codes.push_back(code | (code + 1) << 4);
    }
    auto decoded = invoke<float>(
        *executor, format.name,
        {view(codes, {static_cast<int64_t>(codes.size())}), view(scale, {1})});
    ASSERT_EQ(decoded.size(), static_cast<size_t>(count));
    for (int64_t code = 0; code < count; ++code) {
      APFloat exact(format.semantics(), APInt(format.bits, code));
      if (exact.isNaN()) {
        EXPECT_TRUE(std::isnan(decoded[code])) << format.name << ' ' << code;
        continue;
      }
      float expected =
          exact.isInfinity()
              ? std::copysign(INFINITY, exact.isNegative() ? -1.f : 1.f)
              : static_cast<float>(exact.convertToDouble());
      EXPECT_EQ(llvm::bit_cast<uint32_t>(decoded[code]),
                llvm::bit_cast<uint32_t>(expected))
          << format.name << ' ' << code;
    }
  }
}

TEST(SmallFloat, EveryRoundingModeEncodes) {
  std::vector<float> inputs = makeInputs();
  int64_t count = inputs.size();
  std::string text;
  for (const Format &format : formats)
    for (const Mode &mode : modes)
      text += llvm::formatv(R"(
#{0}_{1} = #quant_tensor.encoding<{{storage = {0}, block = [0], scale = f32, rounding = {1}}>
func.func @{0}_{1}(%x: tensor<{2}xf32>, %s: tensor<1xf32>) -> tensor<{2}xf32, #{0}_{1}> {{
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>) : tensor<{2}xf32> -> tensor<{2}xf32, #{0}_{1}>
  return %q : tensor<{2}xf32, #{0}_{1}>
}
)",
                            format.name, mode.name, count);
  auto executor = compile(text);
  ASSERT_TRUE(executor);
  std::vector<float> scale = {1.0f};
  for (const Format &format : formats)
    for (const Mode &mode : modes) {
      std::string name = std::string(format.name) + "_" + mode.name;
      auto bytes = invoke<uint8_t>(*executor, name.c_str(),
                                   {view(inputs, {count}), view(scale, {1})});
      ASSERT_EQ(bytes.size(), static_cast<size_t>(count * format.bits / 8));
      int failures = 0;
      for (int64_t i = 0; i < count && failures < 10; ++i) {
        unsigned code =
            format.bits == 8 ? bytes[i] : bytes[i / 2] >> (i % 2 * 4) & 15;
        APFloat expected =
            roundSaturating(inputs[i], format.semantics(), mode.mode);
        APFloat got(format.semantics(), APInt(format.bits, code));
        bool same =
            expected.isNaN() ? got.isNaN() : got.bitwiseIsEqual(expected);
        failures += !same;
        EXPECT_TRUE(same) << name << " of "
                          << llvm::bit_cast<uint32_t>(inputs[i]) << " gives "
                          << code;
      }
    }
}

TEST(SmallFloat, EveryE8M0ScaleDecodes) {
  auto executor = compile(R"(
#e = #quant_tensor.encoding<{storage = i8, block = [1], scale = f8E8M0FNU}>
func.func @f(%q: tensor<256xf32, #e>) -> tensor<256xf32> {
  %d = quant_tensor.dequantize %q : tensor<256xf32, #e> -> tensor<256xf32>
  return %d : tensor<256xf32>
}
)");
  ASSERT_TRUE(executor);
  std::vector<uint8_t> codes(256, 1), scales(256);
  for (unsigned i = 0; i < 256; ++i)
    scales[i] = i;
  auto decoded =
      invoke<float>(*executor, "f", {view(codes, {256}), view(scales, {256})});
  ASSERT_EQ(decoded.size(), 256u);
  for (unsigned i = 0; i < 256; ++i) {
    APFloat exact(APFloat::Float8E8M0FNU(), APInt(8, i));
    if (exact.isNaN())
      EXPECT_TRUE(std::isnan(decoded[i])) << i;
    else
      EXPECT_EQ(decoded[i], static_cast<float>(exact.convertToDouble())) << i;
  }
}

/// arith.truncf, which does not saturate, from f32 and through f64.
TEST(SmallFloat, TruncFIsWhatAPFloatSays) {
  std::vector<float> inputs = makeInputs();
  int64_t count = inputs.size();
  std::string text;
  for (const Format &format : formats)
    text += llvm::formatv(R"(
func.func @{0}(%x: tensor<{1}xf32>) -> (tensor<{1}xf32>, tensor<{1}xf32>) {{
  %e = tensor.empty() : tensor<{1}xf32>
  %y:2 = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<{1}xf32>) outs(%e, %e : tensor<{1}xf32>, tensor<{1}xf32>) {{
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.truncf %a : f32 to {0}
    %1 = arith.extf %0 : {0} to f32
    // A sliver away from zero: lost in f32, but it decides a tie.
    %sliver = arith.constant 1.000000000001 : f64
    %2 = arith.extf %a : f32 to f64
    %3 = arith.mulf %2, %sliver : f64
    %4 = arith.truncf %3 : f64 to {0}
    %5 = arith.extf %4 : {0} to f32
    linalg.yield %1, %5 : f32, f32
  } -> (tensor<{1}xf32>, tensor<{1}xf32>)
  return %y#0, %y#1 : tensor<{1}xf32>, tensor<{1}xf32>
}
)",
                          format.name, count);
  auto executor = compile(text);
  ASSERT_TRUE(executor);
  for (const Format &format : formats)
    for (size_t result : {0, 1}) {
      auto values = invoke<float>(*executor, format.name,
                                  {view(inputs, {count})}, result);
      ASSERT_EQ(values.size(), static_cast<size_t>(count));
      int failures = 0;
      for (int64_t i = 0; i < count && failures < 10; ++i) {
        // What stands for infinity and NaN in a type of numbers alone is ours
        // to say.
        if (!std::isfinite(inputs[i]) &&
            !APFloat::semanticsHasNaN(format.semantics()))
          continue;
        APFloat expected(result ? double(inputs[i]) * 1.000000000001
                                : double(inputs[i]));
        bool losesInfo;
        expected.convert(format.semantics(), APFloat::rmNearestTiesToEven,
                         &losesInfo);
        expected.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                         &losesInfo);
        bool same = expected.isNaN()
                        ? std::isnan(values[i])
                        : expected.bitwiseIsEqual(APFloat(values[i]));
        failures += !same;
        EXPECT_TRUE(same) << format.name << " of " << inputs[i] << " gives "
                          << values[i] << ", result " << result;
      }
    }
}

/// A codebook whose largest entry is 1 makes absmax the scale itself.
TEST(SmallFloat, E8M0ScalesRoundUp) {
  std::vector<float> inputs;
  for (float value : makeInputs())
    if (!std::signbit(value) && std::isfinite(value) && value != 0)
      inputs.push_back(value);
  int64_t count = inputs.size();
  auto executor = compile(llvm::formatv(R"(
#e = #quant_tensor.encoding<{{storage = ui4, block = [1], scale = f8E8M0FNU, codebook = nf4}>
func.func @f(%x: tensor<{0}xf32>) -> tensor<{0}xf8E8M0FNU> {{
  %s = quant_tensor.choose_params %x method(absmax) encoding(#e) : tensor<{0}xf32> -> tensor<{0}xf8E8M0FNU>
  return %s : tensor<{0}xf8E8M0FNU>
}
)",
                                        count));
  ASSERT_TRUE(executor);
  auto scales = invoke<uint8_t>(*executor, "f", {view(inputs, {count})});
  ASSERT_EQ(scales.size(), static_cast<size_t>(count));
  int failures = 0;
  for (int64_t i = 0; i < count && failures < 10; ++i) {
    double expected = std::exp2(
        std::clamp(std::ceil(std::log2(double(inputs[i]))), -127.0, 127.0));
    double got = APFloat(APFloat::Float8E8M0FNU(), APInt(8, scales[i]))
                     .convertToDouble();
    failures += got != expected;
    EXPECT_EQ(got, expected) << inputs[i];
  }
}

} // namespace
