//===- WgmmaSchedule.cpp - Tensor cores through wgmma ---------------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

/// Accumulators that leave a thread registers enough for all else: of 232 where
/// two warpgroups multiply, of 255 where one does. Where the epilogue takes few
/// registers itself;
static constexpr int64_t kMostAccumulators = 192;
/// where it takes more;
static constexpr int64_t kManyAccumulators = WgmmaSplit::manyAccumulators;
/// where, besides, columns end anywhere or there are fewer than so many steps;
static constexpr int64_t kFewAccumulators = 128, kManySteps = 8;
/// and where two warpgroups multiply and columns are odd in number, so that
/// what belongs to each is read by itself.
static constexpr int64_t kOddAccumulators = 112;
/// The same of 160 registers, where three warpgroups multiply.
static constexpr int64_t kThirdAccumulators = 80;
/// Accumulators and the sums that they are promoted to, where the epilogue
/// takes few registers: of 160, and of 232.
static constexpr int64_t kThirdPromoted = 136, kMostPromoted = 204;
/// Blocks that share a tile whose barriers take no registers of note, and what
/// those of more take.
static constexpr int64_t kFewParts = 4, kRegistersOfParts = 48,
                         kRegistersOfSharing = 32;
/// Rows of a tile whose scales the loader of a cluster's block copies at most.
static constexpr int64_t kMostScaledRows = 192;
/// Bytes along K of one instruction.
static constexpr double kStepBytes = 32;
/// Rows that stand for any number of them.
static constexpr int64_t kManyRows = 8192;
/// More stages than this cover no more latency.
static constexpr int64_t kMaxStages = 8;
/// Rows are addressed in 32 bits, with room for a tile beyond the last.
static constexpr int64_t kMaxRows = (int64_t(1) << 31) - 4096;

std::string whyNotWgmmaTensors(const Contraction &c) {
  if (c.k * c.getLhsBytes() % 16)
    return llvm::formatv("rows of {0} x {1} are no multiple of 16 bytes", c.k,
                         c.lhsElement);
  // Enumeration knows no result; any of a program's has a type.
  if (c.resultElement &&
      !llvm::is_contained({8u, 16u, 32u},
                          c.resultElement.getIntOrFloatBitWidth()))
    return llvm::formatv("results are {0}, expected elements of 8, 16 or 32 "
                         "bits",
                         c.resultElement);
  if (c.m > kMaxRows || c.n > kMaxRows || c.k > kMaxRows)
    return llvm::formatv("more than {0} rows or columns", kMaxRows);
  return "";
}

std::string whyNotWgmma(const Contraction &c, const Chip &chip) {
  if (!chip.hasWgmma)
    return llvm::formatv("{0} has no wgmma", chip.name);
  if (c.encoding)
    return "the weights are encoded";
  Type lhs = c.lhsElement, rhs = c.rhsElement;
  auto isFloat8 = [](Type type) {
    return isa<Float8E4M3FNType, Float8E5M2Type>(type);
  };
  bool isKnown = lhs.isInteger(8) || lhs.isF16() || lhs.isBF16();
  if (!(isFloat8(lhs) && isFloat8(rhs)) && !(isKnown && lhs == rhs))
    return llvm::formatv("operands are {0} and {1}, expected two of i8, f16, "
                         "bf16, or floats of 8 bits",
                         lhs, rhs);
  if (std::string why = whyNotBlockScales(c); !why.empty())
    return why;
  return whyNotWgmmaTensors(c);
}

int64_t getWgmmaMaxRows() { return kMaxRows; }

/// Steps of a tile along K.
static int64_t getSteps(const Contraction &c) {
  return llvm::divideCeil(c.k * c.getLhsBytes(), WgmmaLayout::rowBytes);
}

namespace {
/// A shape of tiles, and how many blocks share operands or tiles.
struct Candidate {
  ConsumerKind kind;
  int64_t tileM, tileN, clusterM, splitK = 1, clusterN = 1;

  /// The warps that multiply, along M and N. Two warpgroups share a tile along
  /// M, or along N where there is one block of 64 rows only; three share three
  /// blocks of them. The smallest tiles are one's, and odd ones.
  std::pair<int64_t, int64_t> getWarps() const {
    bool isShared = kind == ConsumerKind::Cooperative;
    if (isShared && tileM == 192)
      return {12, 1};
    if (isShared && tileM > 64)
      return {8, 1};
    return {4, isShared && tileN >= 64 && tileN % 32 == 0 ? 2 : 1};
  }

  /// Of a thread.
  int64_t getAccumulators() const {
    auto [warpsM, warpsN] = getWarps();
    return tileM * tileN / (32 * warpsM * warpsN);
  }
};
} // namespace

/// With as many stages as there is room for.
static ScheduleAttr makeWgmma(const Contraction &c, const Chip &chip,
                              int64_t maxM, const Candidate &candidate,
                              int64_t groupM) {
  ConsumerKind kind = candidate.kind;
  int64_t tileM = candidate.tileM, tileN = candidate.tileN;
  MLIRContext *context = c.lhsElement.getContext();
  SmallVector<int64_t> tile = {tileM, tileN,
                               WgmmaLayout::rowBytes / c.getLhsBytes()};
  SmallVector<int64_t> warps = {candidate.getWarps().first,
                                candidate.getWarps().second, 1};
  auto warpgroups = WarpgroupsAttr::get(context, kind, candidate.clusterM,
                                        candidate.clusterN, groupM);
  for (int64_t stages = kMaxStages;; --stages) {
    auto make = [&](ContractAttr contract) {
      return ScheduleAttr::get(
          context, KernelFamily::Wgmma, StringAttr::get(context, chip.name),
          tile, warps, stages, /*copy=*/16, candidate.splitK,
          quant_tensor::LayoutAttr(), maxM, contract, chip.hasDependentLaunch,
          /*occupancy=*/1, warpgroups,
          /*scaleDecoded=*/false, choosePromotion(c), /*streamK=*/0,
          /*ring=*/0);
    };
    ScheduleAttr schedule = make(getWgmmaContract(c, make({})));
    if (stages == 2 || getWgmmaSharedMemory(c, schedule) <= chip.sharedMemory)
      return schedule;
  }
}

/// Those that a model of the time decides between. From the largest to the
/// smallest: of equal ones the first is taken, since it reads the operands less
/// often.
static SmallVector<Candidate> getCandidates(bool promotes) {
  constexpr ConsumerKind cooperative = ConsumerKind::Cooperative;
  constexpr ConsumerKind pingPong = ConsumerKind::PingPong;
  SmallVector<Candidate> candidates;
  // The largest that have room for sums beside their accumulators. Promotion
  // hides best where three warpgroups multiply.
  if (promotes)
    candidates = {{cooperative, 192, 128, 1},
                  {cooperative, 256, 128, 1},
                  {cooperative, 128, 128, 2}};
  else
    for (int64_t clusterM : {2, 1}) {
      for (int64_t tileN : {192, 160, 128})
        candidates.push_back({cooperative, 256, tileN, clusterM});
      for (int64_t tileN : {128, 96})
        candidates.push_back({cooperative, 192, tileN, clusterM});
      for (int64_t tileN : {128, 96, 64})
        candidates.push_back({pingPong, 192, tileN, clusterM});
      for (int64_t tileN : {192, 176, 160, 144, 128, 112, 96, 80, 64})
        candidates.push_back({pingPong, 128, tileN, clusterM});
      // The only tiles that were faster where blocks share activations.
      if (clusterM == 1)
        candidates.push_back({pingPong, 128, 128, 1, 1, /*clusterN=*/2});
      for (int64_t tileN : {256, 192, 128})
        candidates.push_back({pingPong, 64, tileN, clusterM});
      for (int64_t tileN : {256, 192, 160, 128, 96, 64})
        candidates.push_back({cooperative, 128, tileN, clusterM});
    }
  for (int64_t tileM : {128, 64})
    for (int64_t tileN : {256, 192, 128, 96, 64, 48, 32})
      for (int64_t splitK : {1, 2, 4})
        if (tileM == 64 || tileN != 48)
          candidates.push_back({cooperative, tileM, tileN, 1, splitK});
  return candidates;
}

// Fitted to some 2000 times of an H200, in cycles of an SM and bytes per cycle.
/// What reaches one SM; what L2 gives all of them, and what of it is for no
/// other SM at about the same time, activations or weights; what memory gives.
static constexpr double kBytesToSM = 73, kBytesFromL2 = 16500,
                        kUniqueActivations = 1510, kUniqueWeights = 3420,
                        kBytesFromMemory = 2700;
/// Weights that a cluster shares are asked for by one of its blocks.
static constexpr double kSharedWeights = 0.87;
/// What weights for the first tiles come with, while nothing else does, at most
/// and for one SM.
static constexpr double kFirstWeights = 6470, kFirstWeightsOfSM = 54;
/// A wgmma of 64 x 128 x 32 bytes; a step along K takes some time however small
/// it is.
static constexpr double kCyclesOfProduct = 64, kCyclesOfStep = 311;
/// How much of a step's shorter parts its longest hides: all of them at
/// infinity.
static constexpr double kOverlap = 10;
/// A chunk of results, and as much again by its columns, of 64. Ping-pong hides
/// them behind the other warpgroup's multiplications; where warpgroups share a
/// tile, its end and the next one's start cost more.
static constexpr double kCyclesOfChunk = 137, kCyclesOfColumns = 570,
                        kCyclesBetweenTiles = 526;
/// A row of a chunk, however short it is, on its way to memory. Nothing hides
/// this: the accelerator and L2 take it between operands.
static constexpr double kCyclesOfStoredRow = 0.8;
/// Exchanging the sums of 64 x 128 results.
static constexpr double kCyclesOfExchange = 2590;
/// More than these many results of a tile are not worth exchanging sums of.
static constexpr int64_t kMaxSharedResults = 128 * 96;
/// Weights up to this size stay in L2 while rows of tiles go by.
static constexpr double kBytesThatStay = 32e6;
/// What it costs clusters to walk twice as many rows of them side by side.
static constexpr double kPriceOfGroup = 0.026;
/// Rows of tiles that are always walked side by side.
static constexpr int64_t kFewRows = 4;
/// How much faster more of them have to be than one where results do not stay
/// in L2: those of a row of tiles that is finished at a time go to memory
/// faster.
static constexpr double kWorthOfGroup = 0.003;
/// What it costs blocks to wait for each other where the weights that they
/// share are the smaller part of their operands.
static constexpr double kPriceOfSharing = 0.012;
/// The same where they share activations, and where fewer rows of tiles than
/// columns are under way, so that it is weights that travel.
static constexpr double kPriceOfSharedActivations = 0.005,
                        kPriceOfFewActivations = 0.05;
/// Rows up to which there are tiles of 64 rows; and columns of those that there
/// are for more, where ping-pong makes up for their height.
static constexpr int64_t kFewRowsOfResult = 256, kWideTile = 192;
/// How much of the smaller of two times, of the first tiles and of the weights
/// that they wait for, the larger does not hide; and the same of the others.
static constexpr double kExposed = 0.66, kExposedLater = 0.05;

/// Cycles of one promotion of 64 x 128 accumulators: waiting for them and
/// adding them up. Another warpgroup multiplies meanwhile, unless it has
/// another tile, for which ping-pong makes it wait.
static constexpr double kCyclesOfPromotion = 200;

/// Bytes of shared memory that an SM reads or writes in a cycle, for all that
/// asks for them.
static constexpr double kSharedBytes = 128;

/// Cycles of a step that shared memory is busy for: tiles arrive, and each
/// warpgroup reads its rows, and for each 64 of them its columns. Scales that
/// change along K are accesses of their own: a line for each row of a run and,
/// for each warp, 64 rows and step, those of its rows and of its weights.
static double estimateAccesses(const Contraction &c,
                               const Candidate &candidate) {
  auto [warpsM, warpsN] = candidate.getWarps();
  WgmmaSplit split(candidate.tileM, candidate.tileN, warpsM, warpsN,
                   candidate.splitK, /*resultBytes=*/2, c.numSums);
  double blocks = static_cast<double>(split.blocks) * warpsM * warpsN / 4;
  double bytes = WgmmaLayout::rowBytes *
                 (candidate.tileM + candidate.tileN +
                  blocks * (WgmmaLayout::chunkRows + split.columns));
  double cycles = bytes / kSharedBytes;
  if (!c.isBlockScaled())
    return cycles;
  int64_t ofWeights = split.columns / getScaleColumns(c, split.columns);
  return cycles + 4 * blocks * (1 + ofWeights) +
         static_cast<double>(candidate.tileM) / WgmmaLayout::scaleSteps;
}

/// Whether a kernel's columns end with an instruction's and its loop along K
/// has more steps than are unrolled: either takes registers beside
/// accumulators.
static bool isRegular(const Contraction &c) {
  return c.n > 0 && c.n % 16 == 0 && getSteps(c) >= kManySteps;
}

/// Whether each column's operands of an epilogue that takes many registers are
/// read by themselves.
static bool hasOddEpilogue(const Contraction &c) {
  return c.numSums == 1 && c.n % 2 && c.hasLargeEpilogue;
}

/// Whether a thread has registers for it, and pairs of columns make rows of
/// results that can be stored.
static bool fitsRegisters(const Contraction &c, const Chip &chip,
                          const Candidate &candidate, int64_t groupM) {
  // Only large tiles, odd columns and sums beside accumulators may not.
  return (!choosePromotion(c) && c.numSums == 1 && !hasOddEpilogue(c) &&
          candidate.tileM * candidate.tileN <= 128 * 128) ||
         whyNotWgmmaSchedule(c, chip,
                             makeWgmma(c, chip, /*maxM=*/0, candidate, groupM))
             .empty();
}

/// How the chunks of a consumer's part of a tile are divided.
static WgmmaSplit getSplit(const Contraction &c, const Candidate &candidate) {
  auto [warpsM, warpsN] = candidate.getWarps();
  int64_t bits = c.getResultBits();
  return WgmmaSplit(candidate.tileM, candidate.tileN, warpsM, warpsN,
                    candidate.splitK, bits / 8, c.numSums);
}

/// Rows of activations and of weights that the tiles of the first wave need,
/// of which there are `tiles` clusters.
static std::pair<double, double> getFirstRows(const Contraction &c, int64_t m,
                                              const Candidate &candidate,
                                              int64_t groupM, int64_t tiles) {
  int64_t height = candidate.tileM * candidate.clusterM;
  int64_t width = candidate.tileN * candidate.clusterN;
  int64_t tilesM = llvm::divideCeil(m, height);
  int64_t tilesN = std::max<int64_t>(1, llvm::divideCeil(c.n, width));
  int64_t group = std::min(groupM, tilesM);
  int64_t columns = std::min<int64_t>(tilesN, llvm::divideCeil(tiles, group));
  int64_t rows =
      std::min({tilesM, tiles,
                group * int64_t(llvm::divideCeil(tiles, group * tilesN))});
  return {std::min(rows * height, m), std::min(columns * width, c.n)};
}

/// About how long a step of a tile takes along K, in cycles, where `active`
/// blocks run, and each byte of a row takes L2 `unique` cycles for what no
/// other SM asks for.
static double estimateStep(const Contraction &c, int64_t m,
                           const Candidate &candidate, double active,
                           double unique) {
  auto [kind, tileM, tileN, clusterM, splitK, clusterN] = candidate;
  double area = static_cast<double>(tileM * tileN) / (64 * 128);
  double multiply =
      area * kCyclesOfProduct * WgmmaLayout::rowBytes / kStepBytes;
  // Rows that do not exist are not loaded.
  double rows = std::min(m, tileM);
  double arrive = (rows + tileN) * WgmmaLayout::rowBytes / kBytesToSM;
  double fetch = (rows / clusterN + static_cast<double>(tileN) / clusterM) *
                     WgmmaLayout::rowBytes * active / kBytesFromL2 +
                 unique * WgmmaLayout::rowBytes;
  // What does not promote was fitted without it, and few rows wait for weights.
  bool isBusy = choosePromotion(c) && m > WgmmaLayout::chunkRows;
  double access = isBusy ? estimateAccesses(c, candidate) : 0;
  double step = 0;
  for (double part : {multiply, arrive, fetch, access, kCyclesOfStep})
    step += std::pow(part, kOverlap);
  step = std::pow(step, 1 / kOverlap);
  if (int64_t promote = choosePromotion(c);
      promote && kind == ConsumerKind::PingPong)
    step += kCyclesOfPromotion * area / promote;
  return step;
}

/// About how long a kernel takes for `m` rows, in cycles, that walks `groupM`
/// rows of (clusters of) tiles column by column.
static double estimate(const Contraction &c, const Chip &chip, int64_t m,
                       const Candidate &candidate, int64_t groupM) {
  auto [kind, tileM, tileN, clusterM, splitK, clusterN] = candidate;
  int64_t clusterSize = clusterM * clusterN * splitK;
  int64_t rowsOfTiles = llvm::divideCeil(m, tileM * clusterM);
  int64_t blocks =
      rowsOfTiles * llvm::divideCeil(c.n, tileN * clusterN) * clusterSize;
  int64_t resident = chip.getResidentBlocks(clusterSize);
  int64_t active = std::min(blocks, resident);
  double waves = std::max<int64_t>(1, llvm::divideCeil(blocks, resident));
  auto [firstM, firstN] =
      getFirstRows(c, m, candidate, groupM, active / clusterSize);

  double tile =
      llvm::divideCeil(getSteps(c), splitK) *
      estimateStep(c, m, candidate, active,
                   splitK * (firstM / kUniqueActivations +
                             firstN / kUniqueWeights *
                                 (clusterM > 1 ? kSharedWeights : 1)));
  WgmmaSplit split = getSplit(c, candidate);
  double epilogue =
      llvm::divideCeil(split.getChunks(), splitK) *
      (kCyclesOfChunk + kCyclesOfColumns * split.chunkColumns / 64);
  if (kind == ConsumerKind::Cooperative)
    tile += epilogue + kCyclesBetweenTiles;
  if (splitK > 1)
    tile += static_cast<double>(tileM * tileN) / (64 * 128) * kCyclesOfExchange;
  tile += static_cast<double>(std::min(m, tileM)) * tileN / split.chunkColumns /
          splitK * kCyclesOfStoredRow;
  double body = waves * tile;
  // One warpgroup's epilogue lasts no longer than the other's multiplications,
  // or both wait.
  if (kind == ConsumerKind::PingPong)
    body = std::max(body + epilogue, std::ceil(waves / 2) * (tile + epilogue));
  body *= 1 + kPriceOfGroup * (clusterM - 1) *
                  std::log2(std::min(groupM, rowsOfTiles));
  if (clusterM > 1 && tileM > tileN)
    body *= 1 + kPriceOfSharing;
  if (clusterN > 1) {
    int64_t sideBySide = std::min(groupM, rowsOfTiles);
    body *= 1 + (sideBySide * sideBySide < chip.multiprocessors
                     ? kPriceOfFewActivations
                     : kPriceOfSharedActivations);
  }

  // The first tiles wait for their weights to come from memory; for the others
  // operands come while they are multiplied. Results of about two bytes have
  // half the price: they are still in L2 when the kernel ends. Weights that do
  // not stay there are read again for each group of rows.
  double bytes = c.getLhsBytes(), weights = c.n * c.k * bytes;
  if (weights > kBytesThatStay && rowsOfTiles > groupM)
    weights *= llvm::divideCeil(m, groupM * clusterM * tileM);
  double rest = static_cast<double>(m) * c.k * bytes + weights +
                static_cast<double>(m) * c.n - (firstM + firstN) * c.k * bytes;
  double firstBody = body / waves, later = body - firstBody;
  double first = firstN * c.k * bytes /
                 std::min(kFirstWeights, active * kFirstWeightsOfSM);
  double memory = rest / kBytesFromMemory;
  return std::max(firstBody, first) + kExposed * std::min(firstBody, first) +
         std::max(later, memory) + kExposedLater * std::min(later, memory);
}

/// Whether `m` rows may have the tiles of 64 rows of `candidate`.
static bool suitsSmallTiles(const Candidate &candidate, int64_t m) {
  // One tile of 128 rows reads the weights once.
  if (m > 64 && m <= 128)
    return false;
  return m <= kFewRowsOfResult || (candidate.kind == ConsumerKind::PingPong &&
                                   candidate.tileN >= kWideTile);
}

ScheduleAttr chooseWgmma(const Contraction &c, const Chip &chip, int64_t maxM) {
  int64_t bound = c.getRowBound(maxM);
  int64_t m = bound ? bound : kManyRows;
  // Of about two bytes.
  bool isStreamed = 2.0 * m * c.n > kBytesThatStay;
  std::optional<Candidate> best;
  int64_t bestGroup = 1;
  double least = 0;
  for (const Candidate &candidate : getCandidates(choosePromotion(c))) {
    // Tiles, or clusters of them, that are mostly padding; sums of few steps.
    if ((candidate.tileM > 64 && candidate.tileM / 2 >= m) ||
        (candidate.clusterM > 1 && candidate.tileM >= m) ||
        (candidate.tileM == 64 && !suitsSmallTiles(candidate, m)) ||
        (candidate.splitK > 1 &&
         (getSteps(c) < 4 * candidate.splitK ||
          candidate.tileM * candidate.tileN > kMaxSharedResults)))
      continue;
    int64_t rows = llvm::divideCeil(m, candidate.tileM * candidate.clusterM);
    // One row of tiles has one order, and a few are one group.
    SmallVector<int64_t> groups = {1, kFewRows, 4 * kFewRows};
    if (rows <= kFewRows)
      groups = {rows == 1 ? 1 : kFewRows};
    for (int64_t groupM : groups) {
      if (!fitsRegisters(c, chip, candidate, groupM))
        continue;
      double cycles = estimate(c, chip, m, candidate, groupM);
      if (groupM > groups.front() && isStreamed)
        cycles *= 1 + kWorthOfGroup;
      if (best && cycles >= least)
        continue;
      best = candidate;
      bestGroup = groupM;
      least = cycles;
    }
  }
  return makeWgmma(c, chip, maxM, *best, bestGroup);
}

double estimateWgmma(const Contraction &c, const Chip &chip,
                     ScheduleAttr schedule, int64_t m) {
  WarpgroupsAttr warpgroups = schedule.getWarpgroups();
  Candidate candidate = {warpgroups.getKind(), schedule.getTileM(),
                         schedule.getTileN(),  warpgroups.getClusterM(),
                         schedule.getSplitK(), warpgroups.getClusterN()};
  return estimate(c, chip, m, candidate, warpgroups.getGroupM());
}

void enumerateWgmma(const Contraction &c, const Chip &chip, int64_t maxM,
                    SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t bound = c.getRowBound(maxM);
  for (ConsumerKind kind : {ConsumerKind::Cooperative, ConsumerKind::PingPong})
    for (int64_t tileM : {64, 128, 192, 256})
      for (int64_t tileN :
           {32, 64, 80, 96, 112, 128, 144, 160, 176, 192, 256}) {
        // Of the most accumulators that are legal, some spill.
        if (!isRegular(c) &&
            Candidate{kind, tileM, tileN, 1}.getAccumulators() >=
                kFewAccumulators)
          continue;
        // Tiles of mostly padding.
        if ((bound && tileM > 64 && tileM / 2 >= bound) ||
            (tileN > 32 && tileN / 2 >= c.n))
          continue;
        for (auto [clusterM, clusterN] :
             {std::pair<int64_t, int64_t>{1, 1}, {2, 1}, {1, 2}, {4, 1}})
          for (int64_t groupM : {1, 4, 16, 64}) {
            int64_t rows = tileM * clusterM;
            if (bound && (clusterM > 1 && rows / 2 >= bound))
              continue;
            // One row of tiles has one order.
            if (bound && groupM > 1 && rows * (groupM / 4) >= bound)
              continue;
            Candidate candidate = {kind, tileM, tileN, clusterM};
            candidate.clusterN = clusterN;
            schedules.push_back(makeWgmma(c, chip, maxM, candidate, groupM));
            // Blocks that share K, where there are fewer tiles than SMs.
            int64_t tiles =
                llvm::divideCeil(bound, tileM) * llvm::divideCeil(c.n, tileN);
            if (kind == ConsumerKind::PingPong || groupM > 1 || !bound)
              continue;
            for (int64_t splitK : {2, 4, 8})
              if (clusterM * clusterN * splitK <= 8 && getSteps(c) >= splitK &&
                  tiles * splitK < 2 * chip.multiprocessors) {
                candidate.splitK = splitK;
                schedules.push_back(
                    makeWgmma(c, chip, maxM, candidate, groupM));
              }
          }
      }
}

std::string whyNotWgmmaSchedule(const Contraction &c, const Chip &chip,
                                ScheduleAttr schedule) {
  if (schedule.getTileK() * c.getLhsBytes() != WgmmaLayout::rowBytes)
    return llvm::formatv("tile k = {0} of {1} is not {2} bytes",
                         schedule.getTileK(), c.lhsElement,
                         WgmmaLayout::rowBytes);
  if (std::string why = whyNotPromotion(c, schedule); !why.empty())
    return why;
  WarpgroupsAttr groups = schedule.getWarpgroups();
  int64_t accumulators = schedule.getTileM() * schedule.getTileN() / 128 /
                         schedule.getWarpgroupsPerTile();
  // Results of other sizes, columns that end within an instruction's and rows
  // that are stored by threads take registers as well, as do loops of a few
  // steps, which are unrolled, and the blocks of a cluster that share
  // activations; and sums stand beside the accumulators that they are promoted
  // from.
  bool areHalves =
      !c.resultElement || c.resultElement.getIntOrFloatBitWidth() == 16;
  bool hasMost = schedule.getConsumers() == 1 ||
                 (areHalves && isRegular(c) &&
                  schedule.getTileM() < 256 * (schedule.getWarpsM() / 4) &&
                  !c.hasLargeEpilogue && !schedule.getPromote());
  int64_t many = kManyAccumulators;
  if (!areHalves && c.hasLargeEpilogue)
    many -= 16;
  int64_t limit = hasMost                                 ? kMostAccumulators
                  : isRegular(c) || schedule.getPromote() ? many
                                                          : kFewAccumulators;
  if (hasOddEpilogue(c) && schedule.getConsumers() == 2)
    limit = std::min(limit, kOddAccumulators);
  // Of pairs, what an epilogue takes is less than half of their sums have had.
  bool isSimple =
      areHalves && isRegular(c) && (!c.hasLargeEpilogue || c.numSums == 2);
  if (schedule.getConsumers() > 2)
    limit = !schedule.getPromote() ? kThirdAccumulators
            : isSimple             ? kThirdPromoted
                                   : kThirdPromoted - 40;
  // Where many blocks share a tile, the barriers of all others.
  if (schedule.getSplitK() > kFewParts)
    limit -= kRegistersOfParts;
  // Where they share activations besides, which of them a tile's are.
  else if (schedule.getSplitK() > 1 && groups.getClusterN() > 1)
    limit -= kRegistersOfSharing;
  if (schedule.getPromote()) {
    // Sums, of which one block of rows has accumulators at a time.
    if (isSimple && schedule.getConsumers() == 2)
      limit = kMostPromoted;
    int64_t blocks = WgmmaSplit(schedule, /*resultBytes=*/4, c.numSums).blocks;
    limit -= countBlockScales(c, schedule);
    limit = limit * blocks / (blocks + 1);
  }
  if (accumulators > limit)
    return llvm::formatv("a tile of {0} x {1} needs {2} accumulators in a "
                         "thread, more than {3}",
                         schedule.getTileM(), schedule.getTileN(), accumulators,
                         limit);
  // Pairs of columns make half as many.
  int64_t bits = c.getResultBits();
  if (WgmmaSplit split(schedule, bits / 8, c.numSums);
      split.getChunkRowBytes() % WgmmaLayout::storeBytes)
    return llvm::formatv("{0} columns of results of a warpgroup are rows of no "
                         "multiple of {1} bytes",
                         split.columns / c.numSums, WgmmaLayout::storeBytes);
  if (schedule.getSplitK() > getSteps(c))
    return llvm::formatv("split_k = {0}, but K has {1} steps of {2} bytes",
                         schedule.getSplitK(), getSteps(c),
                         WgmmaLayout::rowBytes);
  // Beside the addresses of a tile's parts, the loader has registers for the
  // copies of fewer rows' scales only.
  int64_t clusterSize = groups.getClusterSize() * schedule.getSplitK();
  if (c.isBlockScaled() && clusterSize > 1 &&
      schedule.getTileM() > kMostScaledRows)
    return llvm::formatv(
        "the loader of {0} blocks in a cluster has no registers to copy the "
        "scales of {1} rows, more than {2}",
        clusterSize, schedule.getTileM(), kMostScaledRows);
  // The swizzle repeats after eight rows.
  if (schedule.getTileN() % (8 * groups.getClusterM()) ||
      schedule.getTileM() % (8 * groups.getClusterN()))
    return "the blocks of a cluster cannot share a tile in parts of a multiple "
           "of 8 rows";
  return "";
}

int64_t getWgmmaSharedMemory(const Contraction &c, ScheduleAttr schedule) {
  // Enumeration may know no result.
  int64_t bits = c.getResultBits();
  return WgmmaSplit(schedule, bits / 8, c.numSums)
      .getLayout(schedule, countTileScales(c, schedule))
      .getBytes();
}

} // namespace quantmlir::schedule
