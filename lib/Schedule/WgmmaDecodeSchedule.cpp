//===- WgmmaDecodeSchedule.cpp - wgmma on decoded weights -----------------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// Columns of a panel of activations, rows of an instruction's weights.
static constexpr int64_t kPanel = 64, kBlockRows = 64;
/// The largest tile, and what its rows are a multiple of.
static constexpr int64_t kMaxTileM = 256, kRowStep = 16;
static constexpr int64_t kMaxStages = 12;
/// Rows of tiles that are walked column by column.
static constexpr int64_t kGroupM = 4;
/// Rows that stand for any number of them, together: no number of tiles is
/// that of all.
static constexpr int64_t kManyRows[] = {1280, 2048, 3072, 4096, 6144, 8192};
/// Units of two rounds of tiles, times the blocks that divide them, are counted
/// in 32 bits.
static constexpr int64_t kMaxStreamUnits = 1 << 16;

/// Registers of what two warpgroups have, and of what a single one has.
static constexpr int64_t kMaxRegisters = 232, kMaxRegistersOfOne = 250;

static int64_t estimateRegisters(const Contraction &c, int64_t tileM,
                                 int64_t blocks, int64_t tileK,
                                 bool scaleDecoded, int64_t steps);

/// The columns of the smallest step: whole tiles of weights.
static int64_t getLeastTileK(const Contraction &c) {
  return std::max(kPanel, c.getWeightLayout().getTile()[1]);
}

std::string whyNotWgmmaDecode(const Contraction &c, const Chip &chip) {
  if (!chip.hasWgmma)
    return llvm::formatv("{0} has no wgmma", chip.name);
  if (!c.encoding)
    return "the weights are plain";
  if (std::string why = whyNotMmaSync(c); !why.empty())
    return why;
  if (c.scalesDecoded())
    return llvm::formatv("groups of {0} columns are no multiple of {1}",
                         c.getGroup(), FragmentLayout::segmentColumns);
  if (std::string why = whyNotWgmmaTensors(c); !why.empty())
    return why;
  // Small groups of narrow codes have many scales in a step.
  int64_t tileK = getLeastTileK(c);
  int64_t registers =
      estimateRegisters(c, kRowStep, /*blocks=*/1, tileK, canScaleDecoded(c),
                        llvm::divideCeil(c.k, tileK));
  if (registers > kMaxRegisters)
    return llvm::formatv("scales and zero points of groups of {0} columns need "
                         "about {1} registers, of {2}",
                         c.getGroup(), registers, kMaxRegisters);
  return "";
}

/// What decode and accumulation promise.
static ContractAttr makeContract(const Contraction &c, bool scaleDecoded) {
  MLIRContext *context = c.lhsElement.getContext();
  double unit = std::ldexp(1.0, c.lhsElement.isF16() ? -11 : -8);
  // Differences of codes and integer zero points of up to 8 bits are exact;
  // others are rounded to the type of the activations.
  double decode = DecodeOp::getError(c.lhsElement, c.encoding.getCodebook());
  if (c.encoding.hasZeroPoint()) {
    Type zeroPoint = c.encoding.getZeroPoint();
    if (isa<FloatType>(zeroPoint) || zeroPoint.getIntOrFloatBitWidth() > 8)
      decode += unit;
  }
  if (scaleDecoded) {
    // The product is rounded, and the scale where it has more bits.
    decode += unit;
    auto scale = cast<FloatType>(c.encoding.getScale());
    if (scale.getFPMantissaWidth() > (c.lhsElement.isF16() ? 11u : 8u))
      decode += unit;
    // Products of these.
    decode *= 1 + 2 * unit;
  }
  // The tensor core truncates where f32 arithmetic rounds.
  return ContractAttr::get(context, std::ldexp(1.0, -23), decode, 0.0);
}

ContractAttr getWgmmaDecodeContract(const Contraction &c,
                                    ScheduleAttr schedule) {
  return makeContract(c, schedule.getScaleDecoded() && canScaleDecoded(c));
}

namespace {
/// The numbers of a schedule.
struct Numbers {
  int64_t tileM, warpgroups, blocks, tileK;
  bool scaleDecoded;
  int64_t groupM = kGroupM, splitK = 1;
  /// Whether warpgroups multiply in turn.
  bool alternates = false;
  /// Up to how many percent of the blocks have a tile in the last round where
  /// all divide those of the last two along K.
  int64_t streamK = 0;
};
} // namespace

static ScheduleAttr makeWgmmaDecode(const Contraction &c, const Chip &chip,
                                    int64_t maxM, const Numbers &numbers) {
  MLIRContext *context = c.lhsElement.getContext();
  auto make = [&](int64_t stages) {
    return ScheduleAttr::get(
        context, KernelFamily::WgmmaDecode, StringAttr::get(context, chip.name),
        {numbers.tileM, numbers.warpgroups * numbers.blocks * kBlockRows,
         numbers.tileK},
        {1, 4 * numbers.warpgroups, 1}, stages, /*copy=*/16, numbers.splitK,
        c.getWeightLayout(), maxM, makeContract(c, numbers.scaleDecoded),
        chip.hasDependentLaunch, /*occupancy=*/1,
        WarpgroupsAttr::get(context,
                            numbers.alternates ? ConsumerKind::Alternating
                                               : ConsumerKind::Cooperative,
                            1, 1, numbers.groupM),
        numbers.scaleDecoded, /*promote=*/0, numbers.streamK);
  };
  int64_t stages = kMaxStages;
  while (stages > 2 &&
         getWgmmaDecodeSharedMemory(c, make(stages)) > chip.sharedMemory)
    --stages;
  return make(stages);
}

/// Registers that a thread takes, about: no schedule that is within them made
/// ptxas 13.0 spill, which wants more where a few steps need no loop.
static int64_t estimateRegisters(const Contraction &c, int64_t tileM,
                                 int64_t blocks, int64_t tileK,
                                 bool scaleDecoded, int64_t steps) {
  bool scalesSums = !c.hasOneGroup() && !scaleDecoded;
  // Sums that are scaled are those of one or two groups, beside their total.
  int64_t sets = !scalesSums ? 1 : overlapsDecodeSums(blocks * tileM) ? 3 : 2;
  double accumulators = blocks * tileM / 2 * sets;
  // Those of a part of a step, and of the next, and, where sums or scales take
  // many as well, words that both have codes in; scales and zero points of
  // three steps, or of five where two share a register (`getDecodeStepsAhead`).
  unsigned width = c.encoding.getStorageBits();
  int64_t part = getColumnsOfDecode(tileK, width);
  if (scalesSums)
    part = std::max(part, std::gcd(c.getGroup(), tileK));
  int64_t weights = 2 * blocks * part / 4;
  int64_t units = c.hasOneGroup() ? 1 : tileK / std::gcd(c.getGroup(), tileK);
  if (part < tileK && (scalesSums || units > 2 || accumulators > 32))
    weights += blocks * 4 * width;
  int64_t parameters =
      3 * 2 * blocks * units *
      ((c.hasOneGroup() ? 0 : 1) + (c.encoding.hasZeroPoint() ? 1 : 0));
  // A few steps are no loop, and ptxas moves what they read to the front.
  bool hasLoop = steps / getStepsOfDecodeLoop(tileK) > 1;
  int64_t others = hasLoop ? (scalesSums ? 64 : 48) : (scalesSums ? 104 : 64);
  // Sums of one group are waited for beside decoded weights that wait for them.
  if (sets == 2)
    others += 16;
  // Several groups of a step are several sums that are waited for.
  if (scalesSums && units > 1)
    others += 40;
  // Ragged scales are asked for one by one, and the last columns are a step of
  // their own.
  if (scalesSums && accumulators >= 64) {
    if (units > 1 && c.n % FragmentLayout::rows)
      others += 16;
    if (c.k % tileK)
      others += 32;
  } else if (part < tileK && accumulators >= 64 && c.k % tileK) {
    others += 32;
  }
  // Results that are not packed in pairs, where there are many.
  bool isWide =
      c.resultElement && c.resultElement.getIntOrFloatBitWidth() == 32;
  if (isWide && (accumulators >= 64 || (scalesSums && units > 1)))
    others += 16;
  return 1.125 * accumulators + weights + parameters + others;
}

/// Whether `parts` blocks can have parts of `k` columns, in whole steps: the
/// last may have fewer than the others, but not none.
static bool canSplit(int64_t k, int64_t tileK, int64_t parts) {
  int64_t steps = k / tileK;
  return parts == 1 ||
         (k % tileK == 0 &&
          (parts - 1) * int64_t(llvm::divideCeil(steps, parts)) < steps);
}

std::string whyNotWgmmaDecodeSchedule(const Contraction &c, const Chip &chip,
                                      ScheduleAttr schedule) {
  if (std::string why = whyNotWeights(c, schedule); !why.empty())
    return why;
  if (schedule.getDependentLaunch() && !chip.hasDependentLaunch)
    return llvm::formatv("{0} has no dependent launch", chip.name);
  FragmentLayout layout(c.encoding.getStorageBits(),
                        schedule.getWeights().getTile()[1]);
  if (layout.getVectorWords() != 4)
    return llvm::formatv("weight tiles of {0} columns give each lane less than "
                         "16 bytes",
                         layout.getColumns());
  if (schedule.getScaleDecoded() && !canScaleDecoded(c))
    return c.hasOneGroup()
               ? "each row has one scale, which scales the result"
               : "f16 does not hold all weights once they are scaled";
  if (!canSplit(c.k, schedule.getTileK(), schedule.getSplitK()))
    return llvm::formatv("split_k = {0} blocks cannot each have a part of {1} "
                         "columns in steps of {2}",
                         schedule.getSplitK(), c.k, schedule.getTileK());
  if (schedule.getStreamK()) {
    int64_t units = getStreamUnits(c.k, schedule);
    if (units < 2 || units > kMaxStreamUnits)
      return llvm::formatv("stream_k divides K in 2 to {0} units of {1} "
                           "columns, which {2} columns are not",
                           kMaxStreamUnits,
                           getRoundColumns(schedule.getTileK()), c.k);
  }
  int64_t consumers = schedule.getConsumers();
  int64_t most = consumers == 1 ? kMaxRegistersOfOne
                                : WarpgroupRegisters(consumers).consumer;
  int64_t blocks = schedule.getTileN() / consumers / kBlockRows;
  int64_t registers = estimateRegisters(
      c, schedule.getTileM(), blocks, schedule.getTileK(),
      schedule.getScaleDecoded(),
      llvm::divideCeil(c.k, schedule.getTileK() * schedule.getSplitK()));
  if (registers > most)
    return llvm::formatv("schedule needs about {0} registers in each thread "
                         "that multiplies, which has {1}",
                         registers, most);
  return "";
}

int64_t getWgmmaDecodeSharedMemory(const Contraction &c,
                                   ScheduleAttr schedule) {
  return WgmmaLayout::ofDecoded(
             schedule, c.encoding.getStorageBits(),
             DecodeSplit(schedule).getExchange().getSumsBytes(),
             getPairTableBytes(c))
      .getBytes();
}

/// Tiles of rows that hold `m` rows, none larger than `most`, with as little
/// padding as there can be.
static int64_t fitRows(int64_t m, int64_t most) {
  int64_t tiles = llvm::divideCeil(m, most);
  return std::min(most,
                  int64_t(llvm::alignTo(llvm::divideCeil(m, tiles), kRowStep)));
}

// Fitted to 813 times on one H200 (int4 in groups of 128, 16 to 2048 rows,
// twelve shapes of weights), with an error of 5 % (root mean square), in cycles
// of an SM and bytes per cycle. Of what was measured at a shape and a number of
// rows it chose the best, or within 3 %.
/// What all SMs get from memory.
static constexpr double kBytesFromMemory = 2300;
/// A launch, the first stage and the epilogue.
static constexpr double kCyclesOfKernel = 3690;
/// Exchanging sums along K, and those of a row of activations.
static constexpr double kCyclesOfExchange = 2340, kCyclesOfExchangedRow = 9.4;
/// Filling the ring for another tile, and its epilogue.
static constexpr double kCyclesOfTile = 2680;
/// More blocks that share K cost more than they give: they must be of one part
/// of the chip.
static constexpr int64_t kMaxSplit = 2;
/// Two warpgroups multiply in turn from so many rows and columns of a step on:
/// in smaller steps one decodes, or waits, longer than it multiplies, and three
/// have enough queued without.
static constexpr int64_t kTurnRows = 128, kTurnColumns = 128;
// Fitted to 452 more times of tiles of 96 rows and more (eight shapes of
// weights, 128 to 2048 rows), with an error of 2.4 %.
static constexpr int64_t kLargeRows = 96;
/// Cycles of tensor cores that multiply 64 x 16 x 16. The clock goes down where
/// they are busy, so that they take longer by a factor than their cycles; how
/// much of that and of a block's steps hide each other: all at infinity.
static constexpr double kCyclesOfProduct = 8, kPower = 1.15, kPowerOverlap = 12;
/// Clearing flags; handing sums over, and what 64 x 64 sums add to that when
/// they are given, and when they are taken.
static constexpr double kCyclesOfClear = 1600, kCyclesOfStream = 6200,
                        kCyclesOfGiven = 280;
/// What else dividing takes, as a part of a tile, for each column: blocks are
/// at different columns at a time, and the farther they are apart, the less of
/// what others have asked for is still in L2.
static constexpr double kApartOfColumn = 0.09 / 4096;

/// Making pairs of the scales of a unit of 64 weights.
static constexpr double kCyclesOfScales = 25;
/// Waiting for all multiplications at the end of a loop, beside those of the
/// last step: a constant, and for each of their cycles.
static constexpr double kCyclesOfDrain = 400, kDrainedMultiplies = 1.26;

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
static bool isLarge(const Numbers &numbers) {
  return numbers.tileM >= kLargeRows && numbers.blocks == 1 &&
         numbers.warpgroups > 1;
}

/// Multiplications of one warpgroup hide what another decodes in part.
static StepCycles getStepCycles(const Numbers &numbers) {
  int64_t warpgroups = numbers.warpgroups, blocks = numbers.blocks;
  if (isLarge(numbers))
    return warpgroups == 3 ? StepCycles{173, 3.19, 2.1, 2.5, 3.5, 263, 2.69}
                           : StepCycles{40, 3.41, 1.51, 1.03, 2.5, 68, 2.3};
  if (warpgroups == 3)
    return {58, 3.96, 1.25, 2.5, 3.5, 160, 2.43};
  if (warpgroups == 2)
    return blocks == 1 ? StepCycles{49, 2.5, 1.09, 1.03, 2.5, 13, 1.97}
                       : StepCycles{5, 3.36, 0.22, 1.92, 2.5, 204, 1.8};
  return blocks == 1 ? StepCycles{33, 2.66, 0.08, 0.12, 1.5, 122, 1.06}
                     : StepCycles{113, 1.22, 0.33, 1.09, 1.5, 130, 1.15};
}

/// About how many cycles a step takes.
static double estimateStep(const Contraction &c, const Numbers &numbers) {
  double columns = numbers.tileK * numbers.blocks;
  double multiply = numbers.blocks * numbers.tileM / 2.0 * numbers.tileK / 16;
  StepCycles cycles = getStepCycles(numbers);
  double scale = 0;
  if (!c.hasOneGroup()) {
    int64_t units = std::max<int64_t>(1, numbers.tileK / c.getGroup());
    if (!numbers.scaleDecoded)
      scale = cycles.sum * numbers.blocks * numbers.tileM / 2.0 * units;
    else
      scale = (isLarge(numbers) ? 0
                                : kCyclesOfScales * numbers.warpgroups *
                                      numbers.blocks * units) +
              (decodesScaled(c) ? 0 : cycles.pair * columns / 4);
  }
  double step = std::max(cycles.decode + cycles.column * columns +
                             cycles.decodeMultiply * multiply + scale,
                         cycles.multiply + cycles.multiplyMultiply * multiply);
  if (isLarge(numbers))
    return step;
  return step + (kCyclesOfDrain + kDrainedMultiplies * multiply) /
                    getStepsOfDecodeLoop(numbers.tileK);
}

/// 64 x 64 sums of a tile.
static double getArea(const Numbers &numbers) {
  return numbers.tileM * numbers.blocks * numbers.warpgroups / 64.0;
}

/// `ScheduleAttr::getStreamK` from which on handing sums over takes longer than
/// what it saves of a tile; 0 where it always does.
static int64_t chooseStream(const Contraction &c, const Numbers &numbers) {
  double tile = estimateStep(c, numbers) * llvm::divideCeil(c.k, numbers.tileK);
  double cost = kCyclesOfStream + 2 * getArea(numbers) * kCyclesOfGiven;
  return std::max(0.0, 100 * (1 - kApartOfColumn * c.k - cost / tile));
}

/// How many tiles a block computes, a part of one as a fraction, and cycles
/// that handing sums over takes, where `blocks` blocks may divide `tiles`.
static std::pair<double, double> estimateStream(const Contraction &c,
                                                int64_t blocks, int64_t tiles,
                                                const Numbers &numbers) {
  int64_t rest = tiles % blocks;
  if (!rest || 100 * rest > numbers.streamK * blocks)
    return {llvm::divideCeil(tiles, blocks), kCyclesOfClear};
  int64_t rounds = tiles / blocks, whole = std::max<int64_t>(rounds - 1, 0);
  int64_t units = c.k / getRoundColumns(numbers.tileK);
  int64_t shared = (tiles - whole * blocks) * units;
  double most = llvm::divideCeil(shared, std::min(blocks, shared));
  // A block gives sums once, and takes those of all who have parts of its tile.
  int64_t takes = rounds ? 1 : llvm::divideCeil(blocks, tiles) - 1;
  return {whole + most / units + kApartOfColumn * c.k,
          kCyclesOfClear + kCyclesOfStream +
              (1 + takes) * getArea(numbers) * kCyclesOfGiven};
}

/// About how long a kernel takes for `m` rows, in cycles.
static double estimate(const Contraction &c, const Chip &chip, int64_t m,
                       const Numbers &numbers) {
  int64_t tileN = numbers.warpgroups * numbers.blocks * kBlockRows;
  int64_t tiles =
      llvm::divideCeil(m, numbers.tileM) * llvm::divideCeil(c.n, tileN);
  int64_t blocks = chip.getResidentBlocks(numbers.splitK);
  double waves = llvm::divideCeil(tiles * numbers.splitK, blocks), hand = 0;
  if (numbers.streamK)
    std::tie(waves, hand) = estimateStream(c, blocks, tiles, numbers);
  double steps = llvm::divideCeil(c.k, numbers.tileK * numbers.splitK);
  double body = waves * steps * estimateStep(c, numbers);
  double products = static_cast<double>(tiles) / chip.multiprocessors * c.k /
                    16 * (tileN / kBlockRows) * (numbers.tileM / 16);
  body = std::pow(
      std::pow(body, kPowerOverlap) +
          std::pow(kPower * kCyclesOfProduct * products, kPowerOverlap),
      1 / kPowerOverlap);
  double cycles =
      kCyclesOfKernel + body + (std::ceil(waves) - 1) * kCyclesOfTile + hand;
  if (numbers.splitK > 1)
    cycles +=
        waves * (kCyclesOfExchange + kCyclesOfExchangedRow * numbers.tileM);
  double bytes = c.n * c.k * c.encoding.getStorageBits() / 8.0 +
                 static_cast<double>(m) * c.k * c.getLhsBytes();
  return std::max(cycles, kCyclesOfKernel + bytes / kBytesFromMemory);
}

/// The same for up to `bound` rows or, where that is 0, for any number of them:
/// cycles of a row then.
static double estimateBound(const Contraction &c, const Chip &chip,
                            int64_t bound, const Numbers &numbers) {
  if (bound)
    return estimate(c, chip, bound, numbers);
  double sum = 0;
  for (int64_t m : kManyRows)
    sum += estimate(c, chip, m, numbers) / m;
  return sum;
}

/// Whether blocks may divide tiles of `bound` rows, 0 for any number of them,
/// along K, and would have something to divide.
static bool canStream(const Contraction &c, const Chip &chip, int64_t bound,
                      const Numbers &numbers) {
  int64_t tiles =
      llvm::divideCeil(bound, numbers.tileM) *
      llvm::divideCeil(c.n, numbers.warpgroups * numbers.blocks * kBlockRows);
  return numbers.splitK == 1 && numbers.tileM >= kLargeRows &&
         c.k % getRoundColumns(numbers.tileK) == 0 &&
         (!bound || tiles % chip.getResidentBlocks(1) != 0);
}

ScheduleAttr chooseWgmmaDecode(const Contraction &c, const Chip &chip,
                               int64_t maxM) {
  int64_t bound = !ShapedType::isDynamic(c.m) ? c.m : maxM;
  int64_t m = bound ? bound : *std::rbegin(kManyRows);
  // What is less than the estimate is good for is no reason to change.
  double margin = m < kLargeRows ? 1.03 : 1.01;
  ScheduleAttr best;
  double least = 0;
  int64_t columns = c.getWeightLayout().getTile()[1];
  auto consider = [&](const Numbers &numbers) {
    // A step is whole tiles of weights.
    if (numbers.tileK % columns)
      return;
    double cycles = estimateBound(c, chip, bound, numbers);
    if (best && margin * cycles >= least)
      return;
    ScheduleAttr schedule = makeWgmmaDecode(c, chip, maxM, numbers);
    // Fewer stages do not keep enough on its way.
    int64_t parts =
        numbers.tileK /
        getColumnsOfDecode(numbers.tileK, c.encoding.getStorageBits());
    if (schedule.getStages() * parts < 4 ||
        !whyNotSchedule(c, chip, schedule).empty())
      return;
    best = schedule;
    least = cycles;
  };
  // Of equal ones the first is taken: exact weights before rounded ones, and
  // high tiles, which read the weights less often.
  for (bool scaleDecoded : {false, true})
    for (int64_t most : {256, 192, 128, 96, 64, 32, 16})
      for (auto [warpgroups, blocks] :
           {std::pair<int64_t, int64_t>{2, 1}, {3, 1}, {1, 1}, {2, 2}, {1, 2}})
        for (int64_t tileK : {128, 256, 64})
          for (int64_t splitK = 1; splitK <= kMaxSplit; ++splitK) {
            if (scaleDecoded && !canScaleDecoded(c))
              continue;
            // Small groups are many sums to scale.
            if (!scaleDecoded && canScaleDecoded(c) &&
                (m > 64 || c.getGroup() < std::min<int64_t>(tileK, 128)))
              continue;
            Numbers numbers = {fitRows(m, most), warpgroups, blocks, tileK,
                               scaleDecoded};
            numbers.groupM = m <= numbers.tileM ? 1 : kGroupM;
            numbers.splitK = splitK;
            numbers.alternates = warpgroups == 2 && blocks == 1 &&
                                 numbers.tileM >= kTurnRows &&
                                 tileK >= kTurnColumns;
            consider(numbers);
            numbers.streamK = chooseStream(c, numbers);
            if (numbers.streamK && canStream(c, chip, bound, numbers))
              consider(numbers);
          }
  if (best)
    return best;
  // Where the family is possible, its smallest tile is.
  return makeWgmmaDecode(
      c, chip, maxM, {kRowStep, 1, 1, getLeastTileK(c), canScaleDecoded(c)});
}

void enumerateWgmmaDecode(const Contraction &c, const Chip &chip, int64_t maxM,
                          SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t bound = !ShapedType::isDynamic(c.m) ? c.m : maxM;
  int64_t columns = c.getWeightLayout().getTile()[1];
  SmallVector<int64_t> tiles;
  for (int64_t tileM : {16, 32, 48, 64, 96, 128, 192, 256})
    if (!bound || tileM < bound + kRowStep)
      tiles.push_back(tileM);
  // One that holds all rows.
  if (bound && bound <= kMaxTileM)
    tiles.push_back(llvm::alignTo(bound, kRowStep));
  for (int64_t tileM : tiles)
    for (auto [warpgroups, blocks] :
         {std::pair<int64_t, int64_t>{1, 1}, {2, 1}, {3, 1}, {1, 2}, {2, 2}})
      for (int64_t tileK : {64, 128, 256})
        for (bool scaleDecoded : {false, true})
          for (int64_t groupM : {1, 4, 32}) {
            int64_t tileN = warpgroups * blocks * kBlockRows;
            if (tileK % columns || (tileN > kBlockRows && tileN / 2 >= c.n) ||
                (scaleDecoded && !canScaleDecoded(c)))
              continue;
            // One row of tiles has one order.
            if (bound && groupM > 1 && tileM * (groupM / 4) >= bound)
              continue;
            for (int64_t splitK : {1, 2, 4, 8}) {
              // Blocks that share K, where there are few tiles.
              int64_t count = llvm::divideCeil(bound, tileM) *
                              llvm::divideCeil(c.n, tileN) * splitK;
              if (splitK > 1 &&
                  (groupM > 1 || !bound || !canSplit(c.k, tileK, splitK) ||
                   count >= 3 * chip.multiprocessors))
                continue;
              for (bool alternates : {false, true}) {
                // Of the larger tiles, one multiplies longer than one decodes.
                if (alternates && (warpgroups == 1 || blocks > 1))
                  continue;
                Numbers numbers = {tileM,  warpgroups,   blocks,
                                   tileK,  scaleDecoded, groupM,
                                   splitK, alternates};
                schedules.push_back(makeWgmmaDecode(c, chip, maxM, numbers));
                // Large tiles are worth dividing.
                if (splitK > 1 || blocks > 1 || tileM < kLargeRows)
                  continue;
                numbers.streamK = 100;
                schedules.push_back(makeWgmmaDecode(c, chip, maxM, numbers));
              }
            }
          }
}

} // namespace quantmlir::schedule
