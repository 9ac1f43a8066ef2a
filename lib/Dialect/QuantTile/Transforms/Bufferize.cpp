//===- Bufferize.cpp - Host functions on memrefs --------------------------===//

#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h"

#include "DispatchBuffers.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace quantmlir::quant_tile {
#define GEN_PASS_DEF_QUANTTILEBUFFERIZE
#include "quantmlir/Dialect/QuantTile/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tile

using namespace mlir;
using namespace mlir::bufferization;

/// Bytes: what the widest vector load, a TMA box and a 128-byte swizzle need.
static constexpr int64_t kAlignment = 256;

/// The buffer that `value` is a view of, whichever branch a dispatch takes.
static Value getRoot(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(op)) {
      value = view.getViewSource();
      continue;
    }
    auto ifOp = dyn_cast<scf::IfOp>(op);
    if (!ifOp)
      break;
    unsigned index = cast<OpResult>(value).getResultNumber();
    Value then = getRoot(ifOp.thenYield().getOperand(index));
    if (then != getRoot(ifOp.elseYield().getOperand(index)))
      break;
    value = then;
  }
  return value;
}

/// Gives every result of `func` an allocation that is nobody else's, so that a
/// plan can put it where the caller wants it.
static void isolateResults(func::FuncOp func) {
  Operation *end = func.getBody().back().getTerminator();
  OpBuilder builder(end);
  llvm::SmallDenseSet<Value> taken;
  for (OpOperand &operand : end->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      continue;
    Value root = getRoot(operand.get());
    if (root.getDefiningOp<memref::AllocOp>() && taken.insert(root).second)
      continue;
    Location loc = func.getLoc();
    SmallVector<Value> sizes;
    for (int64_t axis = 0; axis < type.getRank(); ++axis)
      if (type.isDynamicDim(axis))
        sizes.push_back(
            memref::DimOp::create(builder, loc, operand.get(), axis));
    Value copy = memref::AllocOp::create(
        builder, loc, MemRefType::get(type.getShape(), type.getElementType()),
        sizes, builder.getI64IntegerAttr(kAlignment));
    memref::CopyOp::create(builder, loc, operand.get(), copy);
    operand.set(copy);
    taken.insert(copy);
  }
}

static bool hasLaunch(func::FuncOp func) {
  return func.walk([](gpu::LaunchFuncOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

namespace {

/// Takes the kernels' bodies away for as long as it lives. These are on memrefs
/// already, and far longer than the functions that launch them: bufferization
/// would ask for each of their ops, several times, whether it is to touch it.
class WithoutKernelBodies {
public:
  explicit WithoutKernelBodies(ModuleOp module) {
    for (auto kernels : module.getOps<gpu::GPUModuleOp>())
      for (auto kernel : kernels.getOps<gpu::GPUFuncOp>()) {
        bodies.push_back({kernel, std::make_unique<Region>()});
        bodies.back().second->takeBody(kernel.getBody());
      }
  }
  ~WithoutKernelBodies() {
    for (auto &[kernel, body] : bodies)
      kernel.getBody().takeBody(*body);
  }
  WithoutKernelBodies(const WithoutKernelBodies &) = delete;
  WithoutKernelBodies &operator=(const WithoutKernelBodies &) = delete;

private:
  SmallVector<std::pair<gpu::GPUFuncOp, std::unique_ptr<Region>>> bodies;
};

struct Bufferize
    : quantmlir::quant_tile::impl::QuantTileBufferizeBase<Bufferize> {

  void runOnOperation() override {
    OpBuilder builder(&getContext());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (!func.isExternal() && !func.getBody().hasOneBlock()) {
        func.emitError() << "has control flow between blocks; only structured "
                            "control flow can become a launch plan";
        return signalPassFailure();
      }
      WalkResult loop = func.walk([](LoopLikeOpInterface op) {
        op->emitOpError() << "is a loop, and a launch plan has none: unroll it";
        return WalkResult::interrupt();
      });
      if (loop.wasInterrupted())
        return signalPassFailure();
      // Memrefs and sizes are what launches written by hand take. Without any,
      // nothing would tell which memrefs the function writes, nor where a size
      // comes from.
      bool byHand = hasLaunch(func);
      for (auto [index, type] : llvm::enumerate(func.getResultTypes()))
        if (!isa<RankedTensorType>(type) && !byHand) {
          func.emitError() << "result #" << index << " of @" << func.getName()
                           << " has type " << type
                           << "; a program takes and returns ranked tensors";
          return signalPassFailure();
        }
      for (BlockArgument argument : func.getArguments()) {
        if (isa<UnrankedTensorType>(argument.getType()) ||
            (!isa<TensorType>(argument.getType()) && !byHand)) {
          emitError(argument.getLoc())
              << "argument #" << argument.getArgNumber() << " of @"
              << func.getName() << " has type " << argument.getType()
              << "; a program takes and returns ranked tensors";
          return signalPassFailure();
        }
        if (isa<TensorType>(argument.getType()))
          func.setArgAttr(argument.getArgNumber(),
                          BufferizationDialect::kWritableAttrName,
                          builder.getBoolAttr(false));
      }
    }

    for (auto func : getOperation().getOps<func::FuncOp>())
      quantmlir::quant_tile::allocateDispatches(func, kAlignment);
    OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.setFunctionBoundaryTypeConversion(
        LayoutMapOption::IdentityLayoutMap);
    options.bufferAlignment = kAlignment;
    options.opFilter.denyOperation([](Operation *op) {
      return isa<gpu::GPUModuleOp>(op) ||
             op->getParentOfType<gpu::GPUModuleOp>();
    });
    BufferizationState state;
    LogicalResult bufferized = [&] {
      WithoutKernelBodies without(getOperation());
      return runOneShotModuleBufferize(getOperation(), options, state);
    }();
    if (failed(bufferized))
      return signalPassFailure();
    removeBufferizationAttributesInModule(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        isolateResults(func);
  }
};

} // namespace
