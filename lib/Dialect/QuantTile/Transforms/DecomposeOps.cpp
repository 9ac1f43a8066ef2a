//===- DecomposeOps.cpp - What stands for several linalg ops --------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEDECOMPOSEOPS
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;

namespace {

struct DecomposeOps
    : quantmlir::quant_tile::impl::QuantTileDecomposeOpsBase<DecomposeOps> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    if (failed(decompose(getOperation(), rewriter)) ||
        failed(lowerTensorOps(getOperation(), rewriter)))
      signalPassFailure();
  }

  /// Ops such as softmax or pack that stand for several simple ones.
  static LogicalResult decompose(func::FuncOp func, IRRewriter &rewriter) {
    SmallVector<Operation *> packs;
    func.walk([&](Operation *op) {
      if (isa<linalg::PackOp, linalg::UnPackOp>(op))
        packs.push_back(op);
    });
    for (Operation *op : packs) {
      rewriter.setInsertionPoint(op);
      auto pack = dyn_cast<linalg::PackOp>(op);
      if (pack ? failed(linalg::lowerPack(rewriter, pack))
               : failed(
                     linalg::lowerUnPack(rewriter, cast<linalg::UnPackOp>(op))))
        return op->emitOpError() << "cannot be decomposed into simple ops";
    }
    SmallVector<linalg::AggregatedOpInterface> ops;
    func.walk([&](linalg::AggregatedOpInterface op) { ops.push_back(op); });
    for (linalg::AggregatedOpInterface op : ops) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> values = op.decomposeOperation(rewriter);
      if (failed(values))
        return op->emitOpError() << "cannot be decomposed into simple ops";
      rewriter.replaceOp(op, *values);
    }
    return success();
  }

  /// Tensor ops that compute something become linalg; those that only view
  /// something are bufferization's.
  static LogicalResult lowerTensorOps(func::FuncOp func, IRRewriter &rewriter) {
    SmallVector<Operation *> ops;
    func.walk([&](Operation *op) {
      if (isa<tensor::PadOp, tensor::GenerateOp, tensor::ConcatOp,
              tensor::FromElementsOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      LogicalResult result = failure();
      if (auto pad = dyn_cast<tensor::PadOp>(op)) {
        result = linalg::rewriteInDestinationPassingStyle(rewriter, pad);
      } else if (auto generate = dyn_cast<tensor::GenerateOp>(op)) {
        result = linalg::rewriteInDestinationPassingStyle(rewriter, generate);
      } else if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
        FailureOr<SmallVector<Value>> values =
            concat.decomposeOperation(rewriter);
        if (succeeded(values))
          rewriter.replaceOp(concat, *values);
        result = values;
      } else if (auto elements = cast<tensor::FromElementsOp>(op);
                 elements.getElements().size() == 1) {
        Value empty = tensor::EmptyOp::create(
            rewriter, op->getLoc(), elements.getType().getShape(),
            elements.getType().getElementType());
        rewriter.replaceOpWithNewOp<linalg::FillOp>(
            elements, elements.getElements(), empty);
        result = success();
      }
      if (failed(result))
        return op->emitOpError() << "has no kernel";
    }
    return success();
  }
};

} // namespace
