//===- WgmmaDecodeRegisters.cpp - What who decodes and multiplies keeps ---===//
//
// A schedule of wgmma_decode needs registers for sums, decoded weights and what
// scales them; ptxas spills what is more than warpgroups have, or serializes
// multiplications. What is said here holds for ptxas 13.0, which was asked
// about kernels of drawn extents, formats and epilogues.
//
//===----------------------------------------------------------------------===//

#include "WgmmaDecodeModel.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// Words in which a row's scales and zero points of a step of `tileK` columns
/// are read where groups are no whole segments: those of neighbours together
/// where steps are whole groups.
static int64_t countSmallParameters(const Contraction &c, int64_t tileK) {
  int64_t group = c.getGroup(), units = tileK / std::gcd(group, tileK);
  auto count = [&](Type type) -> int64_t {
    if (!type)
      return 0;
    int64_t bytes = llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
    int64_t together = 1;
    if (tileK % group == 0)
      together =
          std::gcd(std::gcd(units, llvm::divideCeil(c.k, group)), 16 / bytes);
    return units / together * llvm::divideCeil(together * bytes, 4);
  };
  return count(c.encoding.getScale()) + count(c.encoding.getZeroPoint());
}

DecodeNumbers getDecodeNumbers(ScheduleAttr schedule) {
  DecodeSplit split(schedule);
  DecodeNumbers numbers = {split.tileM, schedule.getConsumers(), split.blocks,
                           schedule.getTileK(), schedule.getScaleDecoded()};
  numbers.splitK = split.parts;
  numbers.streamK = schedule.getStreamK();
  numbers.cluster = schedule.getWarpgroups().getClusterN();
  numbers.shares = split.sharers;
  return numbers;
}

int64_t getDecodeRegisters(int64_t warpgroups) {
  // What a single one has.
  constexpr int64_t kRegistersOfOne = 250;
  return warpgroups == 1 ? kRegistersOfOne
                         : WarpgroupRegisters(warpgroups).consumer;
}

int64_t getStepsOfLoop(const Contraction &c, const DecodeNumbers &numbers) {
  if (mustScaleSums(c))
    return getStepsOfSumLoop(c, numbers);
  // Short steps of integers of 8 bits: 64 rows of 4096x4096 take 8.1 us of 8.5.
  constexpr int64_t longRound = 16;
  bool isLong = numbers.tileM <= 64 &&
                numbers.tileK == WgmmaLayout::panelColumns &&
                numbers.warpgroups <= 2 && !numbers.streamK &&
                c.hasOneGroup() && c.encoding.getStorage().isInteger(8);
  return isLong ? longRound : getStepsOfDecodeLoop(numbers.tileK);
}

int64_t getStepsOfDecodeLoop(const Contraction &c, ScheduleAttr schedule) {
  return getStepsOfLoop(c, getDecodeNumbers(schedule));
}

int64_t estimateDecodeRegisters(const Contraction &c,
                                const DecodeNumbers &numbers) {
  int64_t together = getStepsOfLoop(c, numbers);
  if (mustScaleSums(c))
    return estimateSumRegisters(c, numbers, together);
  int64_t tileM = numbers.tileM, warpgroups = numbers.warpgroups;
  int64_t blocks = numbers.blocks, tileK = numbers.tileK;
  int64_t steps =
      llvm::divideCeil(c.k, tileK * numbers.splitK * numbers.shares);
  bool scalesSums = !c.hasOneGroup() && !numbers.scaleDecoded;
  // Sums that are scaled are those of one or two groups, beside their total.
  int64_t sets = !scalesSums                                      ? 1
                 : overlapsDecodeSums(blocks * tileM, warpgroups) ? 3
                                                                  : 2;
  double accumulators = blocks * tileM / 2 * sets;
  // Those of a part of a step, and of the next, and, where sums or scales take
  // many as well, words that both have codes in; scales and zero points of
  // three steps, or of five where two share a register (`getDecodeStepsAhead`).
  unsigned width = c.encoding.getStorageBits();
  int64_t part = getColumnsOfDecodedPart(c, tileK, warpgroups, scalesSums);
  int64_t weights = 2 * blocks * part / 4;
  int64_t units = c.hasOneGroup() ? 1 : tileK / std::gcd(c.getGroup(), tileK);
  // Where many warpgroups have few registers each, ptxas keeps what it must.
  bool isNarrow = decodesInFewRegisters(warpgroups, scalesSums);
  if (part < tileK && (isNarrow ? 16 % width != 0
                                : scalesSums || units > 2 || accumulators > 32))
    weights += blocks * 4 * width;
  int64_t parameters =
      3 * 2 * blocks *
      (c.scalesDecoded() ? countSmallParameters(c, tileK)
                         : units * ((c.hasOneGroup() ? 0 : 1) +
                                    (c.encoding.hasZeroPoint() ? 1 : 0)));
  // A few steps are no loop, and ptxas moves what they read to the front.
  bool hasLoop = steps / together > 1;
  bool hasWideScales = !c.hasOneGroup() && getParameterBits(c.encoding) > 16;
  int64_t others = hasLoop ? (scalesSums ? 64 : 48) : (scalesSums ? 104 : 64);
  if (isNarrow) {
    // What is ragged takes addresses, and wide scales and a table's pairs a
    // register each.
    bool isRagged = c.n % FragmentLayout::rows || c.k % tileK;
    others = (scalesSums ? 52 : 20) + (isRagged ? 40 : 0) + (hasLoop ? 0 : 40) +
             (hasWideScales || 16 % width || width < 4 ? 24 : 0) +
             (c.n % (warpgroups * blocks * kDecodeRows) ? 16 : 0) +
             (tileM >= kLargeDecodeRows ? 16 : 0) +
             (scalesSums && getPairTableBytes(c) ? 24 : 0);
    // So do, beside many sums, zero points and whom another block has to be
    // told of.
    if (scalesSums && accumulators >= 48)
      others +=
          (c.encoding.hasZeroPoint() ? 16 : 0) + (numbers.splitK > 1 ? 20 : 0);
  }
  // Sums of one group are waited for beside decoded weights that wait for them.
  // Scales that are not packed, pairs of rows, rows that are not there and
  // codes of 8 bits take more, and so does whose sums these are where blocks
  // divide tiles, or what ptxas asks for early where a warpgroup is alone.
  if (sets == 2 && !isNarrow)
    others += (hasWideScales || c.numSums > 1 || width > 4 ||
                       c.n % FragmentLayout::rows
                   ? 32
                   : 24) +
              (numbers.streamK || warpgroups == 1 ? 20 : 0);
  // Several groups of a step are several sums that are waited for, and wide
  // scales of many are a register each.
  if (scalesSums && units > 1)
    others += 40 + (hasWideScales && units > 2 ? parameters : 0) +
              (getPairTableBytes(c) ? 16 : 0);
  // Ragged scales are asked for one by one, and the last columns are a step of
  // their own.
  if (scalesSums && accumulators >= 48 && units > 1 &&
      c.n % FragmentLayout::rows)
    others += hasWideScales ? 48 : 16;
  if (scalesSums && accumulators >= 64) {
    if (c.k % tileK)
      others += 32;
  } else if (part < tileK && accumulators >= 64 && c.k % tileK) {
    others += 32;
  }
  // Pairs of the scales of small groups are made for a part at once; groups
  // that steps do not begin with have addresses of their own.
  if (c.scalesDecoded())
    others += (isNarrow    ? 32
               : units > 4 ? 16
                           : 0) +
              (tileK % c.getGroup() ? 48 : 0);
  // Results that are not packed in pairs, where there are many.
  bool isWide = c.hasWideResult();
  if (isWide && (accumulators >= 64 || isNarrow || (scalesSums && units > 1)))
    others += 16;
  // Beside those, what a large epilogue reads has its addresses kept, for which
  // decoded weights of long steps leave no room.
  if (isWide && c.hasLargeEpilogue && accumulators >= 80 && weights >= 64)
    others += 12;
  // The addresses of what a large epilogue reads are kept. ptxas asks ahead for
  // a wide matrix and computes ahead what is no single instruction, of as many
  // sums as there are.
  if (c.hasLargeEpilogue && c.readsWideMatrix &&
      (accumulators >= 64 || isNarrow))
    others += accumulators >= 96 ? 64 : 24;
  else if (c.hasLargeEpilogue && c.encoding.hasZeroPoint() &&
           (accumulators >= 80 || isNarrow))
    others += isNarrow ? 16 : 24;
  // Zero points are taken away in registers beside the weights'.
  if (c.encoding.hasZeroPoint() && accumulators >= 112)
    others += 24;
  return 1.125 * accumulators + weights + parameters + others;
}

} // namespace quantmlir::schedule
