//===- FragmentLayout.cpp - Order of codes in the fragment layout ---------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

#include "mlir/IR/AffineExpr.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

bool FragmentLayout::isSupportedWidth(unsigned width) {
  return width == 2 || width == 4 || width == 8;
}

int64_t FragmentLayout::getPreferredColumns(unsigned width) {
  // Segments that make four words a lane.
  return segmentColumns * std::max<int64_t>(1, 8 / width);
}

std::string FragmentLayout::whyNot(unsigned width, ArrayRef<int64_t> tile) {
  if (!isSupportedWidth(width))
    return llvm::formatv(
        "a fragment layout holds codes of 2, 4 or 8 bits, got {0}", width);
  if (tile.size() != 2 || tile[0] != rows || tile[1] <= 0 ||
      tile[1] % segmentColumns)
    return llvm::formatv("the tile of a fragment layout has {0} rows and a "
                         "multiple of {1} columns",
                         rows, segmentColumns);
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

FragmentLayout::FragmentLayout(unsigned width, int64_t columns)
    : width(width), columns(columns) {
  assert(isSupportedWidth(width) && columns > 0 &&
         columns % segmentColumns == 0 && "verify first");
}

int64_t FragmentLayout::getVectorWords() const {
  return std::min<int64_t>(4, getWordsPerLane());
}

int64_t FragmentLayout::getWordIndex(int64_t lane, int64_t laneWord) const {
  int64_t vector = getVectorWords();
  return ((laneWord / vector) * lanes + getVectorPosition(lane)) * vector +
         laneWord % vector;
}

FragmentPosition FragmentLayout::getPosition(int64_t row,
                                             int64_t column) const {
  int64_t r = row % rows, c = column % columns;
  int64_t g = r % 8, h = r / 8;
  int64_t segment = c / segmentColumns;
  int64_t t = c % segmentColumns / runColumns;
  int64_t step = c % runColumns / 4, k = c % 4;
  auto [laneWord, pair] = getRegister(segment, step, 2 * (k / 2) + h);
  int64_t bit = width * pair + 16 * (k % 2);
  return {row / rows, column / columns, getWordIndex(4 * g + t, laneWord), bit};
}

std::pair<int64_t, int64_t>
FragmentLayout::getRegister(int64_t segment, int64_t step, int64_t p) const {
  int64_t segments = getVectorSegments(), pairsPerWord = 16 / width;
  int64_t vector = segment / segments, columnPair = 2 * step + p / 2;
  int64_t pair = 2 * (columnPair * segments + segment % segments) + p % 2;
  return {vector * getVectorWords() + pair / pairsPerWord, pair % pairsPerWord};
}

AffineMap FragmentLayout::getSlotMap(int64_t slot, MLIRContext *context) const {
  AffineExpr tileRow, tileColumn, word;
  bindDims(context, tileRow, tileColumn, word);
  int64_t vector = getVectorWords();
  AffineExpr position = word.floorDiv(vector) % lanes;
  AffineExpr laneWord = word.floorDiv(vector * lanes) * vector + word % vector;
  AffineExpr g = position.floorDiv(4);
  // Turned back by g / 2 of four places.
  AffineExpr t = (position + g.floorDiv(2) * 3) % 4;
  // Of each two pairs of a word, which have the same columns, the first is row
  // g and the second row g + 8.
  int64_t segments = getVectorSegments(), pairsPerWord = 16 / width;
  int64_t half = slot / pairsPerWord, pair = slot % pairsPerWord;
  AffineExpr h = getAffineConstantExpr(pair % 2, context);
  AffineExpr columnPair = laneWord % vector * (pairsPerWord / 2) + pair / 2;
  AffineExpr segment =
      laneWord.floorDiv(vector) * segments + columnPair % segments;
  AffineExpr column = columnPair.floorDiv(segments) * 2 + half;
  return AffineMap::get(3, 0,
                        {tileRow * rows + g + h * 8,
                         tileColumn * columns + segment * segmentColumns +
                             t * runColumns + column},
                        context);
}

AffineMap FragmentLayout::getPositionMap(MLIRContext *context) const {
  AffineExpr row, column;
  bindDims(context, row, column);
  AffineExpr r = row % rows, c = column % columns;
  AffineExpr g = r % 8, h = r.floorDiv(8);
  AffineExpr segment = c.floorDiv(segmentColumns);
  AffineExpr t = (c % segmentColumns).floorDiv(runColumns);
  int64_t segments = getVectorSegments(), pairsPerWord = 16 / width;
  int64_t vector = getVectorWords();
  AffineExpr columnPair = (c % runColumns).floorDiv(2);
  AffineExpr pair = (columnPair * segments + segment % segments) * 2 + h;
  AffineExpr word = pair.floorDiv(pairsPerWord);
  AffineExpr bit = (pair % pairsPerWord) * width + (c % 2) * 16;
  AffineExpr laneWord = segment.floorDiv(segments) * vector + word;
  AffineExpr position = g * 4 + (t + g.floorDiv(2)) % 4;
  AffineExpr index = (laneWord.floorDiv(vector) * lanes + position) * vector +
                     laneWord % vector;
  return AffineMap::get(
      2, 0, {row.floorDiv(rows), column.floorDiv(columns), index, bit},
      context);
}
