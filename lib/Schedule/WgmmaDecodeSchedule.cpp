//===- WgmmaDecodeSchedule.cpp - wgmma on decoded weights -----------------===//

#include "WgmmaDecodeModel.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// The largest tile, and what its rows are a multiple of.
static constexpr int64_t kMaxTileM = 256, kRowStep = 16;
/// Most stages; of short steps of bytes that two warpgroups share, which need
/// more of them on their way: 11008x4096 took 2 to 5 % less so at 32 to 64
/// rows.
static constexpr int64_t kMaxStages = 12, kMaxSharedStages = 16;
/// The largest tile whose sums a warpgroup can leave to one that it shares K
/// with.
static constexpr int64_t kMaxSharedTileM = 64;
/// Units of two rounds of tiles, times the blocks that divide them, are counted
/// in 32 bits.
static constexpr int64_t kMaxStreamUnits = 1 << 16;

/// The columns of the smallest step: whole tiles of weights.
static int64_t getLeastTileK(const Contraction &c) {
  return std::max(WgmmaLayout::panelColumns, c.getWeightLayout().getTile()[1]);
}

std::string whyNotWgmmaDecode(const Contraction &c, const Chip &chip) {
  if (!chip.hasWgmma)
    return llvm::formatv("{0} has no wgmma", chip.name);
  if (!c.encoding)
    return "the weights are plain";
  if (std::string why = whyNotMmaSync(c); !why.empty())
    return why;
  if (std::string why = whyNotWgmmaTensors(c); !why.empty())
    return why;
  // Small groups of narrow codes have many scales in a step: more than two
  // warpgroups have registers for.
  int64_t most = getDecodeRegisters(/*warpgroups=*/2);
  int64_t tileK = getLeastTileK(c);
  int64_t registers = estimateDecodeRegisters(
      c, {kRowStep, /*warpgroups=*/1, /*blocks=*/1, tileK, canScaleDecoded(c)});
  if (registers > most)
    return llvm::formatv("scales and zero points of groups of {0} columns need "
                         "about {1} registers, of {2}",
                         c.getGroup(), registers, most);
  return "";
}

ContractAttr getWgmmaDecodeContract(const Contraction &c,
                                    ScheduleAttr schedule) {
  return getWholeContract(c, schedule.getScaleDecoded() && canScaleDecoded(c));
}

static ScheduleAttr makeWgmmaDecode(const Contraction &c, const Chip &chip,
                                    int64_t maxM,
                                    const DecodeNumbers &numbers) {
  MLIRContext *context = c.lhsElement.getContext();
  auto make = [&](int64_t stages) {
    return ScheduleAttr::get(
        context, KernelFamily::WgmmaDecode, StringAttr::get(context, chip.name),
        {numbers.tileM, numbers.getTileN(), numbers.tileK},
        {1, 4 * numbers.warpgroups / numbers.shares, numbers.shares}, stages,
        /*copy=*/16, numbers.splitK, c.getWeightLayout(), maxM,
        getWholeContract(c, numbers.scaleDecoded), chip.hasDependentLaunch,
        /*occupancy=*/1,
        WarpgroupsAttr::get(context,
                            numbers.alternates ? ConsumerKind::Alternating
                                               : ConsumerKind::Cooperative,
                            1, numbers.cluster, numbers.groupM),
        numbers.scaleDecoded, /*promote=*/0, numbers.streamK, /*ring=*/0);
  };
  bool waits = numbers.shares > 1 && c.encoding.getStorageBits() == 8 &&
               numbers.tileK == WgmmaLayout::panelColumns;
  int64_t stages = waits ? kMaxSharedStages : kMaxStages;
  while (stages > 2 * numbers.shares &&
         getWgmmaDecodeSharedMemory(c, make(stages)) > chip.sharedMemory)
    stages -= numbers.shares;
  return make(stages);
}

/// Whether `parts` blocks can have parts of `k` columns, in whole steps, of
/// which `shares` warpgroups have as many each: the last may have fewer than
/// the others, but not none.
static bool canSplit(int64_t k, int64_t tileK, int64_t parts,
                     int64_t shares = 1) {
  int64_t steps = k / tileK;
  int64_t ofBlock = shares * llvm::divideCeil(steps, parts * shares);
  return parts * shares == 1 ||
         (k % tileK == 0 && (parts - 1) * ofBlock < steps);
}

std::string whyNotWgmmaDecodeSchedule(const Contraction &c, const Chip &chip,
                                      ScheduleAttr schedule) {
  if (std::string why = whyNotWeights(c, schedule); !why.empty())
    return why;
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
  if (!schedule.getScaleDecoded() && c.scalesDecoded())
    return llvm::formatv(
        "groups of {0} columns are no multiple of {1}, so that "
        "weights have to be scaled (scale_decoded)",
        c.getGroup(), FragmentLayout::segmentColumns);
  if (!canSplit(c.k, schedule.getTileK(), schedule.getSplitK(),
                schedule.getWarpsK()))
    return llvm::formatv("split_k = {0} blocks cannot each have a part of {1} "
                         "columns in steps of {2} for {3} warpgroups that "
                         "share k",
                         schedule.getSplitK(), c.k, schedule.getTileK(),
                         schedule.getWarpsK());
  if (schedule.getStreamK()) {
    int64_t units = getStreamUnits(c.k, schedule);
    if (units < 2 || units > kMaxStreamUnits)
      return llvm::formatv("stream_k divides K in 2 to {0} units of {1} "
                           "columns, which {2} columns are not",
                           kMaxStreamUnits,
                           getRoundColumns(schedule.getTileK()), c.k);
  }
  DecodeNumbers numbers = getDecodeNumbers(schedule);
  int64_t most = getDecodeRegisters(numbers.warpgroups);
  int64_t registers = estimateDecodeRegisters(c, numbers);
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

/// Blocks that may share K: more cost more than they give, as they must be of
/// one part of the chip, and so do four of large tiles, which have many sums.
static constexpr int64_t kSplits[] = {1, 2, 4};
/// Up to so many blocks share K without a margin; more must be faster by this
/// factor. What the estimate says of one small tile in each SM, which these
/// compete with, is 5 to 15 % too much. That, and what the estimate says of 128
/// rows in one warpgroup, changed 84 of 93 lines at ten shapes of weights in
/// ten formats, 32 to 128 rows: 82 became shorter, by up to 23 %, one stayed,
/// and one (NF4) took 6 % longer. Of bytes, and of large tiles, what the
/// estimate says is as good for four blocks.
static constexpr int64_t kFewBlocks = 2;
static constexpr double kMarginOfMoreBlocks = 1.05,
                        kLittleMarginOfMoreBlocks = 1.02;
/// Where weights of smaller groups than a segment are scaled, what the estimate
/// says of two warpgroups with weights of their own is too much: at five of
/// eleven shapes of weights they took 4 to 14 % less.
static constexpr double kMarginOfSharedUnits = 1.15;
/// Two warpgroups multiply in turn from so many rows and columns of a step on:
/// in smaller steps one decodes, or waits, longer than it multiplies, and three
/// have enough queued without. Nor do they where sums have to be scaled, which
/// takes each its own time: 128 rows of NF4 took 10 to 20 % more so.
static constexpr int64_t kTurnRows = 128, kTurnColumns = 128;
/// Two blocks may share activations where these are more rows than that, in
/// tiles of as many or more: a block of two warpgroups reads most of them then.
static constexpr int64_t kSharedRows = 128;
/// Four were slower: not all SMs are in clusters of four.
static constexpr int64_t kSharingBlocks = 2;

/// Whether a tile is worth dividing: a large one, or one of few rows of three
/// warpgroups that scale sums, where four would scale weights.
static bool isWorthDividing(const Contraction &c,
                            const DecodeNumbers &numbers) {
  return numbers.tileM >= kLargeDecodeRows ||
         (numbers.warpgroups == kManyDecoders && numbers.blocks == 1 &&
          !numbers.scaleDecoded && !c.hasOneGroup());
}

/// Tiles of `m` rows, those that clusters fill up with included.
static int64_t countTiles(const Contraction &c, int64_t m,
                          const DecodeNumbers &numbers) {
  return numbers.cluster * llvm::divideCeil(m, numbers.tileM) *
         llvm::divideCeil(c.n, numbers.getTileN() * numbers.cluster);
}

/// Whether blocks may divide tiles of `bound` rows, 0 for any number of them,
/// along K, and would have something to divide.
static bool canStream(const Contraction &c, const Chip &chip, int64_t bound,
                      const DecodeNumbers &numbers) {
  if (numbers.splitK > 1 || !isWorthDividing(c, numbers) || mustScaleSums(c) ||
      c.k % getRoundColumns(numbers.tileK) != 0)
    return false;
  if (!bound)
    return true;
  int64_t tiles = countTiles(c, bound, numbers);
  int64_t blocks = chip.getResidentBlocks(numbers.cluster);
  // Few rows have no time to take the sums of more than one block.
  return tiles % blocks != 0 &&
         (numbers.tileM >= kLargeDecodeRows || tiles > blocks);
}

/// Whether steps of half as many columns as these take less: of 8 bits with one
/// scale in each row, where two warpgroups share K. 4096x4096 took 8 % less so,
/// 11008x4096 3 to 7 %, and tiles of 1024 and 2048 outputs up to 6 %.
static bool isFasterInShortSteps(const Contraction &c,
                                 const DecodeNumbers &numbers) {
  constexpr int64_t longStep = 128;
  return numbers.shares > 1 && c.encoding.getStorageBits() == 8 &&
         c.hasOneGroup() && !c.encoding.hasZeroPoint() &&
         numbers.tileK == longStep &&
         canSplit(c.k, longStep / 2, numbers.splitK, numbers.shares);
}

/// Whether two warpgroups may take the steps of K in turn, of which `numbers`
/// says how many rows, columns and blocks a tile has.
static bool isWorthSharing(const Contraction &c, const Chip &chip, int64_t m,
                           const DecodeNumbers &numbers) {
  // Of 16 rows, mma_stream took 2 to 20 % less.
  constexpr int64_t minTileM = 32;
  if (numbers.tileM < minTileM || numbers.tileM > kMaxSharedTileM)
    return false;
  int64_t blocks = countTiles(c, m, numbers) * numbers.splitK;
  // More blocks than SMs took up to 17 % more.
  if (blocks > chip.multiprocessors)
    return false;
  // Of more rows, one tile that holds all took 2 to 20 % less, but where there
  // are few tiles.
  if (m > numbers.tileM && numbers.splitK == 1)
    return false;
  // Two rounds of the loop that each has: where there are fewer, these took up
  // to 15 % more, but of codes that take long to decode or, of bytes, to read.
  constexpr int64_t fewColumns = 1024;
  unsigned bits = c.encoding.getStorageBits();
  bool takesLong =
      bits == 8 || 16 % bits || c.scalesDecoded() || mustScaleSums(c);
  if (!takesLong && c.k < fewColumns * numbers.splitK * numbers.shares)
    return false;
  // Where 80 of 132 SMs had a block, four blocks of a tile of three warpgroups
  // took 4 to 12 % less.
  return numbers.splitK == *std::rbegin(kSplits) ||
         3 * blocks >= 2 * chip.multiprocessors;
}

ScheduleAttr chooseWgmmaDecode(const Contraction &c, const Chip &chip,
                               int64_t maxM) {
  int64_t bound = c.getRowBound(maxM);
  int64_t m = bound ? bound : getManyRows();
  // What is less than the estimate is good for is no reason to change.
  double margin = m < kLargeDecodeRows ? 1.03 : 1.01;
  ScheduleAttr best;
  double least = 0;
  int64_t columns = c.getWeightLayout().getTile()[1];
  auto consider = [&](const DecodeNumbers &numbers) {
    // A step is whole tiles of weights.
    if (numbers.tileK % columns)
      return;
    double cycles = estimateDecodeCycles(c, chip, bound, numbers);
    if (numbers.splitK > kFewBlocks)
      cycles *= c.encoding.getStorageBits() == 8 || m >= kLargeDecodeRows
                    ? kLittleMarginOfMoreBlocks
                    : kMarginOfMoreBlocks;
    if (numbers.shares > 1 && c.scalesDecoded())
      cycles *= kMarginOfSharedUnits;
    if (best && margin * cycles >= least)
      return;
    DecodeNumbers made = numbers;
    if (isFasterInShortSteps(c, numbers))
      made.tileK /= 2;
    ScheduleAttr schedule = makeWgmmaDecode(c, chip, maxM, made);
    // Fewer stages do not keep enough on its way.
    int64_t parts =
        numbers.tileK /
        getColumnsOfDecode(numbers.tileK, c.encoding.getStorageBits());
    // Four warpgroups have as much on its way in three, and three that scale
    // sums have time for no more: 64 rows of NF4 took 24 % less so.
    int64_t most = mustScaleSums(c) ? kManyDecoders : kManyDecoders + 1;
    int64_t fewest = numbers.warpgroups >= most && numbers.tileK >= 128 ? 3 : 4;
    // So has the largest tile beside a table, which is multiplied for long: of
    // NVFP4 such took 4 to 17 % less than what was chosen without, at five of
    // six lines of 256 to 1024 rows.
    if (getPairTableBytes(c) && numbers.tileM == kMaxTileM)
      fewest = 3;
    // Of bytes, steps of half as many columns leave more of them on their way.
    if (c.encoding.getStorageBits() == 8 && numbers.warpgroups == 3 &&
        numbers.tileK >= 128)
      fewest = std::max<int64_t>(fewest, 5 * parts);
    // One alone waits for one that is on its way.
    bool waits = numbers.warpgroups == 1 && schedule.getStages() < 3;
    // A table leaves room for few long steps. Of three, three warpgroups
    // waited where weights are scaled.
    if (getPairTableBytes(c) && numbers.warpgroups == 3 && !mustScaleSums(c))
      waits |= schedule.getStages() < 4;
    if (waits || schedule.getStages() * parts < fewest ||
        !whyNotSchedule(c, chip, schedule).empty())
      return;
    best = schedule;
    least = cycles;
  };
  // Of equal ones the first is taken: exact weights before rounded ones, and
  // high tiles, which read the weights less often.
  for (bool scaleDecoded : {false, true})
    for (int64_t most : {256, 192, 128, 96, 64, 32, 16})
      for (auto [warpgroups, blocks, shares] :
           {std::tuple<int64_t, int64_t, int64_t>{2, 1, 1},
            {3, 1, 1},
            {1, 1, 1},
            {2, 1, 2},
            {2, 2, 1},
            {1, 2, 1},
            {4, 1, 1}})
        for (int64_t tileK : {128, 256, 64})
          for (int64_t splitK : kSplits) {
            if (scaleDecoded ? !canScaleDecoded(c) : c.scalesDecoded())
              continue;
            // Small groups are many sums to scale. Of a table, whose values
            // another pipe finds, three warpgroups scale weights meanwhile: of
            // NF4 in groups of 64 that took 8 % less at 16 and 32 rows.
            bool hasTime =
                getPairTableBytes(c) && warpgroups == 3 && splitK <= kFewBlocks;
            if (!scaleDecoded && canScaleDecoded(c) &&
                (m > 64 || c.getGroup() < std::min<int64_t>(tileK, 128) ||
                 (hasTime && c.getGroup() < 128)))
              continue;
            DecodeNumbers numbers = {fitRows(m, most), warpgroups, blocks,
                                     tileK, scaleDecoded};
            // More blocks of large tiles than are there at once wait.
            if (splitK > kFewBlocks && m >= kLargeDecodeRows &&
                countTiles(c, m, numbers) * splitK >
                    chip.getResidentBlocks(splitK))
              continue;
            // What several blocks of weights have sums of was not timed where
            // all of them are scaled.
            if (mustScaleSums(c) && blocks > 1)
              continue;
            // Four warpgroups have registers for a few rows.
            if (warpgroups > 3 && m >= kLargeDecodeRows)
              continue;
            // One row of tiles has one order. A large tile may get more of them
            // in another range of rows.
            if (m <= numbers.tileM && m < kLargeDecodeRows)
              numbers.groupM = 1;
            numbers.splitK = splitK;
            numbers.shares = shares;
            numbers.alternates = warpgroups == 2 && blocks == 1 &&
                                 numbers.tileM >= kTurnRows &&
                                 tileK >= kTurnColumns && !mustScaleSums(c);
            if (shares > 1 && !isWorthSharing(c, chip, m, numbers))
              continue;
            bool canShare = m > kSharedRows && numbers.tileM >= kSharedRows &&
                            warpgroups == 2 && blocks == 1 && splitK == 1;
            for (int64_t cluster = 1;
                 cluster <= (canShare ? kSharingBlocks : 1); ++cluster) {
              numbers.cluster = cluster;
              numbers.streamK = 0;
              consider(numbers);
              numbers.streamK = chooseDecodeStream(c, numbers);
              if (numbers.streamK && canStream(c, chip, bound, numbers))
                consider(numbers);
            }
          }
  if (best)
    return best;
  // Where the family is possible, its smallest tile is.
  return makeWgmmaDecode(
      c, chip, maxM, {kRowStep, 1, 1, getLeastTileK(c), canScaleDecoded(c)});
}

double estimateWgmmaDecode(const Contraction &c, const Chip &chip,
                           ScheduleAttr schedule, int64_t m) {
  return estimateDecodeCycles(c, chip, m, getDecodeNumbers(schedule));
}

void enumerateWgmmaDecode(const Contraction &c, const Chip &chip, int64_t maxM,
                          SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t bound = c.getRowBound(maxM);
  int64_t columns = c.getWeightLayout().getTile()[1];
  SmallVector<int64_t> tiles;
  for (int64_t tileM : {16, 32, 48, 64, 96, 128, 192, 256})
    if (!bound || tileM < bound + kRowStep)
      tiles.push_back(tileM);
  // One that holds all rows.
  if (bound && bound <= kMaxTileM)
    tiles.push_back(llvm::alignTo(bound, kRowStep));
  for (int64_t tileM : tiles)
    for (auto [warpgroups, blocks, shares] :
         {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
          {2, 1, 1},
          {3, 1, 1},
          {4, 1, 1},
          {1, 2, 1},
          {2, 2, 1},
          {2, 1, 2}})
      for (int64_t tileK : {64, 128, 256})
        for (bool scaleDecoded : {false, true})
          for (int64_t groupM : {1, 4, 32}) {
            DecodeNumbers numbers = {tileM, warpgroups,   blocks,
                                     tileK, scaleDecoded, groupM};
            numbers.shares = shares;
            int64_t tileN = numbers.getTileN();
            if (shares > 1 && tileM > kMaxSharedTileM)
              continue;
            if (tileK % columns || (tileN > kDecodeRows && tileN / 2 >= c.n) ||
                (scaleDecoded ? !canScaleDecoded(c) : c.scalesDecoded()))
              continue;
            // One row of tiles has one order.
            if (bound && groupM > 1 && tileM * (groupM / 4) >= bound)
              continue;
            for (int64_t splitK : {1, 2, 4, 8}) {
              // Blocks that share K, where there are few tiles.
              int64_t count = llvm::divideCeil(bound, tileM) *
                              llvm::divideCeil(c.n, tileN) * splitK;
              if (splitK > 1 && (groupM > 1 || !bound ||
                                 !canSplit(c.k, tileK, splitK, shares) ||
                                 count >= 3 * chip.multiprocessors))
                continue;
              for (bool alternates : {false, true}) {
                // Of the larger tiles, one multiplies longer than one decodes.
                if (alternates && (warpgroups == 1 || blocks > 1 || shares > 1))
                  continue;
                numbers.splitK = splitK;
                numbers.alternates = alternates;
                numbers.cluster = 1;
                numbers.streamK = 0;
                schedules.push_back(makeWgmmaDecode(c, chip, maxM, numbers));
                if (splitK > 1 || blocks > 1 || shares > 1 ||
                    !isWorthDividing(c, numbers))
                  continue;
                // Large tiles are worth sharing as well.
                for (int64_t cluster : {1, 2}) {
                  if (cluster > 1 && (tileN >= c.n || tileM < kLargeDecodeRows))
                    continue;
                  numbers.cluster = cluster;
                  numbers.streamK = 0;
                  if (cluster > 1)
                    schedules.push_back(
                        makeWgmmaDecode(c, chip, maxM, numbers));
                  numbers.streamK = 100;
                  schedules.push_back(makeWgmmaDecode(c, chip, maxM, numbers));
                }
              }
            }
          }
}

} // namespace quantmlir::schedule
