//===- PlainSchedule.cpp - How an ordinary linalg op is computed ----------===//

#include "quantmlir/Schedule/PlainSchedule.h"
#include "quantmlir/Schedule/Passes.h"
#include "quantmlir/Support/RemarkOptions.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace quantmlir {
#define GEN_PASS_DEF_SELECTPLAINSCHEDULE
#include "quantmlir/Schedule/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;
using quantmlir::quant_tile::PlainScheduleAttr;

/// Enough threads to fill an SM with a few blocks, few enough that a small
/// tensor still spreads over many SMs.
static constexpr int64_t kThreads = 256;
static constexpr int64_t kWarp = 32;
/// From this many elements on a whole block shares one reduction: a warp would
/// walk through them in 32 steps or more.
static constexpr int64_t kBlockReduction = 1024;
/// Below this many elements the shuffles cost more than the loop.
static constexpr int64_t kWarpReduction = 16;

int64_t schedule::getPlainThreads() { return kThreads; }

int64_t schedule::getMaxConstantBytes() { return 16 * 1024; }

SmallVector<Operation *> schedule::matchCombiners(linalg::LinalgOp op) {
  SmallVector<Operation *> combiners;
  for (int64_t out = 0; out < op.getNumDpsInits(); ++out) {
    SmallVector<Operation *> ops;
    if (!matchReduction(op.getRegionOutputArgs(), out, ops) ||
        ops.size() != 1 || !arith::getNeutralElement(ops[0]) ||
        ops[0]->getNumOperands() != 2)
      break;
    combiners.push_back(ops[0]);
  }
  return combiners;
}

/// Whether threads may share the reductions of `op`.
static bool isReorderable(linalg::LinalgOp op) {
  return static_cast<int64_t>(schedule::matchCombiners(op).size()) ==
         op.getNumDpsInits();
}

/// Whether neighbouring iterations of `loop` read neighbouring elements of some
/// input.
static bool isContiguous(linalg::LinalgOp op, unsigned loop) {
  auto last = getAffineDimExpr(loop, op.getContext());
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = op.getMatchingIndexingMap(input);
    return map.getNumResults() > 0 &&
           map.getResult(map.getNumResults() - 1) == last;
  });
}

PlainScheduleAttr schedule::choosePlain(linalg::LinalgOp op) {
  auto get = [&](int64_t lanes) {
    return PlainScheduleAttr::get(op.getContext(), kThreads, lanes);
  };
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  // Lanes that share a reduction read along its innermost loop; where that is
  // not the contiguous one, a thread per output reads coalesced rows instead.
  if (reductions.empty() || !isContiguous(op, reductions.back()) ||
      !isReorderable(op))
    return get(1);
  int64_t size = 1;
  for (unsigned loop : reductions) {
    int64_t range = op.getStaticLoopRanges()[loop];
    // An unknown extent is taken for a large one: the wrong guess costs idle
    // lanes, the other one a long loop in a single thread.
    size *= ShapedType::isDynamic(range) ? kWarp : range;
  }
  if (size >= kBlockReduction)
    return get(kThreads);
  return get(size >= kWarpReduction ? kWarp : 1);
}

std::string schedule::whyNotPlainSchedule(linalg::LinalgOp op,
                                          PlainScheduleAttr schedule) {
  if (schedule.getLanes() == 1)
    return "";
  if (!op.getNumReductionLoops())
    return llvm::formatv("{0} lanes share a reduction, but nothing is reduced",
                         schedule.getLanes());
  if (!isReorderable(op))
    return llvm::formatv("{0} lanes share a reduction, but this one must stay "
                         "in order",
                         schedule.getLanes());
  return "";
}

namespace {

struct SelectPlainSchedule
    : quantmlir::impl::SelectPlainScheduleBase<SelectPlainSchedule> {
  using SelectPlainScheduleBase::SelectPlainScheduleBase;

  void runOnOperation() override {
    bool ok = true;
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      // A group has a schedule of its own.
      if (isa<quant_tile::RowGroupOp>(op))
        return WalkResult::skip();
      if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
        ok &= succeeded(select(linalgOp));
      return WalkResult::advance();
    });
    if (!ok)
      signalPassFailure();
  }

  LogicalResult select(linalg::LinalgOp op) {
    StringRef name = PlainScheduleAttr::getAttrName();
    if (Attribute given = op->getAttr(name)) {
      auto schedule = dyn_cast<PlainScheduleAttr>(given);
      if (!schedule)
        return op->emitOpError() << name
                                 << " must be a #quant_tile.plain_schedule, "
                                    "got "
                                 << given;
      std::string why = schedule::whyNotPlainSchedule(op, schedule);
      if (!why.empty())
        return op->emitOpError() << why;
      return success();
    }
    PlainScheduleAttr chosen = schedule::choosePlain(op);
    op->setAttr(name, chosen);
    remark::passed(op.getLoc(),
                   getRemarkOptions(op, "PlainSchedule", "schedule"))
        << remark::add("plain kernel of {0} threads, {1} for each element of "
                       "the result",
                       chosen.getThreads(), chosen.getLanes());
    return success();
  }
};

} // namespace
