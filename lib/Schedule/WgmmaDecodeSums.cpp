//===- WgmmaDecodeSums.cpp - Where nothing but sums can be scaled ---------===//
//
// f16 does not hold all weights times their scales, where these have a wide
// range of their own. So wgmma_decode scales the sums of groups there, with
// any number of rows. ptxas adds what was scaled to the total as late as it
// can, up to the end of a round of the loop, so that the sums of all groups of
// a round have registers of their own: rounds are as long as these last.
//
//===----------------------------------------------------------------------===//

#include "WgmmaDecodeModel.h"

#include "quantmlir/Schedule/WgmmaLayout.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

/// Groups whose sums a step of `tileK` columns scales, or the part of one.
static double getGroupsOfStep(const Contraction &c, int64_t tileK) {
  return double(tileK) / c.getGroup();
}

namespace {
/// Registers of a thread: what it has in any case; for each accumulator of a
/// set, the total and the sums that are under way, by `getRoundKind`; and what
/// else takes some.
struct SumRegisters {
  int64_t any;
  double accumulator[7];
  /// Steps of 128 columns and more, and what those of 256 take besides; sums
  /// that other blocks get.
  int64_t step128, step256, split;
  /// Zero points of a group; codes that straddle words or are of less than 4
  /// bits, those of 8 bits, those that are looked up.
  int64_t zeroPoint, narrow, bytes, table;
};
} // namespace

static const SumRegisters &getSumRegisters(int64_t warpgroups) {
  // Fitted to what ptxas 13.0 made of 3106 kernels of drawn extents, formats,
  // epilogues and schedules, half of which spilled: of the 1046 that this lets
  // pass, one did, by 16 bytes. Of what is chosen, one of some 300 drawn
  // layers does, by 8 to 32.
  static constexpr SumRegisters registers[] = {
      {135, {1.3, 1.3, 2, 2.4, 2.5, 4.4, 5.8}, 10, 7, 12, 5, 6, 2, 6},
      {126, {1.5, 1.5, 2, 2.55, 2.55, 4.4, 5.8}, 10, 7, 12, 5, 6, 2, 6},
      {84, {1.5, 1.55, 2, 2.5, 2.6, 5.5, 7}, 5, 15, 10, 2, 6, 0, 4},
      {61, {1.5, 1.75, 2.7, 2.4, 3.2, 5.9, 6}, 3, 5, 14, 3, 14, 6, 4}};
  return registers[warpgroups - 1];
}

/// Which of `SumRegisters::accumulator` a round of `groups` groups takes, of
/// one step or of several.
static int64_t getRoundKind(double groups, bool hasSeveralSteps) {
  if (groups <= 1)
    return 0;
  if (groups <= 4)
    return (groups <= 2 ? 1 : 3) + hasSeveralSteps;
  return groups <= 8 ? 5 : 6;
}

int64_t estimateSumRegisters(const Contraction &c, const DecodeNumbers &numbers,
                             int64_t together) {
  /// More of a few steps, which no loop goes through, are not under way.
  constexpr int64_t mostSteps = 8;
  constexpr int64_t moreBlocks = 8, stream = 9, raggedN = 4, raggedK = 6,
                    dynamicRows = 3, wideResult = 4, wideScale = 1,
                    wideZeroPoint = 4, pairs = 5, wideMatrix = 3,
                    largeEpilogue = 2;
  /// A group that is several steps' has its sums go from one to the other.
  constexpr double least = 0.75;
  const SumRegisters &registers = getSumRegisters(numbers.warpgroups);
  int64_t parts = numbers.splitK * numbers.shares;
  int64_t steps = llvm::divideCeil(c.k, numbers.tileK * parts);
  // The last step of ragged columns comes after the loop.
  int64_t whole = parts > 1 ? steps : c.k / numbers.tileK;
  if (whole / together < 2)
    together = std::min(steps, mostSteps);
  double groups = std::max(least, getGroupsOfStep(c, numbers.tileK));
  double accumulators = numbers.blocks * numbers.tileM / 2.0;
  double result =
      registers.any +
      accumulators *
          registers.accumulator[getRoundKind(together * groups, together > 1)];
  auto take = [&](bool takes, double count) { result += takes ? count : 0; };
  take(numbers.tileK >= 128, registers.step128);
  take(numbers.tileK >= 256, registers.step256);
  take(numbers.splitK > 1, registers.split);
  take(numbers.splitK > 2, moreBlocks);
  take(numbers.streamK, stream);
  int64_t units = llvm::divideCeil(numbers.tileK, c.getGroup());
  unsigned width = c.encoding.getStorageBits();
  take(c.encoding.hasZeroPoint(), registers.zeroPoint * units);
  take(c.encoding.hasZeroPoint() &&
           c.encoding.getZeroPoint().getIntOrFloatBitWidth() > 16,
       wideZeroPoint);
  take(c.encoding.getScale().getIntOrFloatBitWidth() > 16, wideScale * units);
  take(width < 4 || 16 % width, registers.narrow);
  take(width == 8, registers.bytes);
  take(getPairTableBytes(c), registers.table);
  take(c.n % numbers.getTileN(), raggedN);
  take(c.k % numbers.tileK, raggedK);
  take(ShapedType::isDynamic(c.m), dynamicRows);
  take(c.hasWideResult(), wideResult);
  take(c.numSums > 1, pairs);
  take(c.readsWideMatrix, wideMatrix);
  take(c.hasLargeEpilogue, largeEpilogue);
  return std::ceil(result);
}

int64_t getStepsOfSumLoop(const Contraction &c, const DecodeNumbers &numbers) {
  int64_t together = getStepsOfDecodeLoop(numbers.tileK);
  // Units that blocks divide are rounds, of whatever registers.
  if (numbers.streamK)
    return together;
  while (together > 1 && estimateSumRegisters(c, numbers, together) >
                             getDecodeRegisters(numbers.warpgroups))
    together /= 2;
  return together;
}

namespace {
/// Cycles of a step: a constant, and those of a column, of a multiplication's
/// cycle, of a sum that is scaled, of a group; and of waiting at the end of a
/// round.
struct SumCycles {
  double step, column, multiply, sum, group, drain;
};
} // namespace

/// Fitted to 2500 times on one H200 (int4, NF4 and MXFP4 in groups of 128, 64
/// and 32, six shapes of weights, 16 to 1024 rows), most heavily to those near
/// the best: of what was timed it chooses schedules that take 1.5 % more than
/// the best in the mean.
static SumCycles getSumCycles(const DecodeNumbers &numbers) {
  bool isLarge = numbers.tileM > 64;
  // Of each one's own steps: fitted to 26 times of NF4 and MXFP4, 32 and 64
  // rows, with an error of 3 %.
  if (numbers.shares > 1)
    return {11, 3.95, 0.3, 4.4, 0, 237};
  if (numbers.warpgroups > kManyDecoders)
    return {82, 4.12, 2.3, 1.86, 66, 164};
  if (numbers.warpgroups == kManyDecoders)
    return isLarge ? SumCycles{323, 0.78, 2.35, 0, 0, 106}
                   : SumCycles{38, 3.06, 1.38, 0, 77, 224};
  if (numbers.warpgroups == 2)
    return isLarge ? SumCycles{312, 0, 1.95, 0.1, 45, 0}
                   : SumCycles{19, 2.11, 1.28, 0.4, 59, 250};
  return {0, 2.2, 0.5, 0.6, 15, 450};
}

double estimateSumStep(const Contraction &c, const DecodeNumbers &numbers) {
  SumCycles cycles = getSumCycles(numbers);
  bool isAlone = numbers.warpgroups == 1;
  double accumulators = numbers.blocks * numbers.tileM / 2.0;
  double groups = getGroupsOfStep(c, numbers.tileK);
  int64_t together = getStepsOfSumLoop(c, numbers);
  // A warpgroup that has its weights alone, and looks them up, takes as long
  // for two steps at a time as for each of them.
  if ((isAlone || numbers.shares > 1) && getPairTableBytes(c) && together == 2)
    together = 1;
  double step = cycles.step + cycles.column * numbers.blocks * numbers.tileK +
                cycles.multiply * accumulators * numbers.tileK / 16 +
                (cycles.sum * accumulators + cycles.group) * groups +
                cycles.drain / together;
  if (!isAlone)
    return step;
  // Its first steps take less, by so many cycles in all.
  constexpr double less = 1500;
  double steps = llvm::divideCeil(c.k, numbers.tileK * numbers.splitK);
  return std::max(step / 2, step - less / steps);
}

} // namespace quantmlir::schedule
