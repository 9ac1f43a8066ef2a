//===- RowsBeside.cpp - Rows that share an SM, and SMs that share rows ----===//

#include "RowTraits.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::schedule;

/// What an element takes of an SM's time, in instructions (fitted on an H200):
/// of its own, with some threads having fewer columns; of what each thread does
/// for its row, more for each of several warps that wait for each other; and
/// more where there are fewer warps than enough to issue in each cycle, or
/// fewer rows than enough to compute while others wait.
static constexpr double kOfElement = 12, kOfTail = 0.5, kOfRow = 130,
                        kOfWarpOfRow = 18, kManyWarps = 28, kOfFewWarps = 1.3,
                        kOfFewRows = 0.28;
/// Columns of a thread, fewer where some have fewer; rows of several warps,
/// each with a barrier; and registers beside columns, with more of them where
/// columns are loaded as wide as they are computed.
static constexpr int64_t kMaxColumnsBeside = 64, kMaxColumnsOfTail = 48,
                         kMaxRowsBeside = 15, kRegistersBeside = 48,
                         kWideRegisters = 8;

/// Of rows that blocks share: columns of a thread, and registers beside them,
/// with more where they are not of whole runs, as which they are divided, and
/// where they are loaded as wide as they are computed.
static constexpr int64_t kMaxColumnsShared = 112, kRegistersShared = 56,
                         kRunColumns = 16, kRunRegisters = 8,
                         kWideRegistersShared = 16;
/// Microseconds that an SM takes for its rows of one turn (fitted on an H200,
/// to 110 timings of norms): what it waits for, more for each reduction over
/// two, and by columns of a thread since that is how long a row takes by
/// itself; and what all of its warps issue.
static constexpr double kOfTurn = 0.3, kOfReduction = 0.5, kOfColumn = 0.0154,
                        kOfWarp = 0.0223, kOfWarpColumn = 0.0014;

/// Warps for which an SM has registers.
static int64_t countWarps(int64_t registers) {
  registers = llvm::alignTo(registers, kRegisterStep);
  return std::min(kMaxWarps, kQuarters * kRegisters / (registers * kWarp) /
                                 kWarpStep * kWarpStep);
}

namespace {

/// What rows, or a block's parts of them, want of an SM.
struct RowNeeds {
  /// Bytes of a row, and of what all rows read.
  int64_t rowBytes, sharedBytes;
  /// Whether a row is loaded as wide as it is computed.
  bool isWide;
};

} // namespace

/// What parts of `columns` columns want; nothing where such rows gain nothing,
/// or have no whole copies.
static std::optional<RowNeeds> getNeeds(const RowTraits &traits,
                                        int64_t columns, const Chip &chip) {
  std::optional<int64_t> rowBytes = countRowBytes(traits.read, columns),
                         sharedBytes = countRowBytes(traits.shared, columns);
  if (!chip.hasWgmma || !traits.computes || traits.read.size() != 1 ||
      traits.shared.empty() || !rowBytes || !sharedBytes)
    return std::nullopt;
  bool isWide = cast<RankedTensorType>((*traits.read.begin()).getType())
                    .getElementTypeBitWidth() >= 32;
  return RowNeeds{*rowBytes, *sharedBytes, isWide};
}

std::optional<RowsBeside> schedule::chooseBeside(const RowTraits &traits,
                                                 int64_t columns,
                                                 const Chip &chip) {
  std::optional<RowNeeds> needs = getNeeds(traits, columns, chip);
  if (!needs)
    return std::nullopt;
  int64_t fitting = (chip.sharedMemory - kExchangedBytes - needs->sharedBytes) /
                    needs->rowBytes;
  std::optional<RowsBeside> best;
  double least = 0;
  for (int64_t warps = 1; warps <= kMaxWarps / 2; ++warps) {
    int64_t lanes = kWarp * warps;
    int64_t perThread = traits.getPerThread(columns, warps);
    bool hasTail = columns % (lanes * traits.vector);
    if (perThread > (hasTail ? kMaxColumnsOfTail : kMaxColumnsBeside))
      continue;
    int64_t most = countWarps(perThread + kRegistersBeside +
                              (needs->isWide ? kWideRegisters : 0) +
                              (hasTail ? kTailRegisters : 0));
    int64_t rows = std::min(most / warps, fitting);
    if (warps > 1)
      rows = std::min(rows, kMaxRowsBeside);
    if (rows < std::clamp<int64_t>(fitting, 1, 2))
      continue;
    double missing = std::max(0.0, 1 - warps * rows / kManyWarps);
    double waste = static_cast<double>(perThread * lanes) / columns;
    double ofRow = kOfRow + (warps > 1 ? kOfWarpOfRow * warps : 0);
    double cost =
        waste * (kOfElement + (hasTail ? kOfTail : 0) + ofRow / perThread) /
        (1 - kOfFewWarps * missing * missing) / (1 - kOfFewRows / rows);
    if (best && cost >= least)
      continue;
    best = RowsBeside{warps, rows};
    least = cost;
  }
  return best;
}

std::optional<RowsBeside> schedule::chooseSharedRows(const RowTraits &traits,
                                                     int64_t columns,
                                                     const Chip &chip) {
  std::optional<RowsBeside> best;
  double least = 0;
  if (!traits.reducesToWords)
    return best;
  for (int64_t blocks : {2, 4, 8}) {
    if (columns / traits.vector % blocks)
      break;
    int64_t part = columns / blocks;
    std::optional<RowNeeds> needs = getNeeds(traits, part, chip);
    if (!needs)
      break;
    int64_t clusters = chip.getResidentBlocks(blocks) / blocks;
    for (int64_t warps = 2; warps <= kMaxWarps / blocks; ++warps) {
      int64_t lanes = kWarp * warps;
      int64_t perThread = traits.getPerThread(part, warps);
      if (perThread > kMaxColumnsShared)
        continue;
      int64_t most =
          countWarps(perThread + kRegistersShared +
                     (needs->isWide ? kWideRegistersShared : 0) +
                     (part % (lanes * traits.vector) ? kTailRegisters : 0) +
                     (perThread % kRunColumns ? kRunRegisters : 0));
      // What the warps of all blocks send, in turns, and count.
      int64_t exchanged =
          2 * (traits.reduced * RowLayout::getReceivedBytes(blocks, warps) +
               traits.reductions * RowLayout::barrierBytes);
      int64_t fitting =
          (chip.sharedMemory - kExchangedBytes - needs->sharedBytes) /
          (needs->rowBytes + exchanged);
      int64_t rows = std::min({most / warps, fitting, kMaxRowsBeside});
      if (rows < 2)
        continue;
      int64_t all = rows * warps;
      double turn = kOfTurn + kOfReduction * (traits.reductions - 2) +
                    kOfColumn * perThread + kOfWarp * all +
                    kOfWarpColumn * all * perThread;
      double cost = turn / (rows * clusters);
      if (best && cost >= least)
        continue;
      best = RowsBeside{warps, rows, blocks};
      least = cost;
    }
  }
  return best;
}
