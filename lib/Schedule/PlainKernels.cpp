//===- PlainKernels.cpp - How an ordinary linalg op is computed -----------===//

#include "quantmlir/Schedule/PlainKernels.h"

using namespace mlir;

namespace quantmlir::schedule {

/// Enough threads to fill an SM with a few blocks, few enough that a small
/// tensor still spreads over many SMs.
static constexpr int64_t kThreads = 256;
static constexpr int64_t kWarp = 32;
/// From this many elements on a whole block shares one reduction: a warp would
/// walk through them in 32 steps or more.
static constexpr int64_t kBlockReduction = 1024;
/// Below this many elements the shuffles cost more than the loop.
static constexpr int64_t kWarpReduction = 16;

/// Whether neighbouring iterations of `loop` read neighbouring elements of some
/// input, and none reads that input's elements a row apart.
static bool isContiguous(linalg::LinalgOp op, unsigned loop) {
  auto last = getAffineDimExpr(loop, op.getContext());
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    AffineMap map = op.getMatchingIndexingMap(input);
    return map.getNumResults() > 0 &&
           map.getResult(map.getNumResults() - 1) == last;
  });
}

PlainSchedule choosePlainSchedule(linalg::LinalgOp op, bool reorderable) {
  PlainSchedule schedule;
  schedule.threads = kThreads;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  // Lanes that share a reduction read along its innermost loop; where that is
  // not the contiguous one, a thread per output reads coalesced rows instead.
  if (reductions.empty() || !reorderable ||
      !isContiguous(op, reductions.back()))
    return schedule;
  int64_t size = 1;
  for (unsigned loop : reductions) {
    int64_t range = op.getStaticLoopRanges()[loop];
    // An unknown extent is taken for a large one: the wrong guess costs idle
    // lanes, the other one a long loop in a single thread.
    size *= ShapedType::isDynamic(range) ? kWarp : range;
  }
  if (size >= kBlockReduction)
    schedule.lanes = kThreads;
  else if (size >= kWarpReduction)
    schedule.lanes = kWarp;
  return schedule;
}

} // namespace quantmlir::schedule
