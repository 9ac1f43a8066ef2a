//===- WgmmaPromotion.cpp - Sums in f32 beside accumulators ---------------===//
//
// Accumulators of 8-bit floats keep few bits, so they are added to sums in f32
// after every few steps along K, and start anew. While one warpgroup adds, the
// other one's multiplications are under way. Where both operands have scales
// that change along K, those of a step multiply what is added.
//
//===----------------------------------------------------------------------===//

#include "WgmmaKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace quantmlir;
using quantmlir::schedule::WgmmaLayout;

/// Columns that share four accumulators of a thread, two of each of two rows.
static constexpr int64_t kColumns = 8;

/// The scales of a step that this thread's accumulators have: those of its
/// weights, then those of its rows of activations.
SmallVector<Value> WgmmaKernel::loadBlockScales(Value row, Value column,
                                                Value step) {
  quant_tensor::ScaledMatmulOp op = problem.op;
  int64_t extent =
      std::min(columns, op.getRhsEncoding().getBlockExtent(0, problem.n));
  auto clamp = [&](Value value, Value last) {
    return toIndex(b.createOrFold<arith::MinUIOp>(value, last));
  };
  Value k = toIndex(mul(step, tileK));
  SmallVector<Value> scales;
  for (int64_t first = 0; first < columns; first += extent)
    scales.push_back(b.loadBlockScale(
        /*isLhs=*/false, clamp(add(column, first), word(problem.n - 1)), k));
  Value own = add(row, add(mul(warp, 16), div(lane, word(4))));
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t half = 0; half < 2; ++half) {
      Value at = add(own, block * WgmmaLayout::chunkRows + 8 * half);
      scales.push_back(
          b.loadBlockScale(/*isLhs=*/true, clamp(at, sub(rows, word(1))), k));
    }
  return scales;
}

/// `partial`, the accumulators of one step, times the `scales` of it, plus
/// `sums`.
SmallVector<Value> WgmmaKernel::addScaled(ArrayRef<Value> partial,
                                          ValueRange scales, ValueRange sums) {
  int64_t perBlock = columns / 2;
  int64_t ofRows = 2 * blocks, ofWeights = scales.size() - ofRows;
  ValueRange rhs = scales.take_front(ofWeights);
  ValueRange lhs = scales.drop_front(ofWeights);
  // One product for each pair that meets.
  SmallVector<Value> products;
  for (Value left : lhs)
    for (Value right : rhs)
      products.push_back(arith::MulFOp::create(b, left, right));
  SmallVector<Value> next;
  for (size_t i = 0; i < sums.size(); ++i) {
    // Of two neighbours in a row, then of two in the row eight down.
    int64_t block = i / perBlock, inside = i % perBlock;
    int64_t half = inside % 4 / 2, column = inside / 4 * kColumns;
    int64_t of = column / (columns / ofWeights);
    next.push_back(b.fma(
        partial[i], products[(2 * block + half) * ofWeights + of], sums[i]));
  }
  return next;
}

/// The sums of one tile, whose stages start at `ring`, in the form of
/// accumulators; moves it on. (row, column): where the consumer's part of the
/// tile starts.
SmallVector<Value> WgmmaKernel::multiplyPromoting(Ring &ring, Value row,
                                                  Value column) {
  quant_tensor::ScaledMatmulOp op = problem.op;
  int64_t interval = schedule.getPromote();
  int64_t perBlock = columns / 2;
  int64_t count = blocks * perBlock;
  SmallVector<Value> state(count, b.floatConstant(b.getF32Type(), 0.0));
  llvm::append_range(state, ValueRange{ring.stage, ring.phase});
  // A step's scales are asked for during the one before.
  if (op.isBlockScaled())
    llvm::append_range(state, loadBlockScales(row, column, firstStep));
  auto promote = [&](Value step, ValueRange values) {
    Ring ring = {values[count], values[count + 1]};
    SmallVector<Value> accumulators, partial, scales;
    Value end = b.createOrFold<arith::MinUIOp>(add(step, interval), endStep);
    Value last =
        issueSteps(accumulators, ring, step, end, /*isOne=*/interval == 1);
    if (op.isBlockScaled())
      scales = loadBlockScales(
          row, column,
          b.createOrFold<arith::MinUIOp>(add(step, 1), sub(endStep, word(1))));
    drain(accumulators, last);
    for (int64_t i = 0; i < count; ++i)
      partial.push_back(LLVM::ExtractValueOp::create(
          b, accumulators[i / perBlock], i % perBlock));
    ValueRange sums = values.take_front(count);
    SmallVector<Value> next;
    if (op.isBlockScaled())
      next = addScaled(partial, values.drop_front(count + 2), sums);
    else
      for (auto [sum, value] : llvm::zip_equal(sums, partial))
        next.push_back(arith::AddFOp::create(b, sum, value));
    llvm::append_range(next, ValueRange{ring.stage, ring.phase});
    llvm::append_range(next, scales);
    return next;
  };
  state = b.loop(firstStep, endStep, word(interval), state, promote);
  handOver();
  ring = {state[count], state[count + 1]};
  SmallVector<Value> sums;
  for (int64_t block = 0; block < blocks; ++block) {
    Value sum = LLVM::UndefOp::create(b, accumulatorType);
    for (int64_t i = 0; i < perBlock; ++i)
      sum = LLVM::InsertValueOp::create(b, sum, state[block * perBlock + i], i);
    sums.push_back(sum);
  }
  return sums;
}
