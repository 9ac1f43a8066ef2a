//===- MmaStreamTerms.h - What registers and time of mma_stream follow from ==//
//
// Quantities of a contraction and of the numbers of a schedule that both the
// registers and the time of a kernel of mma_stream are counted in.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_SCHEDULE_MMASTREAMTERMS_H
#define QUANTMLIR_LIB_SCHEDULE_MMASTREAMTERMS_H

#include "MmaStreamModel.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

#include <cmath>

namespace quantmlir::schedule {

using quant_tensor::FragmentLayout;

/// Columns of a row tile that what follows counts in: of weights of 8 bits half
/// as many, which are as many bytes as those of 4.
inline constexpr int64_t kUnitColumns = 128, kUnitColumnsOfBytes = 64;

inline int64_t getTileN(const StreamNumbers &numbers) {
  return FragmentLayout::rows * numbers.rowTiles;
}
inline int64_t getRounds(const Contraction &c, const StreamNumbers &numbers) {
  return llvm::divideCeil(c.k, numbers.getColumnsOfRound());
}
inline int64_t getBlocks(const Contraction &c, const StreamNumbers &numbers) {
  return llvm::divideCeil(c.n, getTileN(numbers)) * numbers.splitK;
}
/// Blocks that run at once.
inline int64_t getSlots(const Chip &chip, const StreamNumbers &numbers) {
  return chip.getResidentBlocks(numbers.splitK) * numbers.occupancy;
}
/// Whether a kernel has no loop.
inline bool isStraight(const Contraction &c, const StreamNumbers &numbers) {
  int64_t parts =
      numbers.columns /
      getColumnsOfDecode(numbers.columns, c.encoding.getStorageBits());
  return getRounds(c, numbers) * parts <= kStraightRounds;
}
/// Columns of a unit of weights.
inline int64_t getUnitColumns(const Contraction &c) {
  return c.encoding.getStorageBits() == 8 ? kUnitColumnsOfBytes : kUnitColumns;
}
/// Units of weights that a warp takes in a step of one row tile.
inline double getUnits(const Contraction &c, const StreamNumbers &numbers) {
  return double(numbers.columns) / getUnitColumns(c);
}

/// Scales and zero points of each row in 128 columns.
inline double getParameters(const Contraction &c) {
  constexpr double columns = 128;
  if (c.hasOneGroup())
    return 0;
  return std::ceil(columns / c.getGroup()) *
         (c.encoding.hasZeroPoint() ? 2 : 1);
}

/// The same of several rows of activations: zero points that are decoded along
/// are no sums.
inline double getParameters(const Contraction &c, int64_t tileM) {
  bool isDecoded =
      tileM > 1 && c.encoding.hasZeroPoint() && decodesStreamedExactly(c);
  return isDecoded ? getParameters(c) / 2 : getParameters(c);
}

/// Whether weights of 4 bits may be scaled in bf16, in groups of less than 128
/// columns, whose sums would be many.
inline bool hasSmallGroups(const Contraction &c) {
  return c.encoding.getStorageBits() == 4 && c.lhsElement.isBF16() &&
         c.getGroup() < kUnitColumns && !c.scalesDecoded() &&
         canScaleDecoded(c);
}

/// Whether two to eight rows multiply weights that were scaled.
inline bool scalesFewRows(const Contraction &c, int64_t tileM) {
  return tileM > 1 && tileM <= 8 && hasSmallGroups(c);
}

/// Whether sums of whole row tiles are scaled and stored in 16 bits, which
/// leaves most registers to what streams.
inline bool hasPlainResults(const Contraction &c) {
  return c.numSums == 1 && !c.hasLargeEpilogue && c.resultElement &&
         c.resultElement.getIntOrFloatBitWidth() <= 16 &&
         c.n % FragmentLayout::rows == 0;
}

/// Whether straight-line code of short steps multiplies several rows of
/// activations, in one column tile, by weights of 4 bits that leave no sums of
/// them.
inline bool isFewExactRows(const Contraction &c, int64_t tileM,
                           const StreamNumbers &numbers) {
  return tileM > 1 && tileM <= 8 && decodesStreamedExactly(c) &&
         (getParameters(c) <= 1 || scalesFewRows(c, tileM)) &&
         isStraight(c, numbers) && getUnits(c, numbers) <= 1;
}

} // namespace quantmlir::schedule

#endif // QUANTMLIR_LIB_SCHEDULE_MMASTREAMTERMS_H
