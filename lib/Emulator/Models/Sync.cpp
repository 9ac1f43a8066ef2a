//===- Sync.cpp - Barriers and fences -------------------------------------===//

#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

static llvm::FailureOr<Semantics> describeBarrier0(NVVM::Barrier0Op op) {
  return perThread([](Thread &thread, ValueBytes, ValueBytes) {
    thread.barrier(0, std::nullopt);
  });
}

static llvm::FailureOr<Semantics> describeBarrier(NVVM::BarrierOp op) {
  if (op.getReductionOp())
    return op.emitOpError("with a reduction is not known to the emulator");
  bool hasId = bool(op.getBarrierId()),
       hasCount = bool(op.getNumberOfThreads());
  return perThread(
      [hasId, hasCount](Thread &thread, ValueBytes in, ValueBytes) {
        uint32_t id = hasId ? in.get<uint32_t>(0) : 0;
        std::optional<uint32_t> count;
        if (hasCount)
          count = in.get<uint32_t>(hasId ? 1 : 0);
        thread.barrier(id, count);
      });
}

static llvm::FailureOr<Semantics>
describeBarrierArrive(NVVM::BarrierArriveOp op) {
  bool hasId = bool(op.getBarrierId());
  return perThread([hasId](Thread &thread, ValueBytes in, ValueBytes) {
    thread.barrier(hasId ? in.get<uint32_t>(0) : 0,
                   in.get<uint32_t>(hasId ? 1 : 0), /*arriveOnly=*/true);
  });
}

/// bar.warp.sync orders the memory accesses of its lanes; the other warp-wide
/// instructions do not.
static llvm::FailureOr<Semantics> describeSyncWarp(NVVM::SyncWarpOp op) {
  return perWarp(
      [](WarpLanes &warp) {
        std::vector<uint32_t> seen;
        auto each = [&](auto function) {
          for (const Lane &lane : warp.lanes)
            if (lane.thread)
              function(lane.thread->cluster->clocks,
                       lane.thread->indexInCluster);
        };
        each([&](Clocks &clocks, unsigned t) { clocks.release(t, seen); });
        each([&](Clocks &clocks, unsigned t) { clocks.acquire(t, seen); });
      },
      /*maskOperand=*/0);
}

/// A fence alone orders nothing between threads here: only what synchronises
/// (a barrier) does, which has its own.
static llvm::FailureOr<Semantics> describeMembar(NVVM::MembarOp op) {
  return perThread([](Thread &, ValueBytes, ValueBytes) {});
}

/// What the thread wrote to shared memory becomes visible to asynchronous
/// copies and multiplications.
static llvm::FailureOr<Semantics> describeFenceProxy(NVVM::FenceProxyOp op) {
  switch (op.getKind()) {
  case NVVM::ProxyKind::async:
  case NVVM::ProxyKind::async_shared:
    return perThread(
        [](Thread &thread, ValueBytes, ValueBytes) { thread.fenceProxy(); });
  default:
    return op.emitOpError("of this kind is not known to the emulator; async "
                          "and async.shared are");
  }
}

void quantmlir::emulator::attachSyncModels(MLIRContext *context) {
  attach<NVVM::Barrier0Op, describeBarrier0>(context);
  attach<NVVM::BarrierOp, describeBarrier>(context);
  attach<NVVM::BarrierArriveOp, describeBarrierArrive>(context);
  attach<NVVM::SyncWarpOp, describeSyncWarp>(context);
  attach<NVVM::MembarOp, describeMembar>(context);
  attach<NVVM::FenceProxyOp, describeFenceProxy>(context);
}
