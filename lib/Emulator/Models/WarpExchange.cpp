//===- WarpExchange.cpp - Shuffles, votes, reductions of a warp -----------===//

#include "Models.h"
#include <cmath>

using namespace mlir;
using namespace quantmlir::emulator;

//===----------------------------------------------------------------------===//
// shfl.sync
//===----------------------------------------------------------------------===//

/// The lane that `lane` reads, and whether it lies in its segment: the rules of
/// PTX ISA, "shfl.sync".
static std::pair<unsigned, bool> getShuffleSource(NVVM::ShflKind kind,
                                                  unsigned lane,
                                                  uint32_t offset,
                                                  uint32_t clamp) {
  unsigned b = offset & 0x1f, c = clamp & 0x1f, segment = clamp >> 8 & 0x1f;
  int maximum = (lane & segment) | (c & ~segment);
  int minimum = lane & segment;
  int source = 0;
  bool valid = false;
  switch (kind) {
  case NVVM::ShflKind::up:
    source = int(lane) - int(b);
    valid = source >= maximum;
    break;
  case NVVM::ShflKind::down:
    source = lane + b;
    valid = source <= maximum;
    break;
  case NVVM::ShflKind::bfly:
    source = lane ^ b;
    valid = source <= maximum;
    break;
  case NVVM::ShflKind::idx:
    source = minimum | (b & ~segment & 0x1f);
    valid = source <= maximum;
    break;
  }
  return {valid ? unsigned(source) : lane, valid};
}

static llvm::FailureOr<Semantics> describeShuffle(NVVM::ShflOp op) {
  bool tellsValid = bool(op.getReturnValueAndIsValid());
  return perWarp(
      [kind = op.getKind(), tellsValid](WarpLanes &warp) {
        for (auto [index, lane] : llvm::enumerate(warp.lanes)) {
          if (!lane.thread)
            continue;
          auto [source, valid] =
              getShuffleSource(kind, index, lane.operands.get<uint32_t>(2),
                               lane.operands.get<uint32_t>(3));
          uint32_t value = 0;
          if (warp.contains(source))
            value = warp.lanes[source].operands.get<uint32_t>(1);
          else
            lane.thread->report(FindingKind::InvalidOperand,
                                "shuffle from lane " + llvm::Twine(source) +
                                    ", which takes no part in it");
          lane.results.set(0, value);
          if (tellsValid)
            lane.results.set<uint8_t>(0, valid, sizeof(uint32_t));
        }
      },
      /*maskOperand=*/0);
}

//===----------------------------------------------------------------------===//
// vote, match, elect
//===----------------------------------------------------------------------===//

static llvm::FailureOr<Semantics> describeVote(NVVM::VoteSyncOp op) {
  return perWarp(
      [kind = op.getKind()](WarpLanes &warp) {
        uint32_t ballot = 0;
        for (auto [index, lane] : llvm::enumerate(warp.lanes))
          if (lane.thread && (lane.operands.get<uint8_t>(1) & 1))
            ballot |= uint32_t(1) << index;
        for (const Lane &lane : warp.lanes) {
          if (!lane.thread)
            continue;
          switch (kind) {
          case NVVM::VoteSyncKind::any:
            lane.results.set<uint8_t>(0, ballot != 0);
            break;
          case NVVM::VoteSyncKind::all:
            lane.results.set<uint8_t>(0, ballot == warp.mask);
            break;
          case NVVM::VoteSyncKind::uni:
            lane.results.set<uint8_t>(0, ballot == 0 || ballot == warp.mask);
            break;
          case NVVM::VoteSyncKind::ballot:
            lane.results.set<uint32_t>(0, ballot);
            break;
          }
        }
      },
      /*maskOperand=*/0);
}

static llvm::FailureOr<Semantics> describeMatch(NVVM::MatchSyncOp op) {
  bool wide = op.getVal().getType().isInteger(64);
  bool all = op.getKind() == NVVM::MatchSyncKind::all;
  return perWarp(
      [wide, all](WarpLanes &warp) {
        auto value = [&](const Lane &lane) {
          return wide ? lane.operands.get<uint64_t>(1)
                      : lane.operands.get<uint32_t>(1);
        };
        for (const Lane &lane : warp.lanes) {
          if (!lane.thread)
            continue;
          uint32_t equal = 0;
          for (auto [index, other] : llvm::enumerate(warp.lanes))
            if (other.thread && value(other) == value(lane))
              equal |= uint32_t(1) << index;
          bool same = equal == warp.mask;
          lane.results.set<uint32_t>(0, all && !same ? 0 : equal);
          if (all)
            lane.results.set<uint8_t>(0, same, sizeof(uint32_t));
        }
      },
      /*maskOperand=*/0);
}

/// The hardware picks some lane; here it is the lowest.
static llvm::FailureOr<Semantics> describeElect(NVVM::ElectSyncOp op) {
  std::optional<unsigned> maskOperand;
  if (op.getMembermask())
    maskOperand = 0;
  return perWarp(
      [](WarpLanes &warp) {
        bool first = true;
        for (const Lane &lane : warp.lanes) {
          if (!lane.thread)
            continue;
          lane.results.set<uint8_t>(0, first);
          first = false;
        }
      },
      maskOperand);
}

//===----------------------------------------------------------------------===//
// redux
//===----------------------------------------------------------------------===//

static uint32_t reduce(NVVM::ReduxKind kind, uint32_t a, uint32_t b) {
  switch (kind) {
  case NVVM::ReduxKind::ADD:
    return a + b;
  case NVVM::ReduxKind::AND:
    return a & b;
  case NVVM::ReduxKind::OR:
    return a | b;
  case NVVM::ReduxKind::XOR:
    return a ^ b;
  case NVVM::ReduxKind::MAX:
    return std::max(int32_t(a), int32_t(b));
  case NVVM::ReduxKind::MIN:
    return std::min(int32_t(a), int32_t(b));
  case NVVM::ReduxKind::UMAX:
    return std::max(a, b);
  case NVVM::ReduxKind::UMIN:
    return std::min(a, b);
  case NVVM::ReduxKind::FMIN:
  case NVVM::ReduxKind::FMAX:
    break;
  }
  llvm_unreachable("float reductions are refused");
}

static llvm::FailureOr<Semantics> describeRedux(NVVM::ReduxOp op) {
  // redux.f32 exists only on chips we have no kernels for.
  if (!op.getType().isInteger(32))
    return op.emitOpError("of floats is not known to the emulator");
  return perWarp(
      [kind = op.getKind()](WarpLanes &warp) {
        std::optional<uint32_t> total;
        for (const Lane &lane : warp.lanes)
          if (lane.thread) {
            uint32_t value = lane.operands.get<uint32_t>(0);
            total = total ? reduce(kind, *total, value) : value;
          }
        for (const Lane &lane : warp.lanes)
          if (lane.thread)
            lane.results.set(0, *total);
      },
      /*maskOperand=*/1);
}

void quantmlir::emulator::attachWarpExchangeModels(MLIRContext *context) {
  attach<NVVM::ShflOp, describeShuffle>(context);
  attach<NVVM::VoteSyncOp, describeVote>(context);
  attach<NVVM::MatchSyncOp, describeMatch>(context);
  attach<NVVM::ElectSyncOp, describeElect>(context);
  attach<NVVM::ReduxOp, describeRedux>(context);
}
