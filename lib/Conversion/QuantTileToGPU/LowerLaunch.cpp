//===- LowerLaunch.cpp - quant_tile.launch to gpu.launch_func -------------===//

#include "quantmlir/Conversion/QuantTileToGPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "quantmlir/Dialect/QuantTile/IR/LaunchAttrs.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

namespace quantmlir {
#define GEN_PASS_DEF_QUANTTILELOWERLAUNCH
#include "quantmlir/Conversion/QuantTileToGPU/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;

/// Replaces `op` by the upstream launch of its kernel.
static LogicalResult lowerLaunch(quant_tile::LaunchOp op,
                                 SymbolTableCollection &tables) {
  if (!op.getResults().empty())
    return op.emitOpError() << "is still on tensors; bufferize first";
  auto kernel =
      tables.lookupNearestSymbolFrom<gpu::GPUFuncOp>(op, op.getKernelAttr());
  OpBuilder builder(op);
  Location loc = op.getLoc();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto size = [&](ArrayRef<int64_t> sizes) {
    return gpu::KernelDim3{index(sizes[0]), index(sizes[1]), index(sizes[2])};
  };

  SmallVector<Value> operands(op.getIns());
  llvm::append_range(operands, op.getOuts());
  llvm::append_range(operands, op.getScalars());
  for (auto [operand, parameter] :
       llvm::zip_first(operands, kernel.getArgumentTypes())) {
    if (operand.getType() == parameter)
      continue;
    // The kernel's type says which sizes and strides it takes for granted.
    if (!memref::CastOp::areCastCompatible(operand.getType(), parameter))
      return op.emitOpError()
             << "passes a buffer of type " << operand.getType() << " to "
             << op.getKernelAttr() << ", which needs " << parameter;
    operand = memref::CastOp::create(builder, loc, parameter, operand);
  }

  if (std::optional<ArrayRef<int64_t>> mapped = op.getTensorMapOperands()) {
    SmallVector<Value> maps;
    for (auto [operand, map] : llvm::zip_equal(*mapped, op.getTensorMapsAttr()))
      maps.push_back(quant_tile::TensorMapOp::create(
          builder, loc, operands[operand],
          cast<quant_tile::TensorMapAttr>(map)));
    llvm::append_range(operands, maps);
  }

  Value sharedMemory;
  if (int64_t bytes = op.getDynamicSharedMemory())
    sharedMemory =
        arith::ConstantIntOp::create(builder, loc, builder.getI32Type(), bytes);
  std::optional<gpu::KernelDim3> cluster;
  if (std::optional<ArrayRef<int64_t>> sizes = op.getCluster())
    cluster = size(*sizes);
  auto launch = gpu::LaunchFuncOp::create(
      builder, loc, kernel,
      gpu::KernelDim3{op.getGridX(), op.getGridY(), op.getGridZ()},
      size(op.getBlock()), sharedMemory, operands,
      /*asyncTokenType=*/Type(), /*asyncDependencies=*/{}, cluster);
  if (op.getDependentLaunch())
    launch->setAttr(quant_tile::dependentLaunchAttrName, builder.getUnitAttr());
  op.erase();
  return success();
}

namespace {

struct LowerLaunch : quantmlir::impl::QuantTileLowerLaunchBase<LowerLaunch> {
  void runOnOperation() override {
    SymbolTableCollection tables;
    WalkResult result = getOperation().walk([&](quant_tile::LaunchOp op) {
      return WalkResult(lowerLaunch(op, tables));
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
