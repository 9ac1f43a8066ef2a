//===- WeightFormat.h - What the codes of a matrix mean ---------*- C++ -*-===//
//
// A scheme resolved to the numbers that arithmetic needs: the meaning of
// `#quant_tensor.encoding` for matrices, without MLIR. Convention everywhere:
// x = (code - zero_point) * scale, or codebook[code] * scale.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_ALGORITHMS_WEIGHTFORMAT_H
#define QUANTMLIR_CALIBRATION_ALGORITHMS_WEIGHTFORMAT_H

#include "quantmlir/Calibration/Scheme.h"

namespace quantmlir::calibration {

/// A row-major matrix that somebody else owns.
template <typename T> struct MatrixRef {
  T *data = nullptr;
  int64_t rows = 0, columns = 0;
  /// Elements from one row to the next.
  int64_t stride = 0;

  MatrixRef() = default;
  MatrixRef(T *data, int64_t rows, int64_t columns)
      : data(data), rows(rows), columns(columns), stride(columns) {}
  MatrixRef(T *data, int64_t rows, int64_t columns, int64_t stride)
      : data(data), rows(rows), columns(columns), stride(stride) {}
  /// A matrix is also a read-only one.
  operator MatrixRef<const T>() const { return {data, rows, columns, stride}; }

  T *row(int64_t index) const { return data + index * stride; }
  T &operator()(int64_t i, int64_t j) const { return data[i * stride + j]; }
  MatrixRef rowRange(int64_t first, int64_t count) const {
    return {data + first * stride, count, columns, stride};
  }
};
using ConstMatrix = MatrixRef<const float>;

/// A float of at most 8 bits with a sign.
struct SmallFloatFormat {
  int32_t exponentBits = 0, mantissaBits = 0, bias = 0;
  /// Magnitude bits of the largest finite value, of NaN and of infinity (-1
  /// where there is none).
  int32_t largest = 0, nan = -1, infinity = -1;
};

/// Element type of zero points; None where codes have none.
enum class ZeroPointKind { None, I8, UI8, F32, F16, BF16 };

/// Rounds to nearest even and saturates, as the dialect does by default.
struct WeightFormat {
  CodeKind code = CodeKind::Integer;
  unsigned bits = 8;
  bool isSigned = true;
  /// Smallest and largest integer code.
  int32_t low = -128, high = 127;
  ScaleKind scale = ScaleKind::F32;
  ZeroPointKind zeroPoint = ZeroPointKind::None;
  /// Extents of a block, 0 = the whole dimension.
  int64_t blockRows = 1, blockColumns = 0;
  Method method = Method::AbsMax;
  double percent = 99.9;
  int64_t candidates = 80;

  /// The format of a weight scheme: signed integers; zero points, where the
  /// scheme is asymmetric, of the codes' sign in a byte each.
  static WeightFormat get(const TensorScheme &scheme);
  /// Fails with what is wrong: widths, extents, methods that do not exist.
  llvm::Error verify() const;
  /// A block that is as large as a matrix of this size, or larger, becomes the
  /// whole dimension.
  WeightFormat fit(int64_t rows, int64_t columns) const;

  bool hasZeroPoint() const { return zeroPoint != ZeroPointKind::None; }
  bool hasFloatZeroPoint() const {
    return zeroPoint == ZeroPointKind::F32 || zeroPoint == ZeroPointKind::F16 ||
           zeroPoint == ZeroPointKind::BF16;
  }
  /// Which magnitude absmax maps the largest value to.
  float getMaxMagnitude() const;
  /// Of floats of 4 and 8 bits only.
  SmallFloatFormat getSmallFloat() const;
  /// The entries of a codebook, ascending; empty for other codes.
  llvm::ArrayRef<float> getCodebook() const;

  /// Blocks along each dimension of a matrix of this size.
  int64_t getNumBlockRows(int64_t rows) const {
    return blockRows == 0 ? 1 : (rows + blockRows - 1) / blockRows;
  }
  int64_t getNumBlockColumns(int64_t columns) const {
    return blockColumns == 0 ? 1 : (columns + blockColumns - 1) / blockColumns;
  }
  /// Text of the `#quant_tensor.encoding` that says the same; `layout` is text
  /// of a `#quant_tensor.layout`, empty for row major.
  std::string getEncodingText(llvm::StringRef layout = "") const;
};

/// "bf16" and so on, as MLIR spells it.
llvm::StringRef getElementName(ZeroPointKind kind);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_ALGORITHMS_WEIGHTFORMAT_H
