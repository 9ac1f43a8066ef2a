//===- ReduceSchedule.cpp - Batch 1 on CUDA cores -------------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

std::string whyNotReduce(const Contraction &c) {
  if (!c.encoding)
    return "the weights are plain";
  if (!c.lhsElement.isF32() && !c.lhsElement.isF16() && !c.lhsElement.isBF16())
    return llvm::formatv("activations are {0}, expected f32, f16 or bf16",
                         c.lhsElement);
  return whyNoDecode(c);
}

ContractAttr getReduceContract(const Contraction &c, ScheduleAttr) {
  MLIRContext *context = c.encoding.getContext();
  bool rounds =
      c.encoding.hasZeroPoint() && isa<FloatType>(c.encoding.getZeroPoint());
  double decode = rounds ? std::ldexp(1.0, -24) : 0.0;
  if (quant_tensor::CodebookAttr codebook = c.encoding.getCodebook())
    decode = DecodeOp::getError(BFloat16Type::get(context), codebook);
  return ContractAttr::get(context, std::ldexp(1.0, -24), decode, 0.0);
}

/// A schedule of `warpsN` x `warpsK` warps, whose numbers are the caller's.
static ScheduleAttr makeReduce(const Contraction &c, const Chip &chip,
                               int64_t maxM, int64_t warpsN, int64_t warpsK,
                               int64_t stages) {
  MLIRContext *context = c.encoding.getContext();
  quant_tensor::LayoutAttr layout = c.getWeightLayout();
  return ScheduleAttr::get(
      context, KernelFamily::Reduce, StringAttr::get(context, chip.name),
      {1, FragmentLayout::rows * warpsN, layout.getTile()[1] * warpsK},
      {1, warpsN, warpsK}, stages, c.getCopyBytes(), /*splitK=*/1, layout, maxM,
      getReduceContract(c, {}), chip.hasDependentLaunch, /*occupancy=*/1);
}

/// Tiles of columns that a row of weights has.
static int64_t countTiles(const Contraction &c) {
  return llvm::divideCeil(c.k, c.getWeightLayout().getTile()[1]);
}

/// Registers of a thread: words of each tile in flight and of that which is
/// multiplied, and its activations.
static int64_t countRegisters(const Contraction &c,
                              quant_tensor::LayoutAttr weights,
                              int64_t stages) {
  FragmentLayout layout(c.encoding.getStorageBits(), weights.getTile()[1]);
  int64_t perTile =
      2 * layout.getWordsPerLane() +
      layout.getSegments() * FragmentLayout::runColumns * c.getLhsBytes() / 4;
  return 64 + stages * perTile;
}

ScheduleAttr chooseReduce(const Contraction &c, const Chip &chip,
                          int64_t maxM) {
  // About 64 KiB of weights on their way in an SM cover the latency of device
  // memory: two blocks of sixteen warps with two 16-byte loads of this round
  // and two of the next. Where there are more such blocks than fit at once,
  // those of half the warps, that have more rounds, wait less for each other.
  int64_t tiles = countTiles(c);
  int64_t blocks = llvm::divideCeil(c.n, FragmentLayout::rows);
  bool fitsAtOnce = blocks <= 2 * chip.multiprocessors;
  int64_t maxWarps = fitsAtOnce ? 16 : 4, maxStages = fitsAtOnce ? 2 : 4;
  int64_t warps = llvm::bit_floor<uint64_t>(std::min(maxWarps, tiles));
  int64_t stages = llvm::bit_floor<uint64_t>(
      std::clamp(tiles / warps, int64_t(1), maxStages));
  int64_t warpsN = fitsAtOnce ? 1 : 2;
  auto fits = [&] {
    return whyNotRegisters(countRegisters(c, c.getWeightLayout(), stages),
                           32 * warpsN * warps)
        .empty();
  };
  while (stages > 1 && !fits())
    stages /= 2;
  // Very many rows of weights are as many blocks as a grid has, or fewer.
  auto make = [&] { return makeReduce(c, chip, maxM, warpsN, warps, stages); };
  while (warpsN < 8 && !whyNotGrid(c, make()).empty())
    warpsN *= 2;
  // Tiles of codes that straddle words are long.
  while (warps > 1 && !fits())
    warps /= 2;
  return make();
}

void enumerateReduce(const Contraction &c, const Chip &chip, int64_t maxM,
                     SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t tiles = countTiles(c);
  for (int64_t warpsN : {1, 2, 4, 8}) {
    // Warps beyond the weights' rows would compute nothing.
    if (warpsN > 1 && FragmentLayout::rows * warpsN / 2 >= c.n)
      break;
    for (int64_t warpsK : {1, 2, 4, 8, 16}) {
      // Nor would those beyond the columns, nor stages that none has.
      if (warpsK > 1 && warpsK / 2 >= tiles)
        break;
      if (warpsN * warpsK > 16)
        break;
      for (int64_t stages : {1, 2, 3, 4, 6, 8})
        if (stages == 1 || stages * warpsK <= tiles)
          schedules.push_back(
              makeReduce(c, chip, maxM, warpsN, warpsK, stages));
    }
  }
}

std::string whyNotReduceSchedule(const Contraction &c, const Chip &chip,
                                 ScheduleAttr schedule) {
  if (std::string why = whyNotWeights(c, schedule); !why.empty())
    return why;
  return whyNotRegisters(
      countRegisters(c, schedule.getWeights(), schedule.getStages()),
      schedule.getThreads());
}

int64_t getReduceSharedMemory(const Contraction &, ScheduleAttr schedule) {
  // A sum of each warp along k for each output.
  return schedule.getWarpsK() * schedule.getTileN() * 4;
}

} // namespace quantmlir::schedule
