//===- WgmmaKernel.cpp - The warpgroup main loop of sm_90a ----------------===//

#include "WgmmaKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quantmlir::schedule::WgmmaLayout;

/// Address spaces of a block's shared memory, and of its cluster's.
static constexpr unsigned kShared = 3, kSharedCluster = 7;
/// What swizzled tiles are aligned to.
static constexpr int64_t kAlignment = 1024;
/// Bytes along K of one instruction.
static constexpr int64_t kStepBytes = 32;
/// Threads of a warpgroup.
static constexpr int64_t kWarpgroup = 128;
/// Registers of a thread once the warpgroups have settled what each needs:
/// three warpgroups start with 168 each.
static constexpr int64_t kLoaderRegisters = 40, kConsumerRegisters = 232;

/// The block's dynamic shared memory as `kAlignment` wants it.
static Value getSharedMemory(MatmulEmitter &b) {
  constexpr StringLiteral name = "dynamic_shared_memory";
  auto module = b.kernel->getParentOfType<gpu::GPUModuleOp>();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    global = LLVM::GlobalOp::create(
        builder, b.getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), 0),
        /*isConstant=*/false, LLVM::Linkage::External, name, Attribute(),
        kAlignment, kShared);
  }
  return LLVM::AddressOfOp::create(b, global);
}

WgmmaOutput::WgmmaOutput(const MatmulProblem &problem, Type element) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  ScheduleAttr schedule = problem.schedule;
  chunkBytes = std::gcd(schedule.getTileN() / schedule.getWarpsN() * bytes,
                        WgmmaLayout::rowBytes);
  chunkColumns = chunkBytes / bytes;
  isBulk = problem.n * bytes % 16 == 0;
}

WgmmaKernel::WgmmaKernel(MatmulEmitter &b)
    : b(b), problem(b.problem), schedule(problem.schedule),
      groups(schedule.getWarpgroups()), layout(schedule),
      output(problem, b.getOutElement()),
      tileK(WgmmaLayout::rowBytes * 8 /
            problem.lhsElement.getIntOrFloatBitWidth()),
      steps(llvm::divideCeil(problem.k, tileK)),
      blocks(schedule.getTileM() / (schedule.getWarpsM() / 4) /
             WgmmaLayout::chunkRows),
      columns(schedule.getTileN() / schedule.getWarpsN()),
      accumulatorType(LLVM::LLVMStructType::getLiteral(
          b.getContext(),
          SmallVector<Type>(columns / 2, problem.accumulator))) {}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value WgmmaKernel::word(int64_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
}
Value WgmmaKernel::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(x, y);
}
Value WgmmaKernel::sub(Value x, Value y) {
  return b.createOrFold<arith::SubIOp>(x, y);
}
Value WgmmaKernel::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(x, y);
}
Value WgmmaKernel::div(Value x, Value y) {
  return b.createOrFold<arith::DivUIOp>(x, y);
}
Value WgmmaKernel::rem(Value x, Value y) {
  return b.createOrFold<arith::RemUIOp>(x, y);
}
Value WgmmaKernel::exclusiveOr(Value x, Value y) {
  return b.createOrFold<arith::XOrIOp>(x, y);
}
Value WgmmaKernel::equal(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, x, y);
}
Value WgmmaKernel::toIndex(Value value) {
  return b.createOrFold<arith::IndexCastUIOp>(b.getIndexType(), value);
}

//===----------------------------------------------------------------------===//
// Shared memory and barriers
//===----------------------------------------------------------------------===//

/// The address of byte `offset` + `scaled` * `scale` of shared memory.
Value WgmmaKernel::shared(int64_t offset, Value scaled, int64_t scale) {
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

Value WgmmaKernel::full(Value stage) {
  return shared(layout.getFull(0), stage, WgmmaLayout::barrierBytes);
}
Value WgmmaKernel::empty(Value stage) {
  return shared(layout.getEmpty(0), stage, WgmmaLayout::barrierBytes);
}
Value WgmmaKernel::order(Value consumer) {
  return shared(layout.getOrder(0), consumer, WgmmaLayout::barrierBytes);
}

/// Makes this thread's writes to shared memory visible to the accelerator.
void WgmmaKernel::fenceSharedMemory() {
  MLIRContext *context = b.getContext();
  NVVM::FenceProxyOp::create(
      b, NVVM::ProxyKindAttr::get(context, NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(context, NVVM::SharedSpace::shared_cta));
}

void WgmmaKernel::synchronizeCluster() {
  if (groups.getClusterSize() == 1) {
    gpu::BarrierOp::create(b);
    return;
  }
  NVVM::ClusterArriveOp::create(b, b.getUnitAttr());
  NVVM::ClusterWaitOp::create(b, b.getUnitAttr());
}

void WgmmaKernel::initBarriers() {
  b.ifThen(equal(thread, word(0)), [&] {
    // Of a ping-pong pair only one consumer uses a stage.
    Value users =
        word(schedule.getWarpgroupsPerTile() * groups.getClusterSize());
    for (int64_t stage = 0; stage < layout.stages; ++stage) {
      NVVM::MBarrierInitOp::create(b, full(word(stage)), word(1), Value());
      NVVM::MBarrierInitOp::create(b, empty(word(stage)), users, Value());
    }
    if (groups.isPingPong())
      for (int64_t w = 0; w < 2; ++w)
        NVVM::MBarrierInitOp::create(b, order(word(w)), word(1), Value());
    // To the other blocks of the cluster, and to the bulk copies.
    NVVM::FenceMbarrierInitOp::create(b);
    fenceSharedMemory();
  });
  synchronizeCluster();
}

void WgmmaKernel::waitFor(Value barrier, Value parity) {
  auto loop = scf::WhileOp::create(b, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&loop.getBefore());
  Value done =
      NVVM::MBarrierTryWaitOp::create(b, b.getI1Type(), barrier, parity,
                                      /*ticks=*/Value());
  Value again = arith::XOrIOp::create(
      b, done, arith::ConstantOp::create(b, b.getBoolAttr(true)));
  scf::ConditionOp::create(b, again, ValueRange());
  b.createBlock(&loop.getAfter());
  scf::YieldOp::create(b);
}

void WgmmaKernel::arrive(Value barrier) {
  NVVM::MBarrierArriveOp::create(
      b,
      cast<LLVM::LLVMPointerType>(barrier.getType()).getAddressSpace() ==
              kShared
          ? TypeRange(b.getI64Type())
          : TypeRange(),
      barrier, /*count=*/Value());
}

/// Tells every loader that writes into `stage` that this consumer is done.
void WgmmaKernel::release(Value stage) {
  int64_t size = groups.getClusterSize();
  Value first = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, member,
                                              word(size));
  b.ifThen(first, [&] {
    Value barrier = empty(stage);
    // A plain arrive, with the scope of a block: a release of the cluster's
    // would wait for all of this thread's writes to reach the device.
    if (size > 1)
      barrier = NVVM::MapaOp::create(
          b, LLVM::LLVMPointerType::get(b.getContext(), kSharedCluster),
          barrier, member);
    arrive(barrier);
  });
}

WgmmaKernel::Ring WgmmaKernel::advance(Ring ring) {
  Value next = add(ring.stage, 1);
  Value wraps = equal(next, word(layout.stages));
  return {b.select(wraps, word(0), next),
          b.select(wraps, exclusiveOr(ring.phase, word(1)), ring.phase)};
}

/// The position `count` stages on.
WgmmaKernel::Ring WgmmaKernel::skip(Ring ring, int64_t count) {
  Value next = add(ring.stage, count % layout.stages);
  Value phase = exclusiveOr(ring.phase, word(count / layout.stages % 2));
  Value wraps = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::uge, next,
                                              word(layout.stages));
  return {b.select(wraps, sub(next, word(layout.stages)), next),
          b.select(wraps, exclusiveOr(phase, word(1)), phase)};
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

std::pair<Value, Value> WgmmaKernel::locate(Value tile) {
  int64_t tilesN =
      llvm::divideCeil(problem.n, schedule.getTileN() * groups.getClusterN());
  // Groups of rows of tiles; within one, column by column.
  int64_t groupM = groups.getGroupM();
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

void WgmmaKernel::tileLoop(
    Value first, Value step, SmallVector<Value> carried,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  b.loop(first, tiles, step, carried, body);
}

//===----------------------------------------------------------------------===//
// The loader
//===----------------------------------------------------------------------===//

/// Starts the copy of `rows` rows from (row, column) on. A tile that the
/// cluster shares comes in as many parts as there are blocks; each block loads
/// one part into all of them.
void WgmmaKernel::load(Value map, Value to, Value barrier, Value column,
                       Value row, int64_t rows, bool isShared) {
  int64_t size = groups.getClusterSize();
  Value mask;
  if (isShared && size > 1) {
    int64_t part = rows / size;
    to = LLVM::GEPOp::create(
        b, to.getType(), b.getI8Type(), to,
        ArrayRef<LLVM::GEPArg>{mul(rank, part * WgmmaLayout::rowBytes)});
    row = add(row, mul(rank, part));
    mask = arith::ConstantOp::create(b, b.getI16IntegerAttr((1 << size) - 1));
  }
  Value destination = LLVM::AddrSpaceCastOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), kSharedCluster), to);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      b, destination, map, ValueRange{column, row}, barrier,
      /*im2colOffsets=*/ValueRange(), mask, /*l2CacheHint=*/Value(),
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/false,
      /*group=*/NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
}

void WgmmaKernel::produce() {
  b.ifThen(equal(thread, word(0)), [&] {
    // The first phase of an empty barrier counts as over.
    tileLoop(
        cluster, clusters, {word(0), word(1)},
        [&](Value tile, ValueRange state) {
          auto [row, column] = locate(tile);
          return b.loop(
              word(0), word(steps), word(1), state,
              [&, row = row, column = column](Value step, ValueRange state) {
                Ring ring = {state[0], state[1]};
                waitFor(empty(ring.stage), ring.phase);
                Value barrier = full(ring.stage);
                NVVM::MBarrierArriveExpectTxOp::create(
                    b, /*res=*/Type(), barrier, word(layout.getStageBytes()),
                    NVVM::MemScopeKind::CTA, /*relaxed=*/false,
                    /*predicate=*/Value());
                Value k = mul(step, tileK);
                load(lhsMap, shared(0, ring.stage, layout.getStageBytes()),
                     barrier, k, row, schedule.getTileM(),
                     groups.getClusterN() > 1);
                load(
                    rhsMap,
                    shared(layout.lhsBytes, ring.stage, layout.getStageBytes()),
                    barrier, k, column, schedule.getTileN(),
                    groups.getClusterM() > 1);
                ring = advance(ring);
                return SmallVector<Value>{ring.stage, ring.phase};
              });
        });
  });
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

/// Issues the multiplications of `stage` as one group.
void WgmmaKernel::issue(SmallVectorImpl<Value> &accumulators, Value stage,
                        bool isFirst) {
  // Descriptors (PTX ISA, "Matrix descriptor"): address / 16, then the constant
  // rest: 1024 bytes between groups of eight rows, swizzle of 128 bytes.
  constexpr uint64_t constant =
      1ull << 16 | uint64_t(kAlignment / 16) << 32 | 1ull << 62;
  Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), base);
  Value start = add(b.createOrFold<arith::ShRUIOp>(address, word(4)),
                    mul(stage, layout.getStageBytes() / 16));
  Value lhs = add(start, mul(partRow, WgmmaLayout::rowBytes / 16));
  Value rhs = add(add(start, mul(partColumn, WgmmaLayout::rowBytes / 16)),
                  layout.lhsBytes / 16);
  Value rest = arith::ConstantOp::create(
      b, b.getI64IntegerAttr(static_cast<int64_t>(constant)));
  auto descriptor = [&](Value place) -> Value {
    return arith::OrIOp::create(
        b, arith::ExtUIOp::create(b, b.getI64Type(), place), rest);
  };
  auto getType = [&](Type element, bool isUnsigned) {
    return isUnsigned ? Type(b.getIntegerType(8, /*isSigned=*/false)) : element;
  };
  quant_tensor::ScaledMatmulOp op = problem.op;
  Type lhsType = getType(problem.lhsElement, op.getLhsUnsigned());
  Type rhsType = getType(problem.rhsElement, op.getRhsUnsigned());

  NVVM::WgmmaFenceAlignedOp::create(b);
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t k = 0; k < WgmmaLayout::rowBytes / kStepBytes; ++k) {
      Value accumulate =
          arith::ConstantOp::create(b, b.getBoolAttr(!isFirst || k > 0));
      int64_t part = k * kStepBytes / 16;
      int64_t down = block * WgmmaLayout::chunkBytes / 16;
      accumulators[block] =
          WgmmaOp::create(b, accumulatorType, accumulators[block], accumulate,
                          descriptor(add(rhs, part)),
                          ValueRange{descriptor(add(lhs, down + part))},
                          columns, lhsType, rhsType);
    }
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
}

/// The accumulators of one tile, whose stages start at `ring`; moves it on.
SmallVector<Value> WgmmaKernel::multiply(Ring &ring) {
  waitFor(full(ring.stage), ring.phase);
  // The first instruction takes no accumulators in.
  SmallVector<Value> state(blocks, LLVM::UndefOp::create(b, accumulatorType));
  issue(state, ring.stage, /*isFirst=*/true);
  Value last = ring.stage;
  ring = advance(ring);
  llvm::append_range(state, ValueRange{ring.stage, ring.phase, last});
  state = b.loop(
      word(1), word(steps), word(1), state, [&](Value, ValueRange values) {
        SmallVector<Value> next(values.take_front(blocks));
        Ring ring = {values[blocks], values[blocks + 1]};
        waitFor(full(ring.stage), ring.phase);
        issue(next, ring.stage, /*isFirst=*/false);
        // The group before this one is done: its stage is free.
        WgmmaWaitOp::create(b, 1, ValueRange());
        release(values[blocks + 2]);
        Value last = ring.stage;
        ring = advance(ring);
        llvm::append_range(next, ValueRange{ring.stage, ring.phase, last});
        return next;
      });
  ring = {state[blocks], state[blocks + 1]};
  last = state[blocks + 2];
  state.truncate(blocks);
  if (groups.isPingPong())
    b.ifThen(equal(member, word(0)),
             [&] { arrive(order(sub(word(1), consumer))); });
  state = SmallVector<Value>(WgmmaWaitOp::create(b, 0, state).getResults());
  release(last);
  return state;
}

void WgmmaKernel::consume() {
  bool isPingPong = groups.isPingPong();
  consumer = sub(group, word(1));
  member = rem(thread, word(kWarpgroup));
  warp = div(member, word(32));
  lane = rem(member, word(32));
  int64_t groupsM = schedule.getWarpsM() / 4;
  partRow = partColumn = word(0);
  if (groupsM > 1)
    partRow = mul(rem(consumer, word(groupsM)), schedule.getTileM() / groupsM);
  if (schedule.getWarpsN() > 1)
    partColumn = mul(div(consumer, word(groupsM)), columns);

  Value first = cluster, step = clusters;
  Ring ring = {word(0), word(0)};
  SmallVector<Value> state;
  if (isPingPong) {
    // Consumer w takes the tiles w, w + 2, ... of its block.
    first = add(cluster, mul(consumer, clusters));
    step = mul(clusters, 2);
    Ring second = skip(ring, steps);
    Value isSecond = equal(consumer, word(1));
    ring = {b.select(isSecond, second.stage, ring.stage),
            b.select(isSecond, second.phase, ring.phase)};
    // The first consumer need not wait for its first turn.
    state.push_back(sub(word(1), consumer));
  }
  state.insert(state.begin(), {ring.stage, ring.phase});
  tileLoop(first, step, state, [&](Value tile, ValueRange values) {
    auto [row, column] = locate(tile);
    Ring ring = {values[0], values[1]};
    if (isPingPong)
      waitFor(order(consumer), values[2]);
    SmallVector<Value> accumulators = multiply(ring);
    finish(accumulators, add(row, partRow), add(column, partColumn));
    if (isPingPong)
      ring = skip(ring, steps);
    SmallVector<Value> next = {ring.stage, ring.phase};
    if (isPingPong)
      next.push_back(exclusiveOr(values[2], word(1)));
    return next;
  });
  // Shared memory must live until the last chunk has left it.
  if (output.isBulk)
    b.ifThen(equal(member, word(0)),
             [&] { NVVM::CpAsyncBulkWaitGroupOp::create(b, 0, UnitAttr()); });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WgmmaKernel::emit() {
  base = getSharedMemory(b);
  lhsMap = b.tensorMaps[0];
  rhsMap = b.tensorMaps[1];
  if (output.isBulk)
    outMap = b.tensorMaps[2];
  auto toWord = [&](Value value) {
    return b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(), value);
  };
  rows = toWord(b.rows);
  thread = toWord(b.thread);
  group = div(thread, word(kWarpgroup));
  int64_t size = groups.getClusterSize();
  Value block = toWord(gpu::BlockIdOp::create(b, gpu::Dimension::x));
  Value grid = toWord(gpu::GridDimOp::create(b, gpu::Dimension::x));
  rank = rem(block, word(size));
  cluster = div(block, word(size));
  clusters = div(grid, word(size));
  int64_t heightM = schedule.getTileM() * groups.getClusterM();
  tilesM = div(add(rows, heightM - 1), word(heightM));
  tiles = mul(tilesM, llvm::divideCeil(problem.n, schedule.getTileN() *
                                                      groups.getClusterN()));

  initBarriers();
  bool settles = layout.consumers == 2;
  auto branch = scf::IfOp::create(b, equal(group, word(0)),
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(branch.thenBlock()->getTerminator());
    if (settles)
      NVVM::SetMaxRegisterOp::create(b, kLoaderRegisters,
                                     NVVM::SetMaxRegisterAction::decrease);
    produce();
    b.setInsertionPoint(branch.elseBlock()->getTerminator());
    if (settles)
      NVVM::SetMaxRegisterOp::create(b, kConsumerRegisters,
                                     NVVM::SetMaxRegisterAction::increase);
    consume();
  }
  // A block must not end while others may still arrive at its barriers.
  if (size > 1)
    synchronizeCluster();
}

void quantmlir::emitWgmmaKernel(MatmulEmitter &emitter) {
  WgmmaKernel(emitter).emit();
}

SmallVector<TensorMapAttr>
quantmlir::getWgmmaTensorMaps(const MatmulProblem &problem, Type outElement) {
  ScheduleAttr schedule = problem.schedule;
  WarpgroupsAttr groups = schedule.getWarpgroups();
  MLIRContext *context = schedule.getContext();
  // A line of L2 is 128 bytes and a sector pair 64; the largest promotion reads
  // two lines along K, of which the next stage needs the other.
  constexpr int64_t promotion = 256;
  int64_t tileK =
      WgmmaLayout::rowBytes * 8 / problem.lhsElement.getIntOrFloatBitWidth();
  SmallVector<TensorMapAttr> maps;
  maps.push_back(TensorMapAttr::get(context,
                                    schedule.getTileM() / groups.getClusterN(),
                                    tileK, WgmmaLayout::rowBytes, promotion));
  maps.push_back(TensorMapAttr::get(context,
                                    schedule.getTileN() / groups.getClusterM(),
                                    tileK, WgmmaLayout::rowBytes, promotion));
  WgmmaOutput output(problem, outElement);
  if (output.isBulk)
    maps.push_back(TensorMapAttr::get(
        context, WgmmaLayout::chunkRows, output.chunkColumns,
        output.chunkBytes >= 32 ? output.chunkBytes : 0, promotion));
  return maps;
}
