//===- WeightQuantizer.cpp - Matrices to codes ----------------------------===//

#include "quantmlir/Calibration/Algorithms/WeightQuantizer.h"
#include "BlockParams.h"
#include "Codes.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

using namespace quantmlir::calibration;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

QUANTMLIR_VECTOR_CLONES
static void extendRange(const float *source, int64_t count, float &low,
                        float &high) {
  float least = low, most = high;
  // Four accumulators each: minimum and maximum do not depend on the order, but
  // a compiler may not know it.
  constexpr int64_t lanes = 64;
  float lows[lanes], highs[lanes];
  std::fill_n(lows, lanes, least);
  std::fill_n(highs, lanes, most);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int64_t j = 0; j < lanes; ++j) {
      float element = source[i + j];
      lows[j] = element < lows[j] ? element : lows[j];
      highs[j] = element > highs[j] ? element : highs[j];
    }
  for (; i < count; ++i) {
    least = source[i] < least ? source[i] : least;
    most = source[i] > most ? source[i] : most;
  }
  for (int64_t j = 0; j < lanes; ++j) {
    least = std::min(least, lows[j]);
    most = std::max(most, highs[j]);
  }
  low = least;
  high = most;
}

/// absmax and minmax: ranges of each row's blocks first, then of whole blocks.
static void chooseByRange(ConstMatrix source, const WeightFormat &format,
                          WeightParams &params) {
  int64_t columns = params.blockColumns;
  int64_t extent = format.blockColumns ? format.blockColumns : source.columns;
  std::vector<float> lows(source.rows * columns), highs(lows.size());
  llvm::parallelFor(0, source.rows, [&](size_t row) {
    for (int64_t block = 0; block < columns; ++block) {
      int64_t first = block * extent;
      extendRange(source.row(row) + first,
                  std::min(extent, source.columns - first),
                  lows[row * columns + block], highs[row * columns + block]);
    }
  });
  int64_t height = format.blockRows ? format.blockRows : source.rows;
  for (int64_t row = 0; row < params.blockRows; ++row)
    for (int64_t block = 0; block < columns; ++block) {
      float low = 0.0f, high = 0.0f;
      int64_t end = std::min((row + 1) * height, source.rows);
      for (int64_t i = row * height; i < end; ++i) {
        low = std::min(low, lows[i * columns + block]);
        high = std::max(high, highs[i * columns + block]);
      }
      auto [scale, zeroPoint] =
          format.method == Method::AbsMax
              ? getSymmetricParams(std::max(-low, high), format)
              : getAsymmetricParams(low, high, format);
      params.scales[row * columns + block] = scale;
      if (format.hasZeroPoint())
        params.zeroPoints[row * columns + block] = zeroPoint;
    }
}

WeightParams WeightParams::allocate(const WeightFormat &format, int64_t rows,
                                    int64_t columns) {
  WeightParams params;
  params.blockRows = format.getNumBlockRows(rows);
  params.blockColumns = format.getNumBlockColumns(columns);
  params.scales.resize(params.blockRows * params.blockColumns);
  if (format.hasZeroPoint())
    params.zeroPoints.resize(params.scales.size());
  return params;
}

WeightParams quantmlir::calibration::chooseParams(ConstMatrix source,
                                                  const WeightFormat &format) {
  WeightParams params =
      WeightParams::allocate(format, source.rows, source.columns);
  if (format.method == Method::AbsMax || format.method == Method::MinMax) {
    chooseByRange(source, format, params);
    return params;
  }
  int64_t height = format.blockRows ? format.blockRows : source.rows;
  int64_t width = format.blockColumns ? format.blockColumns : source.columns;
  llvm::parallelFor(0, params.scales.size(), [&](size_t block) {
    int64_t top = static_cast<int64_t>(block) / params.blockColumns * height;
    int64_t left = static_cast<int64_t>(block) % params.blockColumns * width;
    int64_t bottom = std::min(top + height, source.rows);
    int64_t right = std::min(left + width, source.columns);
    std::vector<float> elements;
    elements.reserve((bottom - top) * (right - left));
    for (int64_t row = top; row < bottom; ++row)
      elements.insert(elements.end(), source.row(row) + left,
                      source.row(row) + right);
    auto [scale, zeroPoint] = chooseBlockParams(elements, format);
    params.scales[block] = scale;
    if (format.hasZeroPoint())
      params.zeroPoints[block] = zeroPoint;
  });
  return params;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Calls `visit(column, count, block)` for the part of each block in `row`.
template <typename Visit>
static void visitBlocks(int64_t row, int64_t columns,
                        const WeightFormat &format, const WeightParams &params,
                        Visit visit) {
  int64_t width = format.blockColumns ? format.blockColumns : columns;
  int64_t blockRow = format.blockRows ? row / format.blockRows : 0;
  for (int64_t block = 0; block < params.blockColumns; ++block) {
    int64_t first = block * width;
    visit(first, std::min(width, columns - first),
          blockRow * params.blockColumns + block);
  }
}

QuantizedMatrix quantmlir::calibration::quantize(ConstMatrix source,
                                                 const WeightFormat &format,
                                                 WeightParams params) {
  QuantizedMatrix result;
  result.rows = source.rows;
  result.columns = source.columns;
  result.codes.resize(source.rows * source.columns);
  result.params = std::move(params);
  llvm::parallelFor(0, source.rows, [&](size_t row) {
    visitBlocks(row, source.columns, format, result.params,
                [&](int64_t first, int64_t count, int64_t block) {
                  encodeRun(format, source.row(row) + first, count,
                            result.params.scales[block],
                            result.params.getZeroPoint(block),
                            &result.codes[row * source.columns + first]);
                });
  });
  return result;
}

QuantizedMatrix quantmlir::calibration::quantize(ConstMatrix source,
                                                 const WeightFormat &format) {
  return quantize(source, format, chooseParams(source, format));
}

void quantmlir::calibration::dequantizeRow(const QuantizedMatrix &matrix,
                                           const WeightFormat &format,
                                           int64_t row, float *result) {
  if (!matrix.groupIndex.empty()) {
    int64_t first = row / format.blockRows * matrix.params.blockColumns;
    for (int64_t column = 0; column < matrix.columns; ++column) {
      int64_t block = first + matrix.groupIndex[column];
      decodeRun(format, &matrix.codes[row * matrix.columns + column], 1,
                matrix.params.scales[block], matrix.params.getZeroPoint(block),
                result + column);
    }
    return;
  }
  visitBlocks(row, matrix.columns, format, matrix.params,
              [&](int64_t first, int64_t count, int64_t block) {
                decodeRun(format, &matrix.codes[row * matrix.columns + first],
                          count, matrix.params.scales[block],
                          matrix.params.getZeroPoint(block), result + first);
              });
}

void quantmlir::calibration::dequantize(const QuantizedMatrix &matrix,
                                        const WeightFormat &format,
                                        MatrixRef<float> result) {
  llvm::parallelFor(0, matrix.rows, [&](size_t row) {
    dequantizeRow(matrix, format, row, result.row(row));
  });
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

std::vector<uint8_t>
quantmlir::calibration::packRowMajor(const QuantizedMatrix &matrix,
                                     unsigned bits) {
  if (bits == 8)
    return matrix.codes;
  int64_t rowBytes = llvm::divideCeil(matrix.columns * bits, 8);
  std::vector<uint8_t> packed(matrix.rows * rowBytes);
  llvm::parallelFor(0, matrix.rows, [&](size_t row) {
    const uint8_t *codes = matrix.codes.data() + row * matrix.columns;
    uint8_t *bytes = packed.data() + row * rowBytes;
    int64_t column = 0;
    // Eight codes are `bits` bytes.
    for (; column + 8 <= matrix.columns; column += 8, bytes += bits) {
      uint64_t word = 0;
      for (unsigned i = 0; i < 8; ++i)
        word |= uint64_t(codes[column + i]) << (i * bits);
      for (unsigned i = 0; i < bits; ++i)
        bytes[i] = word >> (8 * i);
    }
    uint64_t word = 0;
    unsigned left = matrix.columns - column;
    for (unsigned i = 0; i < left; ++i)
      word |= uint64_t(codes[column + i]) << (i * bits);
    for (unsigned i = 0; i * 8 < left * bits; ++i)
      bytes[i] = word >> (8 * i);
  });
  return packed;
}

std::vector<uint8_t>
quantmlir::calibration::unpackRowMajor(llvm::ArrayRef<uint8_t> packed,
                                       int64_t rows, int64_t columns,
                                       unsigned bits) {
  if (bits == 8)
    return packed.vec();
  int64_t rowBytes = llvm::divideCeil(columns * bits, 8);
  std::vector<uint8_t> codes(rows * columns);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t bit = column * bits;
      const uint8_t *bytes = packed.data() + row * rowBytes;
      unsigned word = bytes[bit / 8];
      if (bit % 8 + bits > 8)
        word |= unsigned(bytes[bit / 8 + 1]) << 8;
      codes[row * columns + column] = word >> (bit % 8) & ((1u << bits) - 1);
    }
  return codes;
}

template <typename T, typename Convert>
static std::vector<uint8_t> toBytes(llvm::ArrayRef<float> values,
                                    Convert convert) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  for (auto [index, value] : llvm::enumerate(values)) {
    T element = convert(value);
    std::memcpy(bytes.data() + index * sizeof(T), &element, sizeof(T));
  }
  return bytes;
}

std::vector<uint8_t>
quantmlir::calibration::encodeScales(llvm::ArrayRef<float> scales,
                                     ScaleKind kind) {
  switch (kind) {
  case ScaleKind::F32:
    return toBytes<float>(scales, [](float value) { return value; });
  case ScaleKind::F16:
    return toBytes<uint16_t>(scales, toHalfBits);
  case ScaleKind::BF16:
    return toBytes<uint16_t>(scales, toBFloat16Bits);
  case ScaleKind::E8M0:
    return toBytes<uint8_t>(scales, toE8M0Bits);
  case ScaleKind::E4M3:
    return toBytes<uint8_t>(scales, [](float value) {
      return toSmallFloatBits(value, {4, 3, 7, 0x7E, 0x7F, -1});
    });
  }
  llvm_unreachable("all kinds handled");
}

std::vector<uint8_t>
quantmlir::calibration::encodeZeroPoints(llvm::ArrayRef<float> zeroPoints,
                                         ZeroPointKind kind) {
  switch (kind) {
  case ZeroPointKind::None:
    return {};
  case ZeroPointKind::I8:
  case ZeroPointKind::UI8:
    return toBytes<uint8_t>(zeroPoints, [](float value) {
      return static_cast<uint8_t>(static_cast<int32_t>(value));
    });
  case ZeroPointKind::F32:
    return toBytes<float>(zeroPoints, [](float value) { return value; });
  case ZeroPointKind::F16:
    return toBytes<uint16_t>(zeroPoints, toHalfBits);
  case ZeroPointKind::BF16:
    return toBytes<uint16_t>(zeroPoints, toBFloat16Bits);
  }
  llvm_unreachable("all kinds handled");
}

QUANTMLIR_VECTOR_CLONES
static void decodeBFloat16(const uint8_t *bytes, int64_t count,
                           float *__restrict result) {
  for (int64_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
    uint32_t word = static_cast<uint32_t>(bits) << 16;
    std::memcpy(&result[i], &word, sizeof(word));
  }
}

void quantmlir::calibration::decodeFloats(const uint8_t *bytes, ScaleKind kind,
                                          llvm::MutableArrayRef<float> result) {
  if (kind == ScaleKind::F32) {
    std::memcpy(result.data(), bytes, result.size() * sizeof(float));
    return;
  }
  assert((kind == ScaleKind::F16 || kind == ScaleKind::BF16) &&
         "not a type of weights");
  constexpr size_t chunk = 1 << 16;
  llvm::parallelFor(0, (result.size() + chunk - 1) / chunk, [&](size_t index) {
    size_t first = index * chunk, end = std::min(result.size(), first + chunk);
    if (kind == ScaleKind::BF16)
      return decodeBFloat16(bytes + 2 * first, end - first, &result[first]);
    for (size_t i = first; i < end; ++i) {
      uint16_t bits;
      std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
      result[i] = fromHalfBits(bits);
    }
  });
}

QUANTMLIR_VECTOR_CLONES
static bool isWithin(const float *source, int64_t count, float limit) {
  // NaN is within nothing; integers sum in any order.
  int32_t bad = 0;
  for (int64_t i = 0; i < count; ++i)
    bad += !(std::fabs(source[i]) <= limit);
  return bad == 0;
}

/// The position of the first element whose magnitude is not up to `limit`.
static std::optional<std::pair<int64_t, int64_t>> findBeyond(ConstMatrix source,
                                                             float limit) {
  std::atomic<int64_t> first(source.rows);
  llvm::parallelFor(0, source.rows, [&](size_t row) {
    if (isWithin(source.row(row), source.columns, limit))
      return;
    int64_t known = first;
    while (static_cast<int64_t>(row) < known &&
           !first.compare_exchange_weak(known, row)) {
    }
  });
  if (first == source.rows)
    return std::nullopt;
  int64_t row = first, column = 0;
  while (std::fabs(source(row, column)) <= limit)
    ++column;
  return std::pair(row, column);
}

std::optional<std::pair<int64_t, int64_t>>
quantmlir::calibration::findNonFinite(ConstMatrix source) {
  return findBeyond(source, std::numeric_limits<float>::max());
}

llvm::Error quantmlir::calibration::checkWeights(ConstMatrix weights) {
  auto where = findBeyond(weights, 0x1p125f);
  if (!where)
    return llvm::Error::success();
  auto [row, column] = *where;
  float value = weights(row, column);
  return llvm::createStringError(
      llvm::formatv("the weight at [{0}, {1}] is {2}", row, column,
                    std::isfinite(value)
                        ? llvm::formatv("{0:e}: blocks of weights over 2^125 "
                                        "may have scales that no f32 holds",
                                        value)
                              .str()
                        : "NaN or infinite")
          .str());
}
