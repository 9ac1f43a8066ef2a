//===- GivenSums.cpp - Memory for tiles that blocks share -----------------===//
//
// Blocks that divide tiles along K with `stream_k` give each other sums through
// memory, and say so with flags, which a launch of its own clears: what a
// workspace holds at first is anything.
//
//===----------------------------------------------------------------------===//

#include "MatmulEmitter.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"
#include "quantmlir/Schedule/MatmulSchedule.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

/// Threads of the kernel that clears flags.
static constexpr int64_t kThreads = 256;
/// Flags of a warpgroup: one of each warp.
static constexpr int64_t kFlags = 4;

/// The kernel that clears the first parameter, i32 flags. Where `isDependent`
/// it starts early, and waits for who may still read them.
static FailureOr<gpu::GPUFuncOp> buildClear(Location loc, KernelTable &table,
                                            MemRefType flags,
                                            bool isDependent) {
  std::string signature =
      llvm::formatv("clear {0} {1}", flags, isDependent).str();
  return table.getOrBuild(
      loc, "clear_flags", signature, {flags},
      [&](OpBuilder &builder, gpu::GPUFuncOp func) {
        func.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(
            {static_cast<int32_t>(kThreads), 1, 1}));
        ImplicitLocOpBuilder b(loc, builder);
        if (isDependent)
          for (auto kind : {NVVM::GridDepActionKind::launch_dependents,
                            NVVM::GridDepActionKind::wait})
            NVVM::GriddepcontrolOp::create(b, kind);
        Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
        auto index = [&](int64_t value) {
          return arith::ConstantIndexOp::create(b, value);
        };
        Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
        scf::ForOp::create(
            b, thread, index(flags.getDimSize(0)), index(kThreads),
            ValueRange(),
            [&](OpBuilder &nested, Location loc, Value i, ValueRange) {
              memref::StoreOp::create(nested, loc, zero, func.getArgument(0),
                                      i);
              scf::YieldOp::create(nested, loc);
            });
        return success();
      });
}

LogicalResult quantmlir::addGivenSums(const MatmulProblem &problem,
                                      KernelTable &table,
                                      RewriterBase &rewriter,
                                      KernelCall &call) {
  ScheduleAttr schedule = problem.schedule;
  quant_tensor::ScaledMatmulOp op = problem.op;
  Location loc = op.getLoc();
  // Each block gives away the sums of one tile at most.
  int64_t blocks = problem.chip->getResidentBlocks(/*clusterSize=*/1);
  int64_t flagCount = blocks * schedule.getConsumers() * kFlags;
  auto flags = MemRefType::get({flagCount}, rewriter.getI32Type());
  bool isDependent = schedule.getDependentLaunch();
  FailureOr<gpu::GPUFuncOp> kernel = buildClear(loc, table, flags, isDependent);
  if (failed(kernel))
    return failure();
  KernelCall clear;
  clear.kernel = *kernel;
  Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  clear.grid = {one, one, one};
  clear.block = {kThreads, 1, 1};
  clear.dependentLaunch = isDependent;
  clear.outs = {tensor::EmptyOp::create(rewriter, loc, flags.getShape(),
                                        flags.getElementType())};
  call.outs.push_back(tensor::EmptyOp::create(
      rewriter, loc, {blocks * schedule.getTileM() * schedule.getTileN()},
      problem.accumulator));
  call.readsOuts = {static_cast<int64_t>(call.outs.size())};
  call.outs.push_back(createLaunch(rewriter, loc, clear).getResult(0));
  return success();
}
