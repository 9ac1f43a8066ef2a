//===- ResultStore.cpp - Chunks of results to memory ----------------------===//

#include "WarpgroupBlock.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quantmlir::schedule::WgmmaLayout;

/// Threads of a consumer.
static constexpr int64_t kThreads = 128;

ResultChunks::ResultChunks(const MatmulProblem &problem, Type element,
                           int64_t rows, int64_t columns)
    : rows(rows) {
  int64_t elementBytes = element.getIntOrFloatBitWidth() / 8;
  bytes = std::gcd(columns * elementBytes, WgmmaLayout::rowBytes);
  this->columns = bytes / elementBytes;
  isBulk = problem.getOutColumns() * elementBytes % 16 == 0;
}

TensorMapAttr ResultChunks::getTensorMap(MLIRContext *context) const {
  // As operands: two lines of L2.
  return TensorMapAttr::get(context, rows, columns, bytes >= 32 ? bytes : 0,
                            WgmmaLayout::promotion);
}

/// Waits for the other threads of this consumer.
void WarpgroupBlock::synchronizeConsumer() {
  // Barrier 0 is the whole block's.
  NVVM::BarrierOp::create(b, TypeRange(), add(consumer, 1), word(kThreads),
                          NVVM::BarrierReductionAttr(), Value());
}

/// The address of byte `offset` of buffer `buffer` of this consumer, or of what
/// `exchange` gives for `further` more rows, a multiple of 8: in each eight
/// rows pieces are exchanged alike. What is constant comes last, so that it
/// becomes part of the instruction.
Value WarpgroupBlock::chunkByte(int64_t buffer, Value offset, int64_t further) {
  int64_t bytes = WgmmaLayout::chunkBuffers * layout.bufferBytes;
  return shared(layout.getChunk(buffer) + further * output.bytes,
                add(mul(consumer, bytes), offset));
}

/// Byte `byte` of a chunk's row `row` as the accelerator finds it: 16-byte
/// pieces are exchanged, address bits 4.. with bits 7.., as many as the row
/// has.
Value WarpgroupBlock::exchange(Value row, Value byte) {
  Value place = add(mul(row, output.bytes), byte);
  int64_t pieces = output.bytes / 16;
  Value line = b.createOrFold<arith::ShRUIOp>(place, word(7));
  return exclusiveOr(
      place, mul(b.createOrFold<arith::AndIOp>(line, word(pieces - 1)), 16));
}

Value quantmlir::packPair(MatmulEmitter &b, ValueRange values) {
  Type element = values[0].getType();
  SmallVector<Value> pair(values);
  // LLVM's dialect knows floats of 8 bits as bytes.
  if (element.getIntOrFloatBitWidth() == 8 && isa<FloatType>(element)) {
    element = b.getI8Type();
    for (Value &value : pair)
      value = arith::BitcastOp::create(b, element, value);
  }
  Value both =
      vector::FromElementsOp::create(b, VectorType::get({2}, element), pair);
  return LLVM::BitcastOp::create(
      b, b.getIntegerType(2 * element.getIntOrFloatBitWidth()), both);
}

/// Writes a chunk from shared memory to the result, an element of a thread at
/// a time, neighbours by neighbouring threads.
void WarpgroupBlock::copyChunk(int64_t buffer, Value firstRow,
                               Value firstColumn) {
  Type element = b.getOutElement();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  b.loop(member, word(output.rows * output.columns), word(kThreads),
         ValueRange(), [&](Value number, ValueRange) {
           Value row = div(number, word(output.columns));
           Value column = rem(number, word(output.columns));
           Value m = toIndex(add(firstRow, row));
           Value n = toIndex(add(firstColumn, column));
           Value inside = b.createOrFold<arith::AndIOp>(
               b.less(m, b.rows), b.less(n, b.outColumns));
           b.ifThen(inside, [&] {
             Value bits = LLVM::LoadOp::create(
                 b, b.getIntegerType(8 * bytes),
                 chunkByte(buffer, exchange(row, mul(column, bytes))), bytes);
             b.store(arith::BitcastOp::create(b, element, bits), m, n);
           });
           return SmallVector<Value>();
         });
}

/// Stores the chunk that `fill` writes.
void WarpgroupBlock::storeChunk(int64_t number, int64_t count, Value row,
                                Value column,
                                function_ref<void(int64_t)> fill) {
  int64_t buffer = number % WgmmaLayout::chunkBuffers;
  Value isLeader = equal(member, word(0));
  // The chunk that was last in this buffer must have left it. An odd number of
  // chunks leaves the newest of the tile before in the first buffer.
  int64_t pending = number == 0 && count % 2 ? 0 : 1;
  if (output.isBulk)
    b.ifThen(isLeader, [&] {
      NVVM::CpAsyncBulkWaitGroupOp::create(b, pending, b.getUnitAttr());
    });
  synchronizeConsumer();
  fill(buffer);
  if (!output.isBulk) {
    synchronizeConsumer();
    copyChunk(buffer, row, column);
    return;
  }
  fenceSharedMemory();
  synchronizeConsumer();
  b.ifThen(isLeader, [&] {
    NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
        b, outMap, chunkByte(buffer, word(0)), ValueRange{column, row},
        /*l2CacheHint=*/Value(), NVVM::TMAStoreMode::TILE,
        /*predicate=*/Value());
    NVVM::CpAsyncBulkCommitGroupOp::create(b);
  });
}

void WarpgroupBlock::finishStores() {
  if (output.isBulk)
    b.ifThen(equal(member, word(0)), [&] {
      NVVM::CpAsyncBulkWaitGroupOp::create(b, 0, b.getUnitAttr());
    });
}
