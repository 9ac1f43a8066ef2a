//===- WeightQuantizer.h - Matrices to codes --------------------*- C++ -*-===//
//
// `quant_tensor.choose_params` and `quant_tensor.quantize` of matrices, bit for
// bit, at the speed of memory and without a JIT. Rows are shared out among the
// threads of llvm::parallel.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_CALIBRATION_ALGORITHMS_WEIGHTQUANTIZER_H
#define QUANTMLIR_CALIBRATION_ALGORITHMS_WEIGHTQUANTIZER_H

#include "quantmlir/Calibration/Algorithms/WeightFormat.h"

namespace quantmlir::calibration {

/// Scales and zero points of a matrix, one per block, row-major over blocks.
/// Scales hold exactly what the scale type can; zero points are integers or
/// what their float type can hold, and empty where the format has none.
struct WeightParams {
  int64_t blockRows = 0, blockColumns = 0;
  std::vector<float> scales;
  std::vector<float> zeroPoints;

  /// Room for the parameters of a matrix of this size, all zero.
  static WeightParams allocate(const WeightFormat &format, int64_t rows,
                               int64_t columns);

  float getZeroPoint(int64_t index) const {
    return zeroPoints.empty() ? 0.0f : zeroPoints[index];
  }
};

/// A quantized matrix; codes are one a byte, zero above the storage's width.
struct QuantizedMatrix {
  int64_t rows = 0, columns = 0;
  std::vector<uint8_t> codes;
  WeightParams params;
  /// The block of each column, where columns of a block are not side by side
  /// (GPTQ's `g_idx`); else empty. As many columns in each as blocks have.
  std::vector<int32_t> groupIndex;
};

/// One scale (and zero point) for each block of `source`, as choose_params
/// chooses it. NaN counts for nothing.
WeightParams chooseParams(ConstMatrix source, const WeightFormat &format);

/// The codes of `source` under given parameters.
QuantizedMatrix quantize(ConstMatrix source, const WeightFormat &format,
                         WeightParams params);
/// With parameters of its own.
QuantizedMatrix quantize(ConstMatrix source, const WeightFormat &format);

/// Each element's exact value, rounded once to f32.
void dequantize(const QuantizedMatrix &matrix, const WeightFormat &format,
                MatrixRef<float> result);

/// One row of it.
void dequantizeRow(const QuantizedMatrix &matrix, const WeightFormat &format,
                   int64_t row, float *result);

/// Codes as the row-major layout has them: 8-bit codes a byte each, narrower
/// ones a little-endian bit stream per row, padded to whole bytes.
std::vector<uint8_t> packRowMajor(const QuantizedMatrix &matrix, unsigned bits);
/// The inverse. `packed` has ceil(columns * bits / 8) bytes a row.
std::vector<uint8_t> unpackRowMajor(llvm::ArrayRef<uint8_t> packed,
                                    int64_t rows, int64_t columns,
                                    unsigned bits);

/// Scales or zero points as elements of their type.
std::vector<uint8_t> encodeScales(llvm::ArrayRef<float> scales, ScaleKind kind);
std::vector<uint8_t> encodeZeroPoints(llvm::ArrayRef<float> zeroPoints,
                                      ZeroPointKind kind);

/// `result.size()` elements of f16, bf16 or f32 as f32; `bytes` may be
/// unaligned.
void decodeFloats(const uint8_t *bytes, ScaleKind kind,
                  llvm::MutableArrayRef<float> result);

/// Scale and zero point of one block, whose elements are given in the order of
/// its rows.
std::pair<float, float> chooseBlockParams(llvm::ArrayRef<float> elements,
                                          const WeightFormat &format);

/// The position (row, column) of the first NaN or infinity, if there is one.
std::optional<std::pair<int64_t, int64_t>> findNonFinite(ConstMatrix source);

/// An error with the position of the first weight that is NaN or infinite, or
/// whose magnitude is over 2^125: the range of its block, or a scale rounded up
/// to a power of two, might not be finite in f32.
llvm::Error checkWeights(ConstMatrix weights);

/// An error with the position of a weight that is no number, or so large (over
/// 2^125) that ranges and rounded scales of its block might not fit f32.
llvm::Error checkWeights(ConstMatrix weights);

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_ALGORITHMS_WEIGHTQUANTIZER_H
