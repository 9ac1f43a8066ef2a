//===- CodePacking.h - Codes of a matrix in 32-bit words --------*- C++ -*-===//

#ifndef QUANTMLIR_CALIBRATION_CHECKPOINTS_CODEPACKING_H
#define QUANTMLIR_CALIBRATION_CHECKPOINTS_CODEPACKING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quantmlir::calibration {

/// Where codes of an N×K matrix sit: what `#quant_tensor.layout<packed, word =
/// 32, ...>` says, and in addition streams in which a code may straddle two
/// words (3 bits), which the dialect has no layout for.
struct CodePacking {
  unsigned bits = 4;
  /// The dimension that the codes of a word follow: 0 rows, 1 columns.
  unsigned axis = 1;
  /// Words are stored K×N.
  bool transposed = false;
  /// Slot s of word i holds element i * slots + order[s]; empty: ascending.
  llvm::SmallVector<int64_t> order;

  /// Words along the packed dimension.
  int64_t getNumWords(int64_t extent) const {
    return (extent * static_cast<int64_t>(bits) + 31) / 32;
  }
  /// The array of words of an N×K matrix.
  std::pair<int64_t, int64_t> getShape(int64_t rows, int64_t columns) const;
  /// `codes` is row-major N×K, one code a byte; bits past the last are zero.
  std::vector<uint32_t> pack(llvm::ArrayRef<uint8_t> codes, int64_t rows,
                             int64_t columns) const;
  /// The inverse.
  std::vector<uint8_t> unpack(llvm::ArrayRef<uint32_t> words, int64_t rows,
                              int64_t columns) const;
  /// Text of the `#quant_tensor.layout`; empty where codes straddle words.
  std::string getLayoutText() const;

private:
  template <typename Visit>
  void visit(int64_t rows, int64_t columns, Visit visit) const;
};

} // namespace quantmlir::calibration

#endif // QUANTMLIR_CALIBRATION_CHECKPOINTS_CODEPACKING_H
