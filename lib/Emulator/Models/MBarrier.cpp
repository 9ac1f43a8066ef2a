//===- MBarrier.cpp - mbarrier objects ------------------------------------===//

#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

static llvm::FailureOr<Semantics> describeInit(NVVM::MBarrierInitOp op) {
  bool hasPredicate = bool(op.getPredicate());
  return perThread([space = getSpace(op.getAddr()),
                    hasPredicate](Thread &thread, ValueBytes in, ValueBytes) {
    if (hasPredicate && !(in.get<uint8_t>(2) & 1))
      return;
    thread.initMBarrier(in.get<uint64_t>(0), space, in.get<uint32_t>(1));
  });
}

static llvm::FailureOr<Semantics> describeInval(NVVM::MBarrierInvalOp op) {
  return perThread([space = getSpace(op.getAddr())](Thread &thread,
                                                    ValueBytes in, ValueBytes) {
    thread.invalidateMBarrier(in.get<uint64_t>(0), space);
  });
}

static llvm::FailureOr<Semantics> describeArrive(NVVM::MBarrierArriveOp op) {
  bool hasCount = bool(op.getCount()), hasResult = bool(op.getRes());
  return perThread([space = getSpace(op.getAddr()), hasCount, hasResult,
                    relaxed = op.getRelaxed()](Thread &thread, ValueBytes in,
                                               ValueBytes out) {
    uint64_t state =
        thread.arriveMBarrier(in.get<uint64_t>(0), space,
                              hasCount ? in.get<uint32_t>(1) : 1, 0, relaxed);
    if (hasResult)
      out.set(0, state);
  });
}

static llvm::FailureOr<Semantics>
describeArriveExpect(NVVM::MBarrierArriveExpectTxOp op) {
  bool hasResult = bool(op.getRes()), hasPredicate = bool(op.getPredicate());
  return perThread([space = getSpace(op.getAddr()), hasResult, hasPredicate,
                    relaxed = op.getRelaxed()](Thread &thread, ValueBytes in,
                                               ValueBytes out) {
    if (hasPredicate && !(in.get<uint8_t>(2) & 1))
      return;
    uint64_t state = thread.arriveMBarrier(in.get<uint64_t>(0), space, 1,
                                           in.get<uint32_t>(1), relaxed);
    if (hasResult)
      out.set(0, state);
  });
}

static llvm::FailureOr<Semantics> describeExpect(NVVM::MBarrierExpectTxOp op) {
  return perThread([space = getSpace(op.getAddr())](Thread &thread,
                                                    ValueBytes in, ValueBytes) {
    thread.arriveMBarrier(in.get<uint64_t>(0), space, 0, in.get<uint32_t>(1),
                          /*relaxed=*/true);
  });
}

/// The parity that a wait's second operand stands for: an i32 is the parity, an
/// i64 the state that an arrive returned, which here is the phase's number.
static uint64_t getParity(const ValueBytes &in, bool isState) {
  return (isState ? in.get<uint64_t>(1) : in.get<uint32_t>(1)) & 1;
}

/// try_wait may suspend the thread until the phase is complete; here it always
/// does, so that a wait for what never comes is seen as a deadlock.
static llvm::FailureOr<Semantics> describeTryWait(NVVM::MBarrierTryWaitOp op) {
  if (failed(refuse(op, op.getRelaxed(), "relaxed order")))
    return failure();
  bool isState = op.getStateOrPhase().getType().isInteger(64);
  return perThread([space = getSpace(op.getAddr()),
                    isState](Thread &thread, ValueBytes in, ValueBytes out) {
    thread.waitMBarrier(in.get<uint64_t>(0), space, getParity(in, isState),
                        /*mayWait=*/true);
    out.set<uint8_t>(0, 1);
  });
}

static llvm::FailureOr<Semantics>
describeTryWaitParity(NVVM::MBarrierTryWaitParityOp op) {
  return perThread([space = getSpace(op.getAddr())](Thread &thread,
                                                    ValueBytes in, ValueBytes) {
    thread.waitMBarrier(in.get<uint64_t>(0), space, in.get<uint32_t>(1) & 1,
                        /*mayWait=*/true);
  });
}

static llvm::FailureOr<Semantics>
describeTestWait(NVVM::MBarrierTestWaitOp op) {
  if (failed(refuse(op, op.getRelaxed(), "relaxed order")))
    return failure();
  bool isState = op.getStateOrPhase().getType().isInteger(64);
  return perThread([space = getSpace(op.getAddr()),
                    isState](Thread &thread, ValueBytes in, ValueBytes out) {
    thread.poll();
    out.set<uint8_t>(0, thread.waitMBarrier(in.get<uint64_t>(0), space,
                                            getParity(in, isState),
                                            /*mayWait=*/false));
  });
}

/// Asynchronous copies, and after the barrier of a cluster, even a relaxed one,
/// its other blocks, see the mbarriers that the thread has initialised.
static llvm::FailureOr<Semantics> describeFence(NVVM::FenceMbarrierInitOp op) {
  return perThread(
      [](Thread &thread, ValueBytes, ValueBytes) { thread.fenceInits(); });
}

void quantmlir::emulator::attachMBarrierModels(MLIRContext *context) {
  attach<NVVM::MBarrierInitOp, describeInit>(context);
  attach<NVVM::MBarrierInvalOp, describeInval>(context);
  attach<NVVM::MBarrierArriveOp, describeArrive>(context);
  attach<NVVM::MBarrierArriveExpectTxOp, describeArriveExpect>(context);
  attach<NVVM::MBarrierExpectTxOp, describeExpect>(context);
  attach<NVVM::MBarrierTryWaitOp, describeTryWait>(context);
  attach<NVVM::MBarrierTryWaitParityOp, describeTryWaitParity>(context);
  attach<NVVM::MBarrierTestWaitOp, describeTestWait>(context);
  attach<NVVM::FenceMbarrierInitOp, describeFence>(context);
}
