//===- MmaStreamEpilogue.cpp - From warps' sums to the result -------------===//
//
// Warps have sums of different columns, which meet in shared memory. Where
// blocks of a cluster divide a tile along K, each finishes its share of the
// results: it adds its warps' sums of the other shares, and stores them into
// the shared memory of the blocks that finish these, whose barriers count them.
// So rows of activations, which every block of a tile's columns reads, are read
// by fewer and larger tiles. Nothing goes through memory, and the order of
// additions is that of the blocks: results are the same in every run.
//
//===----------------------------------------------------------------------===//

#include "DynamicSharedMemory.h"
#include "MmaStreamKernel.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;
using quant_tensor::FragmentLayout;

/// Sums that blocks exchange at a time.
static constexpr int64_t kSumsOfStore = 4;

/// The sum of `value` of the four lanes that share a row of weights.
Value MmaStreamKernel::addOfRow(Value value) {
  for (int64_t distance : {1, 2}) {
    Value other = gpu::ShuffleOp::create(b, value, b.wordConstant(distance),
                                         b.wordConstant(FragmentLayout::lanes),
                                         gpu::ShuffleMode::XOR)
                      .getShuffleResult();
    value = arith::AddFOp::create(b, value, other);
  }
  return value;
}

void MmaStreamKernel::writePartials(ArrayRef<SmallVector<Value>> tiles) {
  Value column = b.add(b.mul(warpN, rowTiles * kRows), b.g);
  for (int64_t c = 0; c < columnTiles; ++c)
    for (int64_t e = 0; e < 2; e += elementStride()) {
      // Rows that are padding are written too: a condition here would let reads
      // that belong to the start move down into it.
      Value m = b.add(b.mul(b.t, 2), 8 * c + e);
      Value line = b.add(b.mul(warpK, columnTiles * 8), m);
      Value first = b.add(b.mul(line, exchange.pitch), column);
      for (int64_t r = 0; r < rowTiles; ++r)
        for (int64_t half = 0; half < 2; ++half)
          memref::StoreOp::create(
              b, tiles[r * columnTiles + c][2 * half + e], partials,
              ValueRange{b.add(first, r * kRows + 8 * half)});
    }
}

//===----------------------------------------------------------------------===//
// Sums of other blocks
//===----------------------------------------------------------------------===//

Value MmaStreamKernel::getPart() {
  Value block = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  return b.rem(block, exchange.parts);
}

/// Byte `offset` + `further` of shared memory.
Value MmaStreamKernel::sharedByte(Value offset, int64_t further) {
  Value bytes = b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(),
                                                     b.add(offset, further));
  return LLVM::GEPOp::create(b, base.getType(), b.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

/// The barrier that counts what this block gets.
Value MmaStreamKernel::getBarrier() {
  return sharedByte(b.index(0), exchange.getBarrier());
}

/// Makes the barrier that counts what this block gets, and says that it can.
void MmaStreamKernel::initExchange() {
  b.ifThen(b.less(b.thread, b.index(1)), [&] {
    NVVM::MBarrierInitOp::create(b, getBarrier(), b.wordConstant(1), Value());
    NVVM::FenceMbarrierInitOp::create(b);
  });
  // The fence has shown the barrier, and there is nothing else to be seen.
  NVVM::ClusterArriveRelaxedOp::create(b, b.getUnitAttr());
}

/// The sum of what `load` gives of each of this block's warps, whose sums of
/// the tile lie a number of floats behind the first one's, in the order of
/// warps.
Value MmaStreamKernel::addWarps(llvm::function_ref<Value(int64_t)> load) {
  int64_t ofWarp = columnTiles * 8 * exchange.pitch;
  Value sum = load(0);
  for (int64_t w = 1; w < warpsK; ++w)
    sum = arith::AddFOp::create(b, sum, load(w * ofWarp));
  return sum;
}

/// Stores what other blocks finish into their shared memory, and waits for what
/// this one does.
void MmaStreamKernel::exchangeSums() {
  NVVM::ClusterWaitOp::create(b, b.getUnitAttr());
  // Not where the barrier is made: racecheck takes one thread's two for a race
  // where no barrier of the block lies between them.
  b.ifThen(b.less(b.thread, b.index(1)), [&] {
    int64_t bytes = (exchange.parts - 1) * exchange.share * 4;
    expectBytes(b, b.getLoc(), getBarrier(), b.wordConstant(bytes));
  });
  auto type = VectorType::get({kSumsOfStore}, b.getF32Type());
  int64_t tileN = schedule.getTileN(), threads = schedule.getThreads();
  int64_t stores = exchange.share / kSumsOfStore;
  int64_t total = (exchange.parts - 1) * stores;
  auto word = [&](Value index) {
    return b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(), index);
  };
  auto toCluster = [&](Value address, Value block) {
    return mapToBlock(b, b.getLoc(), address, word(block));
  };
  for (int64_t first = 0; first < total; first += threads) {
    Value id = b.add(b.thread, first);
    auto send = [&] {
      // The others by number, without this one.
      Value other = b.div(id, stores), inShare = b.rem(id, stores);
      Value isBefore = b.less(other, part);
      Value owner = b.select(isBefore, other, b.add(other, 1));
      Value sender = b.select(isBefore, b.sub(part, 1), part);
      Value at =
          b.add(b.mul(owner, exchange.share), b.mul(inShare, kSumsOfStore));
      Value byte = b.mul(
          b.add(b.mul(b.div(at, tileN), exchange.pitch), b.rem(at, tileN)), 4);
      Value sum = addWarps([&](int64_t further) -> Value {
        return LLVM::LoadOp::create(b, type, sharedByte(byte, further * 4),
                                    /*alignment=*/16);
      });
      Value to = sharedByte(b.add(b.mul(sender, exchange.share * 4),
                                  b.mul(inShare, kSumsOfStore * 4)),
                            exchange.getReceived(0));
      StoreAsyncOp::create(b, sum, toCluster(to, owner),
                           toCluster(getBarrier(), owner));
    };
    if (first + threads > total)
      b.ifThen(b.less(id, b.index(total)), send);
    else
      send();
  }
  waitForBarrier(b, b.getLoc(), getBarrier(), b.wordConstant(0),
                 NVVM::MemScopeKind::CLUSTER);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// The number, in this block's share of the tile, of the result that this
/// thread finishes in a round that starts at `first`.
Value MmaStreamKernel::getInShare(int64_t first) {
  int64_t total = exchange.share / numSums;
  Value id = b.add(b.thread, first);
  // Threads without an output compute one all the same: a condition would let
  // reads that belong to the start move down into it.
  return first + schedule.getThreads() > total ? b.min(id, b.index(total - 1))
                                               : id;
}

/// The number in the tile of the result `inShare` of this block's share.
Value MmaStreamKernel::getPlace(Value inShare) {
  return exchange.parts > 1
             ? b.add(inShare, b.mul(part, exchange.share / numSums))
             : inShare;
}

/// Asks for the scales of the sums that `finish` adds up.
void MmaStreamKernel::loadLastScales() {
  int64_t total = exchange.share / numSums;
  for (int64_t first = 0; first < total; first += schedule.getThreads()) {
    Value row =
        b.add(firstN, b.mul(b.rem(getPlace(getInShare(first)), outN), numSums));
    auto &scales = lastScales.emplace_back();
    for (int64_t s = 0; s < numSums; ++s) {
      Value n = b.add(row, s);
      if (problem.n % schedule.getTileN())
        n = b.min(n, b.index(problem.n - 1));
      scales.push_back(b.scaleToF32(b.loadScale(n, b.index(0))));
    }
  }
}

/// The sum at `at` of the warps', and of what other blocks sent for the sum
/// `inShare` of this block's.
Value MmaStreamKernel::getTotal(Value at, Value inShare) {
  Value sum = addWarps([&](int64_t further) -> Value {
    return memref::LoadOp::create(b, partials, ValueRange{b.add(at, further)});
  });
  for (int64_t sender = 0; sender < exchange.parts - 1; ++sender) {
    Value received = LLVM::LoadOp::create(
        b, b.getF32Type(),
        sharedByte(b.mul(inShare, 4), exchange.getReceived(sender)));
    sum = arith::AddFOp::create(b, sum, received);
  }
  return sum;
}

void MmaStreamKernel::finish() {
  if (exchange.parts > 1)
    exchangeSums();
  int64_t threads = schedule.getThreads(), total = exchange.share / numSums;
  bool isGuarded = problem.n % schedule.getTileN();
  for (int64_t first = 0, i = 0; first < total; first += threads, ++i) {
    Value inShare = getInShare(first), place = getPlace(inShare);
    Value inM = b.div(place, outN), inN = b.rem(place, outN);
    // The sums of a pair lie next to each other.
    Value at = b.add(b.mul(inM, exchange.pitch), b.mul(inN, numSums));
    SmallVector<Value> sums;
    for (int64_t s = 0; s < numSums; ++s) {
      Value sum = getTotal(b.add(at, s), b.add(b.mul(inShare, numSums), s));
      if (shrinkage != 1.0)
        sum = arith::MulFOp::create(
            b, sum, b.floatConstant(b.getF32Type(), 1.0 / shrinkage));
      if (problem.hasOneGroup())
        sum = arith::MulFOp::create(b, sum, lastScales[i][s]);
      sums.push_back(sum);
    }
    Value m = b.add(firstM, inM), n = b.add(b.mul(b.blockX, outN), inN);
    Value result = b.epilogue(sums, b.min(m, lastM),
                              isGuarded ? b.min(n, b.sub(b.outColumns, 1)) : n);
    Value writes = b.less(m, b.rows);
    if (first + threads > total)
      writes = b.createOrFold<arith::AndIOp>(
          writes, b.less(b.add(b.thread, first), b.index(total)));
    if (isGuarded)
      writes = b.createOrFold<arith::AndIOp>(writes, b.less(n, b.outColumns));
    b.ifThen(writes, [&] { b.store(result, m, n); });
  }
}
