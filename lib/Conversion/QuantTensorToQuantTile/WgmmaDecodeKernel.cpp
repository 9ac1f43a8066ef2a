//===- WgmmaDecodeKernel.cpp - wgmma on decoded weights -------------------===//

#include "WgmmaDecodeKernel.h"

#include "quantmlir/Schedule/MatmulSchedule.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;
using quantmlir::schedule::DecodeSplit;
using quantmlir::schedule::WgmmaLayout;

static constexpr int64_t kSegment = FragmentLayout::segmentColumns;
static constexpr int64_t kRun = FragmentLayout::runColumns;
static constexpr int64_t kRows = FragmentLayout::rows;
/// Instructions (16 columns) of a segment.
static constexpr int64_t kSegmentSteps = kSegment / 16;
/// 16-bit activations of a row of a panel.
static constexpr int64_t kPanel = WgmmaLayout::panelColumns;
/// Bytes that `ldmatrix` gives to a warp at once: a vector of each lane.
static constexpr int64_t kVectorBytes = FragmentLayout::lanes * 16;
/// Rows of weights of a warpgroup's instruction.
static constexpr int64_t kBlockRows = 64;
static constexpr int64_t kBlockTiles = kBlockRows / kRows;
/// Warps of a warpgroup.
static constexpr int64_t kWarps = 4;

/// Chunks of 64 weights, or as many results as a swizzled row has room for.
static ResultChunks getChunks(const MatmulProblem &problem, Type element) {
  return ResultChunks(problem, element, DecodeSplit(problem.schedule).rows,
                      kBlockRows / problem.numSums);
}

/// How one instruction copies a step's codes of all row tiles, one behind the
/// other. Null where each row tile is a copy of its own: where its codes are
/// more than a box holds, 256 words in each dimension, and where they are so
/// many that memory gives more for longer copies. On an H200, rows of bytes
/// took 1 to 3 % longer in boxes, but 2 to 3 % less where blocks are of 64
/// weights; four bits take 1 to 3 % less, and up to 9 % where a block has few
/// steps.
static TensorMapAttr getCodesMap(const MatmulProblem &problem) {
  constexpr int64_t maxExtent = 256, longWords = 256, fewTiles = 4;
  ScheduleAttr schedule = problem.schedule;
  int64_t columns = schedule.getWeights().getTile()[1];
  int64_t words =
      FragmentLayout::get(problem.encoding, columns).getWordsPerTile();
  int64_t box[] = {schedule.getTileN() / kRows, schedule.getTileK() / columns,
                   words};
  if (llvm::any_of(box, [&](int64_t extent) { return extent > maxExtent; }) ||
      (box[1] * words > longWords && box[0] > fewTiles))
    return {};
  return TensorMapAttr::get(schedule.getContext(), box, /*swizzle=*/0,
                            WgmmaLayout::promotion);
}

WgmmaDecodeKernel::WgmmaDecodeKernel(MatmulEmitter &b)
    // Each warp of a consumer reads codes for itself, and says when it has.
    : WarpgroupBlock(
          b,
          WgmmaLayout::ofDecoded(
              b.problem.schedule, b.problem.encoding.getStorageBits(),
              DecodeSplit(b.problem.schedule).getExchange().getSumsBytes(),
              quantmlir::schedule::getPairTableBytes(b.problem)),
          getChunks(b.problem, b.getOutElement()),
          /*clusterSize=*/
          b.problem.schedule.getWarpgroups().getClusterSize() *
              b.problem.schedule.getSplitK(),
          DecodeSplit(b.problem.schedule).getExchange(), /*releases=*/4),
      split(schedule), tileM(schedule.getTileM()), tileK(schedule.getTileK()),
      blocks(split.blocks),
      // Blocks that share a tile along K have equal parts of it, or the last
      // one less: it multiplies activations past K, which are zero.
      steps(llvm::divideCeil(problem.k, tileK * split.parts * split.sharers) *
            split.sharers),
      stepsAhead(quantmlir::schedule::getDecodeStepsAhead(
          b.hasTiledParameters(),
          quantmlir::schedule::getParameterBits(b.problem.encoding))),
      lastSegments(sharesK() ? tileK / kSegment
                             : llvm::divideCeil(problem.k - (steps - 1) * tileK,
                                                kSegment)),
      unit(problem.hasOneGroup() ? tileK : std::gcd(problem.getGroup(), tileK)),
      partSegments(quantmlir::schedule::getColumnsOfDecodedPart(
                       problem, tileK, layout.consumers, scalesSums()) /
                   kSegment),
      width(problem.encoding.getStorageBits()),
      scalesWeights(schedule.getScaleDecoded() && !problem.hasOneGroup()),
      decodesScaled(scalesWeights &&
                    quantmlir::schedule::decodesScaled(problem)),
      together(quantmlir::schedule::getStepsOfDecodeLoop(b.problem, schedule)),
      units(steps / together),
      shrinkage(DecodeOp::getShrinkage(
          problem.encoding.getStorage(), problem.lhsElement,
          problem.encoding.getCodebook(), decodesScaled)),
      accumulatorType(LLVM::LLVMStructType::getLiteral(
          b.getContext(), SmallVector<Type>(tileM / 2, problem.accumulator))),
      lhsMap(b.tensorMaps[0]),
      codesMap(getCodesMap(problem) ? b.tensorMaps[1] : Value()) {}

int64_t WgmmaDecodeKernel::getSegments(int64_t step) const {
  if (step >= steps)
    return 0;
  return step == steps - 1 ? lastSegments : tileK / kSegment;
}

//===----------------------------------------------------------------------===//
// Values that a loop carries
//===----------------------------------------------------------------------===//

SmallVector<Value> WgmmaDecodeKernel::Parameters::flatten() const {
  SmallVector<Value> result;
  for (const auto *list : {&scales, &zeroPoints})
    for (const StepParameters &block : *list)
      for (const auto &values : block.values)
        llvm::append_range(result, values);
  return result;
}

void WgmmaDecodeKernel::Parameters::unflatten(ValueRange flat) {
  size_t next = 0;
  for (auto *list : {&scales, &zeroPoints})
    for (StepParameters &block : *list)
      for (auto &values : block.values)
        for (Value &value : values)
          value = flat[next++];
}

SmallVector<Value> WgmmaDecodeKernel::State::flatten() const {
  SmallVector<Value> values(totals);
  for (const Parameters &step : parameters)
    llvm::append_range(values, step.flatten());
  llvm::append_range(values, ValueRange{ring.stage, ring.phase});
  if (turn)
    values.push_back(turn);
  return values;
}

void WgmmaDecodeKernel::State::unflatten(ValueRange values) {
  auto take = [&](Value &value) {
    value = values.front();
    values = values.drop_front();
  };
  llvm::for_each(totals, take);
  for (Parameters &step : parameters) {
    size_t count = step.flatten().size();
    step.unflatten(values.take_front(count));
    values = values.drop_front(count);
  }
  take(ring.stage);
  take(ring.phase);
  if (turn)
    take(turn);
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

/// The step that comes `step` steps after the first of `work`.
Value WgmmaDecodeKernel::getStep(const Work &work, int64_t step) {
  return streams() ? add(mul(work.begin, together), step) : word(step);
}

/// Scales of the groups of step `step` of this warpgroup, and zero points;
/// those of the last step where there are fewer.
WgmmaDecodeKernel::Parameters WgmmaDecodeKernel::loadParameters(Value step) {
  Parameters parameters;
  bool hasOneGroup = problem.hasOneGroup();
  step = add(mul(step, split.sharers), share);
  step = add(b.createOrFold<arith::MinUIOp>(step, word(steps - 1)), firstStep);
  Value first = toIndex(mul(step, word(tileK)));
  StepShape shape = {/*rowTiles=*/1,
                     tileK,
                     unit,
                     /*hasScales=*/!hasOneGroup,
                     /*hasZeroPoints=*/b.hasZeroPoint(),
                     /*rowsInside=*/!problem.hasRaggedN(),
                     /*wordsInside=*/true,
                     /*groupsInside=*/steps * split.parts * tileK <=
                         problem.getGroups() * problem.getGroup()};
  for (int64_t block = 0; block < blocks; ++block) {
    Value row = b.add(warpRow, block * kBlockRows);
    if (shape.hasScales)
      parameters.scales.push_back(
          StepParameters::load(b, shape, row, first, b.getScales()));
    if (shape.hasZeroPoints)
      parameters.zeroPoints.push_back(
          StepParameters::load(b, shape, row, first, b.getZeroPoints()));
  }
  return parameters;
}

/// Decodes segments [first, last) of a stage.
WgmmaDecodeKernel::Weights
WgmmaDecodeKernel::decode(Value stage, int64_t first, int64_t last,
                          const Parameters &parameters) {
  auto four = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getI32Type()));
  int64_t tileBytes = kRows * tileK * width / 8;
  const FragmentLayout &codes = b.getCodesLayout();
  int64_t blockSegments = codes.getBlockSegments();
  int64_t blockVectors = codes.getBlockWords() / 4;
  // What is shrunk has no bias, nor what is decoded without its zero point.
  bool decodesZeroPoints = quantmlir::schedule::decodesZeroPoints(problem);
  double bias = shrinkage == 1.0 && !decodesZeroPoints
                    ? b.getBiasOfZeroPoints(problem.lhsElement)
                    : 0.0;
  Value at =
      add(mul(stage, layout.getStageBytes()),
          add(mul(add(mul(ofTile, blocks * kBlockTiles), warp), tileBytes),
              matrixByte));
  Weights weights;
  for (int64_t block = 0; block < blocks; ++block) {
    auto &registers = weights.emplace_back();
    // Scales and zero points as pairs, made once for each unit: a segment, or
    // some of its runs, or more.
    DenseMap<int64_t, Value> pairs, zeros;
    // Words of each vector of the codes' block, of each of four runs.
    SmallVector<std::array<Value, 4>> words;
    auto wordAt = [&](int64_t codesBlock, int64_t vector,
                      int64_t run) -> Value {
      auto &loaded = words[vector];
      if (!loaded[0]) {
        Value matrices = NVVM::LdMatrixOp::create(
            b, four,
            shared(layout.lhsBytes + block * kBlockTiles * tileBytes +
                       (codesBlock * blockVectors + vector) * kVectorBytes,
                   at),
            /*num=*/4, NVVM::MMALayout::row,
            NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
            NVVM::LdStMatrixEltType::B16);
        for (int64_t i = 0; i < 4; ++i)
          loaded[i] = LLVM::ExtractValueOp::create(b, matrices, i);
      }
      return loaded[run];
    };
    for (int64_t s = first; s < last; ++s) {
      if (s == first || s % blockSegments == 0)
        words.assign(blockVectors, {});
      // Registers of an instruction: rows g and g + 8 of its first eight
      // columns, then of the other eight. Word i of what was loaded has the
      // columns of run i: pair t of it, where the layout speaks of pair 0.
      for (int64_t i = 0; i < kSegment / kRun; ++i) {
        int64_t u =
            problem.hasOneGroup() ? 0 : (s * kSegment + i * kRun) / unit;
        if (scalesWeights && !pairs.contains(u))
          pairs[u] =
              parameters.scales[block].getPair(b, 0, u, problem.lhsElement);
        if (decodesZeroPoints && !zeros.contains(u))
          zeros[u] = b.zeroPointsToPair(
              parameters.zeroPoints[block].getBoth(b, 0, u), problem.lhsElement,
              /*shrunk=*/shrinkage != 1.0);
        for (int64_t half = 0; half < 2; ++half) {
          DecodeForm form;
          form.biased = bias != 0.0;
          form.shrunk = shrinkage != 1.0;
          if (decodesScaled)
            form.scale = pairs[u];
          if (decodesZeroPoints)
            form.minus = zeros[u];
          if (form.scale || form.minus)
            form.row = half;
          Value value = b.decode(
              codes.getRegister(s % blockSegments, /*step=*/0, half),
              [&](int64_t word) {
                return wordAt(s / blockSegments, word / 4, i);
              },
              problem.lhsElement, form);
          if (b.hasZeroPoint() && !decodesZeroPoints)
            value = b.subtractZeroPoint(
                value, parameters.zeroPoints[block].get(b, 0, u, half), bias,
                shrinkage);
          if (scalesWeights && !decodesScaled)
            value =
                arith::MulFOp::create(b, value, getOfRow(b, pairs[u], half));
          registers.push_back(b.bitcast(b.getI32Type(), value));
        }
      }
    }
  }
  return weights;
}

/// Issues the multiplications of segments [first, last) of a stage as one
/// group. `weights` are those of its segments from `firstOfWeights` on.
void WgmmaDecodeKernel::issue(SmallVectorImpl<Value> &accumulators,
                              const Weights &weights, int64_t firstOfWeights,
                              Value stage, int64_t first, int64_t last,
                              bool accumulate) {
  Value start = add(descriptorBase(), mul(stage, layout.getStageBytes() / 16));
  NVVM::WgmmaFenceAlignedOp::create(b);
  for (int64_t i = first * kSegmentSteps; i < last * kSegmentSteps; ++i) {
    int64_t column = 16 * i;
    int64_t byte =
        column / kPanel * tileM * WgmmaLayout::rowBytes + column % kPanel * 2;
    Value rhs = descriptor(add(start, byte / 16));
    Value adds = arith::ConstantOp::create(
        b, b.getBoolAttr(accumulate || i > first * kSegmentSteps));
    int64_t number = i - firstOfWeights * kSegmentSteps;
    for (int64_t block = 0; block < blocks; ++block)
      accumulators[block] =
          WgmmaOp::create(b, accumulatorType, accumulators[block], adds, rhs,
                          ValueRange(weights[block]).slice(4 * number, 4),
                          tileM, problem.lhsElement, problem.lhsElement);
  }
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
}

/// Adds the sums of a unit, scaled by `scales`.
void WgmmaDecodeKernel::scaleSums(SmallVectorImpl<Value> &totals,
                                  ArrayRef<Value> sums,
                                  ArrayRef<Value> scales) {
  int64_t count = tileM / 2;
  for (int64_t block = 0; block < blocks; ++block) {
    Value factors[2];
    for (int64_t half = 0; half < 2; ++half)
      factors[half] = b.scaleToF32(scales[2 * block + half]);
    // Of each four elements, the first two are row g, the others g + 8.
    for (int64_t i = 0; i < count; ++i) {
      Value &total = totals[block * count + i];
      total = b.fma(LLVM::ExtractValueOp::create(b, sums[block], i),
                    factors[i / 2 % 2], total);
    }
  }
}

/// Tells every loader that writes into `stage` that this warp is done with it:
/// a lane for each block of the cluster.
void WgmmaDecodeKernel::releaseStage(Value stage) {
  NVVM::SyncWarpOp::create(b, word(-1));
  int64_t size = groups.getClusterSize();
  if (size == 1) {
    b.ifThen(equal(lane, word(0)), [&] { arrive(empty(stage)); });
    return;
  }
  Value isTeller = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                                 lane, word(size));
  b.ifThen(isTeller, [&] { arrive(remote(empty(stage), lane)); });
}

/// Lets the next warpgroup multiply, once each warp has had its turn. A warp
/// issues about as fast as tensor cores take its registers.
void WgmmaDecodeKernel::passTurn() {
  Value next = rem(add(consumer, 1), word(layout.consumers));
  NVVM::SyncWarpOp::create(b, word(-1));
  b.ifThen(equal(lane, word(0)), [&] { arrive(order(next)); });
}

/// Waits for the multiplications that `state` has pending, if any; `later`
/// groups were issued after them.
void WgmmaDecodeKernel::settle(State &state, int64_t later) {
  Pending pending = std::move(state.pending);
  state.pending = Pending();
  if (!pending.exists)
    return;
  // Sums that the next group goes on with stay in its hands.
  SmallVector<Value> &sums =
      scalesSums() || later ? pending.sums : state.totals;
  auto wait = WgmmaWaitOp::create(b, later, sums);
  sums.assign(wait.result_begin(), wait.result_end());
  if (pending.stage)
    releaseStage(pending.stage);
  if (!pending.scales.empty())
    scaleSums(state.totals, sums, pending.scales);
}

/// Multiplies step `step` of `segments` segments. `hasNext`: another one
/// follows.
void WgmmaDecodeKernel::multiplyStep(State &state, Value step, int64_t segments,
                                     bool hasNext) {
  if (hasNext)
    state.parameters.push_back(loadParameters(add(step, stepsAhead)));
  waitFor(full(state.ring.stage), state.ring.phase);
  for (int64_t first = 0; first < segments; first += partSegments) {
    int64_t last = std::min(segments, first + partSegments);
    multiplyPart(state, first, last, /*isLast=*/last == segments);
  }
  state.parameters.erase(state.parameters.begin());
  state.ring =
      split.sharers > 1 ? skip(state.ring, split.sharers) : advance(state.ring);
}

/// Decodes segments [first, last) of a step while the part before is
/// multiplied, and issues their multiplications. `isLast`: of the step.
void WgmmaDecodeKernel::multiplyPart(State &state, int64_t first, int64_t last,
                                     bool isLast) {
  Value stage = state.ring.stage;
  Weights weights = decode(stage, first, last, state.parameters[0]);
  // Warpgroups that start together would decode and multiply at the same time.
  if (alternates())
    waitFor(order(consumer), state.turn);
  // Sums that are scaled are of one unit, which parts may begin or end within.
  int64_t unitSegments = unit / kSegment;
  for (int64_t from = first, to; from < last; from = to) {
    to = scalesSums()
             ? std::min<int64_t>(last, llvm::alignTo(from + 1, unitSegments))
             : last;
    bool endsPart = to == last;
    bool startsUnit = scalesSums() && from % unitSegments == 0;
    if (startsUnit && !quantmlir::schedule::overlapsDecodeSums(
                          blocks * tileM, layout.consumers))
      settle(state, /*later=*/0);
    SmallVector<Value> sums(scalesSums() ? state.unitSums : state.totals);
    // The first instruction takes no accumulators in.
    if (startsUnit)
      sums.assign(blocks, LLVM::UndefOp::create(b, accumulatorType));
    // The second half is under way when the next warpgroup starts.
    int64_t middle =
        endsPart && alternates() ? llvm::divideCeil(from + to, 2) : to;
    issue(sums, weights, first, stage, from, middle,
          /*accumulate=*/scalesSums() ? !startsUnit : state.hasTotals);
    if (endsPart && alternates())
      passTurn();
    if (middle < to)
      issue(sums, weights, first, stage, middle, to, /*accumulate=*/true);
    // What the tensor cores do next is in their queue before this waits.
    settle(state, /*later=*/middle < to ? 2 : 1);
    state.pending.exists = true;
    if (endsPart && isLast)
      state.pending.stage = stage;
    if (!scalesSums()) {
      state.totals = sums;
      state.hasTotals = true;
      continue;
    }
    state.unitSums = sums;
    if (to % unitSegments != 0 && !(endsPart && isLast))
      continue;
    state.pending.sums = sums;
    int64_t number = from / unitSegments;
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t half = 0; half < 2; ++half)
        state.pending.scales.push_back(
            state.parameters[0].scales[block].get(b, 0, number, half));
  }
  if (alternates())
    state.turn = exclusiveOr(state.turn, word(1));
}

/// What `State::totals` is at the end of `work`, whose stages start at `ring`
/// and turns at `turn`, if any; moves both on.
SmallVector<Value> WgmmaDecodeKernel::multiply(const Work &work, Ring &ring,
                                               Value &turn) {
  State state;
  state.ring = ring;
  state.turn = turn;
  for (int64_t step = 0; step < stepsAhead; ++step)
    state.parameters.push_back(loadParameters(getStep(work, step)));
  // A loop takes several steps at a time: what is decoded goes to other
  // registers than those which the multiplications under way read. At its end
  // it waits for all: ptxas follows no register operands around a loop.
  int64_t count = steps / split.sharers;
  int64_t whole = lastSegments == tileK / kSegment ? count : count - 1;
  int64_t loops = whole / together, next = 0;
  Value zero = b.floatConstant(problem.accumulator, 0.0);
  if (scalesSums()) {
    state.totals.assign(blocks * tileM / 2, zero);
  } else {
    // Zeros that no loop lies in front of would be written between the fence
    // and what it is for.
    Value first = LLVM::UndefOp::create(b, accumulatorType);
    state.hasTotals = loops > 1;
    if (state.hasTotals)
      for (int64_t i = 0; i < tileM / 2; ++i)
        first = LLVM::InsertValueOp::create(b, first, zero, i);
    state.totals.assign(blocks, first);
  }
  if (loops > 1) {
    state.unflatten(b.loop(
        streams() ? work.begin : word(0), streams() ? work.end : word(loops),
        word(1), state.flatten(), [&](Value loop, ValueRange values) {
          state.unflatten(values);
          for (int64_t i = 0; i < together; ++i)
            multiplyStep(state, add(mul(loop, together), i), tileK / kSegment,
                         /*hasNext=*/true);
          settle(state, /*later=*/0);
          return state.flatten();
        }));
    next = together * loops;
  }
  for (; next < count; ++next)
    multiplyStep(state, word(next), getSegments(next), next + 1 < count);
  settle(state, /*later=*/0);
  ring = state.ring;
  turn = state.turn;
  return state.totals;
}

/// Fills the table of decoded pairs, while the loader asks for weights.
void WgmmaDecodeKernel::fillPairTable() {
  int64_t threads = layout.consumers * kWarps * FragmentLayout::lanes;
  Value number = sub(thread, word(kWarps * FragmentLayout::lanes));
  b.fillPairTable(shared(layout.getTable()), problem.lhsElement,
                  toIndex(number), threads);
  // Barriers up to that number are of one consumer each.
  NVVM::BarrierOp::create(b, TypeRange(), word(layout.consumers + 1),
                          word(threads), NVVM::BarrierReductionAttr(), Value());
}

void WgmmaDecodeKernel::consume() {
  firstStep = mul(part, steps);
  divideTiles();
  Value g = div(lane, word(4));
  // Lane l of `ldmatrix` addresses row l % 8 of matrix l / 8: the vector of
  // lane 4 (l % 8) + l / 8.
  matrixByte = mul(toWord(b.getVectorPosition(toIndex(rem(lane, word(8))),
                                              toIndex(div(lane, word(8))))),
                   word(16));
  if (layout.tableBytes)
    fillPairTable();
  b.waitForDependencies();
  share = word(0);
  ofTile = consumer;
  if (split.sharers > 1) {
    Value finishers = word(layout.finishers);
    share = div(consumer, finishers);
    ofTile = rem(consumer, finishers);
  }
  SmallVector<Value> state = {share, word(0)};
  // Which phase of the exchange of sums the tile is.
  if (split.parts > 1)
    state.push_back(word(0));
  // The first consumer need not wait for its first turn.
  if (alternates())
    state.push_back(b.select(equal(consumer, word(0)), word(1), word(0)));
  workLoop(state, [&](Work work, ValueRange values) {
    auto [row, column] = locate(work.tile);
    column = add(column, mul(ofTile, blocks * kBlockRows));
    Value firstOfWarp = add(column, mul(warp, kRows));
    warpRow = toIndex(firstOfWarp);
    weightRows.clear();
    for (int64_t i = 0; i < 2 * blocks; ++i) {
      Value weight = add(add(firstOfWarp, g), i / 2 * kBlockRows + i % 2 * 8);
      if (problem.hasRaggedN())
        weight = b.createOrFold<arith::MinUIOp>(weight, word(problem.n - 1));
      weightRows.push_back(toIndex(weight));
    }
    Ring ring = {values[0], values[1]};
    Value turn = alternates() ? values.back() : Value();
    SmallVector<Value> totals = multiply(work, ring, turn);
    finish(totals, row, column, split.parts > 1 ? values[2] : Value(), work);
    SmallVector<Value> next = {ring.stage, ring.phase};
    if (split.parts > 1)
      next.push_back(exclusiveOr(values[2], word(1)));
    if (turn)
      next.push_back(turn);
    return next;
  });
  finishStores();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void quantmlir::emitWgmmaDecodeKernel(MatmulEmitter &emitter) {
  WgmmaDecodeKernel(emitter).emit();
}

SmallVector<std::pair<int64_t, TensorMapAttr>>
quantmlir::getWgmmaDecodeTensorMaps(const MatmulProblem &problem,
                                    Type outElement, int64_t outOperand) {
  MLIRContext *context = problem.schedule.getContext();
  // Each block of a cluster loads a part of the activations for all of it.
  ScheduleAttr schedule = problem.schedule;
  int64_t rows = schedule.getTileM() / schedule.getWarpgroups().getClusterN();
  SmallVector<std::pair<int64_t, TensorMapAttr>> maps = {
      {0, TensorMapAttr::get(context, rows, kPanel, WgmmaLayout::rowBytes,
                             WgmmaLayout::promotion)}};
  if (TensorMapAttr codes = getCodesMap(problem))
    maps.push_back({1, codes});
  ResultChunks output = getChunks(problem, outElement);
  if (output.isBulk)
    maps.push_back({outOperand, output.getTensorMap(context)});
  return maps;
}
