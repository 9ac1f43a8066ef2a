//===- CopiesToLaunches.cpp - memref.copy as a plain kernel ---------------===//

#include "quantmlir/Conversion/QuantTileToGPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir {
#define GEN_PASS_DEF_QUANTTILECOPIESTOLAUNCHES
#include "quantmlir/Conversion/QuantTileToGPU/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;

namespace {

struct CopiesToLaunches
    : quantmlir::impl::QuantTileCopiesToLaunchesBase<CopiesToLaunches> {
  using QuantTileCopiesToLaunchesBase::QuantTileCopiesToLaunchesBase;

  void runOnOperation() override {
    auto schedule = quant_tile::PlainScheduleAttr::getChecked(
        [&] { return getOperation().emitError(); }, &getContext(),
        threads.getValue(),
        /*lanes=*/int64_t(1));
    if (!schedule)
      return signalPassFailure();
    KernelTable table(getOperation());
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) {
      if (!op->getParentOfType<gpu::GPUModuleOp>())
        copies.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (memref::CopyOp op : copies) {
      rewriter.setInsertionPoint(op);
      auto type = dyn_cast<MemRefType>(op.getTarget().getType());
      if (!type || !isa<MemRefType>(op.getSource().getType())) {
        op.emitOpError() << "copies a memref of unknown rank";
        return signalPassFailure();
      }
      AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
      SmallVector<utils::IteratorType> loops(type.getRank(),
                                             utils::IteratorType::parallel);
      auto generic = linalg::GenericOp::create(
          rewriter, op.getLoc(), ValueRange{op.getSource()},
          ValueRange{op.getTarget()}, ArrayRef<AffineMap>{identity, identity},
          loops, [](OpBuilder &builder, Location loc, ValueRange arguments) {
            linalg::YieldOp::create(builder, loc, arguments[0]);
          });
      generic->setAttr(quant_tile::PlainScheduleAttr::getAttrName(), schedule);
      rewriter.setInsertionPoint(generic);
      FailureOr<KernelCall> call = buildPlainKernel(generic, table, rewriter);
      if (failed(call))
        return signalPassFailure();
      replaceWithLaunch(rewriter, generic, *call);
      rewriter.eraseOp(op);
    }
  }
};

} // namespace
