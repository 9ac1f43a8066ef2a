//===- WgmmaDecodeEpilogue.cpp - From sums of Yᵀ to the result ------------===//
//
// The accumulators are a tile of Yᵀ: of each 64 weights and 8 rows of
// activations, a thread owns two neighbouring rows of activations for weight
// lane / 4 of its warp's 16, and for the one eight further. The epilogue's
// region runs on each, and the results are transposed on their way into shared
// memory. Where rows of weights are pairs, two of which make one result, lanes
// of rows that follow each other exchange sums first; a thread then owns two
// rows of activations for one of the eight pairs of its warp.
//
//===----------------------------------------------------------------------===//

#include "WgmmaDecodeKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;
using quantmlir::schedule::WgmmaLayout;

/// Rows of activations that share four accumulators of a thread.
static constexpr int64_t kRows8 = 8;
/// Warps of a warpgroup.
static constexpr int64_t kWarps = 4;
static constexpr int64_t kThreads = kWarps * FragmentLayout::lanes;

/// The results of a thread's four `sums` of block `block` and eight rows of
/// activations from `firstRow` on: two rows of the first weight, two of the
/// second; of pairs two rows.
SmallVector<Value> WgmmaDecodeKernel::results(ArrayRef<Value> sums,
                                              int64_t block, Value firstRow) {
  SmallVector<Value> scaled;
  for (int64_t half = 0; half < 2; ++half) {
    Value scale;
    if (problem.hasOneGroup())
      scale =
          b.scaleToF32(b.loadScale(weightRows[2 * block + half], b.index(0)));
    for (int64_t i = 0; i < 2; ++i) {
      Value sum = sums[2 * half + i];
      if (shrinkage != 1.0)
        sum = arith::MulFOp::create(
            b, sum, b.floatConstant(sum.getType(), 1.0 / shrinkage));
      if (scale)
        sum = arith::MulFOp::create(b, sum, scale);
      scaled.push_back(sum);
    }
  }
  // Rows beyond the last read what belongs to the last one: what they give is
  // not stored.
  SmallVector<Value> outRows;
  for (int64_t i = 0; i < 2; ++i) {
    Value row = add(firstRow, add(mul(rem(lane, word(4)), 2), i));
    outRows.push_back(
        toIndex(b.createOrFold<arith::MinUIOp>(row, sub(rows, word(1)))));
  }
  SmallVector<Value> values;
  if (problem.numSums == 2) {
    Value column = b.add(
        b.div(b.add(warpRow, block * WgmmaLayout::chunkRows), problem.numSums),
        b.getPairOfLane());
    if (problem.hasRaggedN())
      column = b.min(column, b.sub(b.outColumns, 1));
    for (int64_t i = 0; i < 2; ++i)
      values.push_back(b.epilogue(b.exchangePair(scaled[i], scaled[2 + i]),
                                  outRows[i], column));
    return values;
  }
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t i = 0; i < 2; ++i)
      values.push_back(b.epilogue(scaled[2 * half + i], outRows[i],
                                  weightRows[2 * block + half]));
  return values;
}

/// How many of a consumer's warps the columns of a panel of a block belong to:
/// chunks may be narrower than a block.
int64_t WgmmaDecodeKernel::getWarpsOfPanel() {
  return output.columns * problem.numSums / FragmentLayout::rows;
}

/// Emits `body` for the warps whose columns are those of panel `panel`.
void WgmmaDecodeKernel::ofPanel(int64_t panel, function_ref<void()> body) {
  int64_t warps = getWarpsOfPanel();
  if (warps == kWarps)
    return body();
  b.ifThen(equal(div(warp, word(warps)), word(panel)), body);
}

/// Writes 16 rows of activations, rows `row16` * 16 on of a chunk, from the
/// warps that it belongs to: what `results` gives for the first eight rows and
/// for the others.
void WgmmaDecodeKernel::stage(int64_t buffer, int64_t row16,
                              ArrayRef<Value> values) {
  int64_t bytes = values[0].getType().getIntOrFloatBitWidth() / 8;
  if (bytes == 2 && problem.numSums == 1) {
    // stmatrix, transposed: lane l gives the address of row l % 8 of the 8x8
    // matrix l / 8; matrices 1 and 3 are eight weights on, 2 and 3 eight rows
    // of activations down.
    SmallVector<Value> words;
    for (int64_t i = 0; i < 8; i += 2)
      words.push_back(packPair(b, ValueRange(values).slice(i, 2)));
    Value row =
        add(add(rem(lane, word(8)), mul(div(lane, word(16)), 8)), row16 * 16);
    Value column = add(mul(warp, 16), mul(rem(div(lane, word(8)), word(2)), 8));
    NVVM::StMatrixOp::create(
        b, chunkByte(buffer, exchange(row, mul(column, bytes))), words,
        NVVM::MMALayout::col,
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
        NVVM::LdStMatrixEltType::B16);
    return;
  }
  // Columns of a warp's 16 weights, and how many of them a thread has.
  int64_t columns = FragmentLayout::rows / problem.numSums;
  int64_t halves = values.size() / 4;
  Value first = halves == 2 ? div(lane, word(4)) : toWord(b.getPairOfLane());
  Value warpOfPanel = rem(warp, word(getWarpsOfPanel()));
  for (auto [i, value] : llvm::enumerate(values)) {
    int64_t row8 = 2 * row16 + i / (2 * halves), half = i / 2 % halves;
    // Places do not depend on the tile, so that each is kept in a register
    // while tiles are multiplied: there are those of the first eight rows only,
    // of any panel, and constants from these.
    Value row = add(mul(rem(lane, word(4)), 2), i % 2);
    Value column = add(mul(warpOfPanel, columns), add(first, 8 * half));
    Value bits =
        arith::BitcastOp::create(b, b.getIntegerType(8 * bytes), value);
    LLVM::StoreOp::create(
        b, bits,
        chunkByte(buffer, exchange(row, mul(column, bytes)), row8 * kRows8),
        bytes);
  }
}

/// A thread's sums: of each block, and of each eight rows of it, four.
SmallVector<Value> WgmmaDecodeKernel::getSums(ArrayRef<Value> totals) {
  if (scalesSums())
    return SmallVector<Value>(totals);
  SmallVector<Value> sums;
  for (Value total : totals)
    for (int64_t i = 0; i < tileM / 2; ++i)
      sums.push_back(LLVM::ExtractValueOp::create(b, total, i));
  return sums;
}

/// Those of `sums` that belong to a chunk.
SmallVector<Value> WgmmaDecodeKernel::getChunk(ArrayRef<Value> sums,
                                               int64_t chunk) {
  int64_t count = split.rows / 2;
  return SmallVector<Value>(sums.slice(chunk * count, count));
}

/// Stores chunk `chunk` of a consumer's part of a tile, whose sums are
/// `values`. The part starts at (firstRow, firstColumn) of the result.
void WgmmaDecodeKernel::finishChunk(ArrayRef<Value> values, int64_t chunk,
                                    Value firstRow, Value firstColumn) {
  int64_t block = chunk / split.getChunksOfBlock();
  firstRow = add(firstRow, chunk % split.getChunksOfBlock() * split.rows);
  int64_t columns = WgmmaLayout::chunkRows / problem.numSums;
  firstColumn = add(div(firstColumn, word(problem.numSums)), block * columns);
  int64_t panels = columns / output.columns;
  // Blocks that share K do not all have the same number of chunks: the first
  // waits for all of the tile before.
  int64_t count = split.parts > 1 ? 1 : split.getChunks() * panels;
  for (int64_t panel = 0; panel < panels; ++panel)
    storeChunk(chunk / split.parts * panels + panel, count, firstRow,
               add(firstColumn, panel * output.columns), [&](int64_t buffer) {
                 // What a panel's results take is not kept for the next one:
                 // that is of other warps.
                 ofPanel(panel, [&] {
                   for (int64_t i = 0; i < split.rows / 16; ++i) {
                     SmallVector<Value> staged;
                     for (int64_t row8 : {2 * i, 2 * i + 1})
                       llvm::append_range(
                           staged, results(values.slice(4 * row8, 4), block,
                                           add(firstRow, row8 * kRows8)));
                     stage(buffer, i, staged);
                   }
                 });
               });
}

/// Where a thread of a warpgroup that shares a tile along K leaves four of its
/// sums, from `number` on, to the one that finishes them: where the chunks of
/// results will be of the consumer that many shares further on.
Value WgmmaDecodeKernel::leftSums(int64_t number, int64_t shares) {
  constexpr int64_t bytes = WgmmaLayout::chunkBuffers * WgmmaLayout::chunkBytes;
  int64_t further = shares * layout.finishers * bytes;
  return shared(layout.getChunk(0) + further + number * kThreads * 4,
                add(mul(consumer, bytes), mul(member, 16)));
}

/// Leaves `sums`, unless this warpgroup is the one that finishes them.
void WgmmaDecodeKernel::leaveSums(ArrayRef<Value> sums) {
  // Barriers up to that of the table are others'.
  auto synchronize = [&] {
    NVVM::BarrierOp::create(b, TypeRange(), word(layout.consumers + 2),
                            word(layout.consumers * kThreads),
                            NVVM::BarrierReductionAttr(), Value());
  };
  // What was left of the tile before has been read, and so have its results.
  finishStores();
  synchronize();
  auto vector = VectorType::get({4}, problem.accumulator);
  Value leaves =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, share, word(0));
  b.ifThen(leaves, [&] {
    for (size_t i = 0; i < sums.size(); i += 4)
      LLVM::StoreOp::create(b,
                            vector::FromElementsOp::create(
                                b, vector, ValueRange(sums).slice(i, 4)),
                            leftSums(i, -1), /*alignment=*/16);
  });
  synchronize();
}

/// Adds to `sums` what the other warpgroups left, in their order.
void WgmmaDecodeKernel::takeLeftSums(SmallVectorImpl<Value> &sums) {
  for (int64_t other = 1; other < split.sharers; ++other)
    addFrom(sums, leftSums(0, other - 1));
}

/// Finishes what warpgroups that share a tile along K have of it, by the first
/// of them, or all of a tile.
void WgmmaDecodeKernel::finish(ArrayRef<Value> totals, Value firstRow,
                               Value firstColumn, Value parity,
                               const Work &work) {
  SmallVector<Value> sums = getSums(totals);
  if (split.sharers == 1)
    return finishPart(sums, firstRow, firstColumn, parity, work);
  leaveSums(sums);
  b.ifThen(equal(share, word(0)), [&] {
    takeLeftSums(sums);
    finishPart(sums, firstRow, firstColumn, parity, work);
  });
}

/// Stores a consumer's part of a tile, which starts at (firstRow, firstColumn)
/// of the result, or gives its sums away, as `work` says. `parity` of this
/// block's tile, with split K.
void WgmmaDecodeKernel::finishPart(ArrayRef<Value> sums, Value firstRow,
                                   Value firstColumn, Value parity,
                                   const Work &work) {
  if (split.parts > 1)
    return finishSums([&](int64_t chunk) { return getChunk(sums, chunk); },
                      parity, work.tile,
                      [&](int64_t chunk, ArrayRef<Value> values) {
                        finishChunk(values, chunk, firstRow, firstColumn);
                      });
  auto store = [&](ArrayRef<Value> sums) {
    for (int64_t chunk = 0; chunk < split.getChunks(); ++chunk)
      finishChunk(getChunk(sums, chunk), chunk, firstRow, firstColumn);
  };
  if (!streams())
    return store(sums);
  b.ifThen(
      work.gives, [&] { giveSums(sums); },
      [&] { store(takeSums(sums, work)); });
}
