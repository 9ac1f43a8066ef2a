//===- MatmulKernel.cpp - A scheduled contraction to its kernel -----------===//

#include "MatmulEmitter.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"
#include "quantmlir/Dialect/QuantTile/IR/LaunchAttrs.h"
#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/RowRanges.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::AssembleOp;
using quant_tensor::DisassembleOp;
using quant_tensor::FragmentLayout;
using quant_tensor::ScaledMatmulOp;

/// Reads what a kernel must know off `op`; errors say what its schedule asks
/// for that the op does not have.
static FailureOr<MatmulProblem> analyze(ScaledMatmulOp op) {
  auto schedule = op->getAttrOfType<ScheduleAttr>(ScheduleAttr::getAttrName());
  if (!schedule)
    return op.emitOpError() << "has no " << ScheduleAttr::getAttrName()
                            << ": run select-schedule first";
  if (schedule.getFamily() == KernelFamily::Plain)
    return op.emitOpError()
           << "is scheduled plain, which convert-quant-tensor-to-linalg lowers";
  MatmulProblem problem{quantmlir::schedule::Contraction::get(op), op, schedule,
                        op.getAccumulatorType(), /*contract=*/{}};
  // The pass may run on schedules that select-schedule has not seen.
  auto emitError = [&] { return op.emitOpError(); };
  const quantmlir::schedule::Chip *chip =
      quantmlir::schedule::lookupChip(schedule.getChip().getValue(), emitError);
  if (!chip || failed(quantmlir::schedule::verifySchedule(problem, *chip,
                                                          schedule, emitError)))
    return failure();
  if (problem.encoding && problem.encoding.getLayout() != schedule.getWeights())
    return op.emitOpError()
           << "reads weights in another layout than its schedule says: run "
              "quant-tensor-apply-layout first";
  problem.contract = quantmlir::schedule::getContract(problem, schedule);
  problem.chip = chip;
  // Where its range of rows ends is nothing to most kernels.
  if (quantmlir::schedule::canGoOn(schedule))
    problem.schedule = schedule.withMaxM(0);
  return problem;
}

/// What `value` is made of, where it is encoded.
static SmallVector<Value> getParts(Value value, Location loc,
                                   RewriterBase &rewriter) {
  if (!quant_tensor::getEncoding(value.getType()))
    return {value};
  if (auto assemble = value.getDefiningOp<AssembleOp>())
    return SmallVector<Value>(assemble->getOperands());
  return SmallVector<Value>(
      DisassembleOp::create(rewriter, loc, value)->getResults());
}

/// The operands of the kernel, apart from the result: activations, codes of the
/// weights, scales of both and zero points.
static SmallVector<Value> getInputs(ScaledMatmulOp op, RewriterBase &rewriter) {
  SmallVector<Value> lhs = getParts(op.getLhs(), op.getLoc(), rewriter);
  SmallVector<Value> rhs = getParts(op.getRhs(), op.getLoc(), rewriter);
  SmallVector<Value> inputs = {lhs.front(), rhs.front()};
  inputs.append(lhs.begin() + 1, lhs.end());
  inputs.append(rhs.begin() + 1, rhs.end());
  llvm::append_range(inputs, op.getEpilogueArgs());
  return inputs;
}

/// Blocks of `tile` elements that cover dimensions [first, last) of `tensor`,
/// taken together.
static Value getBlocks(RewriterBase &rewriter, Location loc, Value tensor,
                       int64_t first, int64_t last, int64_t tile) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t fixed = 1;
  Value count;
  for (int64_t dim = first; dim < last; ++dim) {
    if (!type.isDynamicDim(dim)) {
      fixed *= type.getDimSize(dim);
      continue;
    }
    Value size = tensor::DimOp::create(rewriter, loc, tensor, dim);
    count = count
                ? arith::MulIOp::create(rewriter, loc, count, size).getResult()
                : size;
  }
  if (!count)
    return arith::ConstantIndexOp::create(rewriter, loc,
                                          llvm::divideCeil(fixed, tile));
  if (fixed != 1)
    count = arith::MulIOp::create(
        rewriter, loc, count,
        arith::ConstantIndexOp::create(rewriter, loc, fixed));
  if (tile == 1)
    return count;
  return arith::CeilDivUIOp::create(
      rewriter, loc, count,
      arith::ConstantIndexOp::create(rewriter, loc, tile));
}

/// Whether `value` is an argument of its function that is said to be known
/// before the first run.
static bool isGivenWeight(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || !argument.getOwner()->isEntryBlock())
    return false;
  auto function =
      dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
  if (!function)
    return false;
  unsigned number = argument.getArgNumber();
  return function.getArgAttr(
             number, quant_tensor::QuantTensorDialect::getWeightAttrName()) ||
         function.getArgAttr(
             number, quant_tensor::QuantTensorDialect::getPreparedAttrName());
}

/// Whether the parts of the weights come from outside of the function and are
/// known before the first run, so that no kernel in front of this one writes
/// them, be it of another program. Each part has to say so: codes that are
/// assembled here from plain arguments may be the result of the launch before.
/// A kernel that may start early reads given weights before it waits; otherwise
/// its wait is over at once.
static bool hasGivenWeights(ScaledMatmulOp op) {
  if (auto assemble = op.getRhs().getDefiningOp<AssembleOp>())
    return llvm::all_of(assemble->getOperands(), isGivenWeight);
  return isGivenWeight(op.getRhs());
}

/// Launches a kernel of warpgroups: as many blocks as there are SMs, or fewer
/// where there are fewer tiles, in whole clusters.
static void launchPersistent(RewriterBase &rewriter,
                             const MatmulProblem &problem, KernelCall &call) {
  ScaledMatmulOp op = problem.op;
  Location loc = op.getLoc();
  ScheduleAttr schedule = problem.schedule;
  WarpgroupsAttr groups = schedule.getWarpgroups();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  };
  auto getRows = [&](int64_t tile) {
    return getBlocks(rewriter, loc, op.getLhs(), 0,
                     op.getLhs().getType().getRank() - 1, tile);
  };
  // Kernels count rows in 32 bits, and some have no more than their range.
  if (ShapedType::isDynamicShape(cast<RankedTensorType>(op.getLhs().getType())
                                     .getShape()
                                     .drop_back())) {
    int64_t maxM = schedule.getMaxM();
    cf::AssertOp::create(
        rewriter, loc,
        arith::CmpIOp::create(
            rewriter, loc, arith::CmpIPredicate::ule, getRows(1),
            index(maxM ? maxM : quantmlir::schedule::getWgmmaMaxRows())),
        maxM ? "there are more rows than the schedule's max_m"
             : "there are more rows than a kernel can count");
  }
  int64_t clusterSize = groups.getClusterSize() * schedule.getSplitK();
  int64_t size = clusterSize;
  Value rows = getRows(schedule.getTileM() * groups.getClusterM());
  int64_t tilesN = problem.getClusterTilesN();
  // Blocks that divide tiles along K may be more than there are of these.
  if (schedule.getStreamK())
    size *= quantmlir::schedule::getStreamUnits(problem.k, schedule);
  Value blocks =
      rewriter.createOrFold<arith::MulIOp>(loc, rows, index(tilesN * size));
  Value limit = index(problem.chip->getResidentBlocks(clusterSize));
  call.grid = {rewriter.createOrFold<arith::MinUIOp>(loc, blocks, limit),
               index(1), index(1)};
  if (clusterSize > 1)
    call.cluster = {clusterSize, 1, 1};
  call.dynamicSharedMemory =
      quantmlir::schedule::getSharedMemory(problem, schedule);
}

/// The tensor maps of a kernel of warpgroups, each with the number of the
/// operand that it is of; the result comes after all `inputs`.
static SmallVector<std::pair<int64_t, TensorMapAttr>>
getTensorMaps(const MatmulProblem &problem, int64_t inputs) {
  ScaledMatmulOp op = problem.op;
  Type element = op.getInit().getType().getElementType();
  return problem.schedule.getFamily() == KernelFamily::Wgmma
             ? getWgmmaTensorMaps(problem, element, inputs)
             : getWgmmaDecodeTensorMaps(problem, element, inputs);
}

FailureOr<KernelCall> quantmlir::buildMatmulKernel(ScaledMatmulOp op,
                                                   KernelTable &table,
                                                   RewriterBase &rewriter) {
  FailureOr<MatmulProblem> problem = analyze(op);
  if (failed(problem))
    return failure();
  ScheduleAttr schedule = problem->schedule;
  KernelFamily family = schedule.getFamily();

  KernelCall call;
  call.ins = getInputs(op, rewriter);
  call.outs = {op.getInit()};
  if (schedule.getStreamK() &&
      failed(addGivenSums(*problem, table, rewriter, call)))
    return failure();
  SmallVector<Type> parameters;
  for (ValueRange values : {ValueRange(call.ins), ValueRange(call.outs)})
    for (Value value : values) {
      auto type = cast<RankedTensorType>(value.getType());
      parameters.push_back(
          MemRefType::get(type.getShape(), type.getElementType()));
    }
  if (schedule.isWarpgroups()) {
    call.tensorMaps = getTensorMaps(*problem, call.ins.size());
    parameters.append(call.tensorMaps.size(),
                      LLVM::LLVMPointerType::get(op.getContext()));
  }

  // With operands outside of its scope, the op's text is all that its kernel
  // depends on: types, encoding, schedule, maps and epilogue. Ranges of rows
  // share it where they differ in nothing else. How it is launched is the
  // kernel's, too: weights that are computed are waited for.
  op->setAttr(ScheduleAttr::getAttrName(), schedule);
  call.dependentLaunch = schedule.getDependentLaunch() && hasGivenWeights(op);
  std::string signature;
  llvm::raw_string_ostream os(signature);
  op->print(os, OpPrintingFlags().useLocalScope());
  os << (call.dependentLaunch ? " dependent" : "");
  FailureOr<gpu::GPUFuncOp> kernel = table.getOrBuild(
      op.getLoc(), ("matmul_" + stringifyKernelFamily(family)).str(), signature,
      parameters, [&](OpBuilder &builder, gpu::GPUFuncOp func) {
        func.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(
            {static_cast<int32_t>(schedule.getThreads()), 1, 1}));
        // Without this, ptxas makes room for eight blocks in an SM: it spills
        // accumulators, or moves loads that should be in flight together down
        // to their uses.
        func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      builder.getI32IntegerAttr(schedule.getOccupancy()));
        if (!call.tensorMaps.empty())
          func->setAttr(TensorMapAttr::getCountAttrName(),
                        builder.getI32IntegerAttr(call.tensorMaps.size()));
        MatmulEmitter emitter(builder, op.getLoc(), *problem, func);
        if (family == KernelFamily::MmaSync)
          emitMmaSyncKernel(emitter);
        else if (family == KernelFamily::MmaStream)
          emitMmaStreamKernel(emitter);
        else if (family == KernelFamily::Wgmma)
          emitWgmmaKernel(emitter);
        else if (family == KernelFamily::WgmmaDecode)
          emitWgmmaDecodeKernel(emitter);
        else
          emitReduceKernel(emitter);
        return success();
      });
  if (failed(kernel))
    return failure();
  call.kernel = *kernel;
  (*kernel)->setAttr(quant_tile::contractAttrName, problem->contract);

  call.block = {schedule.getThreads(), 1, 1};
  if (schedule.isWarpgroups()) {
    launchPersistent(rewriter, *problem, call);
    return call;
  }
  Location loc = op.getLoc();
  int64_t numBatchDims = op.getNumBatchDims();
  Value weightBlocks = getBlocks(rewriter, loc, op.getRhs(), numBatchDims,
                                 numBatchDims + 1, schedule.getTileN());
  Value rowBlocks =
      getBlocks(rewriter, loc, op.getLhs(), numBatchDims,
                op.getLhs().getType().getRank() - 1, schedule.getTileM());
  if (numBatchDims)
    weightBlocks = arith::MulIOp::create(
        rewriter, loc, weightBlocks,
        getBlocks(rewriter, loc, op.getRhs(), 0, numBatchDims, /*tile=*/1));
  call.grid = {weightBlocks, rowBlocks,
               arith::ConstantIndexOp::create(rewriter, loc, 1)};
  if (int64_t splitK = schedule.getSplitK(); splitK > 1) {
    call.grid[0] = rewriter.createOrFold<arith::MulIOp>(
        loc, call.grid[0],
        arith::ConstantIndexOp::create(rewriter, loc, splitK));
    call.cluster = {splitK, 1, 1};
  }
  // A block a row: only the first dimension of a grid exceeds 65535.
  if (family == KernelFamily::Reduce)
    std::swap(call.grid[0], call.grid[1]);
  else
    call.dynamicSharedMemory =
        quantmlir::schedule::getSharedMemory(*problem, schedule);
  return call;
}
