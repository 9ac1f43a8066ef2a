//===- WgmmaScales.cpp - Scales that change along K -----------------------===//
//
// Where both operands have scales that change along K, each step of a tile has
// those of its rows of activations and of its blocks of weights. Warps of the
// loading warpgroup that load nothing else copy them to shared memory, a run of
// steps at a time and ahead of use. Operands take nearly all that an SM's
// shared memory can do, and every access beside them, global ones included, is
// paid for in time: a row's scales of a run are read together, and two rows of
// a thread lie next to each other.
//
//===----------------------------------------------------------------------===//

#include "WgmmaKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quantmlir;
using quantmlir::schedule::WgmmaLayout;

/// Threads of a warp.
static constexpr int64_t kWarp = 32;
/// Warps that copy scales of activations; one more copies the weights'.
static constexpr int64_t kRowWarps = WgmmaLayout::scaleThreads / kWarp - 1;
/// Rows that they copy at once, and how many times in an iteration.
static constexpr int64_t kRowsAtOnce =
    kRowWarps * kWarp / WgmmaLayout::scaleSteps;
static constexpr int64_t kAhead = 4;
/// Bytes of a scale, and the most scales of one access.
static constexpr int64_t kScaleBytes = 4, kMostScales = 4;

/// Copies the scales of activations of this thread's step of a run, column `k`,
/// to `start` and the elements behind it, for a tile that starts at `row`.
/// Of 16 rows, those come in turn that a thread of wgmma has together: eight
/// apart.
void WgmmaKernel::fillRowScales(Value start, Value row, Value k) {
  static_assert(kRowsAtOnce == 8, "half of 16 rows");
  // Other scales are converted on their way.
  bool isAsync = problem.lhsBlocks.getScale().isF32();
  int64_t ofRows = schedule.getTileM(), perIteration = kAhead * kRowsAtOnce;
  Value place = div(sub(thread, word(kWarp)), word(WgmmaLayout::scaleSteps));
  Value own = add(div(place, word(2)), mul(rem(place, word(2)), kRowsAtOnce));
  // Of rows that do not exist the last one's are read, or none.
  Value end = b.createOrFold<arith::MinUIOp>(sub(rows, row), word(ofRows));
  b.loop(word(0), end, word(perIteration), {}, [&](Value first, ValueRange) {
    SmallVector<Value> scales, addresses;
    for (int64_t i = 0; i < kAhead; ++i) {
      int64_t inPart = i / 2 * 2 * kRowsAtOnce + i % 2 * kRowsAtOnce / 2;
      Value at = b.createOrFold<arith::MinUIOp>(
          add(add(row, first), add(own, inPart)), sub(rows, word(1)));
      Value element = add(add(start, first), add(place, i * kRowsAtOnce));
      addresses.push_back(shared(layout.getScales(0), element, kScaleBytes));
      if (isAsync)
        b.copyBlockScale(toIndex(at), k, addresses.back());
      else
        scales.push_back(b.loadBlockScale(/*isLhs=*/true, toIndex(at), k));
    }
    for (auto [scale, address] : llvm::zip(scales, addresses))
      LLVM::StoreOp::create(b, scale, address, kScaleBytes);
    return SmallVector<Value>();
  });
  if (isAsync) {
    NVVM::CpAsyncCommitGroupOp::create(b);
    NVVM::CpAsyncWaitGroupOp::create(b, 0);
  }
}

/// The same for the weights of a tile that starts at `column`: each
/// warpgroup's, and the last of them again to fill an access.
void WgmmaKernel::fillWeightScales(Value start, Value column, Value k) {
  constexpr int64_t atOnce = kWarp / WgmmaLayout::scaleSteps;
  int64_t width = getScaleColumns(problem, columns), count = columns / width;
  int64_t ofRows = schedule.getTileM(), ofWeights = layout.scales - ofRows;
  int64_t perGroup = ofWeights / schedule.getWarpsN();
  Value own = div(rem(thread, word(kWarp)), word(WgmmaLayout::scaleSteps));
  b.loop(own, word(ofWeights), word(atOnce), {}, [&](Value place, ValueRange) {
    Value inGroup = b.createOrFold<arith::MinUIOp>(rem(place, word(perGroup)),
                                                   word(count - 1));
    Value inTile =
        add(mul(div(place, word(perGroup)), columns), mul(inGroup, width));
    Value at = b.createOrFold<arith::MinUIOp>(add(column, inTile),
                                              word(problem.n - 1));
    Value scale = b.loadBlockScale(/*isLhs=*/false, toIndex(at), k);
    LLVM::StoreOp::create(b, scale,
                          shared(layout.getScales(0) + ofRows * kScaleBytes,
                                 add(start, place), kScaleBytes),
                          kScaleBytes);
    return SmallVector<Value>();
  });
}

/// Of rows that do not exist, nothing is copied, but products are made.
void WgmmaKernel::clearScales() {
  int64_t count =
      WgmmaLayout::scaleSlots * layout.getScaleBytes() / kScaleBytes;
  Value zero = b.floatConstant(b.getF32Type(), 0.0);
  b.loop(thread, word(count), word(schedule.getThreads()), {},
         [&](Value i, ValueRange) {
           LLVM::StoreOp::create(b, zero,
                                 shared(layout.getScales(0), i, kScaleBytes),
                                 kScaleBytes);
           return SmallVector<Value>();
         });
}

/// The first element of `step` of the run in `slot`.
Value WgmmaKernel::scalesOf(Value slot, Value step) {
  return add(mul(slot, layout.getScaleBytes() / kScaleBytes),
             mul(step, layout.getScaleStride()));
}

/// The part of all warps of the loading warpgroup but the first. As many lanes
/// as a run has steps copy neighbours.
void WgmmaKernel::produceScales() {
  auto isBelow = [&](int64_t warps) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, thread,
                                         word(warps * kWarp));
  };
  // `fill` gets where this thread's step of a run starts in its slot, the row
  // and column of the tile, and the column of the step.
  using Fill = llvm::function_ref<void(Value, Value, Value, Value)>;
  auto forRuns = [&](Fill fill) {
    b.waitForDependencies();
    Value step = rem(thread, word(WgmmaLayout::scaleSteps));
    auto copyRun = [&](Ring ring, Value row, Value column, Value first) {
      Value last = sub(endStep, word(1));
      Value k = b.createOrFold<arith::MinUIOp>(add(first, step), last);
      waitFor(used(ring.stage), ring.phase);
      fill(scalesOf(ring.stage, step), row, column, toIndex(mul(k, tileK)));
      arrive(known(ring.stage));
      ring = advance(ring, WgmmaLayout::scaleSlots);
      return SmallVector<Value>{ring.stage, ring.phase};
    };
    // The first phase of a barrier counts as over.
    tileLoop(
        cluster, clusters, {word(0), word(1)},
        [&](Value tile, ValueRange state) {
          auto [row, column] = locate(tile);
          return b.loop(
              firstStep, endStep, word(WgmmaLayout::scaleSteps), state,
              [&, row = row, column = column](Value first, ValueRange state) {
                return copyRun({state[0], state[1]}, row, column, first);
              });
        });
  };
  auto copyRows = [&] {
    forRuns([&](Value start, Value row, Value, Value k) {
      fillRowScales(start, row, k);
    });
  };
  auto copyWeights = [&] {
    forRuns([&](Value start, Value, Value column, Value k) {
      fillWeightScales(start, column, k);
    });
  };
  b.ifThen(
      isBelow(1), [] {},
      [&] { b.ifThen(isBelow(1 + kRowWarps), copyRows, copyWeights); });
}

/// Step `step`'s place in its run of scales, which `ring` is at; waits for them
/// in the first.
Value WgmmaKernel::awaitScales(Ring ring, Value step) {
  Value turn = rem(sub(step, firstStep), word(WgmmaLayout::scaleSteps));
  b.ifThen(equal(turn, word(0)),
           [&] { waitFor(known(ring.stage), ring.phase); });
  return turn;
}

/// Lets the loader have `ring`'s slot after the last step of its run, and moves
/// it on.
void WgmmaKernel::releaseScales(Ring &ring, Value turn, Value step) {
  Value isLast =
      arith::OrIOp::create(b, equal(turn, word(WgmmaLayout::scaleSteps - 1)),
                           equal(add(step, 1), endStep));
  b.ifThen(isLast, [&] { arrive(used(ring.stage)); });
  Ring next = advance(ring, WgmmaLayout::scaleSlots);
  ring = {b.select(isLast, next.stage, ring.stage),
          b.select(isLast, next.phase, ring.phase)};
}

/// The products of the scales of step `turn` of the run in `slot` that meet in
/// this thread's accumulators of `block`: for each of its two rows, those with
/// each of its weights'.
SmallVector<Value> WgmmaKernel::multiplyScales(Value slot, Value turn,
                                               int64_t block) {
  Value start = scalesOf(slot, turn);
  auto read = [&](Value first, int64_t at, int64_t count,
                  SmallVectorImpl<Value> &scales) {
    Type type = b.getF32Type();
    if (count > 1)
      type = VectorType::get({count}, type);
    Value read =
        LLVM::LoadOp::create(b, type,
                             shared(layout.getScales(0) + at * kScaleBytes,
                                    add(start, first), kScaleBytes),
                             count * kScaleBytes);
    for (int64_t i = 0; i < count; ++i)
      scales.push_back(count > 1 ? b.element(read, i) : read);
  };
  int64_t count = columns / getScaleColumns(problem, columns);
  int64_t perGroup =
      (layout.scales - schedule.getTileM()) / schedule.getWarpsN();
  Value group = div(partColumn, word(columns));
  SmallVector<Value> ofRows, ofWeights;
  Value own = add(partRow, add(mul(warp, 16), mul(div(lane, word(4)), 2)));
  read(own, block * WgmmaLayout::chunkRows, 2, ofRows);
  for (int64_t i = 0; i < perGroup; i += kMostScales)
    read(mul(group, perGroup), schedule.getTileM() + i,
         std::min(perGroup, kMostScales), ofWeights);
  ofWeights.truncate(count);
  SmallVector<Value> products;
  for (Value left : ofRows)
    for (Value right : ofWeights)
      products.push_back(arith::MulFOp::create(b, left, right));
  return products;
}
