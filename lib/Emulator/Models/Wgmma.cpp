//===- Wgmma.cpp - Multiplication by a warpgroup --------------------------===//

#include "../WgmmaRegisters.h"
#include "Models.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::emulator;

static MatrixElement getMatrixElement(Type type) {
  if (type.isUnsignedInteger(8))
    return MatrixElement::U8;
  if (type.isInteger(8))
    return MatrixElement::S8;
  if (type.isF16())
    return MatrixElement::F16;
  if (type.isBF16())
    return MatrixElement::BF16;
  // The verifier lets no other pass.
  return isa<Float8E4M3FNType>(type) ? MatrixElement::E4M3
                                     : MatrixElement::E5M2;
}

static Warpgroup &getWarpgroup(const WarpgroupLanes &lanes) {
  const Thread &thread = *lanes.lanes[0].thread;
  return thread.block->warpgroups[thread.indexInBlock / 128];
}

static llvm::FailureOr<Semantics> describeWgmma(quant_tile::WgmmaOp op) {
  WgmmaForm form;
  form.n = op.getN();
  form.a = getMatrixElement(op.getAType());
  form.b = getMatrixElement(op.getBType());
  form.registerA = op.hasRegisterA();
  if (auto where = op->getAttrOfType<LocationAttr>(unfencedAttribute))
    form.unfenced = Location(where);
  Semantics semantics = perWarpgroup([form](WarpgroupLanes &lanes) {
    getWarpgroup(lanes).multiply(lanes, form);
  });
  // 64 rows, 16 of them for each warp, and 256 bits of K.
  semantics.operations =
      uint64_t(2) * 16 * form.n * (256 / getBitWidth(form.a));
  return semantics;
}

static llvm::FailureOr<Semantics>
describeWgmmaWait(quant_tile::WgmmaWaitOp op) {
  SmallVector<unsigned> counts;
  for (Type type : op.getResultTypes())
    counts.push_back(cast<LLVM::LLVMStructType>(type).getBody().size());
  return perWarpgroup(
      [pending = unsigned(op.getPending()), counts](WarpgroupLanes &lanes) {
        getWarpgroup(lanes).wait(lanes, pending, counts);
      });
}

static llvm::FailureOr<Semantics>
describeWaitGroup(NVVM::WgmmaWaitGroupSyncOp op) {
  return perWarpgroup(
      [pending = unsigned(op.getGroup())](WarpgroupLanes &lanes) {
        getWarpgroup(lanes).wait(lanes, pending, {});
      });
}

/// Its place among the instructions is what counts: see WgmmaRegisters.h.
static llvm::FailureOr<Semantics>
describeWgmmaFence(NVVM::WgmmaFenceAlignedOp op) {
  return perWarpgroup([](WarpgroupLanes &) {});
}

static llvm::FailureOr<Semantics>
describeWgmmaCommit(NVVM::WgmmaGroupSyncAlignedOp op) {
  return perWarpgroup(
      [](WarpgroupLanes &lanes) { getWarpgroup(lanes).commit(); });
}

void quantmlir::emulator::attachWgmmaModels(MLIRContext *context) {
  attach<quant_tile::WgmmaOp, describeWgmma>(context);
  attach<quant_tile::WgmmaWaitOp, describeWgmmaWait>(context);
}

void quantmlir::emulator::attachWgmmaGroupModels(MLIRContext *context) {
  attach<NVVM::WgmmaFenceAlignedOp, describeWgmmaFence>(context);
  attach<NVVM::WgmmaGroupSyncAlignedOp, describeWgmmaCommit>(context);
  attach<NVVM::WgmmaWaitGroupSyncOp, describeWaitGroup>(context);
}
