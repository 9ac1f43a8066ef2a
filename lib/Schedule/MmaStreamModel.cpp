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
//
//===----------------------------------------------------------------------===//

#include "MmaStreamModel.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// Registers of an SM and of a thread at most, and what they are dealt out by.
static constexpr int64_t kRegisters = 65536, kMaxRegisters = 255,
                         kRegisterUnit = 8;
/// Threads and blocks that an SM holds.
static constexpr int64_t kResidentThreads = 2048, kResidentBlocks = 32;

/// Bytes of a row tile that what follows counts in.
static constexpr int64_t kUnitBytes = 1024;

/// Up to so many rounds a kernel has no loop, and all loads that registers have
/// room for go out at once, whatever the stages.
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
  /// How much of the activations comes from L2, and how what several blocks of
  /// an SM ask for grows with their number: they find each other's in L1.
  static constexpr double missing = 0.27, sharing = 0.41;
  /// A kernel's beginning and end; a block's, its sums of 8 rows of activations
  /// and a row tile, and those of each warp.
  static constexpr double kernel = 1.422, block = 0.115, sums = 0.137,
                          warpSums = 0.0036;
  /// Slower by this where an SM has room for more blocks than there are: those
  /// of the next kernel start early, and are dealt out unevenly then.
  static constexpr double uneven = 0.12;
  /// How sharply what takes longest hides the rest.
  static constexpr double sharpness = 2.27;
};
} // namespace

static int64_t getTileN(const StreamNumbers &numbers) {
  return FragmentLayout::rows * numbers.rowTiles;
}
static int64_t getRounds(const Contraction &c, const StreamNumbers &numbers) {
  return llvm::divideCeil(c.k, numbers.columns * numbers.warps);
}
/// Columns of a unit of weights.
static int64_t getUnitColumns(const Contraction &c) {
  return kUnitBytes * 8 / FragmentLayout::rows / c.encoding.getStorageBits();
}
/// Units of weights that a warp takes in a step of one row tile.
static double getUnits(const Contraction &c, const StreamNumbers &numbers) {
  return double(numbers.columns) / getUnitColumns(c);
}

int64_t estimateStreamRegisters(const Contraction &c, int64_t tileM,
                                const StreamNumbers &numbers) {
  // Weights of a round ahead and of this one, and their sums.
  double units = numbers.rowTiles * getUnits(c, numbers);
  double registers;
  int64_t rounds = getRounds(c, numbers);
  bool hasTailK = c.k % (numbers.columns * numbers.warps) != 0;
  if (c.encoding.getStorageBits() == 8) {
    registers =
        (tileM <= 8 ? 54 : 62) + 22 * units + 8 * units * (numbers.stages - 1);
  } else {
    registers = tileM == 1   ? 56 + 24 * units
                : tileM <= 8 ? 66 + 24 * units
                             : 92 + 35 * units;
    registers += 14 * units * (numbers.stages - 1);
    // A few rounds of straight-line code carry nothing from one to the next.
    if (!hasTailK && rounds <= 4) {
      int64_t rowTiles = numbers.rowTiles;
      // Scales of a tile's rows come together, two in a register.
      bool isSmall = tileM == 1 && rowTiles == 1 && !c.hasOneGroup();
      registers -= tileM > 8       ? std::min<int64_t>(8 + 14 * rowTiles, 36)
                   : isSmall       ? 12
                   : rowTiles <= 2 ? 8 + 8 * rowTiles
                                   : 8;
    }
    // The last one of straight-line code asks for what is there one by one.
    if (hasTailK && rounds <= kStraightRounds)
      registers += 12;
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
  double instructions =
      Fit::unit * units + Fit::activations * eights * numbers.columns / columns;
  double latency =
      Fit::latency / (rounds <= kStraightRounds ? Fit::straightStages
                                                : double(numbers.stages)) +
      Fit::alone * instructions;
  double weightBytes = numbers.warps * units * kUnitBytes;
  double activationBytes =
      c.getLhsBytes() * tileM * numbers.columns * numbers.warps;
  double share = Fit::bandwidth * 1000 * chip.bandwidth / chip.multiprocessors;
  // A block that shares an SM with `resident - 1` others while memory gives the
  // SM `rate`.
  auto getBlock = [&](double resident, double rate) {
    double bytes =
        resident * weightBytes +
        Fit::missing * activationBytes * std::pow(resident, Fit::sharing);
    auto power = [](double x) { return std::pow(x, Fit::sharpness); };
    double round = std::pow(power(bytes / rate) +
                                power(resident * numbers.warps * instructions) +
                                power(latency),
                            1 / Fit::sharpness);
    return Fit::block + Fit::sums * eights * rowTiles +
           Fit::warpSums * numbers.warps * eights * rowTiles + rounds * round;
  };
  int64_t blocks = llvm::divideCeil(c.n, getTileN(numbers));
  int64_t slots = chip.multiprocessors * numbers.occupancy;
  double time = blocks / slots * getBlock(numbers.occupancy, share);
  int64_t rest = blocks % slots;
  if (rest) {
    // The SMs that have the most of what is left, and all of them together.
    int64_t most = llvm::divideCeil(rest, chip.multiprocessors);
    time += std::max(getBlock(most, Fit::bandwidthOfSM),
                     getBlock(double(rest) / chip.multiprocessors, share));
    if (blocks < slots && most < numbers.occupancy)
      time *= 1 + Fit::uneven;
  }
  return Fit::kernel + time;
}

/// Whether kernels of these numbers do what the model says. Where a warp has
/// more on its way than this, the code that is made of it asks for some of it
/// late; two warps alone do not hide each other's latency.
static bool isModelled(const Contraction &c, int64_t tileM,
                       const StreamNumbers &numbers) {
  int64_t rounds = getRounds(c, numbers);
  if (numbers.stages > 1 &&
      (rounds <= kStraightRounds || numbers.stages >= rounds))
    return false;
  if (getUnits(c, numbers) < 1)
    return numbers.warps == 16 &&
           (rounds > kStraightRounds ? numbers.rowTiles == 2
                                     : numbers.rowTiles == 1 && tileM == 1);
  if (getUnits(c, numbers) > 1)
    return numbers.stages == 1 &&
           (numbers.warps == 4 ? numbers.rowTiles <= 2
                               : numbers.warps == 8 && numbers.rowTiles == 1);
  return numbers.stages == 1 ||
         (numbers.rowTiles <= 2 && numbers.warps >= 4 && numbers.warps <= 8);
}

StreamNumbers chooseStreamNumbers(const Contraction &c, const Chip &chip,
                                  int64_t tileM) {
  int64_t unit = getUnitColumns(c);
  StreamNumbers best = {1, 1, unit, 1, 1};
  double bestTime = HUGE_VAL;
  auto consider = [&](StreamNumbers numbers) {
    // No more warps or columns than there is work for.
    int64_t steps = llvm::divideCeil(c.k, numbers.columns);
    if ((numbers.warps > 1 && numbers.warps / 2 >= steps) ||
        (numbers.columns > unit && numbers.columns / 2 >= c.k) ||
        !isModelled(c, tileM, numbers))
      return;
    int64_t threads = 32 * numbers.warps;
    int64_t needed = estimateStreamRegisters(c, tileM, numbers);
    if (needed > getRegisters(threads, 1))
      return;
    // As many blocks as registers leave room for: an SM takes them anyway.
    while (threads * (numbers.occupancy + 1) <= kResidentThreads &&
           numbers.occupancy < kResidentBlocks &&
           needed <= getRegisters(threads, numbers.occupancy + 1))
      ++numbers.occupancy;
    double time = estimateStreamTime(c, chip, tileM, numbers);
    if (time < bestTime) {
      best = numbers;
      bestTime = time;
    }
  };
  for (int64_t rowTiles : {1, 2, 3, 4}) {
    if (rowTiles > 1 && FragmentLayout::rows * (rowTiles - 1) >= c.n)
      break;
    for (int64_t warps : {1, 2, 4, 8, 16})
      for (int64_t columns : {unit / 2, unit, 2 * unit})
        for (int64_t stages : {1, 2})
          consider({rowTiles, warps, columns, stages, /*occupancy=*/1});
  }
  return best;
}

} // namespace quantmlir::schedule
