//===- FragmentLayout.cpp - Order of codes in the fragment layout ---------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/IR/AffineExpr.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tensor;

bool FragmentLayout::isSupportedWidth(unsigned width) {
  return width >= 2 && width <= 8;
}

/// Segments of the blocks in which codes of `width` straddle words: those of a
/// whole number of vectors. Else 1.
static int64_t getStraddledSegments(unsigned width) {
  return 16 % width ? 8 / std::gcd(8u, width) : 1;
}

int64_t FragmentLayout::getPreferredColumns(unsigned width) {
  if (16 % width)
    return segmentColumns * getStraddledSegments(width);
  // Segments that make four words a lane.
  return segmentColumns * std::max<int64_t>(1, 8 / width);
}

std::string FragmentLayout::whyNot(unsigned width, ArrayRef<int64_t> tile) {
  if (!isSupportedWidth(width))
    return llvm::formatv(
        "a fragment layout holds codes of 2 to 8 bits, got {0}", width);
  int64_t unit = segmentColumns * getStraddledSegments(width);
  if (tile.size() != 2 || tile[0] != rows || tile[1] <= 0 || tile[1] % unit)
    return llvm::formatv("the tile of a fragment layout has {0} rows and a "
                         "multiple of {1} columns",
                         rows, unit);
  if (16 % width)
    return "";
  int64_t words = tile[1] / segmentColumns * (width / 2);
  if (words > 4 && words % 4)
    return llvm::formatv(
        "a fragment tile of {0} columns gives each lane {1} words, which is no "
        "whole number of 16-byte loads",
        tile[1], words);
  if (words == 3)
    return llvm::formatv("a fragment tile of {0} columns gives each lane 3 "
                         "words, expected 1, 2 or a multiple of 4",
                         tile[1]);
  return "";
}

LogicalResult
FragmentLayout::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                       unsigned width, ArrayRef<int64_t> tile) {
  if (std::string why = whyNot(width, tile); !why.empty())
    return emitError() << why;
  return success();
}

FragmentLayout::FragmentLayout(unsigned width, int64_t columns, PairOrder order)
    : width(width), columns(columns), order(order) {
  assert(isSupportedWidth(width) && columns > 0 &&
         columns % segmentColumns == 0 && "verify first");
  assert((order == PairOrder::Halves || width == 4) &&
         "selectors of prmt have four bits");
}

PairOrder FragmentLayout::getPairOrder(EncodingAttr encoding) {
  bool isTable =
      encoding.getCodebook() || isa<Float4E2M1FNType>(encoding.getStorage());
  return isTable && encoding.getStorageBits() == 4 ? PairOrder::Adjacent
                                                   : PairOrder::Halves;
}

FragmentLayout FragmentLayout::get(EncodingAttr encoding, int64_t columns) {
  return FragmentLayout(encoding.getStorageBits(), columns,
                        getPairOrder(encoding));
}

int64_t FragmentLayout::getVectorWords() const {
  // Four, two or one.
  int64_t words = getWordsPerLane();
  return std::min<int64_t>(4, words & -words);
}

int64_t FragmentLayout::getBlockSegments() const {
  if (getSpareBits())
    return getStraddledSegments(width);
  return std::max<int64_t>(1, getVectorWords() * 2 / width);
}

int64_t FragmentLayout::getWordIndex(int64_t lane, int64_t laneWord) const {
  int64_t vector = getVectorWords();
  return ((laneWord / vector) * lanes + getVectorPosition(lane)) * vector +
         laneWord % vector;
}

SmallVector<FragmentPiece>
FragmentLayout::getRegister(int64_t segment, int64_t step, int64_t p) const {
  int64_t segments = getBlockSegments(), columnPair = 2 * step + p / 2;
  int64_t pair = 2 * (columnPair * segments + segment % segments) + p % 2;
  int64_t strands = getStrands(), strandPairs = getStrandPairs();
  int64_t firstWord = segment / segments * getBlockWords() + pair / strandPairs;
  pair %= strandPairs;
  int64_t perWord = getPairsPerWord(), spare = getSpareBits();
  int64_t size = width;
  if (pair < getWholePairs()) {
    int64_t bit = pair % perWord * getPairStride();
    return {{firstWord + pair / perWord * strands, bit, bit + getHalfStride(),
             0, size}};
  }
  SmallVector<FragmentPiece> pieces;
  int64_t first = (pair - getWholePairs()) * size;
  for (int64_t done = 0; done < size;) {
    int64_t at = first + done, inWord = at % spare;
    int64_t bits = std::min(spare - inWord, size - done);
    int64_t bit = getFirstSpareBit() + inWord;
    pieces.push_back(
        {firstWord + at / spare * strands, bit, bit + 16, done, bits});
    done += bits;
  }
  return pieces;
}

SmallVector<FragmentLayout::Slot>
FragmentLayout::getSlots(MLIRContext *context) const {
  AffineExpr tileRow, tileColumn, word;
  bindDims(context, tileRow, tileColumn, word);
  int64_t vector = getVectorWords(), segments = getBlockSegments();
  AffineExpr position = word.floorDiv(vector) % lanes;
  AffineExpr laneWord = word.floorDiv(vector * lanes) * vector + word % vector;
  AffineExpr g = position.floorDiv(4);
  // Turned back by g / 2 of four places.
  AffineExpr t = (position + g.floorDiv(2) * 3) % 4;
  AffineExpr block = laneWord.floorDiv(getBlockWords());
  AffineExpr inBlock = laneWord % getBlockWords();
  AffineExpr firstPair = inBlock % getStrands() * getStrandPairs();
  AffineExpr inStrand = inBlock.floorDiv(getStrands());
  SmallVector<Slot> slots;
  auto add = [&](AffineExpr pair, int64_t half, AffineExpr codeBit, int64_t bit,
                 int64_t bits) {
    AffineExpr h = pair % 2, number = pair.floorDiv(2);
    AffineExpr segment = block * segments + number % segments;
    AffineExpr column = number.floorDiv(segments) * 2 + half;
    slots.push_back(
        {AffineMap::get(3, 0,
                        {tileRow * rows + g + h * 8,
                         tileColumn * columns + segment * segmentColumns +
                             t * runColumns + column,
                         codeBit},
                        context),
         bit, bits});
  };
  int64_t size = width, spare = getSpareBits();
  for (int64_t half = 0; half < 2; ++half) {
    for (int64_t n = 0; n < getPairsPerWord(); ++n)
      add(firstPair + inStrand * getPairsPerWord() + n, half,
          getAffineConstantExpr(0, context),
          n * getPairStride() + half * getHalfStride(), size);
    for (int64_t b = 0; b < spare; ++b) {
      AffineExpr at = inStrand * spare + b;
      add(firstPair + at.floorDiv(size) + getWholePairs(), half, at % size,
          getFirstSpareBit() + b + half * getHalfStride(), 1);
    }
  }
  return slots;
}

AffineMap FragmentLayout::getPairMap(MLIRContext *context) const {
  AffineExpr row, column;
  bindDims(context, row, column);
  AffineExpr h = (row % rows).floorDiv(8);
  AffineExpr segment = (column % getBlockColumns()).floorDiv(segmentColumns);
  AffineExpr columnPair = (column % runColumns).floorDiv(2);
  AffineExpr pair = (columnPair * getBlockSegments() + segment) * 2 + h;
  return AffineMap::get(
      2, 0,
      {pair % getStrandPairs(), pair.floorDiv(getStrandPairs()), column % 2},
      context);
}

AffineMap FragmentLayout::getParameterMap(MLIRContext *context, int64_t group) {
  AffineExpr row, number;
  bindDims(context, row, number);
  int64_t groups = getTileGroups(group);
  AffineExpr element =
      ((row % 8) * groups + number % groups) * 2 + (row % rows).floorDiv(8);
  return AffineMap::get(
      2, 0, {row.floorDiv(rows), number.floorDiv(groups), element}, context);
}

AffineMap FragmentLayout::getParameterOrigin(MLIRContext *context,
                                             int64_t group) {
  AffineExpr tileRow, tileColumn, element;
  bindDims(context, tileRow, tileColumn, element);
  int64_t groups = getTileGroups(group);
  return AffineMap::get(
      3, 0,
      {tileRow * rows + element % 2 * 8 + element.floorDiv(2 * groups),
       tileColumn * groups + element.floorDiv(2) % groups},
      context);
}

AffineMap FragmentLayout::getWordMap(MLIRContext *context) const {
  AffineExpr row, column, inBlock;
  bindDims(context, row, column, inBlock);
  AffineExpr g = row % 8;
  AffineExpr t = (column % segmentColumns).floorDiv(runColumns);
  AffineExpr position = g * 4 + (t + g.floorDiv(2)) % 4;
  AffineExpr laneWord =
      (column % columns).floorDiv(getBlockColumns()) * getBlockWords() +
      inBlock;
  int64_t vector = getVectorWords();
  AffineExpr index = (laneWord.floorDiv(vector) * lanes + position) * vector +
                     laneWord % vector;
  return AffineMap::get(
      3, 0, {row.floorDiv(rows), column.floorDiv(columns), index}, context);
}
