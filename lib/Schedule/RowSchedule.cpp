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
/// Columns that a thread holds. Fewer take more warps, which wait for each
/// other at the barriers of a reduction; with more, too few blocks fit an SM
/// to load a row while another is computed.
static constexpr int64_t kColumnsPerThread = 32;
static constexpr int64_t kWarp = 32;
static constexpr int64_t kMaxWarps = 32;
/// Rows of one warp that a block computes together.
static constexpr int64_t kRowsPerBlock = 8;
/// What a thread can hold at most before values spill.
static constexpr int64_t kMaxColumnsPerThread = 64;

int64_t schedule::getMaxRowColumns() {
  return kMaxColumnsPerThread * kWarp * kMaxWarps;
}

RowScheduleAttr schedule::chooseRows(RowGroupOp group, const Chip &chip) {
  int64_t columns = group.getColumns();
  // The widest element that is read or written for each column decides how
  // many fit an access.
  int64_t bits = 8;
  auto consider = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (tensor && tensor.getRank() && tensor.getShape().back() == columns)
      bits = std::max<int64_t>(bits, tensor.getElementTypeBitWidth());
  };
  Block *body = &group.getBody().front();
  for (auto op : body->getOps<linalg::GenericOp>())
    for (OpOperand *input : op.getDpsInputOperands())
      if (input->get().getParentBlock() != body)
        consider(input->get().getType());
  llvm::for_each(group.getResultTypes(), consider);
  int64_t vector = std::clamp<int64_t>(kAccessBytes * 8 / bits, 1, 16);
  while (columns % vector)
    vector /= 2;
  // Several warps share a row where one would hold too much of it.
  int64_t perThread = std::max(vector, kColumnsPerThread);
  int64_t warps = std::clamp<int64_t>(
      llvm::divideCeil(columns, kWarp * perThread), 1, kMaxWarps);
  return RowScheduleAttr::get(group.getContext(),
                              StringAttr::get(group.getContext(), chip.name),
                              warps, warps == 1 ? kRowsPerBlock : 1, vector);
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
      remark::passed(group.getLoc(), options)
          << remark::add("{0} warps a row, vectors of {1}", chosen.getWarps(),
                         chosen.getVector());
    });
    if (!ok)
      signalPassFailure();
  }
};

} // namespace
