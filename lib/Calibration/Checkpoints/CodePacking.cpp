//===- CodePacking.cpp - Codes of a matrix in 32-bit words ----------------===//

#include "quantmlir/Calibration/Checkpoints/CodePacking.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace quantmlir::calibration;

std::pair<int64_t, int64_t> CodePacking::getShape(int64_t rows,
                                                  int64_t columns) const {
  (axis == 0 ? rows : columns) = getNumWords(axis == 0 ? rows : columns);
  return transposed ? std::pair(columns, rows) : std::pair(rows, columns);
}

/// Calls `visit(code, word, shift)` for each code: its index in the matrix, and
/// where its lowest bit sits. Where it straddles words, the next one is
/// `wordStride` further.
template <typename Visit>
void CodePacking::visit(int64_t rows, int64_t columns, Visit visit) const {
  auto [height, width] = getShape(rows, columns);
  (void)height;
  int64_t slots = 32 / bits;
  // Of a word's place in the array along the packed dimension and the other.
  bool alongRows = (axis == 0) != transposed;
  int64_t wordStride = alongRows ? width : 1;
  int64_t otherStride = alongRows ? 1 : width;
  llvm::SmallVector<int64_t> slotOf(slots);
  for (auto [slot, element] : llvm::enumerate(order))
    slotOf[element] = slot;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t along = axis == 0 ? row : column;
      int64_t other = axis == 0 ? column : row;
      int64_t bit = order.empty()
                        ? along * bits
                        : along / slots * 32 + slotOf[along % slots] * bits;
      visit(row * columns + column, bit / 32 * wordStride + other * otherStride,
            wordStride, static_cast<unsigned>(bit % 32));
    }
}

std::vector<uint32_t> CodePacking::pack(llvm::ArrayRef<uint8_t> codes,
                                        int64_t rows, int64_t columns) const {
  auto [height, width] = getShape(rows, columns);
  std::vector<uint32_t> words(height * width);
  visit(rows, columns,
        [&](int64_t code, int64_t word, int64_t stride, unsigned shift) {
          words[word] |= static_cast<uint32_t>(codes[code]) << shift;
          if (shift + bits > 32)
            words[word + stride] |= codes[code] >> (32 - shift);
        });
  return words;
}

std::vector<uint8_t> CodePacking::unpack(llvm::ArrayRef<uint32_t> words,
                                         int64_t rows, int64_t columns) const {
  std::vector<uint8_t> codes(rows * columns);
  visit(rows, columns,
        [&](int64_t code, int64_t word, int64_t stride, unsigned shift) {
          uint64_t value = words[word];
          if (shift + bits > 32)
            value |= static_cast<uint64_t>(words[word + stride]) << 32;
          codes[code] = value >> shift & ((1u << bits) - 1);
        });
  return codes;
}

std::string CodePacking::getLayoutText() const {
  if (32 % bits != 0)
    return "";
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "#quant_tensor.layout<packed, word = 32, axis = " << axis
     << ", order = [";
  for (int64_t slot = 0, slots = 32 / bits; slot < slots; ++slot)
    os << (slot ? ", " : "") << (order.empty() ? slot : order[slot]);
  os << "]";
  if (transposed)
    os << ", permutation = [1, 0]";
  os << ">";
  return text;
}
