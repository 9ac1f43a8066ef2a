//===- WgmmaPromotion.cpp - Sums in f32 beside accumulators ---------------===//
//
// Accumulators of 8-bit floats keep few bits, so they are added to sums in f32
// after every few steps along K, and start anew. While one warpgroup adds, the
// other one's multiplications are under way. Where both operands have scales
// that change along K, those of a step multiply what is added
// (WgmmaScales.cpp).
//
//===----------------------------------------------------------------------===//

#include "WgmmaKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

/// Columns that share four accumulators of a thread, two of each of two rows.
static constexpr int64_t kColumns = 8;

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

/// `sums` of 64 rows in the form of accumulators.
Value WgmmaKernel::toAccumulators(ValueRange sums) {
  Value all = LLVM::UndefOp::create(b, accumulatorType);
  for (auto [i, sum] : llvm::enumerate(sums))
    all = LLVM::InsertValueOp::create(b, all, sum, i);
  return all;
}

/// Has `sums` of 64 rows added up before the next 64 rows are multiplied, whose
/// accumulators have the same registers. LLVM would add all of them up at a
/// step's end, beside the accumulators of all rows. Nothing is waited for.
SmallVector<Value> WgmmaKernel::settle(ValueRange sums) {
  Value settled =
      WgmmaWaitOp::create(b, 0, ValueRange(toAccumulators(sums))).getResult(0);
  SmallVector<Value> values;
  for (size_t i = 0; i < sums.size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, settled, i));
  return values;
}

/// The sums of one tile, whose stages start at `ring`, in the form of
/// accumulators; moves it on, and the ring of `scales`, if any. Blocks of 64
/// rows take turns, so that accumulators of one stand beside the sums of all.
SmallVector<Value> WgmmaKernel::multiplyPromoting(Ring &ring, Ring &scales) {
  int64_t interval = schedule.getPromote();
  int64_t perBlock = columns / 2;
  int64_t count = blocks * perBlock;
  SmallVector<Value> state(count, b.floatConstant(b.getF32Type(), 0.0));
  llvm::append_range(state, ValueRange{ring.stage, ring.phase});
  if (layout.scales)
    llvm::append_range(state, ValueRange{scales.stage, scales.phase});
  auto promote = [&](Value step, ValueRange values) {
    Ring start = {values[count], values[count + 1]}, ring = start;
    Ring scales;
    if (layout.scales)
      scales = {values[count + 2], values[count + 3]};
    Value end = b.createOrFold<arith::MinUIOp>(add(step, interval), endStep);
    SmallVector<Value> next, accumulators;
    Value turn;
    for (int64_t block = 0; block < blocks; ++block) {
      Rows own = {block, 1};
      SmallVector<Value> products;
      ring = start;
      Value last = issueSteps(accumulators, ring, step, end, own,
                              /*isOne=*/interval == 1);
      // While the multiplications are under way.
      if (layout.scales) {
        if (block == 0)
          turn = awaitScales(scales, step);
        products = multiplyScales(scales.stage, turn, block);
        if (block == blocks - 1)
          releaseScales(scales, turn, step);
      }
      drain(accumulators, last, own);
      SmallVector<Value> added =
          addPromoted(accumulators.front(), products,
                      values.slice(block * perBlock, perBlock));
      if (interval == 1 && block < blocks - 1)
        added = settle(added);
      llvm::append_range(next, added);
    }
    llvm::append_range(next, ValueRange{ring.stage, ring.phase});
    if (layout.scales)
      llvm::append_range(next, ValueRange{scales.stage, scales.phase});
    return next;
  };
  state = b.loop(firstStep, endStep, word(interval), state, promote);
  handOver();
  ring = {state[count], state[count + 1]};
  if (layout.scales)
    scales = {state[count + 2], state[count + 3]};
  SmallVector<Value> sums;
  for (int64_t block = 0; block < blocks; ++block)
    sums.push_back(
        toAccumulators(ArrayRef(state).slice(block * perBlock, perBlock)));
  return sums;
}
