//===- MmaStreamChoice.cpp - Which schedule streams weights fastest -------===//
//
// Of the numbers for which the model of time is good, and whose kernels find
// room in the registers, the fastest are taken, or of some that ptxas has been
// seen to have room for though the estimate of registers says otherwise.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamTerms.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

/// Registers of an SM and of a thread at most, and what they are dealt out by.
static constexpr int64_t kRegisters = 65536, kMaxRegisters = 255,
                         kRegisterUnit = 8;
/// Threads and blocks that an SM holds.
static constexpr int64_t kResidentThreads = 2048, kResidentBlocks = 32;

/// Rounds of straight-line code up to which it has registers to spare.
static constexpr int64_t kFewRounds = 4;

/// Rounds of bytes up to which the model holds of short steps in divided tiles,
/// and of four row tiles.
static constexpr int64_t kRoundsOfBytes = 11;

/// Whether blocks may divide tiles of bytes. Short steps are worth less in a
/// long loop than the model says.
static bool canSplitBytes(const Contraction &c, const StreamNumbers &numbers) {
  int64_t rounds = getRounds(c, numbers);
  return c.hasOneGroup() && numbers.rowTiles > 1 && numbers.warps >= 4 &&
         numbers.stages == 1 && rounds > 1 &&
         (getUnits(c, numbers) == 1 ||
          (getUnits(c, numbers) < 1 && rounds <= kRoundsOfBytes));
}

/// Whether blocks may divide tiles of `tileM` rows along K, so that each reads
/// fewer of the activations: of few rows there is little to read. With eight
/// rows the model underestimates short steps, so that only full ones are
/// divided. Sums of smaller groups are scaled one by one, unless weights are.
static bool canSplit(const Contraction &c, const Chip &chip, int64_t tileM,
                     const StreamNumbers &numbers, bool scalesWeights) {
  bool isPlain = decodesStreamedExactly(c) && getParameters(c, tileM) <= 1;
  // Zero points that are decoded along: sums of many row tiles leave one block
  // in an SM, and code without a loop is better undivided.
  if (isPlain && !scalesWeights && c.encoding.hasZeroPoint())
    isPlain = tileM > 8 ? numbers.rowTiles <= 2 : !isStraight(c, numbers);
  // Narrow codes have a bias in sums, and steps of one tile of these. Of long
  // loops the model says too little.
  constexpr int64_t manyRounds = 16;
  bool isNarrow = c.encoding.getStorageBits() < 4;
  if (chip.hasWgmma && tileM > 1 && c.encoding.getStorageBits() == 8)
    return canSplitBytes(c, numbers);
  if (isNarrow) {
    isPlain = tileM > 8 && getParameters(c) == 1;
    if (getRounds(c, numbers) > manyRounds)
      return false;
  }
  if (!chip.hasWgmma || c.encoding.getStorageBits() > 4 ||
      !(isPlain || scalesWeights) || numbers.rowTiles == 1 ||
      (numbers.warps != 4 && numbers.warps != 8) ||
      (!isNarrow && getUnits(c, numbers) > 1) ||
      numbers.stages >= getRounds(c, numbers))
    return false;
  if (getPairTableBytes(c) && getUnits(c, numbers) < 1 && numbers.stages > 1)
    return false;
  if (tileM == 8 || (tileM > 1 && tileM < 8 && scalesWeights))
    return getUnits(c, numbers) == 1 && numbers.stages == 1;
  return tileM == 16;
}

/// Registers of a thread where `blocks` blocks share an SM. A warp's are those
/// of one of four parts of it, of which some may have a warp more than others;
/// for bf16 and less than 8 bits the estimate leaves room for that.
static int64_t getRegisters(const Contraction &c, int64_t threads,
                            int64_t blocks) {
  constexpr int64_t threadsOfParts = 4 * 32;
  int64_t resident = threads * blocks;
  if (c.encoding.getStorageBits() == 8 || c.lhsElement.isF16())
    resident = llvm::alignTo(resident, threadsOfParts);
  return std::min(kRegisters / resident / kRegisterUnit * kRegisterUnit,
                  kMaxRegisters);
}

/// Whether kernels of these numbers do what the model says. Where a warp has
/// more on its way than this, the code that is made of it asks for some of it
/// late; two warps alone do not hide each other's latency.
static bool isModelled(const Contraction &c, int64_t tileM,
                       const StreamNumbers &numbers, bool scalesWeights) {
  int64_t rounds = getRounds(c, numbers);
  double parameters = getParameters(c, tileM);
  bool isExactRow = tileM == 1 && decodesStreamedExactly(c);
  if (isFewExactRows(c, tileM, numbers)) {
    bool isShort = getUnits(c, numbers) < 1;
    if (numbers.stages > rounds)
      return false;
    return (!isShort && numbers.stages == 1) ||
           (numbers.rowTiles <= 2 && numbers.warps >= 4 &&
            (isShort || numbers.warps <= 8));
  }
  if (numbers.stages > 1 &&
      (isStraight(c, numbers) ? !isExactRow || rounds < 2 * numbers.stages
                              : numbers.stages >= rounds))
    return false;
  // What is asked for early takes registers that activations lack.
  if (numbers.stages > 1 && isExactRow && isStraight(c, numbers) &&
      getUnits(c, numbers) >= 1 && parameters > 1)
    return false;
  // Four row tiles of bytes in a long loop wait for what they ask for late.
  if (c.encoding.getStorageBits() == 8 && tileM > 1 && tileM <= 8 &&
      numbers.rowTiles > 3 && rounds > kRoundsOfBytes)
    return false;
  bool isNarrow = c.encoding.getStorageBits() < 4;
  // Two warps were half as fast as the model says, but of the largest tiles.
  if (isNarrow && tileM > 8 && numbers.warps <= 2 && numbers.rowTiles < 4)
    return false;
  if (getUnits(c, numbers) < 1) {
    if (numbers.warps == 16)
      return !isStraight(c, numbers) ? numbers.rowTiles == 2
                                     : numbers.rowTiles == 1 && tileM == 1;
    // Sums of larger groups are scaled once more in such a step, of which many
    // rows are worth it. In bf16, weights may be scaled instead: both compete.
    if (tileM == 16 && parameters == 1 && !scalesWeights)
      return decodesStreamedExactly(c) && c.lhsElement.isBF16() &&
             numbers.rowTiles == 4 && numbers.warps == 4 && numbers.stages == 1;
    return c.encoding.getStorageBits() == 4 &&
           (scalesWeights || (parameters > 1 && tileM != 8)) &&
           numbers.rowTiles >= (numbers.stages > 1 ? 2 : 1) &&
           numbers.rowTiles != (numbers.stages > 1 ? 3 : 1) &&
           numbers.warps >= (tileM == 1 ? 4 : 2) &&
           !(numbers.stages > 1 && tileM == 16 && getPairTableBytes(c));
  }
  if (getUnits(c, numbers) > 1 && scalesWeights && tileM <= 8)
    return numbers.stages == 1 && numbers.warps == 4;
  // Long steps of rows with one scale wait for each load.
  if (getUnits(c, numbers) > 1 && !isNarrow)
    return numbers.stages == 1 && parameters <= 1 &&
           (parameters > 0 || c.encoding.getStorageBits() == 8) &&
           (numbers.warps == 4 ? numbers.rowTiles <= 2
                               : numbers.warps == 8 && numbers.rowTiles == 1);
  return numbers.stages == 1 ||
         (numbers.rowTiles <= 2 && numbers.warps >= 4 && numbers.warps <= 8);
}

/// Schedules that compete though what is said of registers, or what the model
/// is good for, leaves them out: where rows of weights are hard to deal out to
/// the SMs, one of them is the fastest.
static ArrayRef<StreamNumbers>
getProvenNumbers(const Contraction &c, int64_t tileM, bool scalesWeights) {
  // The last ones are not for tables of values.
  static constexpr StreamNumbers ofOneRow[] = {{2, 4, 128, 2, 3, 2},
                                               {1, 16, 64, 2, 2},
                                               {3, 16, 128, 1, 1},
                                               {4, 8, 128, 1, 2},
                                               {3, 4, 128, 1, 4}};
  // Whose weights are scaled.
  static constexpr StreamNumbers ofOneScaledRow[] = {
      {3, 8, 128, 1, 2}, {3, 4, 256, 1, 4}, {4, 4, 128, 1, 4}};
  static constexpr StreamNumbers ofFewRows[] = {{3, 8, 128, 1, 2, 2},
                                                {3, 16, 128, 1, 1}};
  // Of zero points.
  static constexpr StreamNumbers ofFewRowsZeroPoints[] = {{2, 8, 128, 1, 2, 2}};
  // Of small groups whose sums are scaled, and of tables.
  static constexpr StreamNumbers ofFewRowsSmallGroups[] = {{2, 8, 128, 2, 1},
                                                           {2, 16, 64, 2, 1}};
  // Of 2 bits.
  static constexpr StreamNumbers ofOneNarrowRow[] = {{1, 16, 256, 1, 2},
                                                     {3, 8, 256, 1, 2},
                                                     {4, 4, 128, 1, 2},
                                                     {2, 4, 128, 2, 4}};
  // Whose weights are scaled.
  static constexpr StreamNumbers ofManyRows[] = {{2, 4, 128, 1, 3, 2},
                                                 {2, 8, 128, 1, 2, 2},
                                                 {4, 8, 128, 1, 2, 2},
                                                 {3, 4, 256, 1, 3},
                                                 {4, 4, 256, 1, 3}};
  // The same of 2 and 3 bits.
  static constexpr StreamNumbers ofFewRowsOfTwoBits[] = {{2, 8, 128, 1, 2, 2},
                                                         {2, 8, 128, 2, 2},
                                                         {2, 8, 256, 1, 3},
                                                         {3, 4, 256, 1, 4}};
  static constexpr StreamNumbers ofFewRowsOfThreeBits[] = {
      {1, 8, 256, 1, 3},
      {2, 4, 256, 1, 4},
      {2, 8, 256, 1, 2},
      {2, 8, 256, 1, 2, 2},
      {4, 4, 256, 1, 3, 2}};
  static constexpr StreamNumbers ofManyRowsOfTwoBits[] = {
      {2, 8, 128, 2, 2}, {2, 8, 128, 2, 2, 2}, {4, 4, 128, 1, 3, 2}};
  static constexpr StreamNumbers ofManyRowsOfThreeBits[] = {
      {2, 4, 256, 1, 3, 2}, {2, 8, 256, 1, 2, 2}, {4, 4, 256, 1, 3, 2}};
  // Of f16 with exact weights, of which the model says what they take.
  static constexpr StreamNumbers ofManyRowsF16[] = {
      {3, 4, 64, 1, 3}, {2, 4, 128, 1, 3, 2}, {2, 8, 128, 1, 2, 2}};
  bool isTwoBits = c.encoding.getStorageBits() == 2;
  if (isTwoBits && tileM == 1)
    return ofOneNarrowRow;
  if (c.encoding.getStorageBits() < 4) {
    if (!scalesWeights || tileM == 1)
      return {};
    if (tileM <= 8)
      return isTwoBits ? ArrayRef(ofFewRowsOfTwoBits)
                       : ArrayRef(ofFewRowsOfThreeBits);
    return isTwoBits ? ArrayRef(ofManyRowsOfTwoBits)
                     : ArrayRef(ofManyRowsOfThreeBits);
  }
  if (tileM == 1 && scalesWeights)
    return ofOneScaledRow;
  if (tileM == 1)
    return ArrayRef(ofOneRow).take_front(getPairTableBytes(c) ? 2 : 5);
  if (tileM <= 8 && c.getGroup() < kUnitColumns && !c.encoding.hasZeroPoint() &&
      (getPairTableBytes(c) || !scalesWeights))
    return ofFewRowsSmallGroups;
  if (!decodesStreamedExactly(c) || getParameters(c, tileM) > 1)
    return {};
  if (c.encoding.hasZeroPoint())
    return tileM <= 8 && !scalesWeights ? ArrayRef(ofFewRowsZeroPoints)
                                        : ArrayRef<StreamNumbers>();
  if (tileM <= 8)
    return ofFewRows;
  if (c.lhsElement.isF16())
    return scalesWeights ? ArrayRef<StreamNumbers>() : ArrayRef(ofManyRowsF16);
  return scalesWeights ? ArrayRef(ofManyRows) : ArrayRef<StreamNumbers>();
}

/// The same as `fitsProven`, of 16 rows: four row tiles of a few full rounds,
/// and no long loop of eight warps or long steps.
static bool fitsManyRows(const Contraction &c, const StreamNumbers &numbers) {
  constexpr int64_t someRounds = 6;
  int64_t rounds = getRounds(c, numbers);
  if (numbers.rowTiles == 4)
    return c.k % numbers.getColumnsOfRound() == 0 &&
           c.n % getTileN(numbers) == 0 &&
           (numbers.warps == 8 ? rounds == kFewRounds : rounds <= kFewRounds);
  if (numbers.warps == 8)
    return isStraight(c, numbers);
  return numbers.columns <= kUnitColumns || rounds <= someRounds;
}

/// The same, of one row whose weights are scaled: in whole rounds. Four scales
/// in 128 columns leave room for long steps in a few of them, and for four row
/// tiles in a loop.
static bool fitsOneScaledRow(const Contraction &c,
                             const StreamNumbers &numbers) {
  if (c.k % numbers.getColumnsOfRound() != 0)
    return false;
  if (getParameters(c) <= 2)
    return true;
  if (getUnits(c, numbers) > 1)
    return getRounds(c, numbers) <= kFewRounds;
  return numbers.rowTiles < 4 || !isStraight(c, numbers);
}

/// The same, of 2 to 16 rows and weights of 2 or 3 bits that are scaled, and
/// whether the model is right about them.
static bool fitsNarrowRows(const Contraction &c, int64_t tileM,
                           const StreamNumbers &numbers) {
  if (c.encoding.hasZeroPoint() || c.n % getTileN(numbers) != 0)
    return false;
  constexpr int64_t someRounds = 3;
  int64_t rounds = getRounds(c, numbers), rowTiles = numbers.rowTiles;
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  if (c.encoding.getStorageBits() == 2) {
    if (tileM > 8)
      return numbers.splitK > 1 || rounds <= kStraightRounds;
    return numbers.columns == kUnitColumns ||
           (!hasTailK && rounds <= kStraightRounds);
  }
  if (tileM > 8)
    return rounds <= someRounds || (rowTiles == 2 && numbers.warps == 4);
  if (rowTiles == 4)
    return !hasTailK;
  if (rowTiles == 2 && numbers.warps == 8)
    return numbers.splitK > 1 ? rounds >= someRounds : rounds > someRounds;
  return rowTiles == 2 || rounds == 1 || rounds > kFewRounds;
}

/// Whether ptxas 13.0 has room for one of these, as far as some 900 kernels of
/// drawn extents tell.
static bool fitsProven(const Contraction &c, int64_t tileM,
                       const StreamNumbers &numbers, bool scalesWeights) {
  // Zero points that are not decoded along are sums of their own.
  bool isPlain = hasPlainResults(c) && !c.hasOneGroup() &&
                 getParameters(c) <= 4 && getParameterBits(c.encoding) <= 16 &&
                 (!c.encoding.hasZeroPoint() || decodesStreamedExactly(c));
  int64_t rounds = getRounds(c, numbers), rowTiles = numbers.rowTiles;
  if (!isPlain || rounds < numbers.stages ||
      (getPairTableBytes(c) && c.lhsElement.isF16()))
    return false;
  if (c.encoding.getStorageBits() < 4)
    return c.lhsElement.isBF16() && getParameters(c) == 1 &&
           (tileM == 1 ? c.k % numbers.getColumnsOfRound() == 0
                       : fitsNarrowRows(c, tileM, numbers));
  if (tileM > 8)
    return fitsManyRows(c, numbers);
  if (tileM == 1 && scalesWeights)
    return fitsOneScaledRow(c, numbers);
  // Zero points are better undivided in fewer rounds, and there is room for
  // all.
  if (tileM > 1 && c.encoding.hasZeroPoint())
    return c.lhsElement.isBF16() && rounds > kFewRounds;
  // Of a few, three row tiles have no room for steps that end anywhere.
  if (tileM > 1 && rowTiles == 3 && c.k % (4 * kUnitColumns) != 0)
    return false;
  // Loops of short steps, and three row tiles or more, leave room for one scale
  // in 128 columns, and most of them not for what f16 takes.
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  bool isOneStretch = isStraight(c, numbers), isSingle = getParameters(c) == 1;
  bool isLight = c.lhsElement.isBF16() && isSingle && !getPairTableBytes(c) &&
                 c.k % c.getGroup() == 0;
  if (getPairTableBytes(c) && !isOneStretch && hasTailK)
    return false;
  // Groups of 32 have four scales in 128 columns.
  if (getParameters(c) > 2 && (rowTiles > 2 || !isOneStretch))
    return false;
  bool hasRoom =
      rowTiles == 1
          ? rounds <= kFewRounds || (isLight && !hasTailK && !isOneStretch)
      : rowTiles == 2       ? true
      : numbers.warps == 16 ? isSingle || (c.lhsElement.isBF16() && !hasTailK)
                            : isLight;
  if (!hasRoom)
    return false;
  // Of what takes registers in straight-line code there is one thing at most:
  // many rounds, what comes after full ones, and what comes along with weights,
  // which two row tiles have registers for.
  bool hasMore =
      rowTiles != 2 && (getPairTableBytes(c) || (!isSingle && rowTiles > 1));
  if (isOneStretch &&
      int(rounds > kFewRounds) + int(hasTailK) + int(hasMore) > 1)
    return false;
  // Four row tiles are one thing, too, and so are rows that are not there.
  return rowTiles < 4 ||
         (isOneStretch ? rounds <= 3
                       : !hasTailK && c.n % getTileN(numbers) == 0);
}

StreamNumbers chooseStreamNumbers(const Contraction &c, const Chip &chip,
                                  int64_t tileM, bool scalesWeights,
                                  double *time) {
  int64_t unit = getUnitColumns(c);
  llvm::SmallVector<int64_t> columnsOfSteps = {unit / 2, unit, 2 * unit};
  // A tile of narrow weights is that much at least.
  bool isNarrow = c.encoding.getStorageBits() < 4;
  if (isNarrow) {
    unit = c.getWeightLayout().getTile()[1];
    columnsOfSteps = {unit};
  }
  llvm::SmallVector<int64_t> splits = {1, 2};
  if (c.encoding.getStorageBits() == 8)
    splits.push_back(4);
  StreamNumbers best = {1, 1, unit, 1, 1};
  double bestTime = HUGE_VAL;
  // Compares with the best so far what kernels of these numbers take, or
  // `share` of what the model says.
  auto compete = [&](const StreamNumbers &numbers, double share) {
    // Blocks of a cluster start together: where not all do at once, they wait
    // for as many places near each other.
    if (numbers.splitK > 1 && getBlocks(c, numbers) > getSlots(chip, numbers))
      return;
    double taken = share * estimateStreamTime(c, chip, tileM, numbers);
    if (taken < bestTime) {
      best = numbers;
      bestTime = taken;
    }
  };
  auto consider = [&](StreamNumbers numbers) {
    // Of one row, or of several and narrow codes, a few are proven and no other
    // was looked at.
    if (scalesWeights && (tileM == 1 || (tileM <= 8 && isNarrow)))
      return;
    // No more warps or columns than there is work for.
    int64_t steps = llvm::divideCeil(c.k, numbers.columns);
    if ((numbers.warps > 1 && numbers.warps / 2 >= steps) ||
        (numbers.columns > unit && numbers.columns / 2 >= c.k) ||
        !(numbers.splitK > 1 ? canSplit(c, chip, tileM, numbers, scalesWeights)
                             : isModelled(c, tileM, numbers, scalesWeights)))
      return;
    int64_t threads = 32 * numbers.warps;
    int64_t needed = estimateStreamRegisters(c, tileM, numbers, scalesWeights);
    if (needed > getRegisters(c, threads, 1))
      return;
    // As many blocks as there is room for: an SM takes them anyway.
    while (threads * (numbers.occupancy + 1) <= kResidentThreads &&
           numbers.occupancy < kResidentBlocks &&
           getPairTableBytes(c) * (numbers.occupancy + 1) <=
               chip.sharedMemory &&
           needed <= getRegisters(c, threads, numbers.occupancy + 1))
      ++numbers.occupancy;
    // A kernel of eight rows is for fewer, too, which have less to read; of
    // narrow codes the model is not as sure.
    constexpr double marginOfFewRows = 1.03, marginOfNarrow = 1.04;
    unsigned width = c.encoding.getStorageBits();
    double margin = width == 8   ? 1.0
                    : tileM <= 8 ? marginOfFewRows
                    : isNarrow   ? marginOfNarrow
                                 : 1.0;
    // Scaled weights take that much longer in short steps, and so do bytes
    // whose tiles are divided, of many rows.
    constexpr double shareOfShortSteps = 1.05;
    bool isShort =
        getUnits(c, numbers) < 1 &&
        (tileM <= 8 ? scalesWeights : width == 8 && numbers.splitK > 1);
    compete(numbers, (numbers.splitK > 1 ? margin : 1.0) *
                         (isShort ? shareOfShortSteps : 1.0));
  };
  for (int64_t rowTiles : {1, 2, 3, 4}) {
    if (rowTiles > 1 && FragmentLayout::rows * (rowTiles - 1) >= c.n)
      break;
    for (int64_t warps : {1, 2, 4, 8, 16})
      for (int64_t columns : columnsOfSteps)
        for (int64_t stages : {1, 2})
          for (int64_t splitK : splits)
            consider(
                {rowTiles, warps, columns, stages, /*occupancy=*/1, splitK});
  }
  // What the model says of these is a little too much: of 16 rows 5 %, and what
  // is kept back for exact weights; of 2 bits 3 to 6 %, of 3 bits nothing.
  auto getShareOfProven = [&](const StreamNumbers &numbers) {
    if (isNarrow && tileM > 1)
      return c.encoding.getStorageBits() == 3  ? 1.0
             : tileM > 8 && numbers.splitK > 1 ? 0.97
                                               : 0.94;
    if (tileM <= 8)
      return tileM == 1 && scalesWeights ? 1.0 : 0.97;
    return scalesWeights ? 0.92 : 1.0;
  };
  if (chip.hasWgmma && c.encoding.getStorageBits() <= 4)
    for (const StreamNumbers &numbers :
         getProvenNumbers(c, tileM, scalesWeights))
      if (fitsProven(c, tileM, numbers, scalesWeights))
        compete(numbers, getShareOfProven(numbers));
  if (time)
    *time = bestTime;
  return best;
}

} // namespace quantmlir::schedule
