//===- MmaStreamSchedule.cpp - Few rows of activations --------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

std::string whyNotMmaStream(const Contraction &c) {
  if (!c.encoding)
    return "the weights are plain";
  return whyNotMmaSync(c);
}

/// What decode and accumulation promise. The bias of a decode, and a zero
/// point, multiply the sum of the activations, which is taken away from a sum
/// in which they have been rounded along: twice their size, in all.
static ContractAttr getContract(const Contraction &c) {
  MLIRContext *context = c.lhsElement.getContext();
  Type storage = c.encoding.getStorage();
  double offset = 2 * std::abs(DecodeOp::getBias(storage, c.lhsElement));
  if (c.encoding.hasZeroPoint()) {
    // Float zero points lie within the range of the codes but for rounding.
    double range = std::ldexp(1.0, storage.getIntOrFloatBitWidth());
    offset += 2 * range;
  }
  return ContractAttr::get(context, std::ldexp(1.0, -23), 0.0, offset);
}

/// A schedule whose numbers are the caller's: `tileM` rows of activations, row
/// tiles of a warp, warps along n and k, weight tiles of a step.
static ScheduleAttr makeMmaStream(const Contraction &c, const Chip &chip,
                                  int64_t maxM, int64_t tileM, int64_t rowTiles,
                                  int64_t warpsN, int64_t warpsK, int64_t tiles,
                                  int64_t stages, int64_t occupancy) {
  MLIRContext *context = c.lhsElement.getContext();
  quant_tensor::LayoutAttr layout = c.getWeightLayout();
  return ScheduleAttr::get(
      context, KernelFamily::MmaStream, StringAttr::get(context, chip.name),
      {tileM, FragmentLayout::rows * rowTiles * warpsN,
       layout.getTile()[1] * tiles * warpsK},
      {1, warpsN, warpsK}, stages, c.getCopyBytes(), /*splitK=*/1, layout, maxM,
      getContract(c), chip.hasDependentLaunch, occupancy);
}

/// Rows of activations that a tile must hold.
static int64_t getRows(const Contraction &c, int64_t maxM) {
  int64_t bound = !ShapedType::isDynamic(c.m) ? c.m : maxM;
  if (!bound || bound > 16)
    return 16;
  return llvm::PowerOf2Ceil(bound);
}

ScheduleAttr chooseMmaStream(const Contraction &c, const Chip &chip,
                             int64_t maxM) {
  int64_t tileM = getRows(c, maxM);
  int64_t columns = c.getWeightLayout().getTile()[1];
  int64_t tiles = 128 / columns;
  int64_t steps = llvm::divideCeil(c.k, columns * tiles);
  int64_t warps = std::min<int64_t>(8, llvm::bit_floor<uint64_t>(steps));
  int64_t stages = std::clamp<int64_t>(llvm::divideCeil(steps, warps), 1, 4);
  return makeMmaStream(c, chip, maxM, tileM, /*rowTiles=*/1, /*warpsN=*/1,
                       warps, tiles, stages, /*occupancy=*/2);
}

void enumerateMmaStream(const Contraction &c, const Chip &chip, int64_t maxM,
                        SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t tileM = getRows(c, maxM);
  int64_t columns = c.getWeightLayout().getTile()[1];
  for (int64_t rowTiles : {1, 2, 4}) {
    if (rowTiles > 1 && FragmentLayout::rows * rowTiles / 2 >= c.n)
      break;
    for (int64_t tiles : {1, 2, 4}) {
      int64_t steps = llvm::divideCeil(c.k, columns * tiles);
      if (tiles > 1 && columns * tiles / 2 >= c.k)
        break;
      for (int64_t warps : {4, 8, 16}) {
        if (warps > 4 && warps / 2 >= steps)
          break;
        for (int64_t stages : {1, 2, 4})
          for (int64_t occupancy : {1, 2, 4})
            // Registers for the weights in flight of all threads of an SM.
            if (rowTiles * tiles * stages * warps * occupancy * 32 * 16 <=
                    128 * 1024 &&
                (stages == 1 || (stages - 1) * warps < steps))
              schedules.push_back(makeMmaStream(c, chip, maxM, tileM, rowTiles,
                                                /*warpsN=*/1, warps, tiles,
                                                stages, occupancy));
      }
    }
  }
}

std::string whyNotMmaStreamSchedule(const Contraction &c, const Chip &chip,
                                    ScheduleAttr schedule) {
  if (std::string why = whyNotWeights(c, schedule); !why.empty())
    return why;
  if (schedule.getDependentLaunch() && !chip.hasDependentLaunch)
    return llvm::formatv("{0} has no dependent launch", chip.name);
  return "";
}

int64_t getMmaStreamSharedMemory(const Contraction &, ScheduleAttr schedule) {
  // A sum of each warp along k for each output; rows are padded by 16 bytes.
  return schedule.getWarpsK() * llvm::alignTo(schedule.getTileM(), 8) *
         (schedule.getTileN() + 4) * 4;
}

} // namespace quantmlir::schedule
