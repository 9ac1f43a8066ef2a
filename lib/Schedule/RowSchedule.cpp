//===- RowSchedule.cpp - How a group of row-local ops is computed ---------===//

#include "RowTraits.h"

#include "quantmlir/Dialect/QuantTile/IR/RowAccess.h"
#include "quantmlir/Schedule/Passes.h"
#include "quantmlir/Support/RemarkOptions.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <cmath>

namespace quantmlir {
#define GEN_PASS_DEF_SELECTROWSCHEDULE
#include "quantmlir/Schedule/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using namespace quantmlir::schedule;

/// Bytes of one access: what a thread moves with one instruction.
static constexpr int64_t kAccessBytes = 16;
/// Columns that a thread holds of each of several tensors. Fewer take more
/// warps, which wait for each other at the barriers of a reduction; with more,
/// too few blocks fit an SM to load a row while another is computed.
static constexpr int64_t kColumnsPerThread = 32;
/// Where one tensor is read, some more are best (measured on an H200). Costs
/// are in half percents: one for each column more or less.
static constexpr int64_t kBestColumns = 40;
/// Threads of a block of which two surely fit an SM, and what it costs where
/// they do not; what each warp costs that an SM has less than enough to compute
/// while others wait.
static constexpr int64_t kSharedThreads = 480, kCostAlone = 30,
                         kEnoughWarps = 24, kCostOfWarp = 10;
/// Columns from which on a thread keeps them as they were loaded.
static constexpr int64_t kPackedColumns = 40;
/// Rows of one warp that a block computes together. Rows of several warps one
/// after the other gained nothing on an H200: what each thread holds of the
/// next one takes the registers of another block.
static constexpr int64_t kRowsPerBlock = 8;
/// What a thread can hold at most before values spill.
static constexpr int64_t kMaxColumnsPerThread = 64;
/// Rows that an SM has at once and that are so few that memory waits for them
/// even where nothing is computed.
static constexpr int64_t kFewRows = 2;

/// Registers that a thread needs beside the columns it holds.
static constexpr int64_t kOtherRegisters = 24;
/// More, where all rows read an operand,
static constexpr int64_t kSharedRegisters = 8;
/// then also where (as for a mean) something may be divided by a number of
/// columns that is no power of two.
static constexpr int64_t kDivisionRegisters = 8;
/// More, where no operand is read by all rows and a warp has a row for itself,
/// of which it knows the number.
static constexpr int64_t kRowRegisters = 8;
/// More, where elements are read one by one and some threads have fewer.
static constexpr int64_t kSingleRegisters = 16;
/// More, where codes are quotients of many columns.
static constexpr int64_t kQuotientRegisters = 8;
/// What a thread of a row of one warp gets at least.
static constexpr int64_t kLeastRegistersOfRow = 64;
/// Blocks and warps that an SM holds.
static constexpr int64_t kMaxBlocks = 32, kMaxWarpsOfSM = 64;
/// Rows that wait in the shared memory of a block that is alone in an SM.
static constexpr int64_t kStages = 2;

int64_t schedule::getMaxRowColumns() {
  return kMaxColumnsPerThread * kWarp * kMaxWarps;
}

schedule::RowLayout::RowLayout(ArrayRef<int64_t> stagedBytes,
                               ArrayRef<int64_t> residentBytes,
                               RowScheduleAttr schedule,
                               ArrayRef<int64_t> exchanged) {
  int64_t stages = schedule.getRows() * schedule.getStages();
  for (int64_t row : stagedBytes) {
    staged.push_back(bytes);
    bytes += stages * row;
    rowBytes += row;
  }
  for (int64_t all : residentBytes) {
    resident.push_back(bytes);
    bytes += all;
    this->residentBytes += all;
  }
  int64_t turns = schedule.getBlocks() > 1 ? 2 * schedule.getRows() : 0;
  received = bytes;
  turnBytes = llvm::sum_of(exchanged) *
              getReceivedBytes(schedule.getBlocks(), schedule.getWarps());
  bytes += turns * turnBytes;
  barriers = bytes;
  bytes += (stages + (residentBytes.empty() ? 0 : 1)) * barrierBytes;
  exchangeBarriers = bytes;
  bytes += turns * exchanged.size() * barrierBytes;
}

int64_t schedule::RowLayout::getReceivedBytes(int64_t blocks, int64_t warps) {
  return llvm::alignTo(blocks * warps * 4, 16);
}

/// Whether each element of `op`'s result is one of its input, cast.
static bool isCast(linalg::GenericOp op) {
  return op.getNumDpsInputs() == 1 &&
         llvm::all_of(op.getBody()->without_terminator(), [](Operation &inner) {
           return isa<CastOpInterface>(inner);
         });
}

RowTraits::RowTraits(RowGroupOp group) {
  int64_t columns = group.getColumns();
  // The widest element that is read or written for each column decides how
  // many fit an access: what all rows read as well, since lanes that leave gaps
  // between them keep L1 busy for twice as long.
  auto hasColumns = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() && tensor.getShape().back() == columns;
  };
  auto consider = [&](Type type) {
    bits = std::max<int64_t>(
        bits, getElementTypeOrSelf(type).getIntOrFloatBitWidth());
  };
  Block *body = &group.getBody().front();
  RowDomain domain = *RowDomain::ofGroup(*body);
  for (auto op : body->getOps<linalg::GenericOp>()) {
    std::string why;
    std::optional<RowOp> info = analyzeRowOp(op, domain, why);
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value value = skipUnitReshapes(input->get());
      // Of a square matrix there are as many rows as columns, so that a type
      // does not say which an operand is read for.
      RowAccess access =
          info ? info->accesses[input->getOperandNumber()] : RowAccess::Scalar;
      if (value.getParentBlock() == body ||
          op.getMatchingBlockArgument(input).use_empty() ||
          (access != RowAccess::Full && access != RowAccess::Column))
        continue;
      consider(value.getType());
      (access == RowAccess::Column ? shared : read).insert(value);
    }
    if (info && info->reduces) {
      ++reductions;
      reduced += info->combiners.size();
      reducesToWords &= info->reducesToWords();
    }
    bool isRead = llvm::any_of(
        op->getUsers(), [&](Operation *user) { return !isa<YieldOp>(user); });
    computes |= isRead && hasColumns(op.getResult(0).getType()) && !isCast(op);
  }
  for (Type type : group.getResultTypes())
    if (hasColumns(type))
      consider(type);
  vector = std::clamp<int64_t>(kAccessBytes * 8 / bits, 1, 16);
  while (columns % vector)
    vector /= 2;
}

/// The most registers that values of a thread's `perThread` columns take at
/// once, of those that later ops read.
static int64_t countLiveRegisters(RowGroupOp group, int64_t perThread) {
  Block *body = &group.getBody().front();
  int64_t columns = group.getColumns(), most = 0;
  llvm::SmallMapVector<Value, Operation *, 8> lastUses;
  for (auto op : body->getOps<linalg::GenericOp>())
    for (OpOperand *input : op.getDpsInputOperands())
      lastUses[skipUnitReshapes(input->get())] = op;
  for (auto op : body->getOps<linalg::GenericOp>()) {
    int64_t registers = 0;
    for (auto [value, last] : lastUses) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      Operation *definition = value.getDefiningOp();
      bool isInside = definition && definition->getBlock() == body;
      // What all rows read is loaded where it is used.
      if (!type || !type.getRank() || type.getShape().back() != columns ||
          (!isInside && type.getRank() < 2) ||
          (isInside && op->isBeforeInBlock(definition)) ||
          !op->isBeforeInBlock(last))
        continue;
      registers +=
          llvm::divideCeil(perThread * type.getElementTypeBitWidth(), 32);
    }
    most = std::max(most, registers);
  }
  return most;
}

/// Whether each thread keeps its columns as they were loaded: many that are
/// narrow and only stored as codes, or where what is computed of them would not
/// fit.
static bool isPacked(const RowTraits &traits, int64_t warps,
                     int64_t perThread) {
  if (warps == 1)
    return false;
  if (!traits.computes && traits.read.size() == 1 && traits.shared.empty() &&
      traits.bits < 32)
    return perThread >= kPackedColumns;
  int64_t given = kQuarters * kRegisters /
                  (kWarp * llvm::alignTo(warps, kWarpStep)) / kRegisterStep *
                  kRegisterStep;
  return perThread > kColumnsPerThread &&
         perThread + kOtherRegisters + kSharedRegisters + kDivisionRegisters >
             given;
}

/// Warps that an SM has registers for, in blocks of `warps`. ptxas would take
/// some more registers than a thread needs, and leave room for fewer.
static int64_t countResident(RowGroupOp group, const RowTraits &traits,
                             int64_t warps, int64_t perThread) {
  int64_t registers = kOtherRegisters;
  if (isPacked(traits, warps, perThread) && !traits.computes)
    registers += kQuotientRegisters + perThread * traits.bits / 32;
  else
    registers += std::max(perThread, countLiveRegisters(group, perThread));
  if (!traits.shared.empty()) {
    registers += kSharedRegisters;
    if (!llvm::isPowerOf2_64(group.getColumns()))
      registers += kDivisionRegisters;
    if (group.getColumns() % (kWarp * warps * traits.vector))
      registers += kTailRegisters;
  } else if (warps == 1) {
    registers += kRowRegisters;
  }
  // Numbers that are loaded one by one have an address and, in the last round,
  // a condition each.
  if (traits.vector == 1 && group.getColumns() % (kWarp * warps))
    registers += kSingleRegisters;
  registers = llvm::alignTo(registers, kRegisterStep);
  if (warps == 1)
    registers = std::max(registers, kLeastRegistersOfRow);
  return std::min(kMaxWarpsOfSM,
                  kQuarters * (kRegisters / (registers * kWarp)));
}

/// The number of warps, up to `most`, that leaves the fewest threads without
/// columns and gives the others neither too many nor too few.
static int64_t chooseWarps(RowGroupOp group, const RowTraits &traits,
                           int64_t most) {
  int64_t columns = group.getColumns(), best = most, least = 0;
  for (int64_t warps = most; warps > 0; --warps) {
    int64_t lanes = kWarp * warps;
    int64_t perThread = traits.getPerThread(columns, warps);
    if (perThread > kMaxColumnsPerThread)
      break;
    int64_t cost =
        200 * perThread * lanes / columns + std::abs(perThread - kBestColumns);
    if (traits.computes) {
      int64_t resident = countResident(group, traits, warps, perThread);
      cost += kCostOfWarp *
              std::max<int64_t>(0, kEnoughWarps - resident / warps * warps);
    } else if (lanes > kSharedThreads) {
      cost += kCostAlone;
    }
    if (least && cost >= least)
      continue;
    best = warps;
    least = cost;
  }
  return best;
}

std::optional<int64_t>
schedule::countRowBytes(const llvm::SmallDenseSet<Value> &values,
                        int64_t columns) {
  int64_t bytes = 0;
  for (Value value : values) {
    int64_t bits =
        columns *
        cast<RankedTensorType>(value.getType()).getElementTypeBitWidth();
    if (bits % (8 * kAccessBytes))
      return std::nullopt;
    bytes += bits / 8;
  }
  return bytes;
}

/// The most warps that leave as few threads as possible without columns.
static int64_t chooseAloneWarps(int64_t columns, int64_t vector) {
  auto countPlaces = [&](int64_t warps) {
    return llvm::divideCeil(columns / vector, kWarp * warps) * warps;
  };
  int64_t best = kMaxWarps;
  for (int64_t warps = kMaxWarps; warps > kMaxWarps / 2; --warps)
    if (countPlaces(warps) < countPlaces(best))
      best = warps;
  return best;
}

RowScheduleAttr schedule::chooseRows(RowGroupOp group, const Chip &chip) {
  int64_t columns = group.getColumns();
  RowTraits traits(group);
  // Two blocks or more have room for what one has not.
  std::optional<RowsBeside> beside = chooseBeside(traits, columns, chip);
  if (!beside || beside->rows == 1)
    if (std::optional<RowsBeside> shared =
            chooseSharedRows(traits, columns, chip))
      beside = shared;
  if (beside)
    return RowScheduleAttr::get(
        group.getContext(), StringAttr::get(group.getContext(), chip.name),
        beside->warps, beside->rows, traits.vector, /*packed=*/false,
        /*occupancy=*/1, /*prefetch=*/0, /*stages=*/1,
        /*resident=*/traits.shared.size(), beside->blocks);
  // Several warps share a row where one would hold too much of it.
  int64_t perThread = std::max(traits.vector, kColumnsPerThread);
  int64_t warps = std::clamp<int64_t>(
      llvm::divideCeil(columns, kWarp * perThread), 1, kMaxWarps);
  bool isOne = traits.read.size() == 1;
  if (isOne)
    warps = chooseWarps(group, traits, warps);
  perThread = traits.getPerThread(columns, warps);
  int64_t rows = warps == 1 ? kRowsPerBlock : 1;
  int64_t occupancy = std::clamp<int64_t>(
      countResident(group, traits, warps, perThread) / (warps * rows), 1,
      kMaxBlocks);
  // While SMs compute, the rows come that they will compute next. Where they
  // wait for memory in any case, that costs up to a tenth.
  int64_t prefetch = 0, stages = 0, resident = 0;
  std::optional<int64_t> rowBytes = countRowBytes(traits.read, columns);
  if (chip.hasWgmma && rowBytes && isOne &&
      (traits.computes || rows * occupancy <= kFewRows))
    prefetch = chip.multiprocessors * rows * occupancy;
  // A block that is alone in an SM has nobody to compute while it waits: its
  // next rows come into its shared memory, where what all rows read does not
  // come from L2 for each of them. Where not all of that fits, L2 gives the
  // rows sooner.
  std::optional<int64_t> sharedBytes = countRowBytes(traits.shared, columns);
  if (prefetch && traits.computes && warps > kMaxWarps / 2 &&
      columns <= kColumnsPerThread * kWarp * kMaxWarps && sharedBytes &&
      kStages * *rowBytes + *sharedBytes + kExchangedBytes <=
          chip.sharedMemory) {
    warps = chooseAloneWarps(columns, traits.vector);
    perThread = traits.getPerThread(columns, warps);
    occupancy = 1;
    prefetch = 0;
    stages = kStages;
    resident = traits.shared.size();
  }
  return RowScheduleAttr::get(
      group.getContext(), StringAttr::get(group.getContext(), chip.name), warps,
      rows, traits.vector, !stages && isPacked(traits, warps, perThread),
      occupancy, prefetch, stages, resident, /*blocks=*/1);
}

namespace {

struct SelectRowSchedule
    : quantmlir::impl::SelectRowScheduleBase<SelectRowSchedule> {
  using SelectRowScheduleBase::SelectRowScheduleBase;

  void runOnOperation() override {
    const schedule::Chip *target =
        schedule::lookupChip(chip, [&] { return getOperation()->emitError(); });
    if (!target)
      return signalPassFailure();
    bool ok = true;
    getOperation()->walk([&](RowGroupOp group) {
      if (static_cast<int64_t>(group.getColumns()) >
          schedule::getMaxRowColumns()) {
        group.emitOpError()
            << "has rows of " << group.getColumns()
            << " columns, and a block holds " << schedule::getMaxRowColumns();
        ok = false;
        return;
      }
      if (std::optional<RowScheduleAttr> given = group.getSchedule()) {
        if (given->getChip().getValue() != target->name) {
          group.emitOpError()
              << "schedule is for chip " << given->getChip()
              << ", but the target is \"" << target->name << '"';
          ok = false;
        } else if (given->getPrefetch() && !target->hasWgmma) {
          group.emitOpError()
              << "prefetches rows, which " << target->name << " cannot";
          ok = false;
        } else if (given->getStages() && !target->hasWgmma) {
          group.emitOpError()
              << "has stages, which " << target->name << " cannot fill";
          ok = false;
        }
        return;
      }
      RowScheduleAttr chosen = schedule::chooseRows(group, *target);
      group.setScheduleAttr(chosen);
      remark::passed(group.getLoc(),
                     getRemarkOptions(group, "RowSchedule", "schedule"))
          << remark::add(
                 "{0} warps a row{1}, vectors of {2}{3}", chosen.getWarps(),
                 chosen.getBlocks() > 1
                     ? llvm::formatv(" in each of {0} blocks",
                                     chosen.getBlocks())
                           .str()
                     : "",
                 chosen.getVector(), chosen.getPacked() ? ", kept packed" : "");
    });
    if (!ok)
      signalPassFailure();
  }
};

} // namespace
