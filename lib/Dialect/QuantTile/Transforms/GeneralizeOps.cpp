//===- GeneralizeOps.cpp - Named ops as generic ones ----------------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEGENERALIZEOPS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;

/// Whether fusion has something to gain from `op` as a generic. Contractions
/// keep their names: whatever is fused into one is computed once for each
/// product. Fills and transpositions are looked for by name.
static bool isGeneralized(linalg::LinalgOp op) {
  if (isa<linalg::GenericOp, linalg::FillOp, linalg::CopyOp,
          linalg::TransposeOp>(op) ||
      !op.hasPureTensorSemantics())
    return false;
  return isa<linalg::ReduceOp>(op) ||
         op.getNumParallelLoops() == op.getNumLoops();
}

namespace {

struct GeneralizeOps
    : quantmlir::quant_tile::impl::QuantTileGeneralizeOpsBase<GeneralizeOps> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation().walk([&](linalg::SoftmaxOp op) { softmaxes.push_back(op); });
    for (linalg::SoftmaxOp op : softmaxes) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values = op.decomposeOperation(rewriter);
      if (failed(values)) {
        op->emitOpError() << "cannot be decomposed into simple ops";
        return signalPassFailure();
      }
      rewriter.replaceOp(op, *values);
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (isGeneralized(op))
        ops.push_back(op);
    });
    for (linalg::LinalgOp op : ops) {
      rewriter.setInsertionPoint(op);
      // What has no generic form keeps its own.
      (void)linalg::generalizeNamedOp(rewriter, op);
    }
  }
};

} // namespace
