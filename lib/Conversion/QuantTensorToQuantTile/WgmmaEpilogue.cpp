//===- WgmmaEpilogue.cpp - From accumulators to the result ----------------===//
//
// A thread of a warpgroup owns, of each 64 rows and 8 columns, two neighbours
// in row lane / 4 of its warp's 16 rows and the two eight rows below. The
// epilogue's region runs on each, or on both neighbours together where rows of
// weights are pairs.
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
using quantmlir::schedule::WgmmaSplit;

/// Columns that share four accumulators of a thread.
static constexpr int64_t kColumns = 8;

/// What the epilogue reads for a thread's four accumulators of 8 columns,
/// `column8` * 8 on of a chunk that starts at (firstRow, firstColumn).
WgmmaKernel::Operands
WgmmaKernel::loadOperands(Value firstRow, Value firstColumn, int64_t column8) {
  // Reads beyond the last row or column are of the last one: what they give is
  // not stored.
  auto clamp = [&](Value value, Value last) {
    return toIndex(b.createOrFold<arith::MinUIOp>(value, last));
  };
  int64_t n = problem.getOutColumns(), width = kColumns / problem.numSums;
  bool isOdd = n % 2, isGuarded = problem.hasRaggedN();
  Value row = add(firstRow, add(mul(warp, 16), div(lane, word(4))));
  Value lastRow = sub(rows, word(1));
  Value place = mul(rem(lane, word(4)), 2 / problem.numSums), column;
  if (isGuarded && n % (2 * width) == 0) {
    // Columns exist by pairs of eight or not at all: the warp chooses for all
    // its lanes, and takes no registers of theirs.
    Value pair = add(firstColumn, column8 / 2 * 2 * width);
    pair = b.createOrFold<arith::MinUIOp>(pair, word(n - 2 * width));
    column = add(add(pair, place), column8 % 2 * width);
    isGuarded = false;
  } else {
    column = add(add(firstColumn, place), column8 * width);
  }
  if (problem.numSums == 2) {
    Value at = isGuarded ? clamp(column, word(n - 1)) : toIndex(column);
    Operands operands;
    for (int64_t half = 0; half < 2; ++half)
      operands[half][0] =
          b.loadEpilogue(clamp(add(row, 8 * half), lastRow), at);
    return operands;
  }
  SmallVector<Value> pairColumns;
  if (!isGuarded)
    pairColumns = {toIndex(column), toIndex(add(column, 1))};
  else if (isOdd)
    pairColumns = {clamp(column, word(n - 1)),
                   clamp(add(column, 1), word(n - 1))};
  else
    pairColumns = {clamp(column, word(n - 2))};
  if (pairColumns.size() == 1)
    pairColumns.push_back(b.add(pairColumns[0], 1));
  return {b.loadEpiloguePair(clamp(row, lastRow), pairColumns),
          b.loadEpiloguePair(clamp(add(row, 8), lastRow), pairColumns)};
}

/// The same for all columns of the chunk.
SmallVector<WgmmaKernel::Operands> WgmmaKernel::loadChunkOperands(Place place) {
  SmallVector<Operands> operands;
  for (int64_t i = 0; i < split.chunkColumns / kColumns; ++i)
    operands.push_back(loadOperands(place.row, place.column, i));
  return operands;
}

/// The results of a thread's four `accumulators` of 8 columns: four, or of
/// pairs two, the second eight rows down.
SmallVector<Value> WgmmaKernel::results(ArrayRef<Value> accumulators,
                                        const Operands &operands) {
  SmallVector<Value> values;
  for (int64_t half = 0; half < 2; ++half) {
    ArrayRef<Value> both = accumulators.slice(half * 2, 2);
    if (problem.numSums == 2)
      values.push_back(b.runEpilogue(both, operands[half][0]));
    else
      llvm::append_range(values, b.runEpiloguePair(both, operands[half]));
  }
  return values;
}

/// Whether there are registers for what the epilogue reads for one chunk and
/// for the next one beside all accumulators.
bool WgmmaKernel::loadsAhead() {
  // Columns that end anywhere have an address each.
  constexpr int64_t most = 160;
  return split.getAccumulators() <= most && problem.n % (2 * kColumns) == 0 &&
         !schedule.getPromote() && !problem.hasLargeEpilogue &&
         b.readsVectors();
}

/// Writes the results of 64 rows of 16 columns of a tile, columns `column8` * 8
/// on of a chunk.
void WgmmaKernel::stage(int64_t buffer, int64_t column8, ArrayRef<Value> left,
                        ArrayRef<Value> right) {
  int64_t bytes = left[0].getType().getIntOrFloatBitWidth() / 8;
  if (bytes == 2 && problem.numSums == 1) {
    // stmatrix: lane l gives the address of row l % 8 of 8x8 matrix l / 8;
    // matrices 1 and 3 are eight rows down, 2 and 3 eight columns on.
    SmallVector<Value> words;
    for (ArrayRef<Value> values : {left, right})
      for (int64_t half = 0; half < 2; ++half)
        words.push_back(packPair(b, values.slice(half * 2, 2)));
    Value row = add(mul(warp, 16), rem(lane, word(16)));
    Value byte = add(mul(div(lane, word(16)), 16), column8 * 16);
    NVVM::StMatrixOp::create(
        b, chunkByte(buffer, exchange(row, byte)), words, NVVM::MMALayout::row,
        NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
        NVVM::LdStMatrixEltType::B16);
    return;
  }
  // A thread's neighbours of a row, or the one result of a pair: stmatrix would
  // want those of two lanes together, and four lanes write neighbours, rows to
  // other banks, in any case.
  ArrayRef<Value> sides[] = {left, right};
  int64_t count = 2 / problem.numSums;
  for (auto [i, values] : llvm::enumerate(sides))
    for (int64_t half = 0; half < 2; ++half) {
      Value row = add(mul(warp, 16), div(lane, word(4)));
      int64_t first = (column8 + i) * kColumns / problem.numSums;
      Value byte = mul(add(mul(rem(lane, word(4)), count), first), bytes);
      ArrayRef<Value> own = values.slice(half * count, count);
      Value bits =
          count == 2
              ? packPair(b, own)
              : arith::BitcastOp::create(b, b.getIntegerType(8 * bytes), own[0])
                    .getResult();
      LLVM::StoreOp::create(b, bits,
                            chunkByte(buffer, exchange(row, byte), 8 * half),
                            /*alignment=*/count * bytes);
    }
}

/// The accumulators of a chunk of a consumer's part of a tile: of each 8
/// columns a thread has four.
SmallVector<Value> WgmmaKernel::getChunk(ArrayRef<Value> accumulators,
                                         int64_t chunk) {
  int64_t count = split.chunkColumns / 2;
  int64_t first = chunk % split.getChunksOfBlock() * count;
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(
        b, accumulators[chunk / split.getChunksOfBlock()], first + i));
  return values;
}

/// Where chunk `chunk` of a consumer's part of a tile starts, which starts at
/// `tile`.
WgmmaKernel::Place WgmmaKernel::locateChunk(Place tile, Value chunk) {
  Value perBlock = word(split.getChunksOfBlock());
  return {
      add(tile.row, mul(div(chunk, perBlock), WgmmaLayout::chunkRows)),
      add(tile.column, mul(rem(chunk, perBlock), split.getResultColumns()))};
}

/// Computes chunk `chunk`, which starts at `place`, and stores it. `operands`:
/// what the epilogue reads, where that was read before.
void WgmmaKernel::finishChunk(ArrayRef<Value> accumulators, int64_t chunk,
                              Place place, ArrayRef<Operands> operands) {
  auto computeColumns = [&](int64_t i) {
    return results(accumulators.slice(i * 4, 4),
                   operands.empty() ? loadOperands(place.row, place.column, i)
                                    : operands[i]);
  };
  SmallVector<SmallVector<Value>> values;
  auto compute = [&] {
    for (int64_t i = 0; i < split.chunkColumns / kColumns; ++i)
      values.push_back(computeColumns(i));
  };
  // Operands arrive while the buffer's last chunk leaves it. Not for the first
  // chunk, whose buffer is free: ptxas would move the arithmetic up among the
  // multiplications, and serialize them.
  // Nor where registers are short.
  bool isTight = split.getAccumulators() > WgmmaSplit::manyAccumulators;
  bool isAhead = chunk >= split.parts && !isTight;
  if (isAhead)
    compute();
  // Blocks that share K do not all have the same number of chunks: the first
  // waits for all of the tile before.
  int64_t count = split.parts > 1 ? 1 : split.getChunks();
  storeChunk(chunk / split.parts, count, place.row, place.column,
             [&](int64_t buffer) {
               if (isTight) {
                 for (int64_t i = 0; i < split.chunkColumns / kColumns; i += 2)
                   stage(buffer, i, computeColumns(i), computeColumns(i + 1));
                 return;
               }
               if (!isAhead)
                 compute();
               for (size_t i = 0; i < values.size(); i += 2)
                 stage(buffer, i, values[i], values[i + 1]);
             });
}

/// What the epilogue reads for this block's first chunk of a part of a tile
/// that starts at `tile`, if there are registers for it: to be asked for while
/// multiplications, and the other blocks' sums, are waited for.
SmallVector<WgmmaKernel::Operands> WgmmaKernel::loadFirstOperands(Place tile) {
  if (!loadsAhead())
    return {};
  return loadChunkOperands(locateChunk(tile, split.parts > 1 ? part : word(0)));
}

/// From a tile's accumulators to the result, a consumer's part of which starts
/// at `start`. `first`: what loadFirstOperands gave. With split K, `parity` is
/// that of this block's tile `tile`.
void WgmmaKernel::finish(ArrayRef<Value> accumulators, Place start,
                         SmallVector<Operands> first, Value parity,
                         Value tile) {
  auto place = [&](int64_t chunk) { return locateChunk(start, word(chunk)); };
  if (split.parts == 1) {
    for (int64_t chunk = 0; chunk < split.getChunks(); ++chunk) {
      SmallVector<Operands> next;
      if (loadsAhead() && chunk + 1 < split.getChunks())
        next = loadChunkOperands(place(chunk + 1));
      finishChunk(getChunk(accumulators, chunk), chunk, place(chunk), first);
      first = std::move(next);
    }
    return;
  }
  finishSums([&](int64_t chunk) { return getChunk(accumulators, chunk); },
             parity, tile,
             [&](int64_t chunk, ArrayRef<Value> values) {
               finishChunk(values, chunk, place(chunk),
                           chunk < split.parts ? ArrayRef<Operands>(first)
                                               : ArrayRef<Operands>());
             });
}
