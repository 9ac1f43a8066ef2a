//===- WgmmaKernel.cpp - The warpgroup main loop of sm_90a ----------------===//

#include "WgmmaKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quantmlir::schedule::WgmmaLayout;
using quantmlir::schedule::WgmmaSplit;

/// Bytes along K of one instruction.
static constexpr int64_t kStepBytes = 32;

static WgmmaSplit getSplit(const MatmulProblem &problem, Type element) {
  return WgmmaSplit(problem.schedule, element.getIntOrFloatBitWidth() / 8,
                    problem.numSums);
}

/// Chunks of 64 rows, as many columns as a swizzled row has room for.
static ResultChunks getChunks(const MatmulProblem &problem, Type element) {
  return ResultChunks(problem, element, WgmmaLayout::chunkRows,
                      getSplit(problem, element).getResultColumns());
}

/// Rows of activations that are read into a tile: all of its own, or as few as
/// there are at most. Those that do not exist cost the accelerator more time
/// than others do.
static int64_t getLoadedRows(const MatmulProblem &problem) {
  quant_tensor::ScaledMatmulOp op = problem.op;
  ScheduleAttr schedule = problem.schedule;
  ArrayRef<int64_t> shape = op.getLhs().getType().getShape().drop_back();
  int64_t most = ShapedType::isDynamicShape(shape)
                     ? schedule.getMaxM()
                     : ShapedType::getNumElements(shape);
  // Blocks that share a tile of activations load parts of it.
  bool isShared = schedule.getWarpgroups().getClusterN() > 1;
  if (!most || most > schedule.getTileM() || isShared)
    return schedule.getTileM();
  // The swizzle repeats after eight rows.
  return llvm::alignTo(most, 8);
}

/// Parts in which a tile of activations comes whose last rows do not exist:
/// those cost the accelerator more time than others do. A part of nothing else
/// is of other rows instead.
static constexpr int64_t kQuarters = 4;

/// Whether there may be such tiles, and they are tall enough for it to matter.
static bool hasQuarters(const MatmulProblem &problem) {
  quant_tensor::ScaledMatmulOp op = problem.op;
  ArrayRef<int64_t> shape = op.getLhs().getType().getShape().drop_back();
  int64_t tileM = problem.schedule.getTileM();
  bool isWhole = !ShapedType::isDynamicShape(shape) &&
                 ShapedType::getNumElements(shape) % tileM == 0;
  // The swizzle repeats after eight rows.
  int64_t loaded = tileM / problem.schedule.getWarpgroups().getClusterN();
  return tileM > 64 && !isWhole && getLoadedRows(problem) == tileM &&
         loaded % (8 * kQuarters) == 0;
}

WgmmaKernel::WgmmaKernel(MatmulEmitter &b)
    : WarpgroupBlock(
          b,
          getSplit(b.problem, b.getOutElement())
              .getLayout(b.problem.schedule,
                         countTileScales(b.problem, b.problem.schedule)),
          getChunks(b.problem, b.getOutElement()),
          b.problem.schedule.getWarpgroups().getClusterSize() *
              b.problem.schedule.getSplitK(),
          getSplit(b.problem, b.getOutElement()).getExchange()),
      split(getSplit(b.problem, b.getOutElement())),
      tileK(WgmmaLayout::rowBytes * 8 /
            problem.lhsElement.getIntOrFloatBitWidth()),
      steps(llvm::divideCeil(problem.k, tileK)), blocks(split.blocks),
      columns(split.columns),
      accumulatorType(LLVM::LLVMStructType::getLiteral(
          b.getContext(), SmallVector<Type>(columns / 2, problem.accumulator))),
      loadedRows(getLoadedRows(problem)), lhsMap(b.tensorMaps[0]),
      rhsMap(b.tensorMaps[1]) {
  if (hasQuarters(problem))
    quarterMap = b.tensorMaps[2];
}

//===----------------------------------------------------------------------===//
// The loader
//===----------------------------------------------------------------------===//

/// Rows of a tile that are never loaded are multiplied all the same.
void WgmmaKernel::prepareSharedMemory() {
  if (layout.scales)
    clearScales();
  int64_t first = loadedRows * WgmmaLayout::rowBytes;
  int64_t bytes = layout.lhsBytes - first;
  if (!bytes)
    return;
  constexpr int64_t vector = 16;
  Value zero = LLVM::ZeroOp::create(b, VectorType::get(4, b.getI32Type()));
  for (int64_t stage = 0; stage < layout.stages; ++stage)
    b.loop(thread, word(bytes / vector), word(schedule.getThreads()), {},
           [&](Value i, ValueRange) {
             LLVM::StoreOp::create(
                 b, zero,
                 shared(stage * layout.getStageBytes() + first, i, vector),
                 vector);
             return SmallVector<Value>();
           });
  fenceSharedMemory();
}

/// Bytes that arrive in a stage.
int64_t WgmmaKernel::getLoadedBytes() const {
  return loadedRows * WgmmaLayout::rowBytes + layout.rhsBytes;
}

/// Which steps along K are this block's: the first blocks take one more where
/// the parts are not equal.
void WgmmaKernel::divideSteps() {
  int64_t fewest = steps / split.parts, more = steps % split.parts;
  auto getFirst = [&](Value part) {
    Value before = b.createOrFold<arith::MinUIOp>(part, word(more));
    return add(mul(part, fewest), before);
  };
  firstStep = getFirst(part);
  endStep = getFirst(add(part, 1));
}

/// Starts the copy of a tile of `tileRows` rows from (row, column) on. One that
/// the cluster shares comes in as many parts as there are blocks; each block
/// loads one part into all of them.
void WgmmaKernel::load(Value map, Value to, Value barrier, Value column,
                       Value row, int64_t tileRows, bool isLhs) {
  int64_t size = isLhs ? groups.getClusterN() : groups.getClusterM();
  int64_t share = tileRows / size;
  Value mask;
  if (size > 1) {
    to = LLVM::GEPOp::create(
        b, to.getType(), b.getI8Type(), to,
        ArrayRef<LLVM::GEPArg>{mul(rank, share * WgmmaLayout::rowBytes)});
    row = add(row, mul(rank, share));
    mask = arith::ConstantOp::create(b, b.getI16IntegerAttr((1 << size) - 1));
    if (split.parts > 1)
      mask = arith::ShLIOp::create(
          b, mask, arith::TruncIOp::create(b, b.getI16Type(), mul(part, size)));
  }
  if (!isLhs || !quarterMap) {
    loadBox(map, to, barrier, {column, row}, mask);
    return;
  }
  Value exist = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule,
                                              add(row, share), rows);
  b.ifThen(
      exist, [&] { loadBox(map, to, barrier, {column, row}, mask); },
      [&] {
        int64_t box = share / kQuarters;
        for (int64_t first = 0; first < share; first += box) {
          Value boxRow = add(row, first);
          Value exists = b.createOrFold<arith::CmpIOp>(
              arith::CmpIPredicate::ult, boxRow, rows);
          Value place =
              LLVM::GEPOp::create(b, to.getType(), b.getI8Type(), to,
                                  ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(
                                      first * WgmmaLayout::rowBytes)});
          loadBox(quarterMap, place, barrier,
                  {column, b.select(exists, boxRow, word(0))}, mask);
        }
      });
}

void WgmmaKernel::loadStage(Ring ring, Value step, Value row, Value column,
                            bool lhs, bool rhs) {
  Value barrier = full(ring.stage), k = mul(step, tileK);
  if (lhs)
    load(lhsMap, shared(0, ring.stage, layout.getStageBytes()), barrier, k, row,
         loadedRows, /*isLhs=*/true);
  if (rhs)
    load(rhsMap, shared(layout.lhsBytes, ring.stage, layout.getStageBytes()),
         barrier, k, column, schedule.getTileN(), /*isLhs=*/false);
}

void WgmmaKernel::produce() {
  divideSteps();
  b.ifThen(equal(thread, word(0)), [&] {
    // The first phase of an empty barrier counts as over.
    Ring start = {word(0), word(1)};
    Value begin = firstStep;
    // Weights do not depend on the kernel before this one, activations do.
    if (schedule.getDependentLaunch()) {
      int64_t count = std::min(layout.stages, steps / split.parts);
      auto [row, column] = locate(cluster);
      for (bool isRhs : {true, false}) {
        for (int64_t stage = 0; stage < count; ++stage) {
          if (isRhs)
            expect(full(word(stage)), getLoadedBytes());
          loadStage({word(stage), {}}, add(firstStep, stage), row, column,
                    !isRhs, isRhs);
        }
        if (isRhs)
          b.waitForDependencies();
      }
      begin = add(firstStep, count);
      if (count == layout.stages)
        start.phase = word(0);
      else
        start.stage = word(count);
    }
    SmallVector<Value> end = tileLoop(
        cluster, clusters, {start.stage, start.phase, begin},
        [&](Value tile, ValueRange state) {
          auto [row, column] = locate(tile);
          SmallVector<Value> next = b.loop(
              state[2], endStep, word(1), state.take_front(2),
              [&, row = row, column = column](Value step, ValueRange state) {
                Ring ring = {state[0], state[1]};
                waitFor(empty(ring.stage), ring.phase);
                expect(full(ring.stage), getLoadedBytes());
                loadStage(ring, step, row, column, true, true);
                ring = advance(ring);
                return SmallVector<Value>{ring.stage, ring.phase};
              });
          next.push_back(firstStep);
          return next;
        });
    waitForReleases({end[0], end[1]});
  });
  if (layout.scales)
    produceScales();
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

/// Issues the multiplications of `rows` with `stage` as one group, or two
/// halves along K as two.
void WgmmaKernel::issue(SmallVectorImpl<Value> &accumulators, Value stage,
                        bool isFirst, Rows rows) {
  Value start = add(descriptorBase(), mul(stage, layout.getStageBytes() / 16));
  Value lhs = add(start, mul(partRow, WgmmaLayout::rowBytes / 16));
  Value rhs = add(add(start, mul(partColumn, WgmmaLayout::rowBytes / 16)),
                  layout.lhsBytes / 16);
  auto getType = [&](Type element, bool isUnsigned) {
    return isUnsigned ? Type(b.getIntegerType(8, /*isSigned=*/false)) : element;
  };
  quant_tensor::ScaledMatmulOp op = problem.op;
  Type lhsType = getType(problem.lhsElement, op.getLhsUnsigned());
  Type rhsType = getType(problem.rhsElement, op.getRhsUnsigned());

  NVVM::WgmmaFenceAlignedOp::create(b);
  for (int64_t block = 0; block < rows.count; ++block)
    for (int64_t k = 0; k < WgmmaLayout::rowBytes / kStepBytes; ++k) {
      Value accumulate =
          arith::ConstantOp::create(b, b.getBoolAttr(!isFirst || k > 0));
      int64_t along = k * kStepBytes / 16;
      int64_t down = (rows.first + block) * WgmmaLayout::chunkBytes / 16;
      accumulators[block] =
          WgmmaOp::create(b, accumulatorType, accumulators[block], accumulate,
                          descriptor(add(rhs, along)),
                          ValueRange{descriptor(add(lhs, down + along))},
                          columns, lhsType, rhsType);
    }
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
}

/// Issues the multiplications of `rows` in steps [first, end) along K, whose
/// stages start at `ring`, and moves it on. The last group is left pending; its
/// stage is returned. `accumulators` may hold what is done with, whose
/// registers are then used again. `isOne`: there is one step.
Value WgmmaKernel::issueSteps(SmallVectorImpl<Value> &accumulators, Ring &ring,
                              Value first, Value end, Rows rows, bool isOne) {
  bool arrives = rows.first == 0, releases = rows.first + rows.count == blocks;
  if (arrives)
    waitFor(full(ring.stage), ring.phase);
  // The first instruction takes no accumulators in.
  if (accumulators.empty())
    accumulators.assign(rows.count, LLVM::UndefOp::create(b, accumulatorType));
  issue(accumulators, ring.stage, /*isFirst=*/true, rows);
  Value last = ring.stage;
  ring = advance(ring);
  if (isOne)
    return last;
  llvm::append_range(accumulators, ValueRange{ring.stage, ring.phase, last});
  SmallVector<Value> state = b.loop(
      add(first, 1), end, word(1), accumulators, [&](Value, ValueRange values) {
        SmallVector<Value> next(values.take_front(rows.count));
        Ring ring = {values[rows.count], values[rows.count + 1]};
        if (arrives)
          waitFor(full(ring.stage), ring.phase);
        issue(next, ring.stage, /*isFirst=*/false, rows);
        // The group before this one is done: its stage is free.
        if (releases) {
          WgmmaWaitOp::create(b, 1, ValueRange());
          release(values[rows.count + 2]);
        }
        Value last = ring.stage;
        ring = advance(ring);
        llvm::append_range(next, ValueRange{ring.stage, ring.phase, last});
        return next;
      });
  ring = {state[rows.count], state[rows.count + 1]};
  last = state[rows.count + 2];
  accumulators.assign(state.begin(), state.begin() + rows.count);
  return last;
}

/// Lets the other consumer of a ping-pong pair multiply. Each warp says so:
/// where a tile has one step, nothing before this keeps the other from its next
/// turn until all warps of this one have seen theirs.
void WgmmaKernel::handOver() {
  if (groups.isPingPong())
    b.ifThen(equal(lane, word(0)),
             [&] { arrive(order(sub(word(1), consumer))); });
}

/// Waits until the group of `rows` that was issued last is done with `stage`.
void WgmmaKernel::drain(SmallVectorImpl<Value> &accumulators, Value stage,
                        Rows rows) {
  auto wait = WgmmaWaitOp::create(b, 0, accumulators);
  accumulators.assign(wait.result_begin(), wait.result_end());
  if (rows.first + rows.count == blocks)
    release(stage);
}

/// The accumulators of one tile, whose stages start at `ring`; moves it on.
SmallVector<Value> WgmmaKernel::multiply(Ring &ring,
                                         function_ref<void()> whileWaiting) {
  SmallVector<Value> accumulators;
  Rows all = {0, blocks};
  Value last = issueSteps(accumulators, ring, firstStep, endStep, all);
  handOver();
  whileWaiting();
  drain(accumulators, last, all);
  return accumulators;
}

void WgmmaKernel::consume() {
  divideSteps();
  b.waitForDependencies();
  bool isPingPong = groups.isPingPong();
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
  } else if (split.parts > 1) {
    state.push_back(word(0));
  }
  state.insert(state.begin(), {ring.stage, ring.phase});
  // Where scales change along K, their ring comes last.
  int64_t runs = llvm::divideCeil(steps, WgmmaLayout::scaleSteps);
  if (layout.scales) {
    Ring start = {word(0), word(0)}, scales = start;
    if (isPingPong) {
      Ring second = skip(start, runs, WgmmaLayout::scaleSlots);
      Value isSecond = equal(consumer, word(1));
      scales = {b.select(isSecond, second.stage, start.stage),
                b.select(isSecond, second.phase, start.phase)};
    }
    llvm::append_range(state, ValueRange{scales.stage, scales.phase});
  }
  tileLoop(first, step, state, [&](Value tile, ValueRange values) {
    auto [row, column] = locate(tile);
    Ring ring = {values[0], values[1]}, scales;
    if (layout.scales) {
      scales = {values[values.size() - 2], values.back()};
      values = values.drop_back(2);
    }
    row = add(row, partRow);
    column = div(add(column, partColumn), word(problem.numSums));
    b.prefetchEpilogue(toIndex(row), toIndex(column),
                       blocks * WgmmaLayout::chunkRows,
                       columns / problem.numSums, toIndex(member));
    if (isPingPong)
      waitFor(order(consumer), values[2]);
    Place start = {row, column};
    SmallVector<Operands> operands;
    SmallVector<Value> accumulators =
        schedule.getPromote()
            ? multiplyPromoting(ring, scales)
            : multiply(ring, [&] { operands = loadFirstOperands(start); });
    bool alternates = values.size() > 2;
    finish(accumulators, start, std::move(operands),
           alternates ? values[2] : Value(), tile);
    if (isPingPong)
      ring = skip(ring, steps);
    SmallVector<Value> next = {ring.stage, ring.phase};
    if (alternates)
      next.push_back(exclusiveOr(values[2], word(1)));
    if (layout.scales) {
      if (isPingPong)
        scales = skip(scales, runs, WgmmaLayout::scaleSlots);
      llvm::append_range(next, ValueRange{scales.stage, scales.phase});
    }
    return next;
  });
  finishStores();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void quantmlir::emitWgmmaKernel(MatmulEmitter &emitter) {
  WgmmaKernel(emitter).emit();
}

SmallVector<std::pair<int64_t, TensorMapAttr>>
quantmlir::getWgmmaTensorMaps(const MatmulProblem &problem, Type outElement,
                              int64_t outOperand) {
  ScheduleAttr schedule = problem.schedule;
  WarpgroupsAttr groups = schedule.getWarpgroups();
  MLIRContext *context = schedule.getContext();
  int64_t tileK =
      WgmmaLayout::rowBytes * 8 / problem.lhsElement.getIntOrFloatBitWidth();
  auto get = [&](int64_t rows) {
    return TensorMapAttr::get(context, rows, tileK, WgmmaLayout::rowBytes,
                              WgmmaLayout::promotion);
  };
  int64_t lhsRows = getLoadedRows(problem) / groups.getClusterN();
  SmallVector<std::pair<int64_t, TensorMapAttr>> maps = {
      {0, get(lhsRows)}, {1, get(schedule.getTileN() / groups.getClusterM())}};
  if (hasQuarters(problem))
    maps.push_back({0, get(lhsRows / kQuarters)});
  ResultChunks output = getChunks(problem, outElement);
  if (output.isBulk)
    maps.push_back({outOperand, output.getTensorMap(context)});
  return maps;
}
