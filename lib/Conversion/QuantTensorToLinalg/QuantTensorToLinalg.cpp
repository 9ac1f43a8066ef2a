//===- QuantTensorToLinalg.cpp - The pass, and what it refuses ------------===//

#include "quantmlir/Conversion/QuantTensorToLinalg/QuantTensorToLinalg.h"

#include "Patterns.h"

#include "quantmlir/Dialect/QuantTensor/Transforms/Transforms.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quantmlir {
#define GEN_PASS_DEF_CONVERTQUANTTENSORTOLINALG
#include "quantmlir/Conversion/QuantTensorToLinalg/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir::quant_tensor;

bool quantmlir::quant_tensor::isScheduled(Operation *op) {
  return op->hasAttr("quant_tile.schedule");
}

//===----------------------------------------------------------------------===//
// What has no form in linalg
//===----------------------------------------------------------------------===//

/// A value that is taken apart: its logical extents must be known.
static std::string findSourceObstacle(Type type) {
  EncodingAttr encoding = getEncoding(type);
  if (!encoding)
    return "";
  if (std::optional<unsigned> dim =
          findUnrecoverableDim(cast<RankedTensorType>(type)))
    return llvm::formatv("reads codes that are packed along dimension #{0}, "
                         "whose dynamic extent the codes do not tell",
                         *dim);
  return "";
}

std::string quantmlir::quant_tensor::findLinalgObstacle(Operation *op) {
  for (Type type : op->getOperandTypes())
    if (std::string obstacle = findSourceObstacle(type); !obstacle.empty())
      return obstacle;
  return TypeSwitch<Operation *, std::string>(op)
      .Case([&](linalg::LinalgOp op) -> std::string {
        for (Value init : op.getDpsInits())
          if (getEncoding(init.getType()))
            return "has an encoded result: only quantize says what its codes "
                   "are";
        if (!op.hasPureTensorSemantics())
          return "mixes encoded tensors with buffers";
        return "";
      })
      .Default([](Operation *) { return ""; });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

void quantmlir::quant_tensor::populateQuantTensorToLinalgPatterns(
    RewritePatternSet &patterns, bool keepScheduled) {
  populateElementwisePatterns(patterns);
  populatePoisonScalesPatterns(patterns);
  populateConvertOrderGroupsPatterns(patterns);
  populateContractionPatterns(patterns, keepScheduled);
}

namespace {

struct ConvertQuantTensorToLinalg
    : quantmlir::impl::ConvertQuantTensorToLinalgBase<
          ConvertQuantTensorToLinalg> {
  using ConvertQuantTensorToLinalgBase::ConvertQuantTensorToLinalgBase;

  /// Whether the pass is to replace `op`.
  bool isConverted(Operation *op) {
    if (keepScheduled && isScheduled(op))
      return false;
    if (isa<AssembleOp, DisassembleOp, YieldOp>(op))
      return false;
    if (isa<linalg::LinalgOp>(op))
      return llvm::any_of(op->getOperandTypes(), [](Type type) {
        return getEncoding(type) != nullptr;
      });
    return isa_and_nonnull<QuantTensorDialect>(op->getDialect());
  }

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateQuantTensorToLinalgPatterns(set, keepScheduled);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    // What it becomes is encoded, and converted below.
    SmallVector<OutlierMatmulOp> outliers;
    getOperation()->walk([&](OutlierMatmulOp op) { outliers.push_back(op); });
    for (OutlierMatmulOp op : outliers) {
      OpBuilder builder(op);
      op.getResult().replaceAllUsesWith(decomposeOutlierMatmul(builder, op));
      op.erase();
    }
    SmallVector<DequantizeIndexedOp> indexed;
    getOperation()->walk(
        [&](DequantizeIndexedOp op) { indexed.push_back(op); });
    for (DequantizeIndexedOp op : indexed) {
      OpBuilder builder(op);
      op.getResult().replaceAllUsesWith(
          decomposeDequantizeIndexed(builder, op));
      op.erase();
    }
    // Every op that cannot be converted gets its error, and none is rewritten.
    bool failedAny = false;
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (!isConverted(op))
        return;
      ops.push_back(op);
      std::string obstacle = findLinalgObstacle(op);
      if (obstacle.empty())
        return;
      op->emitOpError(obstacle);
      failedAny = true;
    });
    if (failedAny)
      return signalPassFailure();
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingOps);
    if (failed(applyOpPatternsGreedily(ops, patterns, config)))
      return signalPassFailure();
    WalkResult left = getOperation()->walk([&](Operation *op) {
      if (!isConverted(op))
        return WalkResult::advance();
      op->emitOpError("has no form in linalg");
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
