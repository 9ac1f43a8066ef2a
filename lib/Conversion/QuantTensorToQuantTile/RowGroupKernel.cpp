//===- RowGroupKernel.cpp - Row-local ops in one kernel -------------------===//

#include "RowGroupBody.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "quantmlir/Conversion/QuantTensorToQuantTile/KernelBuilder.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

void RowGroupBody::emitRow() {
  for (auto &[op, info] : plan.ops)
    if (!isLazy || !info.hasColumns || info.reduces)
      emitOp(op, info);

  Operation *yield = plan.group->getRegion(0).front().getTerminator();
  for (auto [index, value] : llvm::enumerate(yield->getOperands())) {
    Value memref = outMemrefs[index];
    ArrayRef<Value> elements = get(value);
    if (plan.isFull(index)) {
      storeColumns(memref, elements);
      continue;
    }
    Value isFirst = arith::CmpIOp::create(
        b, loc, arith::CmpIPredicate::eq,
        rank ? add(lane, mul(rank, schedule.getLanes())) : lane, constant(0));
    auto guarded = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(guarded.thenBlock()->getTerminator());
    memref::StoreOp::create(b, loc, elements[0], memref, row);
  }
}

void RowGroupBody::emit() {
  chooseMode();
  for (auto [index, value] : llvm::enumerate(plan.ins))
    memrefs[value] = flatten(kernel.getArgument(index));
  for (size_t i = 0; i < plan.outs.size(); ++i)
    outMemrefs.push_back(flatten(kernel.getArgument(plan.ins.size() + i)));
  Value thread = gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x);
  Value block = gpu::BlockIdOp::create(b, loc, gpu::Dimension::x);
  row = block;
  lane = thread;
  int64_t rows = schedule.getRows();
  // A warp knows its number among others of a block where it is alone.
  if (rows > 1 || schedule.getWarps() == 1) {
    lane =
        arith::RemUIOp::create(b, loc, thread, constant(schedule.getLanes()));
    group =
        arith::DivUIOp::create(b, loc, thread, constant(schedule.getLanes()));
  }
  if (rows > 1) {
    exchange.groups = rows;
    exchange.group =
        arith::IndexCastUIOp::create(b, loc, b.getI32Type(), group);
  }
  if (schedule.getStages()) {
    // The last rows are spread over all blocks.
    Value blocks = gpu::GridDimOp::create(b, loc, gpu::Dimension::x);
    if (schedule.getBlocks() > 1) {
      // Of clusters, which are counted from here on.
      Value size = constant(schedule.getBlocks());
      rank = arith::RemUIOp::create(b, loc, block, size);
      row = block = arith::DivUIOp::create(b, loc, block, size);
      blocks = arith::DivUIOp::create(b, loc, blocks, size);
    }
    if (rows > 1)
      row = add(block, arith::MulIOp::create(b, loc, group, blocks));
    return emitRows(mul(blocks, rows));
  }
  if (group)
    row = add(mul(block, rows), group);
  if (rows > 1 && schedule.getWarps() > 1) {
    turn = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
    placeExchange();
  }
  if (group) {
    Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row,
                                         countRows());
    auto guarded = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
    b.setInsertionPoint(guarded.thenBlock()->getTerminator());
  }
  placeColumns();
  loadRow();
  prefetchRow();
  emitRow();
}

/// Warps that are a turn ahead leave alone what others still read of this one:
/// turns take two places in turn.
void RowGroupBody::placeExchange() {
  int64_t bytes = 0;
  for (auto &[op, info] : plan.ops)
    for (Operation *combiner : info.combiners)
      bytes += LaneExchange::getBytes(combiner->getResult(0).getType(),
                                      schedule.getWarps());
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  exchange.memory = kernel.addWorkgroupAttribution(
      MemRefType::get({2 * bytes * schedule.getRows()}, b.getI8Type(),
                      MemRefLayoutAttrInterface(), space),
      loc);
  Value odd = arith::AndIOp::create(
      b, loc, turn, arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1)));
  exchange.place =
      mul(arith::IndexCastUIOp::create(b, loc, b.getIndexType(), odd), bytes);
  if (exchange.groups > 1)
    exchange.place = add(exchange.place, mul(group, 2 * bytes));
}

void RowGroupBody::emitRows(Value step) {
  Value rows = countRows();
  stages.emplace(plan, b, kernel, row, step, rows, rank);
  stages->start(memrefs);
  placeColumns();
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  Value one = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1));
  auto loop = scf::ForOp::create(b, loc, row, rows, step, zero);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  row = loop.getInductionVar();
  turn = loop.getRegionIterArg(0);
  if (schedule.getWarps() > 1 && !rank)
    placeExchange();
  stages->await(turn);
  loadRow();
  emitRow();
  scf::YieldOp::create(b, loc,
                       arith::AddIOp::create(b, loc, turn, one).getResult());
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

FailureOr<KernelCall> quantmlir::buildRowGroupKernel(RowGroupOp group,
                                                     KernelTable &table,
                                                     RewriterBase &rewriter) {
  RowGroupPlan plan;
  plan.group = group;
  if (failed(plan.collect()))
    return failure();
  RowScheduleAttr schedule = *group.getSchedule();
  KernelCall call;
  llvm::append_range(call.ins, plan.ins);
  call.outs = plan.outs;
  SmallVector<Type> parameters;
  for (Value value : llvm::concat<Value>(call.ins, call.outs)) {
    auto type = cast<RankedTensorType>(value.getType());
    parameters.push_back(
        MemRefType::get(type.getShape(), type.getElementType()));
  }
  FailureOr<gpu::GPUFuncOp> kernel = table.getOrBuild(
      group.getLoc(), "rows", parameters,
      [&](OpBuilder &builder, gpu::GPUFuncOp func) {
        func.setKnownBlockSizeAttr(builder.getDenseI32ArrayAttr(
            {static_cast<int32_t>(schedule.getThreads()), 1, 1}));
        // Without this, ptxas makes room for eight blocks an SM and spills.
        func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      builder.getI32IntegerAttr(schedule.getOccupancy()));
        RowGroupBody(plan, builder, func).emit();
        return success();
      });
  if (failed(kernel))
    return failure();
  Location loc = group.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(rewriter, loc, value);
  };
  call.kernel = *kernel;
  // Few rows are spread over all SMs.
  Value blocks =
      plan.emitBlocks(rewriter, schedule.getStages() ? 1 : schedule.getRows());
  if (schedule.getStages()) {
    const quantmlir::schedule::Chip *chip = quantmlir::schedule::lookupChip(
        schedule.getChip().getValue(), [&] { return group.emitOpError(); });
    int64_t size = schedule.getBlocks();
    blocks = rewriter.createOrFold<arith::MinUIOp>(
        loc, blocks,
        constant(chip->getResidentBlocks(size) / size *
                 schedule.getOccupancy()));
    if (size > 1) {
      blocks =
          rewriter.createOrFold<arith::MulIOp>(loc, blocks, constant(size));
      call.cluster = {size, 1, 1};
    }
    call.dynamicSharedMemory = plan.getLayout().bytes;
  }
  call.grid = {blocks, constant(1), constant(1)};
  call.block = {schedule.getThreads(), 1, 1};
  return call;
}
