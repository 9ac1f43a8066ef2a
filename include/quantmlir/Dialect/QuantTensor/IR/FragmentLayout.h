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
#include "llvm/ADT/SmallVector.h"

#include <string>
#include <utility>

namespace quantmlir::quant_tensor {

class EncodingAttr;

/// Some bits of a pair of codes: bits `[codeBit, codeBit + bits)` of both,
/// those of the first at bit `first` of word `word` of a lane, those of the
/// second at bit `second`.
struct FragmentPiece {
  int64_t word, first, second, codeBit, bits;
};

/// How the two codes of a pair lie in a word.
enum class PairOrder {
  /// The second 16 bits above the first: one `lop3` makes both floats.
  Halves,
  /// The second right above the first: four codes are a selector of `prmt`.
  Adjacent
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
/// one `lop3` makes a pair of 16-bit floats (`PairOrder::Halves`). Codes that
/// are looked up in a table lie beside each other (`PairOrder::Adjacent`).
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
/// Widths that do not divide 16 leave bits at the top of each half. A *block*
/// is as many segments as make a whole number of vectors, eight or, where the
/// width is even, four. Word `c` of each vector is pair `c` here, too: all
/// words `c` together hold the pairs in the same order, and the bits that are
/// left, word after word, are the last of these pairs:
///
/// ```
///   width 3   bit 15   14..12  11..9   8..6    5..3    2..0   (and 16 above)
///   word c    bit 0    pair 4  pair 3  pair 2  pair 1  pair 0
///   word 4+c  bit 1    pair 9  pair 8  pair 7  pair 6  pair 5
///   word 8+c  bit 2    pair 14 ...
///             of pair 15
/// ```
///
/// Within a tile, lanes interleave by `vectorWords` words, so that a warp
/// reads consecutive vectors of up to 16 bytes: lane `4 g + t` those at
/// position `4 g + (t + g / 2) % 4`. `mma.sync` takes a lane's own vector. A
/// `wgmma` of 16 columns wants pair `t` of two runs, whichever lanes own these:
/// that is what `ldmatrix` gives, which deals the four words of each vector out
/// to four lanes. The positions make the eight vectors that it reads at once
/// lie in different banks.
///
/// Scales and zero points of groups of whole segments lie in tiles, too, so
/// that a lane reads those of its two rows, of all groups of 128 columns, at
/// once, and a warp reads one line of memory:
///
/// ```
///            group 0    group 1     ...
///   g = 0   | g  g+8 | | g  g+8 |
///   g = 1   | g  g+8 | | g  g+8 |
/// ```
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

  /// How many of a row's groups of `group` columns, a multiple of a segment's,
  /// have their scales in one tile.
  static int64_t getTileGroups(int64_t group) {
    return kParameterColumns % group ? 1 : kParameterColumns / group;
  }
  /// (row, group) -> (tile of rows, tile of groups, element of the tile).
  static ::mlir::AffineMap getParameterMap(::mlir::MLIRContext *context,
                                           int64_t group);
  /// The inverse.
  static ::mlir::AffineMap getParameterOrigin(::mlir::MLIRContext *context,
                                              int64_t group);

  /// Whether `width` has a fragment layout at all (2 to 8).
  static bool isSupportedWidth(unsigned width);

  /// The column extent of a tile that gives each lane whole 16-byte loads or,
  /// where codes straddle words, the block in which they do.
  static int64_t getPreferredColumns(unsigned width);

  /// `width` and `columns` must satisfy `verify`.
  FragmentLayout(unsigned width, int64_t columns,
                 PairOrder order = PairOrder::Halves);

  /// How pairs of `encoding`'s codes lie: those of four bits that are looked up
  /// select bytes of a table.
  static PairOrder getPairOrder(EncodingAttr encoding);

  /// The layout of `encoding`'s codes in tiles of `columns` columns.
  static FragmentLayout get(EncodingAttr encoding, int64_t columns);

  unsigned getWidth() const { return width; }
  int64_t getColumns() const { return columns; }
  int64_t getSegments() const { return columns / segmentColumns; }
  /// Pairs that a word holds as a whole.
  int64_t getPairsPerWord() const { return 16 / width; }
  /// Bits at the top of each half of a word that hold parts of other pairs.
  int64_t getSpareBits() const { return 16 % width; }
  int64_t getWordsPerLane() const { return columns * width / 64; }
  int64_t getWordsPerTile() const { return getWordsPerLane() * lanes; }
  /// Words that a lane reads with one load: 4, 2 or 1.
  int64_t getVectorWords() const;
  /// Segments that words repeat after: those of a vector, or of the block in
  /// which codes straddle words.
  int64_t getBlockSegments() const;
  /// Words of a lane in such a block.
  int64_t getBlockWords() const { return getBlockColumns() * width / 64; }

  /// Where among the vectors of a warp that of lane `lane` lies.
  static int64_t getVectorPosition(int64_t lane) {
    return lane / 4 * 4 + (lane % 4 + lane / 8) % 4;
  }

  /// Index within a tile of word `laneWord` of lane `lane`.
  int64_t getWordIndex(int64_t lane, int64_t laneWord) const;

  /// Where register `p` of step `step` of segment `segment` of a lane sits: row
  /// `g + 8 (p % 2)`, columns `4 step + 2 (p / 2)` and the one after of the
  /// lane's run. One piece, or more where the pair straddles words.
  llvm::SmallVector<FragmentPiece> getRegister(int64_t segment, int64_t step,
                                               int64_t p) const;

  /// What some bits of a word hold, for each word alike.
  struct Slot {
    /// (tileRow, tileColumn, word) -> (row, column, bit of the code that the
    /// first bit here is). Rows and columns past the weight's extents are
    /// padding, which is stored as code 0.
    ::mlir::AffineMap map;
    /// First bit in the word, and the number of bits.
    int64_t bit, bits;
  };
  /// All that a word holds.
  llvm::SmallVector<Slot> getSlots(::mlir::MLIRContext *context) const;

  /// (row, column) -> (number of the code's pair in its strand, the first word
  /// of the strand in its block, 0 for the first and 1 for the second code of
  /// the pair). A *strand* is the words of a block that hold the same pair of
  /// columns: every `getStrands()`th one.
  ::mlir::AffineMap getPairMap(::mlir::MLIRContext *context) const;
  /// (row, column, word of the block) -> (tileRow, tileColumn, word), for the
  /// lane and the block that own (row, column).
  ::mlir::AffineMap getWordMap(::mlir::MLIRContext *context) const;
  /// Strands of a block: one of each pair of columns where codes straddle
  /// words, else all words are one.
  int64_t getStrands() const { return getSpareBits() ? runColumns / 2 : 1; }
  /// Pairs of a strand that one word holds: the first ones. Pair `q` of them is
  /// in word `q / getPairsPerWord()` of the strand, and pair `n` of a word at
  /// bit `n * getPairStride()`, its second code `getHalfStride()` bits above.
  int64_t getWholePairs() const {
    return getBlockWords() / getStrands() * getPairsPerWord();
  }
  int64_t getPairStride() const {
    return order == PairOrder::Halves ? width : 2 * width;
  }
  int64_t getHalfStride() const {
    return order == PairOrder::Halves ? 16 : width;
  }
  /// Lowest of the spare bits of each half. Bit `b` of pair `getWholePairs() +
  /// j` is spare bit `j * width + b` of the strand, counted word after word.
  int64_t getFirstSpareBit() const { return 16 - getSpareBits(); }

private:
  /// Columns of the blocks that words repeat in, and a lane's pairs of a
  /// strand.
  int64_t getBlockColumns() const {
    return getBlockSegments() * segmentColumns;
  }
  int64_t getStrandPairs() const {
    return getBlockSegments() * 8 / getStrands();
  }

  /// Columns of which a tile of scales has all groups.
  static constexpr int64_t kParameterColumns = 128;

  unsigned width;
  int64_t columns;
  PairOrder order;
};

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_IR_FRAGMENTLAYOUT_H
