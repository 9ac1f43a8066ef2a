//===- FragmentLayout.h - Order of codes in the fragment layout -----------===//
//
// The one definition of `#quant_tensor.layout<fragment, tile = [16, C]>`, used
// by the reference lowering of `repack` and by every kernel.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_IR_FRAGMENTLAYOUT_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_IR_FRAGMENTLAYOUT_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <string>
#include <utility>

namespace quantmlir::quant_tensor {

/// Where one code of an N×K weight sits: `codes[tileRow, tileColumn, word]`,
/// bits `[bit, bit + width)`.
struct FragmentPosition {
  int64_t tileRow, tileColumn, word, bit;
};

/// Order of the codes in a fragment layout: the registers that the lanes of a
/// warp feed to `mma.sync` or `wgmma` with the weights as the A operand (Yᵀ =
/// W·Xᵀ).
///
/// A tile is 16 rows of one or more *segments* of 32 columns. Lane
/// `l = 4 g + t` owns rows `g` and `g + 8`, and of each segment the eight
/// columns `8 t .. 8 t + 7`:
///
/// ```
///              segment 0 (32 columns)             segment 1 ...
///            t=0      t=1      t=2      t=3
///   row g   |8 codes |8 codes |8 codes |8 codes |
///   row g+8 |8 codes |8 codes |8 codes |8 codes |
/// ```
///
/// so that the activations which meet them are eight consecutive elements,
/// and any group of columns that is a multiple of 32 is a whole number of
/// instructions. Step `i` (0, 1) of a segment is columns `4 i .. 4 i + 3` of
/// each lane: one m16n8k16 step, or half of one m16n8k32 step.
///
/// Register `p = 2 j + h` of step `i` is row `g + 8 h`, columns `4 i + 2 j` and
/// the one after: `c = 2 i + j` counts the pairs of columns of a run. The first
/// column is in the low half of a word and the second 16 bits above it, so that
/// one `lop3` makes a pair of 16-bit floats.
///
/// The codes of a lane are `wordsPerLane` words of 32 bits in vectors of
/// `vectorWords`, as many as a lane reads at once. A vector holds one segment
/// at width 8, two at width 4, four at width 2 (fewer where tiles are narrow),
/// and its words follow the pairs of columns: with four words, word `c` is pair
/// `c` of all its segments, both rows of each, segment after segment from bit
/// 0:
///
/// ```
///            bits  0..3   4..7   8..11  12..15   (width 4; columns 2c; 16 bits
///   word c         g      g+8    g      g+8       above, columns 2c + 1)
///                  segment 0     segment 1
/// ```
///
/// Within a tile, lanes interleave by `vectorWords` words, so that a warp
/// reads consecutive vectors of up to 16 bytes: lane `4 g + t` those at
/// position `4 g + (t + g / 2) % 4`. `mma.sync` takes a lane's own vector. A
/// `wgmma` of 16 columns wants pair `t` of two runs, whichever lanes own these:
/// that is what `ldmatrix` gives, which deals the four words of each vector out
/// to four lanes. The positions make the eight vectors that it reads at once
/// lie in different banks.
class FragmentLayout {
public:
  static constexpr int64_t rows = 16;
  static constexpr int64_t segmentColumns = 32;
  static constexpr int64_t lanes = 32;
  /// Consecutive columns of a segment that one lane owns.
  static constexpr int64_t runColumns = 8;

  /// Why codes of `width` bits cannot be laid out in tiles of `tile` ([rows,
  /// columns]): what is expected. Empty where they can.
  static std::string whyNot(unsigned width, llvm::ArrayRef<int64_t> tile);

  /// Checks that codes of `width` bits can be laid out in tiles of `tile`
  /// ([rows, columns]) and says what is expected otherwise.
  static ::mlir::LogicalResult
  verify(llvm::function_ref<::mlir::InFlightDiagnostic()> emitError,
         unsigned width, llvm::ArrayRef<int64_t> tile);

  /// Whether `width` has a fragment layout at all (2, 4 and 8).
  static bool isSupportedWidth(unsigned width);

  /// The smallest column extent of a tile that gives each lane 16 bytes.
  static int64_t getPreferredColumns(unsigned width);

  /// `width` and `columns` must satisfy `verify`.
  FragmentLayout(unsigned width, int64_t columns);

  unsigned getWidth() const { return width; }
  int64_t getColumns() const { return columns; }
  int64_t getSegments() const { return columns / segmentColumns; }
  /// Codes in one word.
  int64_t getSlots() const { return 32 / width; }
  int64_t getWordsPerSegment() const { return width / 2; }
  int64_t getWordsPerLane() const {
    return getSegments() * getWordsPerSegment();
  }
  int64_t getWordsPerTile() const { return getWordsPerLane() * lanes; }
  /// Words that a lane reads with one load: 4, 2 or 1.
  int64_t getVectorWords() const;
  /// Segments that these hold.
  int64_t getVectorSegments() const {
    return getVectorWords() / getWordsPerSegment();
  }

  /// Where among the vectors of a warp that of lane `lane` lies.
  static int64_t getVectorPosition(int64_t lane) {
    return lane / 4 * 4 + (lane % 4 + lane / 8) % 4;
  }

  /// Index within a tile of word `laneWord` of lane `lane`.
  int64_t getWordIndex(int64_t lane, int64_t laneWord) const;

  /// Where the code of (row, column) of the whole weight sits.
  FragmentPosition getPosition(int64_t row, int64_t column) const;

  /// Which word of a lane, and which pair of that word (as `quant_tile.decode`
  /// numbers them), is register `p` of step `step` of segment `segment`:
  /// row `g + 8 (p % 2)`, columns `4 step + 2 (p / 2)` and the one after of the
  /// lane's run.
  std::pair<int64_t, int64_t> getRegister(int64_t segment, int64_t step,
                                          int64_t p) const;

  /// First bit of slot `slot` of a word: the low codes of all pairs come before
  /// the high ones.
  int64_t getSlotBit(int64_t slot) const { return slot * width; }

  /// (tileRow, tileColumn, word) -> (row, column) of the code in slot `slot`
  /// of that word. Rows and columns past the weight's extents are padding,
  /// which is stored as code 0.
  ::mlir::AffineMap getSlotMap(int64_t slot,
                               ::mlir::MLIRContext *context) const;

  /// (row, column) -> (tileRow, tileColumn, word, bit): `getPosition` for
  /// positions that are known at run time.
  ::mlir::AffineMap getPositionMap(::mlir::MLIRContext *context) const;

private:
  unsigned width;
  int64_t columns;
};

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_IR_FRAGMENTLAYOUT_H
