//===- WgmmaDecodeModel.cpp - How long wgmma takes on decoded weights -----===//

#include "WgmmaDecodeModel.h"

#include "quantmlir/Schedule/WgmmaLayout.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

/// Rows that stand for any number of them, together: no number of tiles is
/// that of all.
static constexpr int64_t kManyRows[] = {1280, 2048, 3072, 4096, 6144, 8192};

int64_t getManyRows() { return *std::rbegin(kManyRows); }

// Fitted to 813 times on one H200 (int4 in groups of 128, 16 to 2048 rows,
// twelve shapes of weights), with an error of 5 % (root mean square), in cycles
// of an SM and bytes per cycle. Of what was measured at a shape and a number of
// rows it chose the best, or within 3 %.
/// What all SMs get from memory.
static constexpr double kBytesFromMemory = 2300;
/// A launch, the first stage and the epilogue.
static constexpr double kCyclesOfKernel = 3690;
/// Exchanging sums along K, and those of a row of activations; what each block
/// beyond two adds: a little less than what four took of 64 rows, and more than
/// of 32, in 43 times of four blocks at seven shapes of weights.
static constexpr double kCyclesOfExchange = 2340, kCyclesOfExchangedRow = 9.4,
                        kCyclesOfMoreBlocks = 1500;
/// Filling the ring for another tile, and its epilogue.
static constexpr double kCyclesOfTile = 2680;
// Fitted to 3034 more times of tiles of 96 rows and more (13 shapes of weights,
// 256 to 4096 rows), most heavily to those near the best: what it chose was
// slower than the best by 0.9 % on average, and by 2.1 % where rows are dynamic
// and ranges share kernels.
/// Cycles of tensor cores that multiply 64 x 16 x 16. The clock goes down where
/// they are busy, so that they take longer by a factor than their cycles; how
/// much of that and of a block's steps hide each other: all at infinity.
static constexpr double kCyclesOfProduct = 8, kPower = 1.15, kPowerOverlap = 12;
/// That factor of large tiles, without and with activations that two blocks
/// share: fewer bytes on their way through the chip leave more of the power to
/// the tensor cores. And what decoding takes of it, in rows of activations: as
/// much for a low tile as for a high one.
static constexpr double kLargePower = 1.11, kSharedPower = 1.065,
                        kPowerOfDecode = 27;
/// Clearing flags; handing sums over, and what 64 x 64 sums add to that when
/// they are given, and when they are taken.
static constexpr double kCyclesOfClear = 1600, kCyclesOfStream = 2800,
                        kCyclesOfGiven = 380;
/// What that takes besides where no block has a tile of its own meanwhile.
static constexpr double kCyclesOfNone = 4000;
/// Handing sums of few rows over: 14 times of 32 rows at two shapes of weights
/// took less than that.
static constexpr double kCyclesOfFewStream = 1500;
/// What else dividing takes, as a part of a tile: blocks are at different
/// columns at a time, and find less of what others have asked for in L2. Where
/// two share activations, L2 is asked half as often: for a column, up to what
/// is lost where none is shared.
static constexpr double kApart = 0.043, kSharedApartOfColumn = 0.014 / 4096;
/// `StepCycles::multiplyMultiply` where two blocks share activations: they wait
/// less for them.
static constexpr double kSharedMultiply = 2.28;

/// Making pairs of the scales of a unit of 64 weights.
static constexpr double kCyclesOfScales = 25;
/// The same of a unit of less than a segment, in any number of warpgroups: 250
/// times of seven formats in groups of 16, 16 and 64 rows.
static constexpr double kCyclesOfSmallScales = 12;
/// What scaling a pair of weights takes where these were read from a table, of
/// what it takes where they were computed, on the pipe that scales them. Fitted
/// to 20 times of NF4 in groups of 64 at three shapes, 16 and 64 rows.
static constexpr double kPairOfTable = 0.5;
/// Waiting for all multiplications at the end of a loop, beside those of the
/// last step: a constant, and for each of their cycles. One warpgroup alone
/// waits no longer for more rows than this: of 128 it took 7 % less than that
/// says.
static constexpr double kCyclesOfDrain = 400, kDrainedMultiplies = 1.26;
static constexpr int64_t kMostDrainedRows = 64;

/// What one warpgroup takes to decode bytes of what it would take for as many
/// codes of 4 bits: 40 times at ten shapes of weights, 32 to 128 rows.
static constexpr double kBytesOfOne = 0.92;

/// What long steps of bytes take where two warpgroups have a part of K: there
/// are few of them on their way.
static constexpr double kLongStepsOfBytes = 1.08;

namespace {
/// Cycles of a step: where decoding takes longer, a constant and those of a
/// column, of a multiplication's cycle and of an instruction that scales a sum
/// or a pair of weights; where multiplying does, a constant and those of a
/// multiplication's cycle.
struct StepCycles {
  double decode, column, decodeMultiply, sum, pair;
  double multiply, multiplyMultiply;
};
} // namespace

/// Whether several warpgroups share a large tile: what they wait for at a
/// loop's end and what they do once in a step is a part of its cycles.
static bool isLarge(const DecodeNumbers &numbers) {
  return numbers.tileM >= kLargeDecodeRows && numbers.blocks == 1 &&
         numbers.warpgroups > 1;
}

/// Of two warpgroups that share K: of each one's own steps, which the other's
/// hide. Fitted to 349 times of eleven formats at eight shapes of weights, 16
/// to 64 rows, most heavily to those near the best, with an error of 5 %; of
/// bytes, which wait for memory, to 105, with one of 9 %.
static constexpr StepCycles kSharedSteps = {5, 2.44, 0.78, 3.5, 1.8, 0, 0},
                            kSharedSteps8 = {-60, 4.8, 1.05, 3.5, 1.8, 0, 0};
/// What they take less to exchange sums with other blocks.
static constexpr double kCyclesOfSharedExchange = 1200,
                        kCyclesOfMoreSharedBlocks = 115;

/// Multiplications of one warpgroup hide what another decodes in part.
static StepCycles getStepCycles(const DecodeNumbers &numbers, bool isOfBytes) {
  int64_t warpgroups = numbers.warpgroups, blocks = numbers.blocks;
  if (numbers.shares > 1)
    return isOfBytes ? kSharedSteps8 : kSharedSteps;
  if (isLarge(numbers))
    return warpgroups == 3
               ? StepCycles{173, 3.19, 2.1, 2.5, 3.5, 243, 2.76}
               : StepCycles{40,
                            3.41,
                            1.51,
                            1.03,
                            2.5,
                            105,
                            numbers.cluster > 1 ? kSharedMultiply : 2.36};
  if (warpgroups == 4)
    return {75, 4.6, 2.34, 3.3, 4.5, 160, 3.2};
  // Those that scale sums wait for them first.
  if (warpgroups == 3)
    return {58, 3.96, 1.25, 8, 3.5, 160, 2.43};
  if (warpgroups == 2)
    return blocks == 1 ? StepCycles{49, 2.5, 1.09, 1.03, 2.5, 13, 1.97}
                       : StepCycles{5, 3.36, 0.22, 1.92, 2.5, 204, 1.8};
  return blocks == 1 ? StepCycles{33, 2.66, 0.08, 0.12, 1.5, 122, 1.06}
                     : StepCycles{113, 1.22, 0.33, 1.09, 1.5, 130, 1.15};
}

/// About how many cycles a step takes.
static double estimateStep(const Contraction &c, const DecodeNumbers &numbers) {
  if (mustScaleSums(c))
    return estimateSumStep(c, numbers);
  double columns = numbers.tileK * numbers.blocks;
  double multiply = numbers.blocks * numbers.tileM / 2.0 * numbers.tileK / 16;
  bool isOfBytes = c.encoding.getStorageBits() == 8;
  StepCycles cycles = getStepCycles(numbers, isOfBytes);
  double pair = getPairTableBytes(c) ? kPairOfTable * cycles.pair : cycles.pair;
  double scale = 0;
  if (!c.hasOneGroup()) {
    int64_t units = std::max<int64_t>(1, numbers.tileK / c.getGroup());
    // Four warpgroups hide each other's.
    double pairs =
        kCyclesOfScales * (numbers.warpgroups > 3 ? 1 : numbers.warpgroups);
    if (c.scalesDecoded()) {
      units = numbers.tileK / std::gcd(numbers.tileK, c.getGroup());
      // Two that share K wait for these as for others.
      if (numbers.shares == 1)
        pairs = kCyclesOfSmallScales * numbers.warpgroups;
    }
    if (!numbers.scaleDecoded)
      scale = cycles.sum * numbers.blocks * numbers.tileM / 2.0 * units;
    else
      scale = (isLarge(numbers) ? 0 : pairs * numbers.blocks * units) +
              (decodesScaled(c) ? 0 : pair * columns / 4);
  }
  if (isOfBytes && numbers.warpgroups * numbers.blocks == 1)
    cycles.column *= kBytesOfOne;
  double step = std::max(cycles.decode + cycles.column * columns +
                             cycles.decodeMultiply * multiply + scale,
                         cycles.multiply + cycles.multiplyMultiply * multiply);
  if (isOfBytes && numbers.warpgroups == 2 && numbers.blocks == 1 &&
      numbers.shares == 1 && numbers.splitK > 1 && numbers.tileK >= 128)
    step *= kLongStepsOfBytes;
  if (isLarge(numbers))
    return step;
  double drained = multiply;
  if (numbers.warpgroups * numbers.blocks == 1 &&
      numbers.tileM > kMostDrainedRows)
    drained *= double(kMostDrainedRows) / numbers.tileM;
  return step + (kCyclesOfDrain + kDrainedMultiplies * drained) /
                    getStepsOfDecodeLoop(numbers.tileK);
}

/// 64 x 64 sums of a tile.
static double getArea(const DecodeNumbers &numbers) {
  return numbers.tileM * numbers.blocks * numbers.warpgroups / 64.0;
}

/// Handing sums over, however few.
static double getStreamCycles(const DecodeNumbers &numbers) {
  return numbers.tileM < kLargeDecodeRows ? kCyclesOfFewStream
                                          : kCyclesOfStream;
}

/// What dividing K takes beside handing sums over, as a part of a tile: a few
/// rows of activations are in L2 whatever others ask for.
static double getApart(const Contraction &c, const DecodeNumbers &numbers) {
  if (numbers.tileM < kLargeDecodeRows)
    return 0;
  return numbers.cluster > 1 ? std::min(c.k * kSharedApartOfColumn, kApart)
                             : kApart;
}

int64_t chooseDecodeStream(const Contraction &c, const DecodeNumbers &numbers) {
  double tile = estimateStep(c, numbers) * llvm::divideCeil(c.k, numbers.tileK);
  double cost =
      getStreamCycles(numbers) + 2 * getArea(numbers) * kCyclesOfGiven;
  return std::max(0.0, 100 * (1 - getApart(c, numbers) - cost / tile));
}

/// How many tiles a block computes, a part of one as a fraction, and cycles
/// that handing sums over takes, where `blocks` blocks may divide `tiles`.
static std::pair<double, double> estimateStream(const Contraction &c,
                                                int64_t blocks, int64_t tiles,
                                                const DecodeNumbers &numbers) {
  int64_t rest = tiles % blocks;
  if (!rest || 100 * rest > numbers.streamK * blocks)
    return {llvm::divideCeil(tiles, blocks), kCyclesOfClear};
  int64_t rounds = tiles / blocks, whole = std::max<int64_t>(rounds - 1, 0);
  int64_t units = c.k / getRoundColumns(numbers.tileK);
  int64_t shared = (tiles - whole * blocks) * units;
  double most = llvm::divideCeil(shared, std::min(blocks, shared));
  // A block gives sums once, and takes those of all who have parts of its tile.
  int64_t takes = rounds ? 1 : llvm::divideCeil(blocks, tiles) - 1;
  double alone =
      !rounds && numbers.tileM >= kLargeDecodeRows ? kCyclesOfNone : 0;
  return {whole + most / units + getApart(c, numbers),
          kCyclesOfClear + getStreamCycles(numbers) + alone +
              (1 + takes) * getArea(numbers) * kCyclesOfGiven};
}

/// About how long a kernel takes for `m` rows, in cycles.
static double estimate(const Contraction &c, const Chip &chip, int64_t m,
                       const DecodeNumbers &numbers) {
  int64_t tileN = numbers.getTileN();
  int64_t cluster = numbers.cluster;
  // Tiles, and blocks, of a cluster are one here.
  int64_t tiles = llvm::divideCeil(m, numbers.tileM) *
                  llvm::divideCeil(c.n, tileN * cluster);
  int64_t blocks = chip.getResidentBlocks(numbers.splitK * cluster) / cluster;
  double waves = llvm::divideCeil(tiles * numbers.splitK, blocks), hand = 0;
  if (numbers.streamK)
    std::tie(waves, hand) = estimateStream(c, blocks, tiles, numbers);
  double steps =
      llvm::divideCeil(c.k, numbers.tileK * numbers.splitK * numbers.shares);
  double body = waves * steps * estimateStep(c, numbers);
  double products = static_cast<double>(tiles * cluster) /
                    chip.multiprocessors * c.k / 16 * (tileN / kDecodeRows) *
                    (numbers.tileM / 16);
  double power = kPower;
  if (isLarge(numbers))
    power = (cluster > 1 ? kSharedPower : kLargePower) *
            (1 + kPowerOfDecode / numbers.tileM);
  body =
      std::pow(std::pow(body, kPowerOverlap) +
                   std::pow(power * kCyclesOfProduct * products, kPowerOverlap),
               1 / kPowerOverlap);
  double cycles =
      kCyclesOfKernel + body + (std::ceil(waves) - 1) * kCyclesOfTile + hand;
  if (numbers.splitK > 1) {
    double exchange = kCyclesOfExchange, more = kCyclesOfMoreBlocks;
    if (numbers.shares > 1) {
      exchange -= kCyclesOfSharedExchange;
      more = kCyclesOfMoreSharedBlocks;
    }
    cycles += waves * (exchange + kCyclesOfExchangedRow * numbers.tileM +
                       more * (numbers.splitK - 2));
  }
  double bytes = c.n * c.k * c.encoding.getStorageBits() / 8.0 +
                 static_cast<double>(m) * c.k * c.getLhsBytes();
  return std::max(cycles, kCyclesOfKernel + bytes / kBytesFromMemory);
}

double estimateDecodeCycles(const Contraction &c, const Chip &chip,
                            int64_t bound, const DecodeNumbers &numbers) {
  if (bound)
    return estimate(c, chip, bound, numbers);
  double sum = 0;
  for (int64_t m : kManyRows)
    sum += estimate(c, chip, m, numbers) / m;
  return sum;
}

} // namespace quantmlir::schedule
