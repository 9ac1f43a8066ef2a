//===- WgmmaEpilogue.cpp - From accumulators to the result ----------------===//
//
// A thread of a warpgroup owns, of each 64 rows and 8 columns, two neighbours
// in row lane / 4 of its warp's 16 rows and the two eight rows below. The
// epilogue's region runs on each. Results go through swizzled shared memory in
// chunks of 64 rows, which the tensor memory accelerator stores (and clips)
// while the next chunk, and the other consumer's multiplications, are under
// way.
//
//===----------------------------------------------------------------------===//

#include "WgmmaKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quantmlir::schedule::WgmmaLayout;

/// Columns that share four accumulators of a thread.
static constexpr int64_t kColumns = 8;
/// Threads of a consumer.
static constexpr int64_t kThreads = 128;

/// Waits for the other threads of this consumer.
void WgmmaKernel::synchronizeConsumer() {
  // Barrier 0 is the whole block's.
  NVVM::BarrierOp::create(b, TypeRange(), add(consumer, 1), word(kThreads),
                          NVVM::BarrierReductionAttr(), Value());
}

/// The four results at columns `column8` * 8 on of a block of 64 rows, whose
/// first row and column of this thread are `row` and `column`.
SmallVector<Value> WgmmaKernel::results(Value accumulators, int64_t column8,
                                        Value row, Value column) {
  // Reads beyond the last row or column are of the last one: what they give is
  // not stored.
  auto clamp = [&](Value value, Value last) {
    return toIndex(b.createOrFold<arith::MinUIOp>(value, last));
  };
  bool isOdd = problem.n % 2, isGuarded = problem.n % schedule.getTileN();
  Value first = add(column, column8 * kColumns);
  SmallVector<Value> pairColumns;
  if (!isGuarded)
    pairColumns = {toIndex(first), toIndex(add(first, 1))};
  else if (isOdd)
    pairColumns = {clamp(first, word(problem.n - 1)),
                   clamp(add(first, 1), word(problem.n - 1))};
  else
    pairColumns = {clamp(first, word(problem.n - 2))};
  if (pairColumns.size() == 1)
    pairColumns.push_back(b.add(pairColumns[0], 1));
  Value lastRow = sub(rows, word(1));
  SmallVector<Value> values;
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<Value> pair;
    for (int64_t i = 0; i < 2; ++i)
      pair.push_back(LLVM::ExtractValueOp::create(b, accumulators,
                                                  column8 * 4 + half * 2 + i));
    llvm::append_range(
        values,
        b.epiloguePair(pair, clamp(add(row, 8 * half), lastRow), pairColumns));
  }
  return values;
}

/// The address of byte `offset` of buffer `buffer` of this consumer; what is
/// constant comes last, so that it becomes part of the instruction.
Value WgmmaKernel::chunkByte(int64_t buffer, Value offset) {
  constexpr int64_t bytes = WgmmaLayout::chunkBuffers * WgmmaLayout::chunkBytes;
  return shared(layout.getChunk(buffer), add(mul(consumer, bytes), offset));
}

/// Byte `byte` of a chunk's row `row` as the accelerator finds it: 16-byte
/// pieces are exchanged, address bits 4.. with bits 7.., as many as the row
/// has.
Value WgmmaKernel::exchange(Value row, Value byte) {
  Value place = add(mul(row, output.chunkBytes), byte);
  int64_t pieces = output.chunkBytes / 16;
  Value line = b.createOrFold<arith::ShRUIOp>(place, word(7));
  return exclusiveOr(
      place, mul(b.createOrFold<arith::AndIOp>(line, word(pieces - 1)), 16));
}

/// Two neighbours as one word.
static Value pack(MatmulEmitter &b, ValueRange values) {
  Type element = values[0].getType();
  Value both =
      vector::FromElementsOp::create(b, VectorType::get({2}, element), values);
  return LLVM::BitcastOp::create(
      b, b.getIntegerType(2 * element.getIntOrFloatBitWidth()), both);
}

/// Writes 64 rows of 16 columns, columns `column8` * 8 on of a chunk.
void WgmmaKernel::stage(int64_t buffer, int64_t column8, ArrayRef<Value> left,
                        ArrayRef<Value> right) {
  int64_t bytes = left[0].getType().getIntOrFloatBitWidth() / 8;
  if (bytes == 2) {
    // stmatrix: lane l gives the address of row l % 8 of 8x8 matrix l / 8;
    // matrices 1 and 3 are eight rows down, 2 and 3 eight columns on.
    SmallVector<Value> words;
    for (ArrayRef<Value> values : {left, right})
      for (int64_t half = 0; half < 2; ++half)
        words.push_back(pack(b, values.slice(half * 2, 2)));
    Value row = add(mul(warp, 16), rem(lane, word(16)));
    Value byte = add(mul(div(lane, word(16)), 16), column8 * 16);
    NVVM::StMatrixOp::create(
        b, chunkByte(buffer, exchange(row, byte)), words, NVVM::MMALayout::row,
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
        NVVM::LdStMatrixEltType::B16);
    return;
  }
  ArrayRef<Value> sides[] = {left, right};
  for (auto [i, values] : llvm::enumerate(sides))
    for (int64_t half = 0; half < 2; ++half) {
      Value row = add(add(mul(warp, 16), div(lane, word(4))), 8 * half);
      int64_t first = (column8 + i) * kColumns;
      Value byte = mul(add(mul(rem(lane, word(4)), 2), first), bytes);
      LLVM::StoreOp::create(b, pack(b, values.slice(half * 2, 2)),
                            chunkByte(buffer, exchange(row, byte)),
                            /*alignment=*/2 * bytes);
    }
}

/// Writes a chunk from shared memory to the result, an element of a thread at
/// a time, neighbours by neighbouring threads.
void WgmmaKernel::copyChunk(int64_t buffer, Value firstRow, Value firstColumn) {
  Type element = b.getOutElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  b.loop(member, word(WgmmaLayout::chunkRows * output.chunkColumns),
         word(kThreads), ValueRange(), [&](Value number, ValueRange) {
           Value row = div(number, word(output.chunkColumns));
           Value column = rem(number, word(output.chunkColumns));
           Value m = toIndex(add(firstRow, row));
           Value n = toIndex(add(firstColumn, column));
           Value inside = b.createOrFold<arith::AndIOp>(
               b.less(m, b.rows), b.less(n, b.index(problem.n)));
           b.ifThen(inside, [&] {
             Value bits = LLVM::LoadOp::create(
                 b, b.getIntegerType(8 * bytes),
                 chunkByte(buffer, exchange(row, mul(column, bytes))), bytes);
             b.store(arith::BitcastOp::create(b, element, bits), m, n);
           });
           return SmallVector<Value>();
         });
}

/// Computes chunk `chunk` of block `block` of 64 rows and stores it.
void WgmmaKernel::storeChunk(Value accumulators, int64_t block, int64_t chunk,
                             Value firstRow, Value firstColumn) {
  int64_t chunks = columns / output.chunkColumns;
  int64_t number = block * chunks + chunk;
  int64_t buffer = number % WgmmaLayout::chunkBuffers;
  Value isLeader = equal(member, word(0));
  // The chunk that was last in this buffer must have left it. An odd number of
  // chunks leaves the newest of the tile before in the first buffer.
  int64_t pending = number == 0 && blocks * chunks % 2 ? 0 : 1;
  if (output.isBulk)
    b.ifThen(isLeader, [&] {
      NVVM::CpAsyncBulkWaitGroupOp::create(b, pending, b.getUnitAttr());
    });
  synchronizeConsumer();
  firstRow = add(firstRow, block * WgmmaLayout::chunkRows);
  Value row = add(firstRow, add(mul(warp, 16), div(lane, word(4))));
  Value column = add(firstColumn, mul(rem(lane, word(4)), 2));
  int64_t first = chunk * output.chunkColumns / kColumns;
  for (int64_t i = 0; i < output.chunkColumns / kColumns; i += 2)
    stage(buffer, i, results(accumulators, first + i, row, column),
          results(accumulators, first + i + 1, row, column));
  firstColumn = add(firstColumn, chunk * output.chunkColumns);
  if (!output.isBulk) {
    synchronizeConsumer();
    copyChunk(buffer, firstRow, firstColumn);
    return;
  }
  fenceSharedMemory();
  synchronizeConsumer();
  b.ifThen(isLeader, [&] {
    NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
        b, outMap, chunkByte(buffer, word(0)),
        ValueRange{firstColumn, firstRow},
        /*l2CacheHint=*/Value(), NVVM::TMAStoreMode::TILE,
        /*predicate=*/Value());
    NVVM::CpAsyncBulkCommitGroupOp::create(b);
  });
}

void WgmmaKernel::finish(ArrayRef<Value> accumulators, Value firstRow,
                         Value firstColumn) {
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t chunk = 0; chunk < columns / output.chunkColumns; ++chunk)
      storeChunk(accumulators[block], block, chunk, firstRow, firstColumn);
}
