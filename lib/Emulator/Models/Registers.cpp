//===- Registers.cpp - Special registers and byte permutation -------------===//

#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

using ReadRegister = uint64_t (*)(const Thread &);

template <typename OpT, ReadRegister read>
static llvm::FailureOr<Semantics> describeRegister(OpT op) {
  return perThread([](Thread &thread, ValueBytes, ValueBytes out) {
    // Registers have 32 or 64 bits; the slot has room for either.
    out.set<uint64_t>(0, read(thread));
  });
}

template <typename OpT, ReadRegister read>
static void attachRegister(MLIRContext *context) {
  attach<OpT, describeRegister<OpT, read>>(context);
}

template <unsigned d> static uint64_t threadId(const Thread &thread) {
  return thread.id[d];
}
template <unsigned d> static uint64_t blockDim(const Thread &thread) {
  return thread.shape().block[d];
}
template <unsigned d> static uint64_t blockId(const Thread &thread) {
  return thread.block->id[d];
}
template <unsigned d> static uint64_t gridDim(const Thread &thread) {
  return thread.shape().grid[d];
}
template <unsigned d> static uint64_t clusterDim(const Thread &thread) {
  return thread.shape().cluster[d];
}
template <unsigned d> static uint64_t blockInCluster(const Thread &thread) {
  return thread.block->id[d] % thread.shape().cluster[d];
}
template <unsigned d> static uint64_t clusterId(const Thread &thread) {
  return thread.block->id[d] / thread.shape().cluster[d];
}
static uint64_t rankInCluster(const Thread &thread) {
  return thread.block->rank;
}
static uint64_t blocksInCluster(const Thread &thread) {
  return thread.cluster->blocks.size();
}
static uint64_t laneId(const Thread &thread) { return thread.lane(); }
static uint64_t warpId(const Thread &thread) {
  return thread.indexInBlock / 32;
}
static uint64_t warpSize(const Thread &) { return 32; }
static uint64_t laneMaskEq(const Thread &thread) {
  return uint32_t(1) << thread.lane();
}
static uint64_t laneMaskLt(const Thread &thread) {
  return (uint32_t(1) << thread.lane()) - 1;
}
static uint64_t laneMaskLe(const Thread &thread) {
  return laneMaskLt(thread) | laneMaskEq(thread);
}
static uint64_t laneMaskGt(const Thread &thread) {
  return uint32_t(~laneMaskLe(thread));
}
static uint64_t laneMaskGe(const Thread &thread) {
  return uint32_t(~laneMaskLt(thread));
}
static uint64_t warpsInBlock(const Thread &thread) {
  return thread.block->warps.size();
}
template <unsigned d> static uint64_t gridDimInClusters(const Thread &thread) {
  return thread.shape().grid[d] / thread.shape().cluster[d];
}
static uint64_t dynamicSharedSize(const Thread &thread) {
  return thread.shape().dynamicSharedMemory;
}

/// prmt: picks each byte of the result from the eight bytes of hi:lo.
static uint32_t permute(NVVM::PermuteMode mode, uint32_t lo, uint32_t hi,
                        uint32_t selector) {
  uint64_t bytes = uint64_t(hi) << 32 | lo;
  auto byte = [&](unsigned index) {
    return uint32_t(bytes >> (8 * (index & 7)) & 0xff);
  };
  uint32_t result = 0;
  unsigned s = selector & 3;
  for (unsigned i = 0; i < 4; ++i) {
    uint32_t value = 0;
    switch (mode) {
    case NVVM::PermuteMode::DEFAULT: {
      unsigned nibble = selector >> (4 * i) & 0xf;
      value = byte(nibble & 7);
      if (nibble & 8) // the sign of the byte, eight times
        value = value & 0x80 ? 0xff : 0;
      break;
    }
    case NVVM::PermuteMode::F4E:
      value = byte(s + i);
      break;
    case NVVM::PermuteMode::B4E:
      value = byte(s + 8 - i);
      break;
    case NVVM::PermuteMode::RC8:
      value = byte(s);
      break;
    case NVVM::PermuteMode::ECL:
      value = byte(std::max(i, s));
      break;
    case NVVM::PermuteMode::ECR:
      value = byte(std::min(i, s));
      break;
    case NVVM::PermuteMode::RC16:
      value = byte(2 * (s & 1) + (i & 1));
      break;
    }
    result |= value << (8 * i);
  }
  return result;
}

static llvm::FailureOr<Semantics> describePermute(NVVM::PermuteOp op) {
  bool hasHigh = bool(op.getHi());
  return perThread(
      [mode = op.getMode(), hasHigh](Thread &, ValueBytes in, ValueBytes out) {
        uint32_t high = hasHigh ? in.get<uint32_t>(1) : 0;
        uint32_t selector = in.get<uint32_t>(hasHigh ? 2 : 1);
        out.set(0, permute(mode, in.get<uint32_t>(0), high, selector));
      });
}

void quantmlir::emulator::attachRegisterModels(MLIRContext *context) {
  attachRegister<NVVM::ThreadIdXOp, threadId<0>>(context);
  attachRegister<NVVM::ThreadIdYOp, threadId<1>>(context);
  attachRegister<NVVM::ThreadIdZOp, threadId<2>>(context);
  attachRegister<NVVM::BlockDimXOp, blockDim<0>>(context);
  attachRegister<NVVM::BlockDimYOp, blockDim<1>>(context);
  attachRegister<NVVM::BlockDimZOp, blockDim<2>>(context);
  attachRegister<NVVM::BlockIdXOp, blockId<0>>(context);
  attachRegister<NVVM::BlockIdYOp, blockId<1>>(context);
  attachRegister<NVVM::BlockIdZOp, blockId<2>>(context);
  attachRegister<NVVM::GridDimXOp, gridDim<0>>(context);
  attachRegister<NVVM::GridDimYOp, gridDim<1>>(context);
  attachRegister<NVVM::GridDimZOp, gridDim<2>>(context);
  attachRegister<NVVM::ClusterDimBlocksXOp, clusterDim<0>>(context);
  attachRegister<NVVM::ClusterDimBlocksYOp, clusterDim<1>>(context);
  attachRegister<NVVM::ClusterDimBlocksZOp, clusterDim<2>>(context);
  attachRegister<NVVM::BlockInClusterIdXOp, blockInCluster<0>>(context);
  attachRegister<NVVM::BlockInClusterIdYOp, blockInCluster<1>>(context);
  attachRegister<NVVM::BlockInClusterIdZOp, blockInCluster<2>>(context);
  attachRegister<NVVM::ClusterIdXOp, clusterId<0>>(context);
  attachRegister<NVVM::ClusterIdYOp, clusterId<1>>(context);
  attachRegister<NVVM::ClusterIdZOp, clusterId<2>>(context);
  attachRegister<NVVM::ClusterId, rankInCluster>(context);
  attachRegister<NVVM::ClusterDim, blocksInCluster>(context);
  attachRegister<NVVM::LaneIdOp, laneId>(context);
  attachRegister<NVVM::WarpIdOp, warpId>(context);
  attachRegister<NVVM::WarpSizeOp, warpSize>(context);
  attachRegister<NVVM::LaneMaskEqOp, laneMaskEq>(context);
  attachRegister<NVVM::LaneMaskLtOp, laneMaskLt>(context);
  attachRegister<NVVM::LaneMaskLeOp, laneMaskLe>(context);
  attachRegister<NVVM::LaneMaskGtOp, laneMaskGt>(context);
  attachRegister<NVVM::LaneMaskGeOp, laneMaskGe>(context);
  attachRegister<NVVM::WarpDimOp, warpsInBlock>(context);
  attachRegister<NVVM::ClusterDimXOp, gridDimInClusters<0>>(context);
  attachRegister<NVVM::ClusterDimYOp, gridDimInClusters<1>>(context);
  attachRegister<NVVM::ClusterDimZOp, gridDimInClusters<2>>(context);
  attachRegister<NVVM::DynamicSmemSize, dynamicSharedSize>(context);
  attach<NVVM::PermuteOp, describePermute>(context);
}
