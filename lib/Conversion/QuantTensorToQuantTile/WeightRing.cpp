//===- WeightRing.cpp - Codes on their way through shared memory ----------===//

#include "WeightRing.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;

WeightRing::WeightRing(MatmulEmitter &b, const StepShape &shape, Value base,
                       int64_t threads, int64_t slots)
    : b(b), shape(shape), base(base), threads(threads), slots(slots) {
  const FragmentLayout &layout = b.getCodesLayout();
  tiles = shape.columns / layout.getColumns();
  vectors = layout.getWordsPerLane() / layout.getVectorWords();
  vectorBytes = layout.getVectorWords() * 4;
}

Value WeightRing::getSlot(Value step) {
  // Vectors of neighbouring threads lie behind each other, so that no two lanes
  // want the same bank.
  int64_t bytes = shape.rowTiles * tiles * vectors * threads * vectorBytes;
  Value offset =
      b.add(b.mul(b.rem(step, slots), bytes), b.mul(b.thread, vectorBytes));
  return LLVM::GEPOp::create(
      b, base.getType(), b.getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{
          b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(), offset)});
}

Value WeightRing::at(Value slot, int64_t vector) {
  return LLVM::GEPOp::create(b, slot.getType(), b.getI8Type(), slot,
                             ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(
                                 vector * threads * vectorBytes)});
}

void WeightRing::fetch(Value step, Value firstRow, Value firstColumn) {
  // Only copies of 16 bytes pass by L1.
  constexpr int64_t wide = 16;
  auto cache = vectorBytes == wide ? NVVM::LoadCacheModifierKind::CG
                                   : NVVM::LoadCacheModifierKind::CA;
  Value slot = getSlot(step);
  int64_t vector = 0;
  StepWords::forEachTile(
      b, shape, firstRow, firstColumn, [&](Value tileRow, Value tileColumn) {
        for (Value from :
             b.getWeightAddresses(tileRow, tileColumn, shape.wordsInside))
          NVVM::CpAsyncOp::create(b, at(slot, vector++), from, vectorBytes,
                                  cache,
                                  /*cpSize=*/Value());
      });
  NVVM::CpAsyncCommitGroupOp::create(b);
}

StepWords WeightRing::read(Value step, int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, pending);
  Value slot = getSlot(step);
  auto type = VectorType::get({vectorBytes / 4}, b.getI32Type());
  int64_t vector = 0;
  StepWords words;
  for (int64_t r = 0; r < shape.rowTiles; ++r) {
    auto &row = words.tiles.emplace_back();
    for (int64_t c = 0; c < tiles; ++c) {
      auto &tile = row.emplace_back();
      for (int64_t i = 0; i < vectors; ++i)
        tile.push_back(
            LLVM::LoadOp::create(b, type, at(slot, vector++), vectorBytes));
    }
  }
  return words;
}
