//===- AsyncCopy.cpp - cp.async -------------------------------------------===//

#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

static llvm::FailureOr<Semantics> describeCpAsync(NVVM::CpAsyncOp op) {
  bool hasSourceSize = bool(op.getCpSize());
  return perThread([size = op.getSize(),
                    hasSourceSize](Thread &thread, ValueBytes in, ValueBytes) {
    uint32_t copied = hasSourceSize ? in.get<uint32_t>(2) : size;
    thread.copyAsync(in.get<uint32_t>(0), in.get<uint64_t>(1), size, copied);
  });
}

static llvm::FailureOr<Semantics>
describeCommit(NVVM::CpAsyncCommitGroupOp op) {
  return perThread(
      [](Thread &thread, ValueBytes, ValueBytes) { thread.commitCopies(); });
}

static llvm::FailureOr<Semantics> describeWait(NVVM::CpAsyncWaitGroupOp op) {
  return perThread(
      [pending = op.getN()](Thread &thread, ValueBytes, ValueBytes) {
        thread.waitCopies(pending);
      });
}

void quantmlir::emulator::attachAsyncCopyModels(MLIRContext *context) {
  attach<NVVM::CpAsyncOp, describeCpAsync>(context);
  attach<NVVM::CpAsyncCommitGroupOp, describeCommit>(context);
  attach<NVVM::CpAsyncWaitGroupOp, describeWait>(context);
}
