//===- RowStages.cpp - Rows on their way through shared memory ------------===//

#include "RowStages.h"
#include "DynamicSharedMemory.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

static constexpr int64_t kWarp = 32;

RowStages::RowStages(const RowGroupPlan &plan, OpBuilder &b,
                     gpu::GPUFuncOp kernel, Value row, Value step, Value rows,
                     Value rank)
    : plan(plan), schedule(*RowGroupOp(plan.group).getSchedule()),
      layout(plan.getLayout()), b(b), loc(kernel.getLoc()), row(row),
      step(step), rows(rows), rank(rank) {
  base = getDynamicSharedMemory(b, loc, kernel);
  thread = arith::IndexCastUIOp::create(
      b, loc, b.getI32Type(),
      gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x));
  ring = word(0);
  member = thread;
  if (schedule.getRows() > 1) {
    Value lanes = word(schedule.getLanes());
    ring = arith::DivUIOp::create(b, loc, thread, lanes);
    member = arith::RemUIOp::create(b, loc, thread, lanes);
  }
}

Value RowStages::word(int64_t value) {
  return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
}

void RowStages::ifThen(Value condition, function_ref<void()> body) {
  auto guarded = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(guarded.thenBlock()->getTerminator());
  body();
}

/// The address of byte `offset` + `scaled` * `scale`.
Value RowStages::at(int64_t offset, Value scaled, int64_t scale) {
  Type pointer = base.getType(), byte = b.getI8Type();
  Value address = base;
  if (scaled)
    address = LLVM::GEPOp::create(
        b, loc, pointer, byte, address,
        ArrayRef<LLVM::GEPArg>{
            b.createOrFold<arith::MulIOp>(loc, scaled, word(scale))});
  return LLVM::GEPOp::create(
      b, loc, pointer, byte, address,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
}

/// The stage of `turn`, counted over all rings.
Value RowStages::stageOf(Value turn) {
  Value stage =
      b.createOrFold<arith::AndIOp>(loc, turn, word(schedule.getStages() - 1));
  return b.createOrFold<arith::AddIOp>(
      loc, b.createOrFold<arith::MulIOp>(loc, ring, word(schedule.getStages())),
      stage);
}

Value RowStages::getFull(Value stage) {
  return at(layout.barriers, stage, schedule::RowLayout::barrierBytes);
}

void RowStages::expect(Value barrier, int64_t bytes) {
  expectBytes(b, loc, barrier, word(bytes));
}

void RowStages::copy(Value to, Value memref, Value from, int64_t bytes,
                     Value barrier) {
  Value address = arith::AddIOp::create(
      b, loc, memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memref),
      from);
  Value global = LLVM::IntToPtrOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/1),
      arith::IndexCastUIOp::create(b, loc, b.getI64Type(), address)
          .getResult());
  Value target = LLVM::AddrSpaceCastOp::create(
      b, loc, LLVM::LLVMPointerType::get(b.getContext(), kSharedClusterSpace),
      to);
  NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
      b, loc, target, global, barrier, word(bytes), /*multicastMask=*/Value(),
      /*l2CacheHint=*/Value());
}

void RowStages::copyPart(Value to, Value value, Value from, Value barrier) {
  int64_t bytes = plan.getPartBytes(value);
  if (rank)
    from = b.createOrFold<arith::AddIOp>(
        loc, from,
        b.createOrFold<arith::MulIOp>(
            loc, rank, arith::ConstantIndexOp::create(b, loc, bytes)));
  copy(to, memrefs.lookup(value), from, bytes, barrier);
}

/// One thread issues copies. That it is one, ptxas sees from how it is picked;
/// of any other condition it makes a loop over lanes around each copy, whose
/// operands are in uniform registers.
void RowStages::ifPicked(function_ref<void()> body) {
  auto pick = [&] {
    ifThen(NVVM::ElectSyncOp::create(b, loc, b.getI1Type(), Value()), body);
  };
  if (schedule.getWarps() == 1)
    return pick();
  ifThen(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, member,
                               word(kWarp)),
         pick);
}

void RowStages::load(Value row, Value stage) {
  Value exists =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, rows);
  ifThen(exists, [&] {
    Value barrier = getFull(stage);
    expect(barrier, layout.rowBytes);
    for (auto [input, value] : llvm::enumerate(plan.staged)) {
      Value from = arith::MulIOp::create(
          b, loc, row,
          arith::ConstantIndexOp::create(b, loc, plan.getRowBytes(value)));
      copyPart(at(layout.staged[input], stage, plan.getPartBytes(value)), value,
               from, barrier);
    }
  });
}

void RowStages::start(const llvm::DenseMap<Value, Value> &memrefs) {
  this->memrefs = memrefs;
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, thread, word(0));
  int64_t rings = schedule.getRows();
  Value kept = getFull(word(rings * schedule.getStages()));
  ifThen(isFirst, [&] {
    for (int64_t i = 0; i < rings * schedule.getStages(); ++i)
      NVVM::MBarrierInitOp::create(b, loc, getFull(word(i)), word(1), Value());
    if (!plan.resident.empty())
      NVVM::MBarrierInitOp::create(b, loc, kept, word(1), Value());
    for (int64_t at = layout.exchangeBarriers; at < layout.bytes;
         at += schedule::RowLayout::barrierBytes)
      NVVM::MBarrierInitOp::create(b, loc, this->at(at), word(1), Value());
    // To the bulk copies, and to the other blocks.
    NVVM::FenceMbarrierInitOp::create(b, loc);
  });
  gpu::BarrierOp::create(b, loc);
  // The fence has shown the barriers, and there is nothing else to be seen.
  if (rank)
    synchronizeCluster(b, loc);
  ifPicked([&] {
    for (int64_t i = 0; i < schedule.getStages(); ++i)
      load(b.createOrFold<arith::AddIOp>(
               loc, row,
               b.createOrFold<arith::MulIOp>(
                   loc, step, arith::ConstantIndexOp::create(b, loc, i))),
           stageOf(word(i)));
  });
  if (plan.resident.empty())
    return;
  ifThen(arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, thread,
                               word(kWarp)),
         [&] {
           ifThen(NVVM::ElectSyncOp::create(b, loc, b.getI1Type(), Value()),
                  [&] {
                    expect(kept, layout.residentBytes);
                    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
                    for (auto [i, value] : llvm::enumerate(plan.resident))
                      copyPart(at(layout.resident[i]), value, zero, kept);
                  });
         });
  waitForBarrier(b, loc, kept, word(0));
}

void RowStages::await(Value turn) {
  stage = stageOf(turn);
  Value round =
      b.createOrFold<arith::DivUIOp>(loc, turn, word(schedule.getStages()));
  waitForBarrier(b, loc, getFull(stage),
                 b.createOrFold<arith::AndIOp>(loc, round, word(1)));
}

Value RowStages::find(Value value) {
  for (auto [i, staged] : llvm::enumerate(plan.staged))
    if (staged == value)
      return at(layout.staged[i], stage, plan.getPartBytes(value));
  for (auto [i, resident] : llvm::enumerate(plan.resident))
    if (resident == value)
      return at(layout.resident[i]);
  return {};
}

void RowStages::refill(Value row) {
  ifPicked([&] {
    Value stages = arith::ConstantIndexOp::create(b, loc, schedule.getStages());
    load(arith::AddIOp::create(
             b, loc, row, b.createOrFold<arith::MulIOp>(loc, step, stages)),
         stage);
  });
}

/// A block that is a turn ahead sends to other places and counts at other
/// barriers than one that is not: it may have got all messages of a turn before
/// its own have come.
BlockExchange RowStages::getExchange(Value turn, int64_t number) {
  SmallVector<int64_t> exchanged = plan.getExchanged();
  int64_t before = llvm::sum_of(ArrayRef(exchanged).take_front(number));
  int64_t barrierBytes = schedule::RowLayout::barrierBytes;
  Value odd = b.createOrFold<arith::AndIOp>(loc, turn, word(1));
  Value half = b.createOrFold<arith::ShRUIOp>(loc, turn, word(1));
  Value place = b.createOrFold<arith::AddIOp>(
      loc, b.createOrFold<arith::MulIOp>(loc, ring, word(2)), odd);
  BlockExchange exchange;
  exchange.blocks = schedule.getBlocks();
  exchange.rank =
      arith::IndexCastUIOp::create(b, loc, b.getI32Type(), rank).getResult();
  exchange.valueBytes = schedule::RowLayout::getReceivedBytes(
      schedule.getBlocks(), schedule.getWarps());
  exchange.received = at(layout.received + before * exchange.valueBytes, place,
                         layout.turnBytes);
  exchange.barrier = at(layout.exchangeBarriers + number * barrierBytes, place,
                        exchanged.size() * barrierBytes);
  exchange.parity = b.createOrFold<arith::AndIOp>(loc, half, word(1));
  return exchange;
}
