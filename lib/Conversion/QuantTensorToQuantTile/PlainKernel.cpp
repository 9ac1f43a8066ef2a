//===- PlainKernel.cpp - What a plain kernel reads, writes and launches ---===//

#include "PlainKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"
#include "quantmlir/Dialect/QuantTile/IR/LaunchAttrs.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Schedule/PlainSchedule.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Whether the host can compute `value` from dimensions alone.
static bool isHostIndex(Value value) {
  Operation *op = value.getDefiningOp();
  if (!value.getType().isIndex())
    return false;
  if (!op || isa<tensor::DimOp, memref::DimOp>(op))
    return true;
  return isa<arith::ArithDialect>(op->getDialect()) &&
         llvm::all_of(op->getOperands(), [](Value operand) {
           return matchPattern(operand, m_Constant()) || isHostIndex(operand);
         });
}

/// The scalar that every element of `value` equals, or null.
static Value getSplat(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return fill.getInputs()[0];
  return {};
}

void PlainKernelPlan::collectBuffer(Value value) {
  if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    constants.insert(value);
  else
    buffers.insert(value);
}

LogicalResult PlainKernelPlan::collectScalar(Value value) {
  if (op->isAncestor(value.getParentBlock()->getParentOp()))
    return success();
  Operation *definition = value.getDefiningOp();
  if (definition && definition->hasTrait<OpTrait::ConstantLike>())
    return success();
  if (isHostIndex(value)) {
    scalars.insert(value);
    return success();
  }
  if (!definition || definition->getNumRegions() > 0 || !isPure(definition))
    return op.emitOpError() << "uses a scalar of type " << value.getType()
                            << " that only the host knows; pass it as a "
                               "tensor of rank 0";
  for (Value operand : definition->getOperands()) {
    if (isa<ShapedType>(operand.getType()))
      collectBuffer(operand);
    else if (failed(collectScalar(operand)))
      return failure();
  }
  return success();
}

void PlainKernelPlan::collectOperands() {
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    Value splat;
    if (op.isDpsInit(&operand)) {
      // A filled init that the region reads is its fill value, and the fill
      // itself is never run.
      splat = getSplat(value);
      if (!argument.use_empty() && !splat)
        accumulates = true;
      outs.push_back(splat && isa<TensorType>(value.getType())
                         ? value.getDefiningOp<linalg::FillOp>().getOutputs()[0]
                         : value);
    } else if (!isa<ShapedType>(value.getType())) {
      splat = value;
    } else if (cast<ShapedType>(value.getType()).hasStaticShape()) {
      splat = getSplat(value);
    }
    splats.push_back(splat);
  }
}

std::pair<Value, int64_t> PlainKernelPlan::findExtent(unsigned loop) {
  AffineExpr wanted = getAffineDimExpr(loop, op.getContext());
  // Outs first: they are parameters in any case.
  auto operands =
      llvm::to_vector(llvm::make_pointer_range(op->getOpOperands()));
  std::reverse(operands.begin(), operands.end());
  for (OpOperand *operand : operands) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    for (auto [position, expr] : llvm::enumerate(map.getResults()))
      if (expr == wanted) {
        Value value = operand->get();
        if (op.isDpsInit(operand))
          value = outs[operand->getOperandNumber() - op.getNumDpsInputs()];
        return {value, static_cast<int64_t>(position)};
      }
  }
  llvm_unreachable("linalg's maps together are invertible");
}

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

LogicalResult PlainKernelPlan::readSchedule() {
  StringRef name = quant_tile::PlainScheduleAttr::getAttrName();
  schedule = op->getAttrOfType<quant_tile::PlainScheduleAttr>(name);
  if (!schedule)
    return op.emitOpError()
           << "has no " << name << ": run select-plain-schedule first";
  // The pass may run on schedules that select-plain-schedule has not seen.
  std::string why = schedule::whyNotPlainSchedule(op, schedule);
  if (!why.empty())
    return op.emitOpError() << why;
  combiners = schedule::matchCombiners(op);
  return success();
}

/// Whether `expr` is another element for each step of the loop that it reads.
static bool isDistinct(AffineExpr expr) {
  if (auto binary = dyn_cast<AffineBinaryOpExpr>(expr)) {
    bool isLinear = binary.getKind() == AffineExprKind::Add ||
                    binary.getKind() == AffineExprKind::Mul;
    return isLinear && isa<AffineConstantExpr>(binary.getRHS()) &&
           isDistinct(binary.getLHS());
  }
  return isa<AffineDimExpr, AffineConstantExpr>(expr);
}

LogicalResult PlainKernelPlan::collect() {
  for (OpOperand &operand : op->getOpOperands())
    if (auto type = dyn_cast<RankedTensorType>(operand.get().getType()))
      if (type.getEncoding())
        return op.emitOpError() << "has an encoded operand of type " << type
                                << "; encodings are lowered before kernels "
                                   "are made";
  op.getReductionDims(reductions);
  collectOperands();

  // Threads are numbered in the order in which the first out lies in memory.
  for (AffineExpr expr :
       op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      parallel.push_back(dim.getPosition());
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    for (auto [axis, expr] : llvm::enumerate(map.getResults()))
      if (!isDistinct(expr))
        return op.emitOpError() << "writes out #" << init.getOperandNumber()
                                << " at one index along dimension " << axis
                                << " for several steps of its loops";
    for (unsigned loop : reductions)
      if (map.isFunctionOfDim(loop))
        return op.emitOpError() << "writes out #" << init.getOperandNumber()
                                << " once per step of reduction loop " << loop;
  }
  SmallVector<unsigned> loops;
  op.getParallelDims(loops);
  for (unsigned loop : llvm::reverse(loops)) {
    // Several threads would write one element.
    for (OpOperand &init : op.getDpsInitsMutable())
      if (!op.getMatchingIndexingMap(&init).isFunctionOfDim(loop) &&
          op.getStaticLoopRanges()[loop] != 1)
        return op.emitOpError()
               << "writes out #" << init.getOperandNumber()
               << " once per step of parallel loop " << loop << ", in no order";
    if (!llvm::is_contained(parallel, loop))
      parallel.insert(parallel.begin(), loop);
  }
  if (parallel.size() + reductions.size() != op.getNumLoops())
    return op.emitOpError() << "has a loop that is neither parallel nor a "
                               "reduction, or indexes an out diagonally";

  for (OpOperand &operand : op->getOpOperands()) {
    if (op.isDpsInit(&operand) || splats[operand.getOperandNumber()] ||
        op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    collectBuffer(operand.get());
  }
  for (Value splat : splats)
    if (splat && failed(collectScalar(splat)))
      return failure();
  llvm::SetVector<Value> outside;
  getUsedValuesDefinedAbove(op.getRegion(), outside);
  for (Value value : outside) {
    if (isa<ShapedType>(value.getType())) {
      collectBuffer(value);
      continue;
    }
    if (failed(collectScalar(value)))
      return failure();
    captured.push_back(value);
  }
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    if (!ShapedType::isDynamic(op.getStaticLoopRanges()[loop]))
      continue;
    Value extent = findExtent(loop).first;
    if (!llvm::is_contained(outs, extent))
      buffers.insert(extent);
  }
  return readSchedule();
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// Blocks of the launch: one lane group per output element.
static Value emitGrid(PlainKernelPlan &plan, RewriterBase &rewriter) {
  linalg::GenericOp op = plan.op;
  Location loc = op.getLoc();
  int64_t staticTotal = 1;
  Value total;
  for (unsigned loop : plan.parallel) {
    int64_t range = op.getStaticLoopRanges()[loop];
    if (!ShapedType::isDynamic(range)) {
      staticTotal *= range;
      continue;
    }
    auto [value, axis] = plan.findExtent(loop);
    Value dim;
    if (isa<TensorType>(value.getType()))
      dim = rewriter.createOrFold<tensor::DimOp>(loc, value, axis);
    else
      dim = rewriter.createOrFold<memref::DimOp>(loc, value, axis);
    total = total ? arith::MulIOp::create(rewriter, loc, total, dim) : dim;
  }
  int64_t perBlock = plan.schedule.getThreads() / plan.schedule.getLanes();
  if (!total)
    return arith::ConstantIndexOp::create(
        rewriter, loc, llvm::divideCeil(staticTotal, perBlock));
  if (staticTotal != 1)
    total = arith::MulIOp::create(
        rewriter, loc, total,
        arith::ConstantIndexOp::create(rewriter, loc, staticTotal));
  if (perBlock == 1)
    return total;
  return arith::CeilDivUIOp::create(
      rewriter, loc, total,
      arith::ConstantIndexOp::create(rewriter, loc, perBlock));
}

/// Whether `value` is a slice of a tensor, or one whose dimensions are split.
static bool isSlice(Value value) {
  while (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>())
    value = expand.getSrc();
  return value.getDefiningOp<tensor::ExtractSliceOp>() != nullptr;
}

/// The memref type through which the kernel sees `value`. It loads element by
/// element, so that it reads a slice where it is.
static Type getParameterType(Value value) {
  auto tensor = dyn_cast<RankedTensorType>(value.getType());
  if (!tensor)
    return value.getType();
  MemRefLayoutAttrInterface layout;
  if (isSlice(value))
    layout = StridedLayoutAttr::get(
        value.getContext(), ShapedType::kDynamic,
        SmallVector<int64_t>(tensor.getRank(), ShapedType::kDynamic));
  return MemRefType::get(tensor.getShape(), tensor.getElementType(), layout);
}

/// Says what sums lose that `op` has in fewer than 32 bits, if it has any.
static void declareContract(linalg::GenericOp op, gpu::GPUFuncOp kernel) {
  double unit = 0;
  if (op.getNumReductionLoops() != 0)
    for (BlockArgument sum : op.getRegionOutputArgs())
      if (auto type = dyn_cast<FloatType>(sum.getType());
          type && type.getWidth() < 32)
        unit = std::max(unit, std::ldexp(1.0, -type.getFPMantissaWidth()));
  if (unit != 0)
    kernel->setAttr(
        quant_tile::contractAttrName,
        quant_tile::ContractAttr::get(op.getContext(), unit, 0.0, 0.0));
}

FailureOr<KernelCall> quantmlir::buildPlainKernel(linalg::GenericOp op,
                                                  KernelTable &table,
                                                  RewriterBase &rewriter) {
  PlainKernelPlan plan;
  plan.op = op;
  if (failed(plan.collect()))
    return failure();

  KernelCall call;
  llvm::append_range(call.ins, plan.buffers);
  llvm::append_range(call.outs, plan.outs);
  llvm::append_range(call.scalars, plan.scalars);
  SmallVector<Type> parameters;
  for (Value value : llvm::concat<Value>(call.ins, call.outs, call.scalars))
    parameters.push_back(getParameterType(value));

  StringRef name = plan.reductions.empty() ? "elementwise" : "reduce";
  FailureOr<gpu::GPUFuncOp> kernel = table.getOrBuild(
      op.getLoc(), name, parameters,
      [&](OpBuilder &builder, gpu::GPUFuncOp func) -> LogicalResult {
        func.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(
            {static_cast<int32_t>(plan.schedule.getThreads()), 1, 1}));
        return PlainKernelBody(plan, builder, func).emit();
      });
  if (failed(kernel))
    return failure();
  Value blocks = emitGrid(plan, rewriter);
  Value one = arith::ConstantIndexOp::create(rewriter, op.getLoc(), 1);
  call.kernel = *kernel;
  declareContract(op, *kernel);
  call.grid = {blocks, one, one};
  call.block = {plan.schedule.getThreads(), 1, 1};
  call.accumulates = plan.accumulates;
  return call;
}
