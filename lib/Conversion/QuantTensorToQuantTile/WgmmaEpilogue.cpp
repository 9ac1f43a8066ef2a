//===- WgmmaEpilogue.cpp - From accumulators to the result ----------------===//
//
// A thread of a warpgroup owns, of each 64 rows and 8 columns, two neighbours
// in row lane / 4 of its warp's 16 rows and the two eight rows below. The
// epilogue's region runs on each.
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
        words.push_back(packPair(b, values.slice(half * 2, 2)));
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
      LLVM::StoreOp::create(b, packPair(b, values.slice(half * 2, 2)),
                            chunkByte(buffer, exchange(row, byte)),
                            /*alignment=*/2 * bytes);
    }
}

void WgmmaKernel::finish(ArrayRef<Value> accumulators, Value firstRow,
                         Value firstColumn) {
  int64_t chunks = columns / output.columns, width = output.columns / kColumns;
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      Value chunkRow = add(firstRow, block * WgmmaLayout::chunkRows);
      storeChunk(block * chunks + chunk, blocks * chunks, chunkRow,
                 add(firstColumn, chunk * output.columns), [&](int64_t buffer) {
                   Value row =
                       add(chunkRow, add(mul(warp, 16), div(lane, word(4))));
                   Value column = add(firstColumn, mul(rem(lane, word(4)), 2));
                   auto get = [&](int64_t i) {
                     return results(accumulators[block], chunk * width + i, row,
                                    column);
                   };
                   for (int64_t i = 0; i < width; i += 2) {
                     SmallVector<Value> left = get(i), right = get(i + 1);
                     stage(buffer, i, left, right);
                   }
                 });
    }
}
