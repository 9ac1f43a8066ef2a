//===- MmaStreamModel.cpp - How long few rows of activations take ---------===//
//
// A kernel that streams weights is as fast as memory where enough of them are
// on their way in every SM all the time, and where every SM has as much to do
// as every other. Both follow from the shape: blocks of more rows read
// activations less often, but there are fewer to deal out; more stages or more
// blocks in an SM keep more on the way, but share its registers.
//
// The constants were fitted to 1400 timings on one H200, of weights of 4 bits:
// about 70 schedules at each of eight shapes and 1, 8 and 16 rows. Predictions
// are off by 5 % (root mean square), and what they choose was 2 % slower than
// the best measured. Weights of 8 bits are as many bytes in half as many
// columns; of 38 schedules of theirs the model chose the fastest at two shapes.
// Of 2 and 3 bits, with constants of their own, predictions are off by 9 % and,
// of 16 rows, 7 %: 800 timings at four shapes and 1 and 16 rows, where what
// they choose was 2 % slower than the best measured. NF4 at 16 rows has one,
// too: 110 timings at two shapes, off by 7 %. Groups of 64 and 32, zero points
// and NF4 take what the same schedule of int4 in groups of 128 takes, but need
// more registers: of 360 timings at five shapes and one row, it chose the best
// or within 11 %. At one row of 4-bit integers without zero points, whose
// decode leaves no bias since, and where straight-line code may have two
// stages, it chose the fastest or within 2 % at five shapes in groups of 128,
// of 32 within 3 %: 330 timings. Straight-line code for several rows of these,
// up to 8, has constants of its own, and registers: of 426 timings at eleven
// shapes it chose the fastest or within 7 %. Blocks that divide a tile along K
// take what the model says of as many columns, and nothing for their exchange:
// of 566 timings at eight shapes and 8 and 16 rows predictions are off by 7 %,
// and what they choose was 5 % slower than the best measured. So do those of
// smaller groups, zero points and NF4 at 16 rows: of 770 timings at four shapes
// it chose the best or within 6 %, up to 11 % faster than what it chose
// without. Dividing K where zero points are decoded along, with weights left
// exact, changed seven of 42 lines at 14 shapes and 2 to 16 rows: six take
// less, by up to 23 %, and one as long. Of 1908 timings at fifteen shapes, int4
// at 1, 8 and 16 rows and groups of 64 and 32, zero points and NF4 at one, what
// it chooses is 0.3 to 3.1 % slower than the fastest, since schedules compete
// whose registers it overestimates. At one row of bytes it is within 1.5 % of
// the fastest of fourteen (418 timings), among four of these. Rings of codes
// (`StreamNumbers::ring`) are listed and not chosen: of 900 timings at 29
// lines, the fastest with one took 3 to 8 % less than what is chosen at five,
// within 2 % of it at seven, and longer elsewhere.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamModel.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// Registers of an SM and of a thread at most, and what they are dealt out by.
static constexpr int64_t kRegisters = 65536, kMaxRegisters = 255,
                         kRegisterUnit = 8;
/// Threads and blocks that an SM holds.
static constexpr int64_t kResidentThreads = 2048, kResidentBlocks = 32;

/// Columns of a row tile that what follows counts in: of weights of 8 bits half
/// as many, which are as many bytes as those of 4.
static constexpr int64_t kUnitColumns = 128, kUnitColumnsOfBytes = 64;

/// Up to so many rounds, or parts of these, a kernel has no loop, and all loads
/// that registers have room for go out at once, whatever the stages.
static constexpr int64_t kStraightRounds = 6;

namespace {
/// Fitted: microseconds and bytes per microsecond.
struct Fit {
  /// From asking for weights to having them.
  static constexpr double latency = 0.144;
  /// How many rounds are on their way in straight-line code.
  static constexpr double straightStages = 9.2;
  /// What the memory delivers of what its maker says, and what one SM takes in.
  static constexpr double bandwidth = 0.915, bandwidthOfSM = 47500;
  /// Instructions for a unit of weights, and for 128 columns of 8 rows of
  /// activations, where other warps fill their gaps; a warp alone takes so many
  /// times as long.
  static constexpr double unit = 0.00746, activations = 0.0124, alone = 12.6;
  /// The same for 2 or 3 bits, of which each word holds more: of one row of
  /// activations, for which they are decoded where they lie, and of several. Of
  /// 16, a warp finds more to do in the meantime.
  static constexpr double narrowUnit = 0.0068, narrowUnitOfRows = 0.0112,
                          narrowUnitOfMany = 0.013, narrowAloneOfMany = 8;
  /// Instructions for a unit that is looked up in a table and scaled.
  static constexpr double lookUpUnit = 0.012;
  /// To fill a block's table of pairs of values, which blocks of an SM do in
  /// turn.
  static constexpr double table = 0.27;
  /// How much of the activations comes from L2, and how what several blocks of
  /// an SM ask for grows with their number: they find each other's in L1.
  static constexpr double missing = 0.27, sharing = 0.41;
  /// A kernel's beginning and end; a block's, its sums of 8 rows of activations
  /// and a row tile, and those of each warp.
  static constexpr double kernel = 1.422, block = 0.115, sums = 0.137,
                          warpSums = 0.0036;
  /// What another stage saves where there is no loop.
  static constexpr double early = 0.1;
  /// Slower by this where an SM has room for more blocks than there are: those
  /// of the next kernel start early, and are dealt out unevenly then.
  static constexpr double uneven = 0.12;
  /// How sharply what takes longest hides the rest.
  static constexpr double sharpness = 2.27;
};

/// Those that depend on what the rows of activations are multiplied by.
struct FitOfRows {
  double unit, activations, missing, sums, early, uneven;
};
/// Straight-line code for two to eight rows and weights that leave no sums of
/// activations: a second stage saves nothing.
constexpr FitOfRows kFewExactRows = {0.0087, 0.0087, 0.184, 0.153, 0.0, 0.153};
} // namespace

static int64_t getTileN(const StreamNumbers &numbers) {
  return FragmentLayout::rows * numbers.rowTiles;
}
static int64_t getRounds(const Contraction &c, const StreamNumbers &numbers) {
  return llvm::divideCeil(c.k, numbers.getColumnsOfRound());
}
/// Whether a kernel has no loop.
static bool isStraight(const Contraction &c, const StreamNumbers &numbers) {
  int64_t parts =
      numbers.columns /
      getColumnsOfDecode(numbers.columns, c.encoding.getStorageBits());
  return getRounds(c, numbers) * parts <= kStraightRounds;
}
/// Columns of a unit of weights.
static int64_t getUnitColumns(const Contraction &c) {
  return c.encoding.getStorageBits() == 8 ? kUnitColumnsOfBytes : kUnitColumns;
}
/// Bytes of one.
static double getUnitBytes(const Contraction &c) {
  return getUnitColumns(c) * FragmentLayout::rows *
         c.encoding.getStorageBits() / 8.0;
}
/// Units of weights that a warp takes in a step of one row tile.
static double getUnits(const Contraction &c, const StreamNumbers &numbers) {
  return double(numbers.columns) / getUnitColumns(c);
}

/// Scales and zero points of each row in 128 columns.
static double getParameters(const Contraction &c) {
  constexpr double columns = 128;
  if (c.hasOneGroup())
    return 0;
  return std::ceil(columns / c.getGroup()) *
         (c.encoding.hasZeroPoint() ? 2 : 1);
}

/// The same of several rows of activations: zero points that are decoded along
/// are no sums.
static double getParameters(const Contraction &c, int64_t tileM) {
  bool isDecoded =
      tileM > 1 && c.encoding.hasZeroPoint() && decodesStreamedExactly(c);
  return isDecoded ? getParameters(c) / 2 : getParameters(c);
}

/// Whether straight-line code of short steps multiplies several rows of
/// activations, in one column tile, by weights of 4 bits that leave no sums of
/// them.
static bool isFewExactRows(const Contraction &c, int64_t tileM,
                           const StreamNumbers &numbers) {
  return tileM > 1 && tileM <= 8 && decodesStreamedExactly(c) &&
         getParameters(c) <= 1 && isStraight(c, numbers) &&
         getUnits(c, numbers) <= 1;
}

/// Registers of such code: no schedule of some 200 that is within them made
/// ptxas 13.0 spill.
static int64_t estimateRegistersOfFewRows(const Contraction &c,
                                          const StreamNumbers &numbers) {
  double units = numbers.rowTiles * getUnits(c, numbers);
  double registers = 40 + 8 * numbers.rowTiles + 16 * units;
  if (numbers.stages > 1)
    registers += 8 * units + 4;
  // The last step of a ragged K asks for what is there one by one.
  if (c.k % numbers.getColumnsOfRound())
    registers +=
        std::max(0.0, 16 * (units - 1)) + (getRounds(c, numbers) > 2 ? 8 : 0);
  // The scales of all columns are asked for at the start.
  if (c.hasOneGroup())
    registers += 4;
  // Rows that are not there have addresses of their own.
  if (c.n % getTileN(numbers))
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

/// Registers of a thread where blocks divide a tile along K, of schedules that
/// `canSplit`, and one block would take `registers`: no schedule of some 2000
/// that is within it made ptxas 13.0 spill.
static int64_t adaptToSplit(const Contraction &c, int64_t registers,
                            const StreamNumbers &numbers, bool scalesWeights) {
  constexpr int64_t ofBlock = 4, ofManyTiles = 13, ofFewRounds = 168,
                    ofTwoTiles = 128, ofStraightF16 = 8;
  int64_t rounds = getRounds(c, numbers);
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

/// Whether blocks may divide tiles of `tileM` rows along K, so that each reads
/// fewer of the activations: of few rows there is little to read. Of eight,
/// what the model says of short steps is not so. Sums of smaller groups are
/// scaled one by one, unless weights are.
static bool canSplit(const Contraction &c, const Chip &chip, int64_t tileM,
                     const StreamNumbers &numbers, bool scalesWeights) {
  bool isPlain = decodesStreamedExactly(c) && getParameters(c, tileM) == 1;
  // Zero points that are decoded along: sums of many row tiles leave one block
  // in an SM, and code without a loop is better undivided.
  if (isPlain && !scalesWeights && c.encoding.hasZeroPoint())
    isPlain = tileM > 8 ? numbers.rowTiles <= 2 : !isStraight(c, numbers);
  if (!chip.hasWgmma || c.encoding.getStorageBits() != 4 ||
      !(isPlain || scalesWeights) || numbers.rowTiles == 1 ||
      (numbers.warps != 4 && numbers.warps != 8) || getUnits(c, numbers) > 1 ||
      numbers.stages >= getRounds(c, numbers))
    return false;
  if (getPairTableBytes(c) && getUnits(c, numbers) < 1 && numbers.stages > 1)
    return false;
  if (tileM == 8)
    return getUnits(c, numbers) == 1 && numbers.stages == 1;
  return tileM == 16;
}

int64_t estimateStreamRegisters(const Contraction &c, int64_t tileM,
                                const StreamNumbers &numbers,
                                bool scalesWeights) {
  if (c.encoding.getStorageBits() < 4)
    return estimateRegistersOfNarrow(c, tileM, numbers, scalesWeights);
  if (isFewExactRows(c, tileM, numbers))
    return estimateRegistersOfFewRows(c, numbers);
  // Weights of a round ahead and of this one, and their sums.
  double units = numbers.rowTiles * getUnits(c, numbers);
  double registers;
  int64_t rounds = getRounds(c, numbers);
  bool hasTailK = c.k % numbers.getColumnsOfRound() != 0;
  if (c.encoding.getStorageBits() == 8) {
    registers =
        (tileM <= 8 ? 54 : 62) + 22 * units + 8 * units * (numbers.stages - 1);
    // The decode of f16 has a constant for each byte.
    if (c.lhsElement.isF16())
      registers += 8;
  } else {
    registers = tileM == 1   ? 56 + 24 * units
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
        registers += 22 * units;
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
      bool isWide =
          c.resultElement && c.resultElement.getIntOrFloatBitWidth() == 32;
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
  }
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

/// Registers of a thread where `blocks` blocks share an SM.
static int64_t getRegisters(int64_t threads, int64_t blocks) {
  return std::min(kRegisters / (threads * blocks) / kRegisterUnit *
                      kRegisterUnit,
                  kMaxRegisters);
}

double estimateStreamTime(const Contraction &c, const Chip &chip, int64_t tileM,
                          const StreamNumbers &numbers) {
  double eights = std::max<double>(1, tileM / 8.0);
  int64_t rounds = getRounds(c, numbers);
  double rowTiles = numbers.rowTiles;
  double units = rowTiles * getUnits(c, numbers);
  constexpr double columns = 128;
  bool isNarrow = c.encoding.getStorageBits() < 4, isMany = tileM > 8;
  bool looksUp = getPairTableBytes(c) != 0;
  FitOfRows fit = {!isNarrow ? looksUp && isMany ? Fit::lookUpUnit : Fit::unit
                   : isMany  ? Fit::narrowUnitOfMany
                   : tileM == 1 ? Fit::narrowUnit
                                : Fit::narrowUnitOfRows,
                   Fit::activations,
                   Fit::missing,
                   Fit::sums,
                   Fit::early,
                   Fit::uneven};
  if (isFewExactRows(c, tileM, numbers))
    fit = kFewExactRows;
  double alone = isNarrow && isMany ? Fit::narrowAloneOfMany : Fit::alone;
  double table = looksUp ? Fit::table : 0.0;
  double instructions =
      fit.unit * units + fit.activations * eights * numbers.columns / columns;
  bool isOneStretch = isStraight(c, numbers);
  int64_t inFlight = std::max(numbers.stages, numbers.ring - 1);
  double latency =
      Fit::latency / (isOneStretch ? Fit::straightStages : double(inFlight)) +
      alone * instructions;
  double weightBytes = numbers.warps * units * getUnitBytes(c);
  double activationBytes =
      c.getLhsBytes() * tileM * numbers.columns * numbers.warps;
  double share = Fit::bandwidth * 1000 * chip.bandwidth / chip.multiprocessors;
  // A block that shares an SM with `resident - 1` others while memory gives the
  // SM `rate`.
  auto getBlock = [&](double resident, double rate) {
    double bytes =
        resident * weightBytes +
        fit.missing * activationBytes * std::pow(resident, Fit::sharing);
    auto power = [](double x) { return std::pow(x, Fit::sharpness); };
    double round = std::pow(power(bytes / rate) +
                                power(resident * numbers.warps * instructions) +
                                power(latency),
                            1 / Fit::sharpness);
    return Fit::block + table * resident + fit.sums * eights * rowTiles +
           Fit::warpSums * numbers.warps * eights * rowTiles + rounds * round;
  };
  int64_t blocks = llvm::divideCeil(c.n, getTileN(numbers)) * numbers.splitK;
  int64_t slots = chip.getResidentBlocks(numbers.splitK) * numbers.occupancy;
  double time = blocks / slots * getBlock(numbers.occupancy, share);
  int64_t rest = blocks % slots;
  if (rest) {
    // The SMs that have the most of what is left, and all of them together.
    int64_t most = llvm::divideCeil(rest, chip.multiprocessors);
    time += std::max(getBlock(most, Fit::bandwidthOfSM),
                     getBlock(double(rest) / chip.multiprocessors, share));
    if (blocks < slots && most < numbers.occupancy)
      time *= 1 + fit.uneven;
  }
  // What straight-line code asks for before it waits for the kernel in front:
  // with few activations in registers, of one stage as much as of two.
  bool hasFewActivations =
      getColumnsOfActivations(c, tileM, numbers.columns) < numbers.columns &&
      c.encoding.getStorageBits() == 4;
  int64_t early = hasFewActivations ? 1 : numbers.stages - 1;
  return Fit::kernel + time -
         (isOneStretch && chip.hasDependentLaunch ? fit.early * early : 0.0);
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
  if (getUnits(c, numbers) > 1 && !isNarrow)
    return numbers.stages == 1 && parameters <= 1 &&
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
  static constexpr StreamNumbers ofFewRows[] = {{3, 8, 128, 1, 2, 2},
                                                {3, 16, 128, 1, 1}};
  // Whose weights are scaled.
  static constexpr StreamNumbers ofManyRows[] = {{2, 4, 128, 1, 3, 2},
                                                 {2, 8, 128, 1, 2, 2},
                                                 {4, 8, 128, 1, 2, 2},
                                                 {3, 4, 256, 1, 3},
                                                 {4, 4, 256, 1, 3}};
  // Of f16 with exact weights, of which the model says what they take.
  static constexpr StreamNumbers ofManyRowsF16[] = {
      {3, 4, 64, 1, 3}, {2, 4, 128, 1, 3, 2}, {2, 8, 128, 1, 2, 2}};
  if (tileM == 1)
    return ArrayRef(ofOneRow).take_front(getPairTableBytes(c) ? 2 : 5);
  if (!decodesStreamedExactly(c) || getParameters(c) > 1)
    return {};
  if (tileM <= 8)
    return ofFewRows;
  if (c.lhsElement.isF16())
    return scalesWeights ? ArrayRef<StreamNumbers>() : ArrayRef(ofManyRowsF16);
  return scalesWeights ? ArrayRef(ofManyRows) : ArrayRef<StreamNumbers>();
}

/// Rounds that are few for one of these.
static constexpr int64_t kFewRounds = 4;

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

/// Whether ptxas 13.0 has room for one of these, as far as some 900 kernels of
/// drawn extents tell.
static bool fitsProven(const Contraction &c, int64_t tileM,
                       const StreamNumbers &numbers) {
  bool isPlain = c.numSums == 1 && !c.hasLargeEpilogue && !c.hasOneGroup() &&
                 getParameters(c) <= 4 && getParameterBits(c.encoding) <= 16 &&
                 c.resultElement &&
                 c.resultElement.getIntOrFloatBitWidth() <= 16 &&
                 c.n % FragmentLayout::rows == 0;
  int64_t rounds = getRounds(c, numbers), rowTiles = numbers.rowTiles;
  if (!isPlain || rounds < numbers.stages ||
      (getPairTableBytes(c) && c.lhsElement.isF16()))
    return false;
  if (tileM > 8)
    return fitsManyRows(c, numbers);
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
  if (c.encoding.getStorageBits() < 4) {
    unit = c.getWeightLayout().getTile()[1];
    columnsOfSteps = {unit};
  }
  StreamNumbers best = {1, 1, unit, 1, 1};
  double bestTime = HUGE_VAL;
  // Compares with the best so far what kernels of these numbers take, or
  // `share` of what the model says.
  auto compete = [&](const StreamNumbers &numbers, double share) {
    // Blocks of a cluster start together: where not all do at once, they wait
    // for as many places near each other.
    int64_t blocks = llvm::divideCeil(c.n, getTileN(numbers)) * numbers.splitK;
    if (numbers.splitK > 1 &&
        blocks > chip.getResidentBlocks(numbers.splitK) * numbers.occupancy)
      return;
    double taken = share * estimateStreamTime(c, chip, tileM, numbers);
    if (taken < bestTime) {
      best = numbers;
      bestTime = taken;
    }
  };
  auto consider = [&](StreamNumbers numbers) {
    // No more warps or columns than there is work for.
    int64_t steps = llvm::divideCeil(c.k, numbers.columns);
    if ((numbers.warps > 1 && numbers.warps / 2 >= steps) ||
        (numbers.columns > unit && numbers.columns / 2 >= c.k) ||
        !(numbers.splitK > 1 ? canSplit(c, chip, tileM, numbers, scalesWeights)
                             : isModelled(c, tileM, numbers, scalesWeights)))
      return;
    int64_t threads = 32 * numbers.warps;
    int64_t needed = estimateStreamRegisters(c, tileM, numbers, scalesWeights);
    if (numbers.splitK > 1)
      needed = adaptToSplit(c, needed, numbers, scalesWeights);
    if (needed > getRegisters(threads, 1))
      return;
    // As many blocks as there is room for: an SM takes them anyway.
    while (threads * (numbers.occupancy + 1) <= kResidentThreads &&
           numbers.occupancy < kResidentBlocks &&
           getPairTableBytes(c) * (numbers.occupancy + 1) <=
               chip.sharedMemory &&
           needed <= getRegisters(threads, numbers.occupancy + 1))
      ++numbers.occupancy;
    // A kernel of eight rows is for fewer, too, which have less to read.
    constexpr double marginOfFewRows = 1.03;
    compete(numbers, numbers.splitK > 1 && tileM <= 8 ? marginOfFewRows : 1.0);
  };
  for (int64_t rowTiles : {1, 2, 3, 4}) {
    if (rowTiles > 1 && FragmentLayout::rows * (rowTiles - 1) >= c.n)
      break;
    for (int64_t warps : {1, 2, 4, 8, 16})
      for (int64_t columns : columnsOfSteps)
        for (int64_t stages : {1, 2})
          for (int64_t splitK : {1, 2})
            consider(
                {rowTiles, warps, columns, stages, /*occupancy=*/1, splitK});
  }
  // What the model says of these is a little too much: of 16 rows 5 %, and what
  // is kept back for exact weights.
  double shareOfProven = tileM <= 8 ? 0.97 : scalesWeights ? 0.92 : 1.0;
  if (chip.hasWgmma && c.encoding.getStorageBits() == 4)
    for (const StreamNumbers &numbers :
         getProvenNumbers(c, tileM, scalesWeights))
      if (fitsProven(c, tileM, numbers))
        compete(numbers, shareOfProven);
  if (time)
    *time = bestTime;
  return best;
}

} // namespace quantmlir::schedule
