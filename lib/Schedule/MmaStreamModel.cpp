//===- MmaStreamModel.cpp - How long few rows of activations take ---------===//
//
// A kernel that streams weights is as fast as memory where enough of them are
// on their way in every SM all the time, and where every SM has as much to do
// as every other. Both follow from the shape: blocks of more rows read
// activations less often, but there are fewer to deal out; more stages or more
// blocks in an SM keep more on the way, but share its registers.
//
// The constants are fitted to times on one H200. How far predictions are off
// (root mean square), and how much slower than the fastest that was measured is
// what the model chooses:
//
//   weights                       rows   times  shapes   off   slower
//   int4                          1, 8, 16  1400     8    5 %   2 %
//   bytes                         1         418     14    -     1.5 %
//   bytes (own constants)         2-16     1175     15    8 %   1 %, once 5 %
//   2 and 3 bits (own constants)  1, 16     800      4    9 %   2 %
//   NF4 (own constants)           16        110      2    7 %   -
//   groups of 64 and 32, zero
//     points, NF4                 1         360      5    -     up to 11 %
//   int4 whose decode leaves no
//     bias                        1         330      5    -     2 %
//   the same, no loop (own
//     constants)                  2-8       426     11    -     up to 7 %
//   scaled, smaller groups        2-8       600     17    8 %   up to 8 %
//   int4, blocks divide K         8, 16     566      8    7 %   5 %
//   smaller groups, zero points
//     and NF4, blocks divide K    16        770      4    -     up to 6 %
//   all of 4 bits                 1, 8, 16 1908     15    -     0.3 to 3.1 %
//
// Where nothing else is said, smaller groups, zero points and NF4 take what the
// same schedule of int4 in groups of 128 takes, but need more registers, and
// blocks that divide a tile along K take what the model says of as many
// columns, and nothing for their exchange. Most of what is slower is so since
// schedules compete whose registers `estimateStreamRegisters` overestimates.
// Rings of codes (`StreamNumbers::ring`) are listed and not chosen: of 900
// times at 29 lines, the fastest with one took 3 to 8 % less than what is
// chosen at five, within 2 % of it at seven, and longer elsewhere.
//
//===----------------------------------------------------------------------===//

#include "MmaStreamTerms.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

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
  double unit, activations, missing, sums, early, uneven, alone;
  /// For each row and block that divide a tile.
  double exchange = 0;
};
/// Straight-line code for two to eight rows and weights that leave no sums of
/// activations: a second stage saves nothing.
constexpr FitOfRows kFewExactRows = {0.0087, 0.0087, 0.184,     0.153,
                                     0.0,    0.153,  Fit::alone};
/// Bytes and several rows.
constexpr FitOfRows kRowsOfBytes = {0.002, 0.0085, 0.144, 0.0547,
                                    0.0,   0.0775, 20.1,  0.0032};
} // namespace

/// Bytes of a unit of weights.
static double getUnitBytes(const Contraction &c) {
  return getUnitColumns(c) * FragmentLayout::rows *
         c.encoding.getStorageBits() / 8.0;
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
  bool isScaledTable = looksUp && (isMany || scalesFewRows(c, tileM));
  FitOfRows fit = {!isNarrow    ? isScaledTable ? Fit::lookUpUnit : Fit::unit
                   : isMany     ? Fit::narrowUnitOfMany
                   : tileM == 1 ? Fit::narrowUnit
                                : Fit::narrowUnitOfRows,
                   Fit::activations,
                   Fit::missing,
                   Fit::sums,
                   Fit::early,
                   Fit::uneven,
                   isNarrow && isMany ? Fit::narrowAloneOfMany : Fit::alone};
  if (isFewExactRows(c, tileM, numbers))
    fit = kFewExactRows;
  if (tileM > 1 && c.encoding.getStorageBits() == 8)
    fit = kRowsOfBytes;
  double table = looksUp ? Fit::table : 0.0;
  double instructions =
      fit.unit * units + fit.activations * eights * numbers.columns / columns;
  bool isOneStretch = isStraight(c, numbers);
  int64_t inFlight = std::max(numbers.stages, numbers.ring - 1);
  double latency =
      Fit::latency / (isOneStretch ? Fit::straightStages : double(inFlight)) +
      fit.alone * instructions;
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
  int64_t blocks = getBlocks(c, numbers), slots = getSlots(chip, numbers);
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
  if (numbers.splitK > 1)
    time += fit.exchange * tileM * numbers.splitK;
  // What straight-line code asks for before it waits for the kernel in front:
  // with few activations in registers, of one stage as much as of two.
  bool hasFewActivations =
      getColumnsOfActivations(c, tileM, numbers.columns) < numbers.columns &&
      c.encoding.getStorageBits() == 4;
  int64_t early = hasFewActivations ? 1 : numbers.stages - 1;
  return Fit::kernel + time -
         (isOneStretch && chip.hasDependentLaunch ? fit.early * early : 0.0);
}

} // namespace quantmlir::schedule
