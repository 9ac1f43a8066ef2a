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

static llvm::FailureOr<Semantics> describeMembar(NVVM::MembarOp op) {
  bool reachesDevice = op.getScope() == NVVM::MemScopeKind::GPU ||
                       op.getScope() == NVVM::MemScopeKind::SYS;
  return perThread([reachesDevice](Thread &thread, ValueBytes, ValueBytes) {
    thread.fence(/*acquires=*/true, /*releases=*/true, reachesDevice);
  });
}

/// Launches run one after another here, but what the next may not yet rely on
/// is found: see LaunchShape::dependent.
static llvm::FailureOr<Semantics>
describeGriddepcontrol(NVVM::GriddepcontrolOp op) {
  bool waits = op.getKind() == NVVM::GridDepActionKind::wait;
  return perThread([waits](Thread &thread, ValueBytes, ValueBytes) {
    if (waits)
      thread.acquire(thread.launch().previous, /*reachesDevice=*/true);
  });
}

/// Between the blocks of a cluster.
static llvm::FailureOr<Semantics>
describeFenceCluster(NVVM::FenceScClusterOp op) {
  return perThread([](Thread &thread, ValueBytes, ValueBytes) {
    thread.fence(/*acquires=*/true, /*releases=*/true, /*reachesDevice=*/false);
  });
}

static llvm::FailureOr<Semantics> describeNanosleep(NVVM::NanosleepOp op) {
  return perThread(
      [](Thread &thread, ValueBytes, ValueBytes) { thread.poll(); });
}

/// What the thread wrote to that memory becomes visible to asynchronous copies
/// and multiplications.
static llvm::FailureOr<Semantics> describeFenceProxy(NVVM::FenceProxyOp op) {
  SmallVector<Memory, 2> memories;
  switch (op.getKind()) {
  case NVVM::ProxyKind::async:
    memories = {Memory::Shared, Memory::Global};
    break;
  case NVVM::ProxyKind::async_shared:
    memories = {Memory::Shared};
    break;
  case NVVM::ProxyKind::async_global:
    memories = {Memory::Global};
    break;
  default:
    return op.emitOpError("of this kind is not known to the emulator; those of "
                          "async are");
  }
  return perThread([memories](Thread &thread, ValueBytes, ValueBytes) {
    thread.fenceProxy(memories);
  });
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

static llvm::FailureOr<Semantics>
describeClusterArrive(NVVM::ClusterArriveOp op) {
  return perThread([aligned = bool(op.getAligned())](Thread &thread, ValueBytes,
                                                     ValueBytes) {
    thread.arriveCluster(aligned, /*relaxed=*/false);
  });
}

static llvm::FailureOr<Semantics>
describeClusterArriveRelaxed(NVVM::ClusterArriveRelaxedOp op) {
  return perThread([aligned = bool(op.getAligned())](Thread &thread, ValueBytes,
                                                     ValueBytes) {
    thread.arriveCluster(aligned, /*relaxed=*/true);
  });
}

static llvm::FailureOr<Semantics> describeClusterWait(NVVM::ClusterWaitOp op) {
  return perThread(
      [](Thread &thread, ValueBytes, ValueBytes) { thread.waitCluster(); });
}

/// The address of what lies at the same place in another block's shared memory.
static llvm::FailureOr<Semantics> describeMapa(NVVM::MapaOp op) {
  Space from = getSpace(op.getA()), to = getSpace(op.getRes());
  return perThread([from, to](Thread &thread, ValueBytes in, ValueBytes out) {
    uint64_t own =
        castPointer(thread, in.get<uint64_t>(0), from, Space::Cluster);
    uint32_t rank = in.get<uint32_t>(1);
    if (rank >= thread.cluster->blocks.size()) {
      thread.report(FindingKind::InvalidOperand,
                    "mapa to block " + llvm::Twine(rank) + " of a cluster of " +
                        llvm::Twine(thread.cluster->blocks.size()));
      rank = thread.block->rank;
    }
    uint64_t offset = own & ((uint64_t(1) << address::clusterShift) - 1);
    uint64_t mapped = uint64_t(rank) << address::clusterShift | offset;
    out.set(0, to == Space::Cluster
                   ? mapped
                   : castPointer(thread, mapped, Space::Cluster, to));
  });
}

static llvm::FailureOr<Semantics>
describeSetMaxRegister(NVVM::SetMaxRegisterOp op) {
  int64_t count = op.getRegCount();
  if (count < 24 || count > 256 || count % 8)
    return op.emitOpError("wants a multiple of 8 from 24 to 256");
  bool increases = op.getAction() == NVVM::SetMaxRegisterAction::increase;
  return perWarpgroup([count, increases](WarpgroupLanes &lanes) {
    Thread &thread = *lanes.lanes[0].thread;
    thread.block->warpgroups[thread.indexInBlock / 128].setRegisters(
        thread, count, increases);
  });
}

void quantmlir::emulator::attachSyncModels(MLIRContext *context) {
  attach<NVVM::Barrier0Op, describeBarrier0>(context);
  attach<NVVM::BarrierOp, describeBarrier>(context);
  attach<NVVM::BarrierArriveOp, describeBarrierArrive>(context);
  attach<NVVM::SyncWarpOp, describeSyncWarp>(context);
  attach<NVVM::MembarOp, describeMembar>(context);
  attach<NVVM::GriddepcontrolOp, describeGriddepcontrol>(context);
  attach<NVVM::NanosleepOp, describeNanosleep>(context);
  attach<NVVM::FenceScClusterOp, describeFenceCluster>(context);
  attach<NVVM::FenceProxyOp, describeFenceProxy>(context);
  attach<NVVM::ClusterArriveOp, describeClusterArrive>(context);
  attach<NVVM::ClusterArriveRelaxedOp, describeClusterArriveRelaxed>(context);
  attach<NVVM::ClusterWaitOp, describeClusterWait>(context);
  attach<NVVM::MapaOp, describeMapa>(context);
  attach<NVVM::SetMaxRegisterOp, describeSetMaxRegister>(context);
}
