//===- WgmmaDecodeStream.cpp - Tiles that all blocks share along K --------===//
//
// Where tiles do not fill the SMs a whole number of times, some would have
// nothing to do in the last round. With `stream_k` blocks divide the tiles of
// the last two rounds evenly, if the last one alone has few enough of them, in
// units of a round of the loop over steps: one block's units follow another's,
// from tile to tile. So a block has the end of a tile at first, perhaps, then
// tiles of its own, and at last the start of one. Whoever has a tile's first
// unit finishes it: it comes to that last, when the others, who began with
// theirs, have long put their sums into memory and said so. They are added in
// the order of the blocks: results are the same in every run.
//
// The blocks of a cluster, which share activations, do the same along K: what
// is said of blocks here is said of clusters then.
//
// Nobody waits but for blocks with smaller numbers, which start no later.
//
//===----------------------------------------------------------------------===//

#include "WgmmaDecodeKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using quantmlir::schedule::DecodeSplit;

/// Threads of a consumer, and its warps.
static constexpr int64_t kThreads = 128, kWarps = 4;
/// Bytes of the sums that a thread moves at once, and of a flag.
static constexpr int64_t kVectorBytes = 16, kFlagBytes = 4;
/// What other blocks see in order.
static constexpr StringLiteral kDevice = "device";

//===----------------------------------------------------------------------===//
// Who computes what
//===----------------------------------------------------------------------===//

void WgmmaDecodeKernel::divideTiles() {
  if (!streams())
    return;
  auto isPositive = [&](Value x) {
    return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, x, word(0));
  };
  Value rounds = div(tiles, clusters), rest = rem(tiles, clusters);
  // With a whole round beside the rest, no tile is divided among many.
  Value more = b.select(isPositive(rounds), word(1), word(0));
  Value isFew =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, mul(rest, 100),
                                    mul(clusters, schedule.getStreamK()));
  Value divides = b.createOrFold<arith::AndIOp>(isPositive(rest), isFew);
  sharedTiles = b.select(divides, add(rest, mul(more, clusters)), word(0));
  // Those that are not divided are the first blocks' last ones.
  Value hasLast =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, cluster, rest);
  Value last = b.select(hasLast, word(1), word(0));
  Value whole = b.select(divides, sub(rounds, more), add(rounds, last));
  sharedUnits = mul(sharedTiles, units);
  position = sub(sub(clusters, word(1)), cluster);
  firstUnit = div(mul(position, sharedUnits), clusters);
  endUnit = div(mul(add(position, 1), sharedUnits), clusters);
  parts = sub(div(add(endUnit, units - 1), word(units)),
              div(firstUnit, word(units)));
  turns = add(parts, whole);
}

WgmmaDecodeKernel::Work WgmmaDecodeKernel::getWork(Value number) {
  Work work;
  if (!streams()) {
    work.tile = add(cluster, mul(number, clusters));
    return work;
  }
  Value isShared =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, number, parts);
  Value shared = add(div(firstUnit, word(units)), number);
  Value start = mul(shared, units);
  Value begin = sub(b.createOrFold<arith::MaxUIOp>(firstUnit, start), start);
  Value end =
      sub(b.createOrFold<arith::MinUIOp>(endUnit, add(start, units)), start);
  Value own = add(add(sharedTiles, cluster), mul(sub(number, parts), clusters));
  work.tile = b.select(isShared, shared, own);
  work.begin = b.select(isShared, begin, word(0));
  work.end = b.select(isShared, end, word(units));
  work.gives = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne,
                                             work.begin, word(0));
  // The last block with units of this tile is the last whose first unit comes
  // before the tile's end.
  Value divisor = b.createOrFold<arith::MaxUIOp>(sharedUnits, word(1));
  Value last = div(sub(mul(add(start, units), clusters), word(1)), divisor);
  work.firstGiver = add(position, 1);
  Value isPart = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                               work.end, word(units));
  work.endGiver = b.select(isPart, add(last, 1), work.firstGiver);
  return work;
}

SmallVector<Value> WgmmaDecodeKernel::workLoop(
    SmallVector<Value> carried,
    function_ref<SmallVector<Value>(Work, ValueRange)> body) {
  if (!streams()) {
    return tileLoop(cluster, clusters, carried,
                    [&](Value tile, ValueRange values) {
                      Work work;
                      work.tile = tile;
                      return body(work, values);
                    });
  }
  return b.loop(word(0), turns, word(1), carried,
                [&](Value number, ValueRange values) {
                  return body(getWork(number), values);
                });
}

//===----------------------------------------------------------------------===//
// Sums through memory
//===----------------------------------------------------------------------===//

/// The address of byte `byte` of `memref`.
Value WgmmaDecodeKernel::globalByte(Value memref, Value byte) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/1);
  Value start = LLVM::IntToPtrOp::create(
      b, pointer,
      b.createOrFold<arith::IndexCastUIOp>(
          b.getI64Type(),
          memref::ExtractAlignedPointerAsIndexOp::create(b, memref)));
  return LLVM::GEPOp::create(
      b, pointer, b.getI8Type(), start,
      ArrayRef<LLVM::GEPArg>{
          b.createOrFold<arith::ExtUIOp>(b.getI64Type(), byte)});
}

/// Of the cluster `giver`, the block that has the same place in it as this one.
Value WgmmaDecodeKernel::givingBlock(Value giver) {
  int64_t size = groups.getClusterSize();
  return size == 1 ? giver : add(mul(giver, size), rank);
}

/// Where this thread's sums start, of those that block `giver` gives away.
Value WgmmaDecodeKernel::givenByte(Value giver) {
  int64_t bytes = schedule.getTileM() * schedule.getTileN() * 4;
  Value part = add(mul(givingBlock(giver), bytes),
                   mul(consumer, bytes / layout.consumers));
  return globalByte(b.givenSums, add(part, mul(member, kVectorBytes)));
}

/// Where sums `number` and the three after it lie, if the first are at `start`:
/// four of each thread lie behind one another. Constants from an address need
/// no registers, which sums of 32 bits that are extended to one would.
static Value givenVector(MatmulEmitter &b, Value start, int64_t number) {
  auto offset = static_cast<int32_t>(number * 4 * kThreads);
  return LLVM::GEPOp::create(b, start.getType(), b.getI8Type(), start,
                             ArrayRef<LLVM::GEPArg>{offset});
}

/// The flag that says that block `giver` has given this warp's sums away.
Value WgmmaDecodeKernel::givenFlag(Value giver) {
  Value part = add(mul(givingBlock(giver), layout.consumers), consumer);
  return globalByte(b.givenFlags,
                    mul(add(mul(part, kWarps), warp), kFlagBytes));
}

void WgmmaDecodeKernel::giveSums(ArrayRef<Value> sums) {
  auto vector = VectorType::get({4}, problem.accumulator);
  Value start = givenByte(position);
  for (size_t i = 0; i < sums.size(); i += 4)
    LLVM::StoreOp::create(
        b,
        vector::FromElementsOp::create(b, vector, ValueRange(sums).slice(i, 4)),
        givenVector(b, start, i), /*alignment=*/kVectorBytes);
  NVVM::SyncWarpOp::create(b, word(-1));
  b.ifThen(equal(lane, word(0)), [&] {
    LLVM::StoreOp::create(b, word(1), givenFlag(position), kFlagBytes,
                          /*isVolatile=*/false, /*isNonTemporal=*/false,
                          /*isInvariantGroup=*/false,
                          LLVM::AtomicOrdering::release, kDevice);
  });
}

/// Waits until `flag` is set. Each thread looks for itself, so that it reads in
/// order what was written before.
void WgmmaDecodeKernel::waitForFlag(Value flag) {
  auto loop = scf::WhileOp::create(b, TypeRange(), ValueRange());
  OpBuilder::InsertionGuard guard(b);
  b.createBlock(&loop.getBefore());
  Value value = LLVM::LoadOp::create(
      b, b.getI32Type(), flag, kFlagBytes, /*isVolatile=*/false,
      /*isNonTemporal=*/false, /*isInvariant=*/false,
      /*isInvariantGroup=*/false, LLVM::AtomicOrdering::acquire, kDevice);
  scf::ConditionOp::create(b, equal(value, word(0)), ValueRange());
  b.createBlock(&loop.getAfter());
  scf::YieldOp::create(b);
}

/// `sums` and what others have given of them.
SmallVector<Value> WgmmaDecodeKernel::takeSums(ArrayRef<Value> sums,
                                               const Work &work) {
  auto vector = VectorType::get({4}, problem.accumulator);
  return b.loop(
      work.firstGiver, work.endGiver, word(1), ValueRange(sums),
      [&](Value giver, ValueRange values) {
        waitForFlag(givenFlag(giver));
        Value start = givenByte(giver);
        SmallVector<Value> next(values);
        for (size_t i = 0; i < next.size(); i += 4) {
          Value four = LLVM::LoadOp::create(b, vector, givenVector(b, start, i),
                                            /*alignment=*/kVectorBytes);
          for (size_t j = 0; j < 4; ++j)
            next[i + j] =
                arith::AddFOp::create(b, next[i + j], b.element(four, j));
        }
        return next;
      });
}
