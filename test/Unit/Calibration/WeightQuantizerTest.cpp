//===- WeightQuantizerTest.cpp - Codes and parameters of matrices ---------===//
//
// What the reference gives for the same matrices is compared in
// test/Integration/test_weight_quantizer.py; here, what needs no reference.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"
#include "TestMatrices.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace quantmlir::calibration;
using namespace quantmlir::test;

namespace {

WeightFormat makeFormat(CodeKind code, unsigned bits, bool symmetric = true) {
  TensorScheme scheme;
  scheme.code = code;
  scheme.bits = bits;
  scheme.symmetric = symmetric;
  scheme.method = symmetric ? Method::AbsMax : Method::MinMax;
  return WeightFormat::get(scheme);
}

TEST(WeightQuantizer, KnownAsymmetricParameters) {
  // Lecture values under x = S q + Z of the other convention: S = 13.866 is
  // 255 / (10.8 - -7.59), Z = -23 its code of 0.
  Matrix<float> x(1, 2);
  x.elements = {-7.59f, 10.8f};
  WeightFormat format = makeFormat(CodeKind::Integer, 8, /*symmetric=*/false);
  WeightParams params = chooseParams(x.ref(), format);
  EXPECT_NEAR(1.0 / params.scales[0], 13.866, 5e-4);
  EXPECT_EQ(params.zeroPoints[0], -23.0f);
}

TEST(WeightQuantizer, OneOutlierCollapsesTheRestUnlessClipped) {
  Matrix<float> x(1, 256);
  for (int64_t j = 0; j < 256; ++j)
    x(0, j) = 0.9f * std::sin(static_cast<float>(j));
  x(0, 100) = 256.0f;
  WeightFormat format = makeFormat(CodeKind::Integer, 8);
  QuantizedMatrix absmax = quantize(x.ref(), format);
  for (int64_t j = 0; j < 256; ++j)
    EXPECT_EQ(absmax.codes[j], j == 100 ? 127 : 0) << j;
  format.method = Method::Percentile;
  format.percent = 99.0;
  QuantizedMatrix clipped = quantize(x.ref(), format);
  int64_t zeros = 0;
  for (uint8_t code : clipped.codes)
    zeros += code == 0;
  EXPECT_LT(zeros, 4);
  EXPECT_EQ(clipped.codes[100], 127);
}

TEST(WeightQuantizer, ZerosGiveExactZeros) {
  Matrix<float> x(2, 32);
  for (CodeKind code : {CodeKind::Integer, CodeKind::FP8E4M3, CodeKind::FP4E2M1,
                        CodeKind::NF4}) {
    WeightFormat format = makeFormat(code, code == CodeKind::Integer ? 3 : 4);
    QuantizedMatrix q = quantize(x.ref(), format);
    EXPECT_EQ(q.params.scales[0], 1.0f);
    Matrix<float> back = makeNormal(2, 32, 1);
    dequantize(q, format, back.ref());
    for (float element : back.elements)
      EXPECT_EQ(element, 0.0f);
  }
}

TEST(WeightQuantizer, PackingIsABitStream) {
  for (unsigned bits = 2; bits <= 8; ++bits)
    for (int64_t columns : {1, 7, 8, 9, 61}) {
      QuantizedMatrix matrix;
      matrix.rows = 3;
      matrix.columns = columns;
      std::mt19937 generator(bits);
      for (int64_t i = 0; i < 3 * columns; ++i)
        matrix.codes.push_back(generator() & ((1u << bits) - 1));
      std::vector<uint8_t> packed = packRowMajor(matrix, bits);
      int64_t rowBytes = (columns * bits + 7) / 8;
      ASSERT_EQ(packed.size(), size_t(3 * rowBytes));
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t bit = 0; bit < rowBytes * 8; ++bit) {
          int64_t column = bit / bits;
          unsigned expected =
              column < columns
                  ? matrix.codes[i * columns + column] >> (bit % bits) & 1
                  : 0;
          EXPECT_EQ(packed[i * rowBytes + bit / 8] >> (bit % 8) & 1, expected);
        }
      EXPECT_EQ(unpackRowMajor(packed, 3, columns, bits), matrix.codes);
    }
}

TEST(WeightQuantizer, ScalesKeepTheirValues) {
  std::vector<float> values = {1.0f, 0.375f, 0x1p-24f, 65504.0f, 0x1p-14f};
  std::vector<uint8_t> half = encodeScales(values, ScaleKind::F16);
  const uint8_t expected[] = {0x00, 0x3C, 0x00, 0x36, 0x01,
                              0x00, 0xFF, 0x7B, 0x00, 0x04};
  EXPECT_EQ(half,
            std::vector<uint8_t>(std::begin(expected), std::end(expected)));
  EXPECT_EQ(encodeScales({1.5f}, ScaleKind::BF16),
            (std::vector<uint8_t>{0xC0, 0x3F}));
  EXPECT_EQ(encodeScales({0.25f}, ScaleKind::E8M0), std::vector<uint8_t>{125});
  EXPECT_EQ(encodeScales({448.0f}, ScaleKind::E4M3),
            std::vector<uint8_t>{0x7E});
}

TEST(WeightQuantizer, FindsTheFirstThatIsNotFinite) {
  Matrix<float> x = makeNormal(50, 67, 3);
  EXPECT_EQ(findNonFinite(x.ref()), std::nullopt);
  x(41, 3) = std::numeric_limits<float>::infinity();
  x(17, 66) = std::numeric_limits<float>::quiet_NaN();
  x(17, 65) = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(findNonFinite(x.ref()), (std::pair<int64_t, int64_t>(17, 65)));
}

TEST(WeightQuantizer, RefusesWeightsWhoseScalesOverflow) {
  Matrix<float> x = makeNormal(7, 9, 3);
  x(2, 3) = -0x1p125f;
  EXPECT_EQ(llvm::toString(checkWeights(x.ref())), "");
  x(4, 5) = 0x1p126f;
  std::string text = llvm::toString(checkWeights(x.ref()));
  EXPECT_NE(text.find("the weight at [4, 5] is 8.5"), std::string::npos)
      << text;
  EXPECT_EQ(findNonFinite(x.ref()), std::nullopt);
  x(1, 0) = NAN;
  EXPECT_EQ(llvm::toString(checkWeights(x.ref())),
            "the weight at [1, 0] is NaN or infinite");
}

TEST(WeightQuantizer, RefusesFormatsThatDoNotExist) {
  auto expectError = [](const WeightFormat &format, const char *message) {
    std::string text = llvm::toString(format.verify());
    EXPECT_NE(text.find(message), std::string::npos) << text;
  };
  WeightFormat format = makeFormat(CodeKind::Integer, 4);
  EXPECT_EQ(llvm::toString(format.verify()), "");
  format.bits = 9;
  expectError(format, "codes of 9 bits");
  format = makeFormat(CodeKind::Integer, 4);
  format.high = 8;
  expectError(format, "do not fit 4 bits");
  format = makeFormat(CodeKind::Integer, 4);
  format.method = Method::MinMax;
  expectError(format, "minmax needs a zero point");
  format = makeFormat(CodeKind::NF4, 4);
  format.zeroPoint = ZeroPointKind::I8;
  expectError(format, "integer codes only");
  format = makeFormat(CodeKind::Integer, 4);
  format.percent = 0;
  expectError(format, "percent");
  format = makeFormat(CodeKind::Integer, 4);
  format.candidates = 0;
  expectError(format, "candidates");
}

} // namespace
