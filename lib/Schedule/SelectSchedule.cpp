//===- SelectSchedule.cpp - Decide how each contraction is computed -------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace quantmlir {
#define GEN_PASS_DEF_SELECTSCHEDULE
#include "quantmlir/Schedule/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using namespace quantmlir::schedule;
using quant_tensor::ScaledMatmulOp;

namespace {

/// Where M is dynamic: up to these many rows have schedules of their own,
/// because blocks of 128 rows would mostly multiply padding, and too few of
/// them leave SMs idle.
constexpr int64_t kRowBounds[] = {32, 64, 128};

remark::RemarkOpts remarkOptions(Operation *op) {
  auto options = remark::RemarkOpts::name("Schedule").category("schedule");
  if (auto function = op->getParentOfType<FunctionOpInterface>())
    options = options.function(function.getName());
  return options;
}

struct SelectSchedule : quantmlir::impl::SelectScheduleBase<SelectSchedule> {
  using SelectScheduleBase::SelectScheduleBase;

  void runOnOperation() override {
    const Chip *target =
        lookupChip(chip, [&] { return getOperation()->emitError(); });
    if (!target)
      return signalPassFailure();
    // Every error is worth telling, so one does not stop the walk.
    bool ok = true;
    getOperation()->walk([&](ScaledMatmulOp op) {
      ok &=
          succeeded(isScheduled(op) ? check(op, *target) : select(op, *target));
    });
    if (!ok)
      signalPassFailure();
  }

  static bool isScheduled(ScaledMatmulOp op) {
    return op->hasAttr(ScheduleAttr::getAttrName()) ||
           op->hasAttr(ScheduleAttr::getListAttrName());
  }

  LogicalResult check(ScaledMatmulOp op, const Chip &target) {
    SmallVector<ScheduleAttr> schedules;
    if (Attribute single = op->getAttr(ScheduleAttr::getAttrName())) {
      auto schedule = dyn_cast<ScheduleAttr>(single);
      if (!schedule)
        return op.emitOpError()
               << ScheduleAttr::getAttrName()
               << " must be a #quant_tile.schedule, got " << single;
      schedules.push_back(schedule);
    }
    if (Attribute list = op->getAttr(ScheduleAttr::getListAttrName())) {
      auto array = dyn_cast<ArrayAttr>(list);
      if (!schedules.empty() || !array || array.empty() ||
          !llvm::all_of(array, llvm::IsaPred<ScheduleAttr>))
        return op.emitOpError()
               << ScheduleAttr::getListAttrName()
               << " must be a non-empty array of #quant_tile.schedule and "
                  "stand alone, got "
               << list;
      llvm::append_range(schedules, array.getAsRange<ScheduleAttr>());
      int64_t previous = 0;
      for (auto [index, schedule] : llvm::enumerate(schedules)) {
        bool isLast = index + 1 == schedules.size();
        if (isLast ? schedule.getMaxM() != 0 : schedule.getMaxM() <= previous)
          return op.emitOpError()
                 << ScheduleAttr::getListAttrName()
                 << " must ascend by max_m, the last one without";
        previous = schedule.getMaxM();
      }
    }
    FailureOr<Contraction> contraction = Contraction::get(op);
    if (failed(contraction))
      return failure();
    for (ScheduleAttr schedule : schedules)
      if (failed(verifySchedule(*contraction, target, schedule,
                                [&] { return op.emitOpError(); })))
        return failure();
    return success();
  }

  LogicalResult select(ScaledMatmulOp op, const Chip &target) {
    FailureOr<Contraction> contraction = Contraction::get(op);
    if (failed(contraction))
      return failure();
    std::string noReduce = whyNotReduce(*contraction);
    std::string noMma = whyNotMmaSync(*contraction);
    SmallVector<Attribute> schedules;
    bool isDynamic = ShapedType::isDynamic(contraction->m);
    if (noMma.empty()) {
      bool batchOne = noReduce.empty();
      if (isDynamic && batchOne)
        schedules.push_back(chooseReduce(*contraction, target, 1));
      if (isDynamic)
        for (int64_t bound : kRowBounds)
          schedules.push_back(chooseMmaSync(*contraction, target, bound));
      schedules.push_back(contraction->m == 1 && batchOne
                              ? chooseReduce(*contraction, target, 0)
                              : chooseMmaSync(*contraction, target, 0));
    } else if (noReduce.empty()) {
      schedules.push_back(chooseReduce(*contraction, target, 0));
    } else {
      if (contraction->encoding && !allowPlain)
        return op.emitOpError() << "has no kernel: " << noMma;
      remark::missed(op.getLoc(), remarkOptions(op))
          << remark::add("scheduled plain") << remark::reason("{0}", noMma);
      schedules.push_back(
          ScheduleAttr::get(&getContext(), KernelFamily::Plain,
                            StringAttr::get(&getContext(), target.name), {}, {},
                            0, 16, 1, {}, 0, {}));
    }
    for (Attribute attribute : schedules) {
      auto schedule = cast<ScheduleAttr>(attribute);
      if (schedule.getFamily() == KernelFamily::Plain)
        continue;
      remark::passed(op.getLoc(), remarkOptions(op)) << remark::add(
          "scheduled {0} with tile {1}x{2}x{3}",
          stringifyKernelFamily(schedule.getFamily()), schedule.getTileM(),
          schedule.getTileN(), schedule.getTileK());
    }
    if (schedules.size() == 1)
      op->setAttr(ScheduleAttr::getAttrName(), schedules.front());
    else
      op->setAttr(ScheduleAttr::getListAttrName(),
                  ArrayAttr::get(&getContext(), schedules));
    return success();
  }
};

} // namespace
