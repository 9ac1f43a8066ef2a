//===- MmaStreamSchedule.cpp - Few rows of activations --------------------===//

#include "MmaStreamTerms.h"

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// Tiles for each SM from which on blocks do not divide them along K.
static constexpr int64_t kMaxSplitTiles = 4;

std::string whyNotMmaStream(const Contraction &c) {
  if (!c.encoding)
    return "the weights are plain";
  return whyNotMmaSync(c);
}

/// What decode and accumulation promise. The bias of a decode, and a zero
/// point, multiply the sum of the activations, which is taken away from a sum
/// in which they have been rounded along: twice their size, in all.
static ContractAttr makeContract(const Contraction &c) {
  MLIRContext *context = c.lhsElement.getContext();
  Type storage = c.encoding.getStorage();
  if (c.scalesDecoded())
    return getWholeContract(c, /*isScaled=*/true);
  quant_tensor::CodebookAttr codebook = c.encoding.getCodebook();
  // Values of a table have none, nor have those that are decoded without.
  double offset =
      getPairTableBytes(c) || decodesStreamedExactly(c)
          ? 0.0
          : 2 * std::abs(DecodeOp::getBias(storage, c.lhsElement, codebook));
  if (c.encoding.hasZeroPoint() && !decodesStreamedExactly(c)) {
    // Float zero points lie within the range of the codes but for rounding.
    double range = std::ldexp(1.0, storage.getIntOrFloatBitWidth());
    offset += 2 * range;
  }
  return ContractAttr::get(context, std::ldexp(1.0, -23),
                           DecodeOp::getError(c.lhsElement, codebook), offset);
}

ContractAttr getMmaStreamContract(const Contraction &c, ScheduleAttr schedule) {
  // Weights that are scaled are rounded as those of wgmma_decode.
  return schedule.getScaleDecoded() ? getWgmmaDecodeContract(c, schedule)
                                    : makeContract(c);
}

using Numbers = StreamNumbers;

/// A schedule whose numbers are the caller's, for `tileM` rows of activations.
static ScheduleAttr makeMmaStream(const Contraction &c, const Chip &chip,
                                  int64_t maxM, int64_t tileM,
                                  const Numbers &numbers, bool scaleDecoded) {
  MLIRContext *context = c.lhsElement.getContext();
  quant_tensor::LayoutAttr layout = c.getWeightLayout();
  auto make = [&](ContractAttr contract) {
    return ScheduleAttr::get(
        context, KernelFamily::MmaStream, StringAttr::get(context, chip.name),
        {tileM, FragmentLayout::rows * numbers.rowTiles,
         numbers.columns * numbers.warps},
        {1, 1, numbers.warps}, numbers.stages, c.getCopyBytes(), numbers.splitK,
        layout, maxM, contract, chip.hasDependentLaunch, numbers.occupancy,
        WarpgroupsAttr(), scaleDecoded, /*promote=*/0, /*streamK=*/0,
        numbers.ring);
  };
  return make(getMmaStreamContract(c, make(ContractAttr())));
}

/// Rows of activations that a tile must hold.
static int64_t getRows(const Contraction &c, int64_t maxM) {
  int64_t bound = c.getRowBound(maxM);
  if (!bound || bound > 16)
    return 16;
  return llvm::PowerOf2Ceil(bound);
}

ScheduleAttr chooseMmaStream(const Contraction &c, const Chip &chip,
                             int64_t maxM) {
  int64_t tileM = getRows(c, maxM);
  // Columns that are read one by one, those of a long step, take registers.
  if (16 % c.encoding.getStorageBits() && c.k * c.getLhsBytes() % 16)
    tileM = std::min<int64_t>(tileM, 8);
  auto [numbers, scalesWeights] = chooseStream(c, chip, tileM);
  int64_t columns = c.getWeightLayout().getTile()[1];
  int64_t tiles = llvm::divideCeil(numbers.columns, columns);
  // No more warps, tiles or stages than the weights have work for.
  while (tiles > 1 && columns * tiles / 2 >= c.k)
    tiles /= 2;
  numbers.columns = columns * tiles;
  int64_t steps = llvm::divideCeil(c.k, numbers.columns);
  while (numbers.warps > 1 && numbers.warps / 2 >= steps)
    numbers.warps /= 2;
  numbers.stages = std::clamp<int64_t>(
      llvm::divideCeil(steps, numbers.warps * numbers.splitK), 1,
      numbers.stages);
  while (numbers.rowTiles > 1 &&
         FragmentLayout::rows * numbers.rowTiles / 2 >= c.n)
    numbers.rowTiles /= 2;
  return makeMmaStream(c, chip, maxM, tileM, numbers, scalesWeights);
}

double estimateMmaStream(const Contraction &c, const Chip &chip,
                         ScheduleAttr schedule) {
  int64_t warps = schedule.getWarpsK();
  return estimateStreamTime(c, chip, schedule.getTileM(),
                            {schedule.getTileN() / FragmentLayout::rows, warps,
                             schedule.getTileK() / warps, schedule.getStages(),
                             schedule.getOccupancy(), schedule.getSplitK(),
                             schedule.getRing()});
}

void enumerateMmaStream(const Contraction &c, const Chip &chip, int64_t maxM,
                        SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t tileM = getRows(c, maxM);
  int64_t columns = c.getWeightLayout().getTile()[1];
  auto list = [&](const Numbers &numbers) {
    for (bool scaleDecoded : {false, true})
      if (!scaleDecoded || (canScaleDecoded(c) && !c.scalesDecoded()))
        schedules.push_back(
            makeMmaStream(c, chip, maxM, tileM, numbers, scaleDecoded));
  };
  for (int64_t rowTiles : {1, 2, 3, 4}) {
    if (rowTiles > 1 && FragmentLayout::rows * rowTiles / 2 >= c.n)
      break;
    int64_t tilesN = llvm::divideCeil(c.n, FragmentLayout::rows * rowTiles);
    for (int64_t tiles : {1, 2, 4}) {
      int64_t steps = llvm::divideCeil(c.k, columns * tiles);
      // A warp's codes.
      int64_t stepBytes = FragmentLayout::rows * rowTiles * columns * tiles *
                          c.encoding.getStorageBits() / 8;
      if (tiles > 1 && columns * tiles / 2 >= c.k)
        break;
      for (int64_t warps : {2, 4, 8, 16}) {
        if (warps > 4 && warps / 2 >= steps)
          break;
        for (int64_t stages : {1, 2, 4}) {
          // Deeper, what is between powers of two was never faster.
          if ((rowTiles == 3 || warps == 2) && stages > 1)
            break;
          for (int64_t occupancy : {1, 2, 3, 4}) {
            // Registers for the weights in flight of all threads of an SM.
            if (rowTiles * tiles * stages * warps * occupancy * 32 * 16 >
                128 * 1024)
              continue;
            for (int64_t splitK : {1, 2, 4}) {
              Numbers numbers = {rowTiles, warps,     columns * tiles,
                                 stages,   occupancy, splitK};
              // Blocks divide K where there are several rows to read and few
              // blocks otherwise, and have as much as a stage each.
              if (splitK > 1 &&
                  (!chip.hasWgmma ||
                   (tileM == 1 && c.encoding.getStorageBits() != 8) ||
                   warps < 4 || stages > 2 || rowTiles == 1 || tiles > 2 ||
                   tilesN >= kMaxSplitTiles * chip.multiprocessors))
                break;
              if ((stages > 1 && (stages - 1) * warps * splitK >= steps) ||
                  warps * (splitK - 1) >= steps)
                continue;
              list(numbers);
              // A ring that K is longer than, and that all blocks of an SM have
              // room for. Longer ones were never faster, nor were any for 16
              // rows of 4-bit weights.
              numbers.ring = 4;
              if (stages == 1 && splitK == 1 && warps > 2 &&
                  (tileM <= 8 || c.encoding.getStorageBits() < 4) &&
                  (numbers.ring - 2) * warps < steps &&
                  occupancy * numbers.ring * stepBytes * warps <=
                      chip.sharedMemory)
                list(numbers);
            }
          }
        }
      }
    }
  }
}

/// Registers that no code can do without: a warp's sums, four of each 16 x 8 in
/// a lane, and the codes of all stages.
static int64_t countRegisters(const Contraction &c, ScheduleAttr schedule) {
  constexpr int64_t columns = 8, ofTile = 4;
  FragmentLayout layout(c.encoding.getStorageBits(),
                        schedule.getWeights().getTile()[1]);
  int64_t rowTiles =
      schedule.getTileN() / schedule.getWarps()[1] / FragmentLayout::rows;
  int64_t sums = ofTile * llvm::divideCeil(schedule.getTileM(), columns);
  int64_t tilesK = llvm::divideCeil(schedule.getTileK() / schedule.getWarpsK(),
                                    layout.getColumns());
  return rowTiles *
         (sums + schedule.getStages() * tilesK * layout.getWordsPerLane());
}

std::string whyNotMmaStreamSchedule(const Contraction &c, const Chip &chip,
                                    ScheduleAttr schedule) {
  if (std::string why = whyNotWeights(c, schedule); !why.empty())
    return why;
  if (std::string why =
          whyNotRegisters(countRegisters(c, schedule),
                          schedule.getThreads() * schedule.getOccupancy());
      !why.empty())
    return why;
  if (schedule.getSplitK() > 1 && !chip.hasWgmma)
    return llvm::formatv("{0} has no clusters, whose blocks split_k is for",
                         chip.name);
  if (schedule.getSplitK() > 1 &&
      schedule.getTileK() * (schedule.getSplitK() - 1) >= c.k)
    return llvm::formatv("split_k = {0} blocks cannot each have a part of {1} "
                         "columns in steps of {2}",
                         schedule.getSplitK(), c.k, schedule.getTileK());
  if (schedule.getScaleDecoded() && (!canScaleDecoded(c) || c.scalesDecoded()))
    return c.hasOneGroup() ? "each row has one scale, which scales the result"
           : c.scalesDecoded()
               ? "scales of small groups are multiplied with weights anyway"
               : "f16 does not hold all weights once they are scaled";
  return "";
}

int64_t getMmaStreamSharedMemory(const Contraction &c, ScheduleAttr schedule) {
  return StreamExchange(c, schedule).getBytes();
}

StreamExchange::StreamExchange(const Contraction &c, ScheduleAttr schedule)
    : pitch(schedule.getTileN() + 4), parts(schedule.getSplitK()),
      share(schedule.getTileM() * schedule.getTileN() / parts),
      slots(schedule.getRing()),
      slotBytes(schedule.getTileN() * schedule.getTileK() *
                c.encoding.getStorageBits() / 8) {
  // A sum of each warp along k for each output, where a table was.
  int64_t sums =
      schedule.getWarpsK() * llvm::alignTo(schedule.getTileM(), 8) * pitch * 4;
  ownBytes = std::max(sums, getPairTableBytes(c));
}

} // namespace quantmlir::schedule
