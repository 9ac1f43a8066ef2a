//===- MmaSyncSchedule.cpp - Tensor cores through mma.sync ----------------===//

#include "quantmlir/Dialect/QuantTensor/IR/FragmentLayout.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::FragmentLayout;

namespace quantmlir::schedule {

/// Bytes of a panel row: what the 32 banks of shared memory deliver at once.
static constexpr int64_t kPanelBytes = 128;
static constexpr int64_t kMaxWarps = 8;
static constexpr int64_t kMaxStages = 4;

std::string whyNotMmaSync(const Contraction &c, const Chip *chip) {
  Type element = c.lhsElement;
  if (!c.encoding) {
    // sm_90 multiplies them as f16, with sums as exact as those of f16.
    if (c.isFloat8()) {
      if (!chip || chip->hasWgmma)
        return "";
      return llvm::formatv("operands are {0} and {1}, of whose sums on {2} "
                           "nothing is recorded that a bound could say",
                           element, c.rhsElement, chip->name);
    }
    if (element != c.rhsElement)
      return llvm::formatv("operands are {0} and {1}, expected one type",
                           element, c.rhsElement);
    if (!element.isInteger(8) && !element.isF16() && !element.isBF16())
      return llvm::formatv("operands are {0}, expected i8, f16 or bf16",
                           element);
    return "";
  }
  // What no activations help comes first.
  if (std::string why = whyNoDecode(c); !why.empty())
    return why;
  if (!element.isF16() && !element.isBF16())
    return llvm::formatv("activations are {0}, expected f16 or bf16", element);
  if (!c.scalesDecoded())
    return "";
  // Then each lane has one scale for its run of columns.
  if (c.getGroup() % FragmentLayout::runColumns)
    return llvm::formatv("groups of {0} columns are no multiple of {1}",
                         c.getGroup(), FragmentLayout::runColumns);
  if (!c.holdsScaledWeights())
    return llvm::formatv("groups of {0} columns are no multiple of {1}, and "
                         "f16 does not hold weights scaled by {2}",
                         c.getGroup(), FragmentLayout::segmentColumns,
                         c.encoding.getScale());
  return "";
}

static int64_t getStageBytes(const Contraction &c, ArrayRef<int64_t> tile) {
  return (tile[0] + (c.encoding ? 0 : tile[1])) * tile[2] * c.getLhsBytes();
}

int64_t getMmaSyncSharedMemory(const Contraction &c, ScheduleAttr schedule) {
  return std::max(getStageBytes(c, schedule.getTile()) * schedule.getStages(),
                  (schedule.getWarpsK() - 1) * schedule.getTileM() *
                      schedule.getTileN() * 4);
}

/// Columns of a stage that one warp takes at least.
static int64_t getPanelColumns(const Contraction &c) {
  int64_t panel = kPanelBytes / c.getLhsBytes();
  if (quant_tensor::LayoutAttr layout = c.getWeightLayout())
    panel = std::max(panel, layout.getTile()[1]);
  return panel;
}

ContractAttr getMmaSyncContract(const Contraction &c, ScheduleAttr) {
  if (c.lhsElement.isInteger())
    return ContractAttr::get(c.lhsElement.getContext(), 0.0, 0.0, 0.0);
  return getWholeContract(c, c.scalesDecoded());
}

/// Registers that a thread takes, about. The numbers were fitted to what ptxas
/// 13.0 needs for 520 kernels of nine kinds of operands: all that it gave more
/// than 255 for are past them, or 40 bytes short.
static int64_t estimateRegisters(const Contraction &c, ArrayRef<int64_t> tile,
                                 ArrayRef<int64_t> warps, int64_t copy) {
  int64_t rowTiles = tile[1] / warps[1] / 16;
  int64_t columnTiles = tile[0] / warps[0] / 8;
  int64_t warpK = tile[2] / warps[2];
  int64_t accumulators = rowTiles * columnTiles * 4;
  double registers = 80 + 1.125 * accumulators;
  // ptxas makes two multiplications of one, of operands that it widens, and
  // adds their sums to the accumulators when many are done.
  if (c.isFloat8())
    registers += 2.0 * accumulators;
  if (c.encoding) {
    // Words of the stage that is multiplied, loaded one ahead.
    double words = rowTiles * warpK / 32 * c.encoding.getStorageBits() / 2.0;
    registers += words;
    // Codes that straddle words take registers while they are put together.
    if (16 % c.encoding.getStorageBits())
      registers += words + 16;
    // Sums of a group beside those of all, and a scale for each row and group.
    int64_t groups = 1, perGroup = 0;
    if (c.scalesDecoded()) {
      groups = warpK / FragmentLayout::segmentColumns;
      ++perGroup;
    } else if (!c.hasOneGroup()) {
      registers += 0.75 * accumulators;
      groups = warpK / std::gcd(c.getGroup(), warpK);
      ++perGroup;
    }
    if (c.encoding.hasZeroPoint())
      ++perGroup;
    registers += 2.25 * rowTiles * 2 * groups * perGroup;
  }
  // Addresses of the copies of a stage; smaller ones are made in a loop.
  if (copy >= 4) {
    int64_t threads = 32 * warps[0] * warps[1] * warps[2];
    registers += llvm::divideCeil(getStageBytes(c, tile) / copy, threads);
  }
  // Where columns are ragged, parts of them are not there: beside many sums of
  // groups, 21 of 900 drawn kernels spilled by 8 to 40 bytes without.
  constexpr int64_t wholeCopy = 16, manySums = 64;
  if (copy < wholeCopy && accumulators >= manySums && c.encoding &&
      !c.hasOneGroup())
    registers += copy >= 4 ? 24 : 32;
  return std::ceil(registers);
}

static std::string whyNotMmaSyncRegisters(const Contraction &c,
                                          ScheduleAttr schedule) {
  return whyNotRegisters(estimateRegisters(c, schedule.getTile(),
                                           schedule.getWarps(),
                                           schedule.getCopy()),
                         schedule.getThreads());
}

/// A schedule whose numbers are the caller's.
static ScheduleAttr makeMmaSync(const Contraction &c, const Chip &chip,
                                int64_t maxM, ArrayRef<int64_t> tile,
                                ArrayRef<int64_t> warps, int64_t stages) {
  MLIRContext *context = c.lhsElement.getContext();
  return ScheduleAttr::get(context, KernelFamily::MmaSync,
                           StringAttr::get(context, chip.name), tile, warps,
                           stages, c.getTileCopyBytes(), /*splitK=*/1,
                           c.getWeightLayout(), maxM, getMmaSyncContract(c, {}),
                           /*dependentLaunch=*/false, /*occupancy=*/1);
}

/// The schedule with tiles of `tileM` rows, in which a warp has at most
/// `rowTiles` tiles of 16 weights.
static ScheduleAttr chooseMmaSync(const Contraction &c, const Chip &chip,
                                  int64_t maxM, int64_t tileM,
                                  int64_t rowTiles);

ScheduleAttr chooseMmaSync(const Contraction &c, const Chip &chip,
                           int64_t maxM) {
  int64_t bound = c.getRowBound(maxM);
  // The smallest tile that holds all rows; 128 where there are many. Zero
  // points that are subtracted in f32 take the registers of half a tile.
  int64_t most = getMmaSyncContract(c, {}).getUDecode() != 0.0 ? 64 : 128;
  while (bound && most > 8 && most / 2 >= bound)
    most /= 2;
  // Or less, where registers do not hold the tile and its scales, or two
  // stages are more than shared memory; of weights, too, where long steps have
  // many scales.
  auto fits = [&](ScheduleAttr schedule) {
    return whyNotSchedule(c, chip, schedule).empty();
  };
  for (int64_t rowTiles : {2, 1})
    for (int64_t tileM = most; tileM >= 8; tileM /= 2)
      if (ScheduleAttr schedule = chooseMmaSync(c, chip, maxM, tileM, rowTiles);
          fits(schedule))
        return schedule;
  // Few weights in a block leave threads that copy many activations each, and
  // very many rows want the highest tiles: what is possible at all will do, be
  // it a tile of more weights than there are.
  SmallVector<ScheduleAttr> schedules;
  enumerateMmaSync(c, chip, maxM, schedules);
  schedules.push_back(makeMmaSync(c, chip, maxM,
                                  {8, 16 * kMaxWarps, getPanelColumns(c)},
                                  {1, kMaxWarps, 1}, /*stages=*/2));
  auto *possible = llvm::find_if(schedules, fits);
  return possible != schedules.end() ? *possible : schedules.back();
}

ScheduleAttr chooseMmaSync(const Contraction &c, const Chip &chip, int64_t maxM,
                           int64_t tileM, int64_t rowTiles) {
  int64_t bound = c.getRowBound(maxM);
  // Narrower tiles of weights until every SM has a block.
  int64_t tileN = 64 * rowTiles;
  int64_t rowBlocks = bound ? llvm::divideCeil(bound, tileM) : 1;
  if (!ShapedType::isDynamic(c.batch))
    rowBlocks *= c.batch;
  auto blocks = [&]() -> int64_t {
    return llvm::divideCeil(c.n, tileN) * rowBlocks;
  };
  int64_t smallest = tileM >= 64 ? 64 : 16;
  // With rows, columns or batches unbounded the grid fills along them.
  bool isBounded =
      bound && !ShapedType::isDynamic(c.n) && !ShapedType::isDynamic(c.batch);
  // A warp that scales weights as it decodes them takes all rows: of NVFP4,
  // 4096x11008 at 64 rows took 60 us in two warps along M and 132 blocks or
  // more, and takes 39.
  int64_t fewest =
      c.scalesDecoded() ? chip.multiprocessors / 2 : chip.multiprocessors;
  while (isBounded && tileN > smallest && blocks() < fewest)
    tileN /= 2;
  int64_t warpsM = tileM >= 64 && !c.scalesDecoded() ? 2 : 1;
  int64_t warpsN =
      std::clamp<int64_t>(tileN / (16 * rowTiles), 1, kMaxWarps / warpsM);
  // The warps left over divide K within the block.
  int64_t panel = getPanelColumns(c);
  int64_t warpsK = kMaxWarps / (warpsM * warpsN);
  if (!ShapedType::isDynamic(c.k)) {
    int64_t paddedK = llvm::divideCeil(c.k, panel) * panel;
    while (warpsK > 1 && panel * warpsK > paddedK)
      warpsK /= 2;
  }
  SmallVector<int64_t> tile = {tileM, tileN, panel * warpsK};
  int64_t stages = kMaxStages;
  while (stages > 2 && getStageBytes(c, tile) * stages > chip.sharedMemory)
    --stages;
  return makeMmaSync(c, chip, maxM, tile, {warpsM, warpsN, warpsK}, stages);
}

void enumerateMmaSync(const Contraction &c, const Chip &chip, int64_t maxM,
                      SmallVectorImpl<ScheduleAttr> &schedules) {
  int64_t bound = c.getRowBound(maxM);
  int64_t panel = getPanelColumns(c);
  // Unknown extents are taken for large ones.
  auto orLarge = [](int64_t extent) {
    return ShapedType::isDynamic(extent) ? int64_t(1) << 31 : extent;
  };
  int64_t n = orLarge(c.n), k = orLarge(c.k);
  int64_t panels = llvm::divideCeil(k, panel);
  // Where rows are plenty, small tiles only read the weights more often.
  int64_t leastM = !bound || bound > 128 ? 32 : 8;
  auto each = [&](int64_t tileM, int64_t tileN, int64_t warpsM, int64_t warpsN,
                  int64_t warpsK) {
    for (int64_t panelsPerWarp : {1, 2}) {
      // The second panel, and warps along K, need columns of their own.
      if (panelsPerWarp * warpsK > 1 && panelsPerWarp * warpsK / 2 >= panels)
        continue;
      int64_t tileK = panel * warpsK * panelsPerWarp;
      for (int64_t stages : {2, 3, 4, 5, 6, 8}) {
        // More stages than steps hold nothing.
        if (stages > 2 && (stages - 2) * tileK >= k)
          break;
        schedules.push_back(makeMmaSync(c, chip, maxM, {tileM, tileN, tileK},
                                        {warpsM, warpsN, warpsK}, stages));
      }
    }
  };
  for (int64_t tileM : {8, 16, 32, 64, 128, 256}) {
    if (tileM < leastM)
      continue;
    // One tile that holds all rows is enough.
    if (bound && tileM > 8 && tileM / 2 >= bound)
      break;
    for (int64_t tileN : {16, 32, 64, 128, 256}) {
      if (tileN > 16 && tileN / 2 >= n)
        break;
      for (int64_t warpsM : {1, 2, 4})
        for (int64_t warpsN : {1, 2, 4, 8})
          for (int64_t warpsK : {1, 2, 4, 8}) {
            int64_t warps = warpsM * warpsN * warpsK;
            // Four warps feed the four tensor cores of an SM.
            if (warps < 4 || warps > kMaxWarps || tileM % (8 * warpsM) ||
                tileN % (16 * warpsN))
              continue;
            each(tileM, tileN, warpsM, warpsN, warpsK);
          }
    }
  }
}

std::string whyNotMmaSyncSchedule(const Contraction &c, const Chip &,
                                  ScheduleAttr schedule) {
  if (std::string why = whyNotWeights(c, schedule); !why.empty())
    return why;
  int64_t panel = kPanelBytes / c.getLhsBytes();
  if (schedule.getTileK() % (panel * schedule.getWarpsK()))
    return llvm::formatv("tile k = {0} does not give each warp along k a "
                         "multiple of {1} columns ({2} bytes)",
                         schedule.getTileK(), panel, kPanelBytes);
  return whyNotMmaSyncRegisters(c, schedule);
}

} // namespace quantmlir::schedule
