//===- WarpgroupBlock.cpp - Blocks of specialised warpgroups (sm_90a) -----===//

#include "WarpgroupBlock.h"
#include "DynamicSharedMemory.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quantmlir::schedule::WgmmaLayout;

/// What swizzled tiles are aligned to.
static constexpr int64_t kAlignment = 1024;
/// Threads of a warpgroup.
static constexpr int64_t kWarpgroup = 128;
/// Rows of tiles that are one group where the order of tiles is not a question.
static constexpr int64_t kAnyGroup = 2;

WarpgroupBlock::WarpgroupBlock(MatmulEmitter &b, WgmmaLayout layout,
                               ResultChunks output, int64_t clusterSize,
                               quantmlir::schedule::SumExchange sums,
                               int64_t releases)
    : b(b), problem(b.problem), schedule(problem.schedule),
      groups(schedule.getWarpgroups()), layout(layout), output(output),
      sums(sums), clusterSize(clusterSize), releases(releases) {}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value WarpgroupBlock::word(int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}
Value WarpgroupBlock::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(x, y);
}
Value WarpgroupBlock::sub(Value x, Value y) {
  return b.createOrFold<arith::SubIOp>(x, y);
}
Value WarpgroupBlock::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(x, y);
}
Value WarpgroupBlock::div(Value x, Value y) {
  return b.createOrFold<arith::DivUIOp>(x, y);
}
Value WarpgroupBlock::rem(Value x, Value y) {
  return b.createOrFold<arith::RemUIOp>(x, y);
}
Value WarpgroupBlock::exclusiveOr(Value x, Value y) {
  return b.createOrFold<arith::XOrIOp>(x, y);
}
Value WarpgroupBlock::equal(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y);
}
Value WarpgroupBlock::toIndex(Value value) {
  return b.createOrFold<arith::IndexCastUIOp>(b.getIndexType(), value);
}
Value WarpgroupBlock::toWord(Value value) {
  return b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(), value);
}

//===----------------------------------------------------------------------===//
// Shared memory and barriers
//===----------------------------------------------------------------------===//

/// The address of byte `offset` + `scaled` * `scale` of shared memory.
Value WarpgroupBlock::shared(int64_t offset, Value scaled, int64_t scale) {
  Type pointer = base.getType(), byte = b.getI8Type();
  Value address = base;
  if (scaled) {
    Value bytes = mul(scaled, scale);
    address = LLVM::GEPOp::create(b, pointer, byte, address,
                                  ArrayRef<LLVM::GEPArg>{bytes});
  }
  return LLVM::GEPOp::create(
      b, pointer, byte, address,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
}

Value WarpgroupBlock::full(Value stage) {
  return shared(layout.getFull(0), stage, WgmmaLayout::barrierBytes);
}
Value WarpgroupBlock::empty(Value stage) {
  return shared(layout.getEmpty(0), stage, WgmmaLayout::barrierBytes);
}
Value WarpgroupBlock::order(Value consumer) {
  return shared(layout.getOrder(0), consumer, WgmmaLayout::barrierBytes);
}
Value WarpgroupBlock::ready(Value consumer) {
  return shared(layout.getReady(0), consumer, WgmmaLayout::barrierBytes);
}
Value WarpgroupBlock::taken(Value consumer) {
  return shared(layout.getTaken(0), consumer, WgmmaLayout::barrierBytes);
}
Value WarpgroupBlock::known(Value slot) {
  return shared(layout.getKnown(0), slot, WgmmaLayout::barrierBytes);
}
Value WarpgroupBlock::used(Value slot) {
  return shared(layout.getUsed(0), slot, WgmmaLayout::barrierBytes);
}

/// Makes this thread's writes to shared memory visible to the accelerator.
void WarpgroupBlock::fenceSharedMemory() {
  MLIRContext *context = b.getContext();
  NVVM::FenceProxyOp::create(
      b, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
}

/// Waits until all blocks of the cluster run and have initialised their
/// barriers, and until this block's threads are here.
void WarpgroupBlock::synchronizeStart() {
  gpu::BarrierOp::create(b);
  // fence.mbarrier_init has shown the barriers to the cluster, and there is
  // nothing else to be seen.
  if (clusterSize > 1)
    synchronizeCluster();
}

void WarpgroupBlock::synchronizeCluster() {
  quantmlir::synchronizeCluster(b, b.getLoc());
}

void WarpgroupBlock::initBarriers() {
  b.ifThen(equal(thread, word(0)), [&] {
    // The accelerator reads a map when it first meets it: activations and
    // results would wait for theirs when everything else waits for them.
    for (Value map : b.tensorMaps)
      NVVM::PrefetchOp::create(
          b, /*cacheLevel=*/NVVM::PrefetchCacheLevelAttr(),
          /*evictPriority=*/NVVM::CacheEvictionPriorityAttr(), map,
          /*predicate=*/Value(), /*tensormap=*/b.getUnitAttr(),
          /*uniform=*/UnitAttr(), /*in_param_space=*/UnitAttr());
    // Of a ping-pong pair only one consumer uses a stage, and of those that
    // share a tile along K.
    Value users = word(schedule.getWarpgroupsPerTile() / schedule.getWarpsK() *
                       groups.getClusterSize() * releases);
    for (int64_t stage = 0; stage < layout.stages; ++stage) {
      NVVM::MBarrierInitOp::create(b, full(word(stage)), word(1), Value());
      NVVM::MBarrierInitOp::create(b, empty(word(stage)), users, Value());
    }
    // Each warp of the consumer in front arrives.
    if (groups.isPingPong() || groups.isAlternating())
      for (int64_t w = 0; w < layout.consumers; ++w)
        NVVM::MBarrierInitOp::create(b, order(word(w)), word(kWarpgroup / 32),
                                     Value());
    if (sums.parts > 1) {
      // Those that get sums say that they have read them. One that alone gets
      // any has nobody to wait for.
      Value readers = word(std::max<int64_t>(1, sums.getOwners() - 1));
      if (sums.getOwners() < sums.parts)
        readers = b.select(
            b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, part,
                                          word(sums.getOwners())),
            readers, word(sums.getOwners()));
      for (int64_t w = 0; w < layout.consumers; ++w) {
        NVVM::MBarrierInitOp::create(b, ready(word(w)), word(1), Value());
        NVVM::MBarrierInitOp::create(b, taken(word(w)), readers, Value());
      }
    }
    if (layout.scales)
      for (int64_t slot = 0; slot < WgmmaLayout::scaleSlots; ++slot) {
        NVVM::MBarrierInitOp::create(b, known(word(slot)),
                                     word(WgmmaLayout::scaleThreads), Value());
        NVVM::MBarrierInitOp::create(
            b, used(word(slot)),
            word(schedule.getWarpgroupsPerTile() * kWarpgroup), Value());
      }
    // To the other blocks of the cluster, and to the bulk copies.
    NVVM::FenceMbarrierInitOp::create(b);
  });
  synchronizeStart();
}

void WarpgroupBlock::waitFor(Value barrier, Value parity, Scope scope) {
  waitForBarrier(b, b.getLoc(), barrier, parity, scope);
}

void WarpgroupBlock::arrive(Value barrier, Scope scope) {
  NVVM::MBarrierArriveOp::create(
      b,
      cast<LLVM::LLVMPointerType>(barrier.getType()).getAddressSpace() ==
              kSharedSpace
          ? TypeRange(b.getI64Type())
          : TypeRange(),
      barrier, /*count=*/Value(), scope);
}

Value WarpgroupBlock::remote(Value address, Value block) {
  return mapToBlock(b, b.getLoc(), address, block);
}

void WarpgroupBlock::expect(Value barrier, Value bytes) {
  expectBytes(b, b.getLoc(), barrier, bytes);
}

/// Tells every loader that writes into `stage` that this consumer is done.
void WarpgroupBlock::release(Value stage) {
  int64_t size = groups.getClusterSize();
  Value first = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, member,
                                              word(size));
  b.ifThen(first, [&] {
    Value barrier = empty(stage);
    // A plain arrive, with the scope of a block: a release of the cluster's
    // would wait for all of this thread's writes to reach the device.
    if (size > 1)
      barrier = remote(barrier, add(mul(part, size), member));
    arrive(barrier);
  });
}

/// Waits, as the loader whose next stage is that of `ring`, until all stages
/// have been released. A block must not end before: others of its cluster
/// arrive at its barriers, and read what it loads for them.
void WarpgroupBlock::waitForReleases(Ring ring) {
  if (groups.getClusterSize() == 1)
    return;
  b.loop(word(0), word(layout.stages), word(1), {ring.stage, ring.phase},
         [&](Value, ValueRange state) {
           Ring ring = {state[0], state[1]};
           waitFor(empty(ring.stage), ring.phase);
           ring = advance(ring);
           return SmallVector<Value>{ring.stage, ring.phase};
         });
}

WarpgroupBlock::Ring WarpgroupBlock::advance(Ring ring, int64_t stages) {
  Value next = add(ring.stage, 1);
  Value wraps = equal(next, word(stages));
  return {b.select(wraps, word(0), next),
          b.select(wraps, exclusiveOr(ring.phase, word(1)), ring.phase)};
}

WarpgroupBlock::Ring WarpgroupBlock::skip(Ring ring, int64_t steps,
                                          int64_t stages) {
  Value next = add(ring.stage, steps % stages);
  Value phase = exclusiveOr(ring.phase, word(steps / stages % 2));
  Value wraps = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::uge, next,
                                              word(stages));
  return {b.select(wraps, sub(next, word(stages)), next),
          b.select(wraps, exclusiveOr(phase, word(1)), phase)};
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

std::pair<Value, Value> WarpgroupBlock::locate(Value tile) {
  int64_t tilesN = problem.getClusterTilesN();
  // Groups of rows of tiles; within one, column by column. A single column of
  // tiles is walked so, too: LLVM would see that a tile's columns are always
  // the same, and keep what it computes from them in registers that the main
  // loop needs.
  int64_t groupM = tilesN == 1 ? kAnyGroup : groups.getGroupM();
  Value m, n;
  if (groupM == 1) {
    m = div(tile, word(tilesN));
    n = rem(tile, word(tilesN));
  } else {
    Value perGroup = word(groupM * tilesN);
    Value first = mul(div(tile, perGroup), groupM);
    Value inside = rem(tile, perGroup);
    // The last group may have fewer rows.
    Value height = b.min(sub(tilesM, first), word(groupM));
    m = add(first, rem(inside, height));
    n = div(inside, height);
  }
  auto place = [&](Value index, int64_t extent, int64_t blocks) {
    index = mul(index, blocks);
    if (blocks > 1)
      index = add(index, rank);
    return mul(index, extent);
  };
  return {place(m, schedule.getTileM(), groups.getClusterM()),
          place(n, schedule.getTileN(), groups.getClusterN())};
}

SmallVector<Value> WarpgroupBlock::tileLoop(
    Value first, Value step, SmallVector<Value> carried,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  return b.loop(first, tiles, step, carried, body);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value WarpgroupBlock::toCluster(Value address) {
  return LLVM::AddrSpaceCastOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), kSharedClusterSpace),
      address);
}

void WarpgroupBlock::loadBox(Value map, Value to, Value barrier,
                             ValueRange coordinates, Value mask) {
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      b, toCluster(to), map, coordinates, barrier,
      /*im2colOffsets=*/ValueRange(), mask, /*l2CacheHint=*/Value(),
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
      /*group=*/NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
}

Value WarpgroupBlock::descriptorBase() {
  Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), base);
  // Above the address, which has 14 bits, is what nothing reads of a swizzled
  // operand, and expected to be 1.
  return add(b.createOrFold<arith::ShRUIOp>(address, word(4)), 1 << 16);
}

Value WarpgroupBlock::descriptor(Value address) {
  // In the upper word: 1024 bytes between groups of eight rows, swizzle of 128
  // bytes. So what is added to the lower one remains one addition.
  constexpr uint64_t constant = uint64_t(kAlignment / 16) << 32 | 1ull << 62;
  Value rest = arith::ConstantOp::create(
      b, b.getI64IntegerAttr(static_cast<int64_t>(constant)));
  return arith::OrIOp::create(
      b, arith::ExtUIOp::create(b, b.getI64Type(), address), rest);
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WarpgroupBlock::emit() {
  base = getDynamicSharedMemory(b, b.getLoc(), b.kernel);
  if (output.isBulk)
    outMap = b.tensorMaps.back();
  rows = toWord(b.rows);
  thread = toWord(b.thread);
  // The same for all lanes, which ptxas sees of nothing but a shuffle: what
  // follows from it, descriptors and barriers above all, takes uniform
  // registers.
  group = NVVM::ShflOp::create(b, b.getI32Type(), word(-1),
                               div(thread, word(kWarpgroup)), word(0), word(31),
                               NVVM::ShflKind::idx, UnitAttr());
  Value block = toWord(gpu::BlockIdOp::create(b, gpu::Dimension::x));
  Value grid = toWord(gpu::GridDimOp::create(b, gpu::Dimension::x));
  int64_t size = groups.getClusterSize();
  rank = rem(block, word(size));
  part = div(rem(block, word(clusterSize)), word(size));
  cluster = div(block, word(clusterSize));
  clusters = div(grid, word(clusterSize));
  int64_t heightM = schedule.getTileM() * groups.getClusterM();
  tilesM = div(add(rows, heightM - 1), word(heightM));
  tiles = mul(tilesM, problem.getClusterTilesN());

  prepareSharedMemory();
  initBarriers();
  bool settles = layout.consumers > 1;
  quantmlir::schedule::WarpgroupRegisters registers(layout.consumers);
  auto branch = scf::IfOp::create(b, equal(group, word(0)),
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    if (settles)
      NVVM::SetMaxRegisterOp::create(b, registers.loader,
                                     NVVM::SetMaxRegisterAction::decrease);
    produce();
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    if (settles)
      NVVM::SetMaxRegisterOp::create(b, registers.consumer,
                                     NVVM::SetMaxRegisterAction::increase);
    consumer = sub(group, word(1));
    member = rem(thread, word(kWarpgroup));
    warp = div(member, word(32));
    lane = rem(member, word(32));
    consume();
  }
  // Blocks that share tiles write to each other's memory: none ends before the
  // others have. Each has waited for what was written to it, so that there is
  // nothing to release.
  if (sums.parts > 1)
    synchronizeCluster();
}
