//===- RowSchedule.cpp - How a group of row-local ops is computed ---------===//

#include "quantmlir/Schedule/RowSchedule.h"
#include "quantmlir/Schedule/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace quantmlir {
#define GEN_PASS_DEF_SELECTROWSCHEDULE
#include "quantmlir/Schedule/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

/// Bytes of one access: what a thread moves with one instruction.
static constexpr int64_t kAccessBytes = 16;
/// Columns that a thread holds of each of several tensors. Fewer take more
/// warps, which wait for each other at the barriers of a reduction; with more,
/// too few blocks fit an SM to load a row while another is computed.
static constexpr int64_t kColumnsPerThread = 32;
/// Where one tensor is read, some more are best (measured on an H200). Costs
/// are in half percents: one for two columns more or less.
static constexpr int64_t kBestColumns = 40;
/// Threads of a block of which two surely fit an SM, and what it costs where
/// they do not.
static constexpr int64_t kSharedThreads = 480, kCostAlone = 30;
/// Columns from which on a thread keeps them as they were loaded.
static constexpr int64_t kPackedColumns = 40;
static constexpr int64_t kWarp = 32;
static constexpr int64_t kMaxWarps = 32;
/// Rows of one warp that a block computes together. Rows of several warps one
/// after the other gained nothing on an H200: what each thread holds of the
/// next one takes the registers of another block.
static constexpr int64_t kRowsPerBlock = 8;
/// What a thread can hold at most before values spill.
static constexpr int64_t kMaxColumnsPerThread = 64;

/// Registers of each quarter of an SM, and what a thread needs beside the
/// columns it holds; it gets a multiple of eight.
static constexpr int64_t kQuarters = 4, kRegisters = 16384,
                         kOtherRegisters = 24, kRegisterStep = 8,
                         kMaxBlocks = 32, kMaxWarpsOfSM = 64;

int64_t schedule::getMaxRowColumns() {
  return kMaxColumnsPerThread * kWarp * kMaxWarps;
}

/// The number of warps, up to `most`, that leaves the fewest threads without
/// columns and gives the others neither too many nor too few.
static int64_t chooseWarps(int64_t columns, int64_t vector, int64_t most) {
  int64_t best = most, least = 0;
  for (int64_t warps = most; warps > 0; --warps) {
    int64_t lanes = kWarp * warps;
    int64_t perThread = llvm::divideCeil(columns / vector, lanes) * vector;
    if (perThread > kMaxColumnsPerThread)
      break;
    int64_t cost = 200 * perThread * lanes / columns +
                   std::abs(perThread - kBestColumns) / 2;
    if (lanes > kSharedThreads)
      cost += kCostAlone;
    if (least && cost >= least)
      continue;
    best = warps;
    least = cost;
  }
  return best;
}

/// Blocks of `warps` that an SM has registers for, where that is known: in
/// groups that compute one value of a row's columns and codes of it, from
/// tensors that have as many rows. ptxas would take some more registers than a
/// thread needs, and leave room for a block less. Else 1.
static int64_t chooseOccupancy(RowGroupOp group, int64_t warps,
                               int64_t perThread,
                               const llvm::SmallDenseSet<Value> &read) {
  int64_t columns = group.getColumns(), computed = 0, words = 0;
  for (auto op : group.getBody().front().getOps<linalg::GenericOp>()) {
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    computed += type.getRank() && type.getShape().back() == columns;
  }
  for (Value value : read) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() < 2)
      return 1;
    words += perThread * type.getElementTypeBitWidth() / 32;
  }
  if (computed > 2)
    return 1;
  int64_t registers = llvm::alignTo(
      std::max(perThread, words) + kOtherRegisters, kRegisterStep);
  int64_t resident =
      std::min(kMaxWarpsOfSM, kQuarters * (kRegisters / (registers * kWarp)));
  return std::clamp<int64_t>(resident / warps, 1, kMaxBlocks);
}

RowScheduleAttr schedule::chooseRows(RowGroupOp group, const Chip &chip) {
  int64_t columns = group.getColumns();
  // The widest element that is read or written for each column decides how
  // many fit an access.
  int64_t bits = 8;
  llvm::SmallDenseSet<Value> read;
  auto consider = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    bool hasColumns =
        tensor && tensor.getRank() && tensor.getShape().back() == columns;
    if (hasColumns)
      bits = std::max<int64_t>(bits, tensor.getElementTypeBitWidth());
    return hasColumns;
  };
  Block *body = &group.getBody().front();
  for (auto op : body->getOps<linalg::GenericOp>())
    for (OpOperand *input : op.getDpsInputOperands())
      if (input->get().getParentBlock() != body &&
          consider(input->get().getType()))
        read.insert(input->get());
  llvm::for_each(group.getResultTypes(), consider);
  int64_t vector = std::clamp<int64_t>(kAccessBytes * 8 / bits, 1, 16);
  while (columns % vector)
    vector /= 2;
  // Several warps share a row where one would hold too much of it.
  int64_t perThread = std::max(vector, kColumnsPerThread);
  int64_t warps = std::clamp<int64_t>(
      llvm::divideCeil(columns, kWarp * perThread), 1, kMaxWarps);
  if (read.size() == 1)
    warps = chooseWarps(columns, vector, warps);
  perThread = llvm::divideCeil(columns / vector, kWarp * warps) * vector;
  return RowScheduleAttr::get(
      group.getContext(), StringAttr::get(group.getContext(), chip.name), warps,
      warps == 1 ? kRowsPerBlock : 1, vector,
      /*packed=*/warps > 1 && read.size() == 1 && perThread >= kPackedColumns,
      warps == 1 ? 1 : chooseOccupancy(group, warps, perThread, read));
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
        }
        return;
      }
      RowScheduleAttr chosen = schedule::chooseRows(group, *target);
      group.setScheduleAttr(chosen);
      auto options =
          remark::RemarkOpts::name("RowSchedule").category("schedule");
      if (auto function = group->getParentOfType<FunctionOpInterface>())
        options = options.function(function.getName());
      remark::passed(group.getLoc(), options) << remark::add(
          "{0} warps a row, vectors of {1}{2}", chosen.getWarps(),
          chosen.getVector(), chosen.getPacked() ? ", kept packed" : "");
    });
    if (!ok)
      signalPassFailure();
  }
};

} // namespace
