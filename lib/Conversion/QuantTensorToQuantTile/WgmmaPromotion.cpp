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

/// What this thread's accumulators of a step are multiplied by, in the order of
/// the accumulators of a block of 64 rows: for each block of scales of its
/// weights, those of its two rows; so for each block of rows.
SmallVector<Value> WgmmaKernel::blockScales(Value row, Value column,
                                            Value step) {
  quant_tensor::ScaledMatmulOp op = problem.op;
  int64_t extent =
      std::min(columns, op.getRhsEncoding().getBlockExtent(0, problem.n));
  auto clamp = [&](Value value, Value last) {
    return toIndex(b.createOrFold<arith::MinUIOp>(value, last));
  };
  Value k = toIndex(mul(step, tileK));
  SmallVector<Value> rhs, scales;
  for (int64_t first = 0; first < columns; first += extent)
    rhs.push_back(b.loadBlockScale(
        /*isLhs=*/false, clamp(add(column, first), word(problem.n - 1)), k));
  Value own = add(row, add(mul(warp, 16), div(lane, word(4))));
  for (int64_t block = 0; block < blocks; ++block) {
    SmallVector<Value> lhs;
    for (int64_t half = 0; half < 2; ++half) {
      Value at = add(own, block * WgmmaLayout::chunkRows + 8 * half);
      lhs.push_back(
          b.loadBlockScale(/*isLhs=*/true, clamp(at, sub(rows, word(1))), k));
    }
    for (Value scale : rhs)
      for (Value of : lhs)
        scales.push_back(arith::MulFOp::create(b, of, scale));
  }
  return scales;
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
  auto promote = [&](Value step, ValueRange values) {
    Ring ring = {values[count], values[count + 1]};
    SmallVector<Value> accumulators, scales;
    Value end = b.createOrFold<arith::MinUIOp>(add(step, interval), endStep);
    Value last =
        issueSteps(accumulators, ring, step, end, /*isOne=*/interval == 1);
    // These arrive while the multiplications run.
    if (op.isBlockScaled())
      scales = blockScales(row, column, step);
    drain(accumulators, last);
    SmallVector<Value> next;
    for (int64_t i = 0; i < count; ++i) {
      int64_t block = i / perBlock, inside = i % perBlock;
      Value partial =
          LLVM::ExtractValueOp::create(b, accumulators[block], inside);
      if (!op.isBlockScaled()) {
        next.push_back(arith::AddFOp::create(b, values[i], partial));
        continue;
      }
      // Accumulators of two neighbours, then of the row eight down.
      int64_t perRow = scales.size() / blocks / 2;
      int64_t column8 = inside / 4, half = inside % 4 / 2;
      int64_t of = column8 * kColumns / (columns / perRow);
      next.push_back(
          b.fma(partial, scales[(block * perRow + of) * 2 + half], values[i]));
    }
    llvm::append_range(next, ValueRange{ring.stage, ring.phase});
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
