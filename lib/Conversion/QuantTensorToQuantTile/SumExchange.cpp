//===- SumExchange.cpp - Tiles that blocks of a cluster share along K -----===//
//
// Nothing goes through memory, and the order of additions is that of the
// blocks: results are the same in every run.
//
//===----------------------------------------------------------------------===//

#include "WarpgroupBlock.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;

/// Threads of a consumer.
static constexpr int64_t kThreads = 128;

/// Where the block with these sums for this consumer finds this thread's of
/// chunk `slot` from `sender`: four of each thread lie behind one another.
Value WarpgroupBlock::sumAddress(Value sender, int64_t slot) {
  Value offset =
      add(mul(consumer, layout.sumsBytes), mul(sender, sums.getSenderBytes()));
  return shared(layout.getSums() + slot * sums.chunkBytes,
                add(offset, mul(member, 16)));
}

/// `body` where this block finishes chunks: others get no sums.
void WarpgroupBlock::ifOwner(function_ref<void()> body) {
  if (sums.getOwners() == sums.parts)
    return body();
  b.ifThen(b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, part,
                                         word(sums.getOwners())),
           body);
}

/// Expects what the other blocks that share the tile send this consumer. They
/// are stores that the barrier counts: an arrival that releases what others
/// wrote would wait until that has reached the device.
void WarpgroupBlock::expectSums() {
  b.ifThen(equal(member, word(0)), [&] {
    // The last round of chunks may have none of this block.
    Value chunks =
        div(sub(word(sums.chunks + sums.parts - 1), part), word(sums.parts));
    if (sums.chunks % sums.parts == 0)
      chunks = word(sums.chunks / sums.parts);
    expect(ready(consumer), mul(chunks, (sums.parts - 1) * sums.chunkBytes));
  });
}

/// Tells the other blocks that share the tile that this consumer has read
/// their sums, where it got any. An arrival that releases to the cluster waits
/// until all writes have reached the device, so the lanes of one warp arrive
/// for all threads, at once.
void WarpgroupBlock::giveSumsBack() {
  synchronizeConsumer();
  Value isTeller = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                                 member, word(sums.parts - 1));
  b.ifThen(isTeller, [&] {
    Value other = rem(add(add(part, 1), member), word(sums.parts));
    arrive(
        remote(taken(consumer), add(mul(other, groups.getClusterSize()), rank)),
        Scope::CLUSTER);
  });
}

/// Gives each other block this one's sums of the chunks that it finishes, and
/// waits for theirs.
void WarpgroupBlock::sendSums(GetChunk getChunk, Value parity) {
  // What was sent for the tile before must have been read; the first phase
  // counts as over. A block that alone finishes chunks sends nothing.
  auto waitForReaders = [&] {
    waitFor(taken(consumer), exclusiveOr(parity, word(1)), Scope::CLUSTER);
  };
  if (sums.getOwners() > 1)
    waitForReaders();
  else
    b.ifThen(
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, part, word(0)),
        waitForReaders);
  ifOwner([&] { expectSums(); });
  auto vector = VectorType::get({4}, problem.accumulator);
  for (int64_t chunk = 0; chunk < sums.chunks; ++chunk) {
    Value owner = word(chunk % sums.parts);
    Value isOther =
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, part, owner);
    b.ifThen(isOther, [&] {
      Value isAfter =
          b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ugt, part, owner);
      Value sender = sub(part, b.select(isAfter, word(1), word(0)));
      Value block = add(mul(owner, groups.getClusterSize()), rank);
      Value to = remote(sumAddress(sender, chunk / sums.parts), block);
      Value counter = remote(ready(consumer), block);
      SmallVector<Value> values = getChunk(chunk);
      for (size_t i = 0; i < values.size(); i += 4) {
        Value four = vector::FromElementsOp::create(
            b, vector, ValueRange(values).slice(i, 4));
        Value place = LLVM::GEPOp::create(
            b, to.getType(), b.getI8Type(), to,
            ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i * 4 * kThreads)});
        quant_tile::StoreAsyncOp::create(b, four, place, counter);
      }
    });
  }
  ifOwner([&] { waitFor(ready(consumer), parity, Scope::CLUSTER); });
}

/// Adds to `totals` a thread's sums in shared memory from `from` on: four of
/// each thread lie behind one another.
void WarpgroupBlock::addFrom(SmallVectorImpl<Value> &totals, Value from) {
  auto vector = VectorType::get({4}, problem.accumulator);
  for (size_t i = 0; i < totals.size(); i += 4) {
    Value place = LLVM::GEPOp::create(
        b, from.getType(), b.getI8Type(), from,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i * 4 * kThreads)});
    Value four = LLVM::LoadOp::create(b, vector, place, /*alignment=*/16);
    for (size_t j = 0; j < 4; ++j) {
      Value one = b.element(four, j);
      Value &sum = totals[i + j];
      sum = isa<IntegerType>(problem.accumulator)
                ? arith::AddIOp::create(b, sum, one).getResult()
                : arith::AddFOp::create(b, sum, one).getResult();
    }
  }
}

/// `values` of chunk `slot` of this block's and what the other blocks
/// sent, always in the same order.
SmallVector<Value> WarpgroupBlock::addSums(ArrayRef<Value> values,
                                           int64_t slot) {
  SmallVector<Value> totals(values);
  for (int64_t sender = 0; sender < sums.parts - 1; ++sender)
    addFrom(totals, sumAddress(word(sender), slot));
  return totals;
}

void WarpgroupBlock::finishSums(
    GetChunk getChunk, Value parity, Value tile,
    function_ref<void(int64_t, ArrayRef<Value>)> finish) {
  sendSums(getChunk, parity);
  for (int64_t chunk = 0; chunk < sums.chunks; ++chunk)
    b.ifThen(equal(part, word(chunk % sums.parts)), [&] {
      finish(chunk, addSums(getChunk(chunk), chunk / sums.parts));
    });
  // Nobody waits for this after the last tile.
  Value hasNext = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                                add(tile, clusters), tiles);
  b.ifThen(hasNext, [&] { ifOwner([&] { giveSumsBack(); }); });
}
