//===- PlainKernelBody.cpp - What one thread of a plain kernel does -------===//

#include "LaneReduction.h"
#include "PlainKernel.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "quantmlir/Schedule/PlainSchedule.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace quantmlir;

PlainKernelBody::PlainKernelBody(PlainKernelPlan &plan, OpBuilder &builder,
                                 gpu::GPUFuncOp kernel)
    : plan(plan), builder(builder), kernel(kernel), loc(kernel.getLoc()) {}

Value PlainKernelBody::constant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value PlainKernelBody::threadId() {
  return gpu::ThreadIdOp::create(builder, loc, gpu::Dimension::x);
}

Value PlainKernelBody::blockId() {
  return gpu::BlockIdOp::create(builder, loc, gpu::Dimension::x);
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

LogicalResult PlainKernelBody::bindConstant(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  auto data = dyn_cast<DenseElementsAttr>(
      value.getDefiningOp<arith::ConstantOp>().getValue());
  if (!data || !type.getElementType().isIntOrFloat())
    return plan.op->emitOpError() << "reads a constant of type " << type
                                  << " that is not written out as numbers";
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8) *
                  type.getNumElements();
  int64_t most = schedule::getMaxConstantBytes();
  if (bytes > most)
    return plan.op->emitOpError()
           << "reads a constant of " << bytes << " bytes; the limit is " << most
           << ", pass it as an argument";

  // Named after its contents, so that equal kernels name equal tables.
  std::string text;
  llvm::raw_string_ostream(text) << data;
  std::string name = "table_" + llvm::utohexstr(llvm::xxh3_64bits(text));
  auto memref = MemRefType::get(type.getShape(), type.getElementType());
  auto module = kernel->getParentOfType<gpu::GPUModuleOp>();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&module.getBodyRegion().front());
    memref::GlobalOp::create(builder, loc, name,
                             builder.getStringAttr("private"), memref, data,
                             /*constant=*/true, /*alignment=*/nullptr);
  }
  buffers[value] = memref::GetGlobalOp::create(builder, loc, memref, name);
  return success();
}

LogicalResult PlainKernelBody::bindParameters() {
  auto arguments = kernel.getArguments().begin();
  for (Value value : plan.buffers)
    buffers[value] = *arguments++;
  // Two outs may start from one value; each is a buffer of its own.
  for (Value value : plan.outs) {
    outs.push_back(*arguments++);
    buffers.try_emplace(value, outs.back());
  }
  for (Value value : plan.scalars)
    values.map(value, *arguments++);
  for (Value value : plan.constants)
    if (failed(bindConstant(value)))
      return failure();

  linalg::GenericOp op = plan.op;
  for (auto [loop, range] : llvm::enumerate(op.getStaticLoopRanges())) {
    if (!ShapedType::isDynamic(range)) {
      extents.push_back(constant(range));
      continue;
    }
    auto [value, axis] = plan.findExtent(loop);
    extents.push_back(
        memref::DimOp::create(builder, loc, buffer(value), constant(axis)));
  }
  indices.resize(extents.size());
  // Here, where they dominate every use.
  for (Value value : plan.captured)
    scalar(value);
  for (Value value : plan.splats)
    if (value)
      scalar(value);
  return success();
}

Value PlainKernelBody::scalar(Value value) {
  if (Value known = values.lookupOrNull(value))
    return known;
  Operation *definition = value.getDefiningOp();
  if (auto extract = dyn_cast<tensor::ExtractOp>(definition)) {
    SmallVector<Value> at;
    for (Value index : extract.getIndices())
      at.push_back(scalar(index));
    Value loaded =
        memref::LoadOp::create(builder, loc, buffer(extract.getTensor()), at);
    values.map(value, loaded);
    return loaded;
  }
  for (Value operand : definition->getOperands())
    scalar(operand);
  builder.clone(*definition, values);
  return values.lookup(value);
}

//===----------------------------------------------------------------------===//
// One element
//===----------------------------------------------------------------------===//

SmallVector<Value> PlainKernelBody::indicesOf(OpOperand &operand) {
  linalg::GenericOp op = plan.op;
  SmallVector<Value> results;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
    results.push_back(
        affine::expandAffineExpr(builder, loc, expr, indices, {}));
  return results;
}

Value PlainKernelBody::load(OpOperand &operand) {
  linalg::GenericOp op = plan.op;
  if (Value splat = plan.splats[operand.getOperandNumber()])
    return scalar(splat);
  Value memref = op.isDpsInit(&operand)
                     ? outs[operand.getOperandNumber() - op.getNumDpsInputs()]
                     : buffer(operand.get());
  return memref::LoadOp::create(builder, loc, memref, indicesOf(operand));
}

SmallVector<Value> PlainKernelBody::emitStep(ValueRange accumulators) {
  linalg::GenericOp op = plan.op;
  IRMapping mapping = values;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (!argument.use_empty())
      mapping.map(argument, load(*input));
  }
  for (auto [argument, value] :
       llvm::zip_equal(op.getRegionOutputArgs(), accumulators))
    if (value)
      mapping.map(argument, value);

  // The clones still refer to tensors and loops; these three ops are where
  // they do.
  auto localize = [&](Operation *clone) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(clone);
    Value result;
    if (auto index = dyn_cast<linalg::IndexOp>(clone))
      result = indices[index.getDim()];
    else if (auto extract = dyn_cast<tensor::ExtractOp>(clone))
      result = memref::LoadOp::create(builder, loc, buffer(extract.getTensor()),
                                      extract.getIndices());
    else if (auto dim = dyn_cast<tensor::DimOp>(clone))
      result = memref::DimOp::create(builder, loc, buffer(dim.getSource()),
                                     dim.getIndex());
    else
      return;
    clone->getResult(0).replaceAllUsesWith(result);
    clone->erase();
  };
  Operation *last = nullptr;
  if (builder.getInsertionPoint() != builder.getBlock()->begin())
    last = &*std::prev(builder.getInsertionPoint());
  for (Operation &inner : op.getBody()->without_terminator())
    builder.clone(inner, mapping);
  // What a yielded value is after the clones have been replaced: keep it in
  // an op that is updated with them.
  SmallVector<Value> yields;
  for (Value value : op.getBody()->getTerminator()->getOperands())
    yields.push_back(mapping.lookupOrDefault(value));
  auto keep = UnrealizedConversionCastOp::create(builder, loc,
                                                 TypeRange(yields), yields);
  SmallVector<Operation *> clones;
  for (auto it = last ? std::next(last->getIterator())
                      : builder.getBlock()->begin();
       it != keep->getIterator(); ++it)
    it->walk([&](Operation *clone) { clones.push_back(clone); });
  llvm::for_each(clones, localize);
  yields.assign(keep.getInputs().begin(), keep.getInputs().end());
  keep.erase();
  return yields;
}

SmallVector<Value> PlainKernelBody::emitLoops(unsigned depth, Value lane,
                                              ValueRange accumulators) {
  if (depth == plan.reductions.size())
    return emitStep(accumulators);
  unsigned loop = plan.reductions[depth];
  bool innermost = depth + 1 == plan.reductions.size();
  Value lower = innermost && lane ? lane : constant(0);
  Value step = constant(innermost && lane ? plan.schedule.getLanes() : 1);
  auto forOp = scf::ForOp::create(builder, loc, lower, extents[loop], step,
                                  accumulators);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(forOp.getBody());
  indices[loop] = forOp.getInductionVar();
  SmallVector<Value> next =
      emitLoops(depth + 1, lane, forOp.getRegionIterArgs());
  scf::YieldOp::create(builder, loc, next);
  return forOp.getResults();
}

void PlainKernelBody::emitElement(Value linear, Value lane) {
  linalg::GenericOp op = plan.op;
  // The quotient that is left for the outermost loop needs no division.
  Value rest = linear;
  for (unsigned loop : llvm::reverse(plan.parallel)) {
    int64_t range = op.getStaticLoopRanges()[loop];
    if (range == 1) {
      indices[loop] = constant(0);
    } else if (loop == plan.parallel.front()) {
      indices[loop] = rest;
    } else {
      indices[loop] = arith::RemUIOp::create(builder, loc, rest, extents[loop]);
      rest = arith::DivUIOp::create(builder, loc, rest, extents[loop]);
    }
  }

  auto loadInitial = [&]() {
    SmallVector<Value> initial;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      // An init that the region ignores still gives a reduction a value to
      // carry.
      bool read = !plan.reductions.empty() ||
                  !op.getMatchingBlockArgument(&init).use_empty();
      initial.push_back(read ? load(init) : Value());
    }
    return initial;
  };
  auto store = [&](ValueRange results) {
    for (auto [index, value] : llvm::enumerate(results))
      memref::StoreOp::create(builder, loc, value, outs[index],
                              indicesOf(*op.getDpsInitOperand(index)));
  };
  if (!lane)
    return store(plan.reductions.empty() ? emitStep(loadInitial())
                                         : emitLoops(0, lane, loadInitial()));

  SmallVector<Value> neutral;
  for (Operation *combiner : plan.combiners)
    neutral.push_back(arith::ConstantOp::create(
        builder, loc, *arith::getNeutralElement(combiner)));
  SmallVector<Value> results =
      combineLanes(builder, loc, kernel, emitLoops(0, lane, neutral),
                   plan.combiners, plan.schedule.getLanes());
  Value first = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      lane, constant(0));
  auto ifFirst = scf::IfOp::create(builder, loc, first, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ifFirst.thenBlock());
  // The lane that writes the element is the only one to read it: a shuffle
  // orders no memory.
  SmallVector<Value> initial = loadInitial();
  for (auto [index, value] : llvm::enumerate(results))
    value = combinePair(builder, plan.combiners[index], initial[index], value);
  store(results);
}

LogicalResult PlainKernelBody::emit() {
  if (failed(bindParameters()))
    return failure();
  int64_t threads = plan.schedule.getThreads(),
          lanes = plan.schedule.getLanes();
  // A whole block per element: the grid is exact, and the barriers of the
  // reduction must not stand under a condition.
  if (lanes == threads) {
    emitElement(blockId(), threadId());
    return success();
  }
  Value group = threadId(), lane;
  if (lanes > 1) {
    lane = arith::RemUIOp::create(builder, loc, group, constant(lanes));
    group = arith::DivUIOp::create(builder, loc, group, constant(lanes));
  }
  Value first =
      arith::MulIOp::create(builder, loc, blockId(), constant(threads / lanes));
  Value linear = arith::AddIOp::create(builder, loc, first, group);
  Value total = constant(1);
  for (unsigned loop : plan.parallel)
    total = builder.createOrFold<arith::MulIOp>(loc, total, extents[loop]);
  Value inside = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult,
                                       linear, total);
  auto ifOp = scf::IfOp::create(builder, loc, inside, /*withElse=*/false);
  builder.setInsertionPointToStart(ifOp.thenBlock());
  emitElement(linear, lane);
  return success();
}
