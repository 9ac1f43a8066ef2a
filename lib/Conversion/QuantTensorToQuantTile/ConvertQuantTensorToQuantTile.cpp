//===- ConvertQuantTensorToQuantTile.cpp - Each op to its kernel ----------===//

#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir {
#define GEN_PASS_DEF_CONVERTQUANTTENSORTOQUANTTILE
#include "quantmlir/Conversion/QuantTensorToQuantTile/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;

namespace {

struct ConvertQuantTensorToQuantTile
    : quantmlir::impl::ConvertQuantTensorToQuantTileBase<
          ConvertQuantTensorToQuantTile> {
  void runOnOperation() override {
    KernelTable table(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (failed(convert(func, table)))
        return signalPassFailure();
  }

  LogicalResult convertLinalg(linalg::LinalgOp op, KernelTable &table,
                              IRRewriter &rewriter) {
    rewriter.setInsertionPoint(op);
    StringRef name = quant_tile::PlainScheduleAttr::getAttrName();
    Attribute schedule = op->getAttr(name);
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    if (!generic) {
      FailureOr<linalg::GenericOp> general =
          linalg::generalizeNamedOp(rewriter, op);
      if (failed(general))
        return op->emitOpError() << "has no kernel: it is not a linalg.generic "
                                    "and cannot become one";
      generic = *general;
      if (schedule)
        generic->setAttr(name, schedule);
    }
    rewriter.setInsertionPoint(generic);
    FailureOr<KernelCall> call = buildPlainKernel(generic, table, rewriter);
    if (failed(call))
      return failure();
    replaceWithLaunch(rewriter, generic, *call);
    return success();
  }

  /// Sizes that are asked of assembled activations are those of their codes,
  /// which are bytes; nothing else is asked of them by now.
  static void eraseAssembled(func::FuncOp func, IRRewriter &rewriter) {
    SmallVector<quant_tensor::AssembleOp> ops;
    func.walk([&](quant_tensor::AssembleOp op) { ops.push_back(op); });
    for (quant_tensor::AssembleOp op : ops) {
      if (quant_tensor::getEncoding(op.getType()).getStorageBits() == 8)
        rewriter.replaceUsesWithIf(op, op.getCodes(), [](OpOperand &use) {
          return isa<tensor::DimOp>(use.getOwner());
        });
      if (op->use_empty())
        rewriter.eraseOp(op);
    }
  }

  /// What upstream's verifiers leave open: a dimension that does not exist, and
  /// a shape beside that of the type.
  static LogicalResult checkShapes(func::FuncOp func) {
    WalkResult walk = func.walk([](Operation *op) -> WalkResult {
      if (auto dim = dyn_cast<tensor::DimOp>(op)) {
        auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
        std::optional<int64_t> index = dim.getConstantIndex();
        if (type && index && (*index < 0 || *index >= type.getRank()))
          return op->emitOpError() << "asks for dimension " << *index
                                   << " of a tensor of rank " << type.getRank();
      }
      if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
        for (auto [given, extent] :
             llvm::zip_equal(expand.getStaticOutputShape(),
                             expand.getResultType().getShape()))
          if (given != extent && !ShapedType::isDynamic(given) &&
              !ShapedType::isDynamic(extent))
            return op->emitOpError() << "has an output shape with " << given
                                     << " in the place of " << extent;
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  LogicalResult convert(func::FuncOp func, KernelTable &table) {
    IRRewriter rewriter(&getContext());
    if (failed(checkShapes(func)))
      return failure();
    assertExtents(func, rewriter);

    SmallVector<quant_tile::RowGroupOp> groups;
    func.walk([&](quant_tile::RowGroupOp group) { groups.push_back(group); });
    for (quant_tile::RowGroupOp group : groups) {
      rewriter.setInsertionPoint(group);
      FailureOr<KernelCall> call = buildRowGroupKernel(group, table, rewriter);
      if (failed(call))
        return failure();
      replaceWithLaunch(rewriter, group, *call);
    }

    SmallVector<linalg::LinalgOp> ops;
    SmallVector<linalg::FillOp> fills;
    SmallVector<quant_tensor::ScaledMatmulOp> matmuls;
    WalkResult walk = func.walk([&](Operation *op) {
      if (auto fill = dyn_cast<linalg::FillOp>(op))
        fills.push_back(fill);
      else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
        ops.push_back(linalgOp);
      else if (auto matmul = dyn_cast<quant_tensor::ScaledMatmulOp>(op))
        matmuls.push_back(matmul);
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return failure();
    for (quant_tensor::ScaledMatmulOp op : matmuls) {
      rewriter.setInsertionPoint(op);
      FailureOr<KernelCall> call = buildMatmulKernel(op, table, rewriter);
      if (failed(call))
        return failure();
      replaceWithLaunch(rewriter, op, *call);
    }
    for (linalg::LinalgOp op : ops)
      if (failed(convertLinalg(op, table, rewriter)))
        return failure();
    // A reduction starts from its fill's value, so most fills are dead by now.
    for (linalg::FillOp fill : llvm::reverse(fills)) {
      if (fill->use_empty() && fill.hasPureTensorSemantics())
        rewriter.eraseOp(fill);
      else if (failed(convertLinalg(fill, table, rewriter)))
        return failure();
    }
    eraseAssembled(func, rewriter);
    return success();
  }
};

} // namespace
