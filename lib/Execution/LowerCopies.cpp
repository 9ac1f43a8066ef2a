//===- LowerCopies.cpp - Copies between buffers as linalg -----------------===//

#include "quantmlir/Execution/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace quantmlir {
#define GEN_PASS_DEF_LOWERCOPIES
#include "quantmlir/Execution/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;

namespace {

struct LowerCopies : quantmlir::impl::LowerCopiesBase<LowerCopies> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation()->walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp op : copies) {
      auto source = dyn_cast<MemRefType>(op.getSource().getType());
      auto target = dyn_cast<MemRefType>(op.getTarget().getType());
      // Without strides upstream's lowering is a memcpy.
      if (!source || !target ||
          (source.getLayout().isIdentity() && target.getLayout().isIdentity()))
        continue;
      OpBuilder builder(op);
      AffineMap identity = builder.getMultiDimIdentityMap(target.getRank());
      SmallVector<utils::IteratorType> loops(target.getRank(),
                                             utils::IteratorType::parallel);
      linalg::GenericOp::create(
          builder, op.getLoc(), ValueRange{op.getSource()},
          ValueRange{op.getTarget()}, ArrayRef<AffineMap>{identity, identity},
          loops, [](OpBuilder &builder, Location loc, ValueRange arguments) {
            linalg::YieldOp::create(builder, loc, arguments[0]);
          });
      op.erase();
    }
  }
};

} // namespace
