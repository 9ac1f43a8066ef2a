//===- MBarrier.cpp - mbarrier objects, bulk copies, clusters -------------===//

#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

/// The space that an mbarrier's address operand says.
static Space getSpace(Value pointer) {
  unsigned space =
      cast<LLVM::LLVMPointerType>(pointer.getType()).getAddressSpace();
  if (space == NVVM::NVVMMemorySpace::Shared)
    return Space::Shared;
  return space == NVVM::NVVMMemorySpace::SharedCluster ? Space::Cluster
                                                       : Space::Generic;
}

template <typename OpT>
static LogicalResult refuse(OpT op, bool condition, llvm::StringRef what) {
  if (!condition)
    return success();
  return op.emitOpError() << "with " << what << " is not known to the emulator";
}

static llvm::FailureOr<Semantics> describeInit(NVVM::MBarrierInitOp op) {
  if (failed(refuse(op, bool(op.getPredicate()), "a predicate")))
    return failure();
  return perThread([space = getSpace(op.getAddr())](Thread &thread,
                                                    ValueBytes in, ValueBytes) {
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
  if (failed(refuse(op, op.getRelaxed(), "relaxed order")))
    return failure();
  bool hasCount = bool(op.getCount()), hasResult = bool(op.getRes());
  return perThread([space = getSpace(op.getAddr()), hasCount,
                    hasResult](Thread &thread, ValueBytes in, ValueBytes out) {
    uint64_t state = thread.arriveMBarrier(
        in.get<uint64_t>(0), space, hasCount ? in.get<uint32_t>(1) : 1, 0);
    if (hasResult)
      out.set(0, state);
  });
}

static llvm::FailureOr<Semantics>
describeArriveExpect(NVVM::MBarrierArriveExpectTxOp op) {
  if (failed(refuse(op, op.getRelaxed(), "relaxed order")) ||
      failed(refuse(op, bool(op.getPredicate()), "a predicate")))
    return failure();
  bool hasResult = bool(op.getRes());
  return perThread([space = getSpace(op.getAddr()),
                    hasResult](Thread &thread, ValueBytes in, ValueBytes out) {
    uint64_t state = thread.arriveMBarrier(in.get<uint64_t>(0), space, 1,
                                           in.get<uint32_t>(1));
    if (hasResult)
      out.set(0, state);
  });
}

static llvm::FailureOr<Semantics> describeExpect(NVVM::MBarrierExpectTxOp op) {
  return perThread([space = getSpace(op.getAddr())](Thread &thread,
                                                    ValueBytes in, ValueBytes) {
    thread.arriveMBarrier(in.get<uint64_t>(0), space, 0, in.get<uint32_t>(1));
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
    thread.yield();
    out.set<uint8_t>(0, thread.waitMBarrier(in.get<uint64_t>(0), space,
                                            getParity(in, isState),
                                            /*mayWait=*/false));
  });
}

static llvm::FailureOr<Semantics>
describeBulkLoad(NVVM::CpAsyncBulkGlobalToSharedClusterOp op) {
  if (failed(refuse(op, bool(op.getMulticastMask()), "multicast")))
    return failure();
  return perThread([space = getSpace(op.getDstMem())](
                       Thread &thread, ValueBytes in, ValueBytes) {
    thread.copyBulk(in.get<uint64_t>(0), space, in.get<uint64_t>(1),
                    in.get<uint32_t>(2), in.get<uint32_t>(3));
  });
}

/// What changes no value: register counts, dependent launches (the emulator
/// runs kernels one after another), fences that order what is ordered here.
template <typename OpT>
static llvm::FailureOr<Semantics> describeNothing(OpT op) {
  return perThread([](Thread &, ValueBytes, ValueBytes) {});
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
  attach<NVVM::CpAsyncBulkGlobalToSharedClusterOp, describeBulkLoad>(context);
  attach<NVVM::FenceMbarrierInitOp, describeNothing<NVVM::FenceMbarrierInitOp>>(
      context);
  attach<NVVM::SetMaxRegisterOp, describeNothing<NVVM::SetMaxRegisterOp>>(
      context);
  attach<NVVM::GriddepcontrolOp, describeNothing<NVVM::GriddepcontrolOp>>(
      context);
}
