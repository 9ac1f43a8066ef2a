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

/// The products of `scales` that loadBlockScales gave which meet: for each row,
/// those with each of the weights.
SmallVector<Value> WgmmaKernel::multiplyBlockScales(ValueRange scales) {
  int64_t ofWeights = scales.size() - 2 * blocks;
  SmallVector<Value> products;
  for (Value left : scales.drop_front(ofWeights))
    for (Value right : scales.take_front(ofWeights))
      products.push_back(arith::MulFOp::create(b, left, right));
  return products;
}

/// What `accumulators` of 64 rows make of their `sums`: these plus those, times
/// the products of their `scales`, if any.
SmallVector<Value> WgmmaKernel::addPromoted(Value accumulators,
                                            ValueRange products,
                                            ValueRange sums) {
  int64_t ofWeights = products.size() / 2;
  SmallVector<Value> next;
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value partial = LLVM::ExtractValueOp::create(b, accumulators, i);
    if (products.empty()) {
      next.push_back(arith::AddFOp::create(b, sum, partial));
      continue;
    }
    // Of two neighbours in a row, then of two in the row eight down.
    int64_t half = i % 4 / 2, column = i / 4 * kColumns;
    int64_t of = column / (columns / ofWeights);
    next.push_back(b.fma(partial, products[half * ofWeights + of], sum));
  }
  return next;
}

/// The sums of one tile, whose stages start at `ring`, in the form of
/// accumulators; moves it on. (row, column): where the consumer's part of the
/// tile starts. Blocks of 64 rows take turns, so that accumulators of one stand
/// beside the sums of all.
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
    llvm::append_range(
        state, multiplyBlockScales(loadBlockScales(row, column, firstStep)));
  auto promote = [&](Value step, ValueRange values) {
    Ring start = {values[count], values[count + 1]}, ring = start;
    ValueRange products = values.drop_front(count + 2);
    size_t ofBlock = products.size() / blocks;
    Value end = b.createOrFold<arith::MinUIOp>(add(step, interval), endStep);
    SmallVector<Value> next, scales;
    for (int64_t block = 0; block < blocks; ++block) {
      Rows own = {block, 1};
      SmallVector<Value> accumulators;
      ring = start;
      Value last = issueSteps(accumulators, ring, step, end, own,
                              /*isOne=*/interval == 1);
      if (op.isBlockScaled() && block == 0)
        scales = loadBlockScales(row, column,
                                 b.createOrFold<arith::MinUIOp>(
                                     add(step, 1), sub(endStep, word(1))));
      drain(accumulators, last, own);
      llvm::append_range(next,
                         addPromoted(accumulators.front(),
                                     products.slice(block * ofBlock, ofBlock),
                                     values.slice(block * perBlock, perBlock)));
    }
    llvm::append_range(next, ValueRange{ring.stage, ring.phase});
    if (op.isBlockScaled())
      llvm::append_range(next, multiplyBlockScales(scales));
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
