//===- BulkCopy.cpp - cp.async.bulk ---------------------------------------===//
//
// Hints for the L2 cache change nothing here.
//
//===----------------------------------------------------------------------===//

#include "Models.h"

using namespace mlir;
using namespace quantmlir::emulator;

/// The number of an operand, if it is there.
static std::optional<unsigned> getNumber(MutableOperandRange range) {
  OperandRange operands(range);
  if (operands.empty())
    return std::nullopt;
  return operands.getBeginOperandIndex();
}

static SmallVector<int32_t> getCoordinates(ValueBytes in, unsigned first,
                                           unsigned rank) {
  SmallVector<int32_t> coordinates;
  for (unsigned d = 0; d < rank; ++d)
    coordinates.push_back(in.get<int32_t>(first + d));
  return coordinates;
}

static std::optional<uint16_t> getMask(ValueBytes in,
                                       std::optional<unsigned> operand) {
  if (!operand)
    return std::nullopt;
  return in.get<uint16_t>(*operand);
}

/// Whether a predicate, if there is one, lets the instruction run.
static bool isEnabled(ValueBytes in, std::optional<unsigned> predicate) {
  return !predicate || (in.get<uint8_t>(*predicate) & 1);
}

//===----------------------------------------------------------------------===//
// Into shared memory
//===----------------------------------------------------------------------===//

static llvm::FailureOr<Semantics>
describeBulkLoad(NVVM::CpAsyncBulkGlobalToSharedClusterOp op) {
  return perThread([space = getSpace(op.getDstMem()),
                    mask = getNumber(op.getMulticastMaskMutable())](
                       Thread &thread, ValueBytes in, ValueBytes) {
    thread.loadBulk(in.get<uint64_t>(0), space, in.get<uint64_t>(1),
                    in.get<uint32_t>(2), in.get<uint32_t>(3),
                    getMask(in, mask));
  });
}

static llvm::FailureOr<Semantics>
describeTensorLoad(NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp op) {
  if (failed(refuse(op, op.getMode() != NVVM::TMALoadMode::TILE,
                    "a mode other than tile")) ||
      failed(refuse(op, bool(op.getGroup()), "a CTA group")))
    return failure();
  unsigned first = op.getCoordinates().getBeginOperandIndex(),
           rank = op.getCoordinates().size();
  return perThread([space = getSpace(op.getDstMem()), first, rank,
                    mask = getNumber(op.getMulticastMaskMutable()),
                    predicate = getNumber(op.getPredicateMutable())](
                       Thread &thread, ValueBytes in, ValueBytes) {
    if (isEnabled(in, predicate))
      thread.loadTensor(in.get<uint64_t>(0), space, in.get<uint64_t>(1),
                        getCoordinates(in, first, rank),
                        in.get<uint32_t>(first + rank), getMask(in, mask));
  });
}

//===----------------------------------------------------------------------===//
// Out of shared memory
//===----------------------------------------------------------------------===//

static llvm::FailureOr<Semantics>
describeBulkStore(NVVM::CpAsyncBulkSharedCTAToGlobalOp op) {
  if (failed(refuse(op, bool(op.getByteMask()), "a byte mask")))
    return failure();
  return perThread([](Thread &thread, ValueBytes in, ValueBytes) {
    thread.storeBulk(in.get<uint64_t>(0), in.get<uint32_t>(1),
                     in.get<uint32_t>(2));
  });
}

static llvm::FailureOr<Semantics>
describeTensorStore(NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp op) {
  if (failed(refuse(op, op.getMode() != NVVM::TMAStoreMode::TILE,
                    "a mode other than tile")))
    return failure();
  unsigned first = op.getCoordinates().getBeginOperandIndex(),
           rank = op.getCoordinates().size();
  return perThread(
      [first, rank, predicate = getNumber(op.getPredicateMutable())](
          Thread &thread, ValueBytes in, ValueBytes) {
        if (isEnabled(in, predicate))
          thread.storeTensor(in.get<uint64_t>(0), in.get<uint32_t>(1),
                             getCoordinates(in, first, rank));
      });
}

static llvm::FailureOr<Semantics>
describeCommit(NVVM::CpAsyncBulkCommitGroupOp op) {
  return perThread(
      [](Thread &thread, ValueBytes, ValueBytes) { thread.commitStores(); });
}

static llvm::FailureOr<Semantics>
describeWait(NVVM::CpAsyncBulkWaitGroupOp op) {
  return perThread([pending = op.getGroup(), read = bool(op.getRead())](
                       Thread &thread, ValueBytes, ValueBytes) {
    thread.waitStores(pending, read);
  });
}

//===----------------------------------------------------------------------===//
// Prefetches
//===----------------------------------------------------------------------===//

/// They change no value: only what they are of can be wrong.
static llvm::FailureOr<Semantics> describePrefetch(NVVM::PrefetchOp op) {
  bool isMap = op.getTensormap();
  return perThread([isMap, predicate = getNumber(op.getPredicateMutable())](
                       Thread &thread, ValueBytes in, ValueBytes) {
    if (!isEnabled(in, predicate))
      return;
    if (isMap)
      thread.readTensorMap(in.get<uint64_t>(0), /*rank=*/0);
    else
      thread.checkPrefetch(in.get<uint64_t>(0), /*size=*/1);
  });
}

static llvm::FailureOr<Semantics>
describeBulkPrefetch(NVVM::CpAsyncBulkPrefetchOp op) {
  return perThread([](Thread &thread, ValueBytes in, ValueBytes) {
    uint32_t size = in.get<uint32_t>(1);
    if (size % 16)
      thread.report(FindingKind::InvalidOperand, "a bulk prefetch of " +
                                                     llvm::Twine(size) +
                                                     " bytes: they go by 16");
    thread.checkPrefetch(in.get<uint64_t>(0), size);
  });
}

static llvm::FailureOr<Semantics>
describeTensorPrefetch(NVVM::CpAsyncBulkTensorPrefetchOp op) {
  if (failed(refuse(op, op.getMode() != NVVM::TMALoadMode::TILE,
                    "a mode other than tile")))
    return failure();
  unsigned rank = op.getCoordinates().size();
  return perThread([rank](Thread &thread, ValueBytes in, ValueBytes) {
    thread.readTensorMap(in.get<uint64_t>(0), rank);
  });
}

void quantmlir::emulator::attachBulkCopyModels(MLIRContext *context) {
  attach<NVVM::CpAsyncBulkGlobalToSharedClusterOp, describeBulkLoad>(context);
  attach<NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp, describeTensorLoad>(
      context);
  attach<NVVM::CpAsyncBulkSharedCTAToGlobalOp, describeBulkStore>(context);
  attach<NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp, describeTensorStore>(
      context);
  attach<NVVM::CpAsyncBulkCommitGroupOp, describeCommit>(context);
  attach<NVVM::CpAsyncBulkWaitGroupOp, describeWait>(context);
  attach<NVVM::PrefetchOp, describePrefetch>(context);
  attach<NVVM::CpAsyncBulkPrefetchOp, describeBulkPrefetch>(context);
  attach<NVVM::CpAsyncBulkTensorPrefetchOp, describeTensorPrefetch>(context);
}
