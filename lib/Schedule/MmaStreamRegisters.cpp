//===- MmaStreamRegisters.cpp - What few rows of activations keep ---------===//
//
// Registers decide how many blocks of mma_stream share an SM, and what is more
// than a thread has is spilled. What is said here holds for ptxas 13.0, which
// was asked about each kind of kernel at drawn extents.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamTerms.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

/// Registers of the code that `isFewExactRows` tells of: no schedule of some
/// 200 that is within them made ptxas 13.0 spill.
static int64_t estimateRegistersOfFewRows(const Contraction &c,
                                          const StreamNumbers &numbers) {
  double units = numbers.rowTiles * getUnits(c, numbers);
  double registers = 40 + 8 * numbers.rowTiles + 16 * units;
  int64_t rounds = getRounds(c, numbers);
  if (numbers.stages > 1)
    registers += 8 * units + 4;
  // The last step of a ragged K asks for what is there one by one.
  if (c.k % numbers.getColumnsOfRound())
    registers += std::max(0.0, 16 * (units - 1)) + (rounds > 2 ? 20 : 0);
  // The scales of all columns are asked for at the start.
  if (c.hasOneGroup())
    registers += 4;
  // Rows that are not there have addresses of their own.
  if (c.n % getTileN(numbers))
    registers += 24;
  return std::ceil(registers);
}

/// The same of weights that are scaled, of which there is one sum: no kernel of
/// 135 that was compiled for fewer and fewer registers needed more.
static int64_t estimateRegistersOfScaledFewRows(const Contraction &c,
                                                const StreamNumbers &numbers) {
  double units = numbers.rowTiles * getUnits(c, numbers);
  int64_t rounds = getRounds(c, numbers);
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  double registers;
  if (isStraight(c, numbers)) {
    // Scales of all that is on its way.
    registers = 28 + (21 + 3 * (getParameters(c) - 1)) * units;
    registers += (rounds > 2 ? 12 : 0) + (rounds > 4 ? 8 : 0);
    registers += numbers.splitK > 1 ? 8 : 0;
  } else {
    // Less was enough not to spill, but code of long steps waited for each load
    // then: 58 us at 8192x28672 that took 38.
    bool isShort = getUnits(c, numbers) < 1;
    registers = 64 + (isShort ? 16 : 24 + getParameters(c) - 1) * units;
    registers += (16 * units + 8) * (numbers.stages - 1);
    registers += getPairTableBytes(c) ? 16 : 0;
  }
  if (hasTailK)
    registers += 16;
  if (c.encoding.hasZeroPoint())
    registers += getParameters(c) * units;
  // Row tiles that end anywhere have addresses of their own, and so have whole
  // ones that are not there, in a loop.
  if (c.n % (isStraight(c, numbers) ? FragmentLayout::rows : getTileN(numbers)))
    registers += 24;
  return std::ceil(registers);
}

/// The same of weights of 2 and 3 bits, in steps of one tile of these: no
/// schedule of some 400 that is within it made ptxas 13.0 spill.
static int64_t estimateRegistersOfNarrow(const Contraction &c, int64_t tileM,
                                         const StreamNumbers &numbers,
                                         bool scalesWeights) {
  bool straddles = c.encoding.getStorageBits() == 3;
  int64_t rowTiles = numbers.rowTiles, rounds = getRounds(c, numbers);
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  bool hasWideScales = !c.hasOneGroup() && getParameterBits(c.encoding) > 16;
  // What 16 rows take is less than it seems: ptxas finds room. That was looked
  // at where it counts most.
  bool isTight = tileM > 8 && c.lhsElement.isBF16() && !c.hasOneGroup() &&
                 c.getGroup() == 128 && !hasWideScales;
  int64_t registers = 0, ofRowTile = 0, ofStage = 0;
  if (straddles) {
    registers = isTight || tileM == 1 ? 84 : tileM > 8 ? 108 : 96;
    ofRowTile = isTight ? 40 : tileM > 8 ? 57 : 36;
    ofStage = tileM > 8 ? 24 : 16;
  } else {
    registers = tileM > 8 ? 88 : tileM > 1 ? 56 : 44;
    ofRowTile = isTight ? 20 : tileM > 8 ? 39 : 21;
    // Weights that are scaled have one sum, and room for another stage.
    ofStage = tileM == 1 ? 24 : scalesWeights ? 0 : tileM > 8 ? 8 : 24;
  }
  registers += rowTiles * (ofRowTile + ofStage * (numbers.stages - 1));
  // Sums and totals of four row tiles, and their words.
  if (straddles && isTight && rowTiles > 3 && !scalesWeights)
    registers += 24;
  // Rows that may be any have a last one, which code of a few rounds that
  // leaves nothing to spare has no register for.
  if (straddles && isTight && rowTiles > 2 && !scalesWeights && rounds <= 4 &&
      numbers.splitK == 1 && ShapedType::isDynamic(c.m))
    registers += 12;
  // What the second stage of an odd round asks for has registers of its own.
  if (!straddles && isTight && scalesWeights && numbers.stages > 1 &&
      rounds % 2 && !isStraight(c, numbers))
    registers += 8;
  // A few rounds of straight-line code carry nothing from one to the next.
  if (straddles && tileM == 1 && rounds <= 3)
    registers -= hasTailK ? 0 : rounds <= 2 ? 64 : 32;
  else if (rounds <= 4 && !hasTailK && (straddles || tileM > 1))
    registers -= straddles || (tileM > 8 && !isTight) ? 24 : 12;
  else if (isStraight(c, numbers) && hasTailK)
    registers += straddles ? 40 : tileM > 1 ? 12 : 20;
  // A loop carries the activations that are summed, but ptxas finds room for
  // them where it is a short one.
  else if (tileM == 1 && straddles)
    registers += numbers.stages == 1 && !hasTailK && !hasWideScales &&
                         c.lhsElement.isBF16()
                     ? -28
                     : 12;
  else if (tileM == 1 && hasTailK)
    registers += 20;
  else if (isTight && hasTailK)
    registers += 32;
  // Rows that are not there have addresses of their own.
  if (!straddles && c.n % getTileN(numbers))
    registers += 16;
  if (hasWideScales)
    registers += 24;
  // Biases of more places are more constants.
  if (c.lhsElement.isF16())
    registers += straddles ? 24 : 16;
  return registers;
}

/// The same of weights of 8 bits, which have one scale for each row: of some
/// 600 kernels that were compiled for fewer and fewer registers, few needed
/// more.
static int64_t estimateRegistersOfBytes(const Contraction &c, int64_t tileM,
                                        const StreamNumbers &numbers) {
  double units = numbers.rowTiles * getUnits(c, numbers);
  bool isShort = getUnits(c, numbers) < 1;
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  bool isMany = tileM > 8, isF16 = c.lhsElement.isF16();
  bool isWide = c.hasWideResult();
  int64_t rowTiles = numbers.rowTiles, furtherStages = numbers.stages - 1;
  double registers;
  if (tileM == 1) {
    registers = 58 + 22 * units + 8 * units * furtherStages;
  } else if (isMany) {
    registers = 66 + 22 * units + 8 * units * furtherStages;
    // A few rounds of straight-line code carry nothing from one to the next.
    if (getRounds(c, numbers) <= 4 && !hasTailK)
      registers -= 8;
    // Sums of three row tiles and two column tiles are no power of two.
    else if (rowTiles == 3 && (getUnits(c, numbers) == 1 || isWide))
      registers += isF16 && !isShort ? 32 : 20;
    // The activations of an odd one are in registers of their own, and scales
    // of 16 bits are taken apart.
    bool hasNarrowScales = c.encoding.getScale().getIntOrFloatBitWidth() <= 16;
    if (furtherStages && (getRounds(c, numbers) % 2 || hasNarrowScales))
      registers += 4;
  } else {
    registers = isShort                     ? 36 + 24 * units
                : getUnits(c, numbers) == 1 ? 48 + 19 * units
                                            : 56 + 16 * units;
    registers += (10 * units + 8) * furtherStages;
    if (isF16 && rowTiles == 1)
      registers += 6;
  }
  if (hasTailK)
    registers += 4;
  // The decode of f16 has a constant for each byte.
  if (isF16)
    registers += 8;
  if (tileM == 1) {
    // Rows that are not there have addresses of their own.
    if (c.n % getTileN(numbers))
      registers += 24;
    return std::ceil(registers);
  }
  // Of several rows, only part of a row tile is dear.
  if (c.n % FragmentLayout::rows)
    registers += 20;
  if (c.hasLargeEpilogue || isWide)
    registers += isF16 ? 12 : 8;
  if (isF16 && hasTailK)
    registers += 8;
  if (isF16 && isShort && rowTiles > 2)
    registers += rowTiles > 3 ? 16 : isMany ? 56 : 48;
  return std::ceil(registers);
}

/// The same of any weights where one block has a tile.
static int64_t estimateUndivided(const Contraction &c, int64_t tileM,
                                 const StreamNumbers &numbers,
                                 bool scalesWeights) {
  if (c.encoding.getStorageBits() < 4)
    return estimateRegistersOfNarrow(c, tileM, numbers, scalesWeights);
  if (c.encoding.getStorageBits() == 8)
    return estimateRegistersOfBytes(c, tileM, numbers);
  if (scalesWeights && tileM <= 8)
    return estimateRegistersOfScaledFewRows(c, numbers);
  if (isFewExactRows(c, tileM, numbers))
    return estimateRegistersOfFewRows(c, numbers);
  // Weights of a round ahead and of this one, and their sums.
  double units = numbers.rowTiles * getUnits(c, numbers);
  int64_t rounds = getRounds(c, numbers);
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  double registers = tileM == 1   ? 56 + 24 * units
                     : tileM <= 8 ? 66 + 24 * units
                                  : 92 + 35 * units;
  // One row of activations without sums of these leaves room for the second
  // stage of straight-line code.
  bool isExactRow = tileM == 1 && decodesStreamedExactly(c);
  bool isShortStep = getUnits(c, numbers) < 1;
  if (!isExactRow || !isStraight(c, numbers) ||
      (getParameters(c) > 1 && isShortStep))
    registers += 14 * units * (numbers.stages - 1);
  // What comes along with smaller groups and zero points: their sums and, in
  // every stage, they themselves.
  if (scalesWeights) {
    // Weights that are scaled have one sum.
    registers -= std::clamp(34 - 12 * units, 0.0, 22.0);
  } else if (getParameters(c) > 1 && isExactRow && isShortStep) {
    registers += 8 * numbers.rowTiles - 16;
    if (numbers.stages > 1 && !isStraight(c, numbers))
      registers +=
          22 * units +
          (hasTailK && c.lhsElement.isF16() && getPairTableBytes(c) ? 8 : 0);
  } else if (isExactRow) {
    // Activations of half a step at once leave room for zero points, which
    // are two numbers each in f16, or for twice the scales: these not beside
    // the number of a row that may be any, those not where two rounds are all
    // that ptxas has to put in order.
    bool isTight =
        c.encoding.hasZeroPoint() ? rounds <= 2 : ShapedType::isDynamic(c.m);
    if (getParameters(c) > 2 ||
        (getParameters(c) > 1 && (c.lhsElement.isF16() || isTight)))
      registers += 4;
    if (getParameters(c) > 2)
      registers += 8 * numbers.rowTiles;
  } else if (getParameters(c, tileM) > 1) {
    double parameters = getParameters(c, tileM) * numbers.columns / 128;
    registers += 5 + 7 * parameters;
    if (tileM == 1 && c.encoding.hasZeroPoint())
      registers += 4;
    if (numbers.stages > 1)
      registers += 12 + 3 * units * (parameters - 1);
  }
  // Zero points that are decoded along, of each stage.
  if (tileM > 1 && !scalesWeights && c.encoding.hasZeroPoint() &&
      decodesStreamedExactly(c)) {
    registers += isStraight(c, numbers) ? 2 : 5;
    if (numbers.stages > 1)
      registers += 2 * numbers.rowTiles;
  }
  // A few rounds of straight-line code carry nothing from one to the next.
  if (!hasTailK && rounds <= 4 &&
      !(isExactRow && isShortStep && numbers.rowTiles > 1)) {
    int64_t rowTiles = numbers.rowTiles;
    // Scales of a tile's rows come together, two in a register.
    bool isSmall = tileM == 1 && rowTiles == 1 && !c.hasOneGroup();
    registers -= tileM > 8       ? std::min<int64_t>(8 + 14 * rowTiles, 36)
                 : isSmall       ? 12
                 : rowTiles <= 2 ? 8 + 8 * rowTiles
                                 : 8;
    // Pairs of scales are taken apart beside the sums: of short steps
    // ptxas 13.0 takes one more there where results have 32 bits, or are more
    // than scaled.
    bool isWide = c.hasWideResult();
    bool isLarge = c.hasLargeEpilogue && c.numSums == 1;
    if (tileM == 1 && getUnits(c, numbers) <= 1 && !c.hasOneGroup() &&
        (isWide || isLarge) &&
        c.encoding.getScale().getIntOrFloatBitWidth() <= 16)
      registers += 1;
  }
  // The last one of straight-line code asks for what is there one by one.
  if (hasTailK && isStraight(c, numbers))
    registers += tileM == 1 && !isExactRow ? 24 : 12;
  // The activations of an odd one are in registers of their own.
  if (rounds % 2)
    registers += 4;
  // The scales of all columns are asked for at the start.
  if (c.hasOneGroup())
    registers += 4;
  // Rows that are not there have addresses of their own.
  if (c.n % getTileN(numbers))
    registers += 24;
  if (hasTailK)
    registers += 4;
  // Values of a table take no registers to be made in: straight-line code of
  // up to four row tiles fits into what is left to two blocks of eight warps.
  if (scalesWeights && getPairTableBytes(c) && isStraight(c, numbers) &&
      !hasTailK)
    registers = std::min(registers, 124.0);
  // So does one row of activations in a few rounds, with up to three.
  if (tileM == 1 && getPairTableBytes(c) && getUnits(c, numbers) == 1 &&
      numbers.rowTiles <= 3 && numbers.stages == 1 && getParameters(c) <= 2 &&
      rounds <= 4 && !hasTailK)
    registers = std::min(registers, 128.0);
  return std::ceil(registers);
}

/// Registers of a thread where blocks divide a tile along K, of schedules that
/// are chosen for it, and one block would take `registers`: no schedule of some
/// 2000 that is within it made ptxas 13.0 spill.
static int64_t adaptToSplit(const Contraction &c, int64_t registers,
                            const StreamNumbers &numbers, bool scalesWeights) {
  constexpr int64_t ofBlock = 4, ofManyTiles = 13, ofFewRounds = 168,
                    ofTwoTiles = 128, ofStraightF16 = 8, ofNarrow = 16;
  int64_t rounds = getRounds(c, numbers);
  // Narrow codes of another stage, and what ends beside them: results of 32
  // bits, of large epilogues, and rows and columns that are not there.
  bool isWide = c.hasWideResult();
  if (c.encoding.getStorageBits() < 4 &&
      (numbers.stages > 1 || isWide || c.hasLargeEpilogue ||
       c.n % getTileN(numbers) || c.k % numbers.columns))
    return registers + (numbers.rowTiles < 4 ? ofNarrow : 4 * ofNarrow);
  // Of eight warps, so that two blocks share an SM.
  if (scalesWeights && numbers.rowTiles == 2 && numbers.warps == 8 &&
      (getUnits(c, numbers) < 1 ||
       (numbers.stages == 1 && isStraight(c, numbers))))
    return std::min(registers, ofTwoTiles);
  // Short steps of f16 without a loop keep more of them at hand.
  if (!scalesWeights && c.lhsElement.isF16() && getUnits(c, numbers) < 1 &&
      isStraight(c, numbers))
    return registers + ofStraightF16 * numbers.rowTiles;
  if (!scalesWeights || numbers.rowTiles < 4)
    return registers + ofBlock;
  // Weights that are scaled in a few rounds leave one sum and no copies.
  if (getUnits(c, numbers) == 1 && numbers.stages == 1 && rounds <= 4 &&
      c.k % numbers.getColumnsOfRound() == 0 && c.n % getTileN(numbers) == 0)
    return std::min(registers, ofFewRounds);
  return registers + ofManyTiles;
}

int64_t estimateStreamRegisters(const Contraction &c, int64_t tileM,
                                const StreamNumbers &numbers,
                                bool scalesWeights) {
  int64_t registers = estimateUndivided(c, tileM, numbers, scalesWeights);
  // A wide matrix that a large epilogue reads is asked for early.
  constexpr int64_t ofWideMatrix = 8;
  if (c.hasLargeEpilogue && c.readsWideMatrix)
    registers += ofWideMatrix;
  return numbers.splitK > 1 ? adaptToSplit(c, registers, numbers, scalesWeights)
                            : registers;
}

} // namespace quantmlir::schedule
