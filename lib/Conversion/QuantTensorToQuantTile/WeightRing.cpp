//===- WeightRing.cpp - Codes on their way through shared memory ----------===//

#include "WeightRing.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;

WeightRing::WeightRing(MatmulEmitter &b, const StepShape &shape, Value base,
                       int64_t slotBytes)
    : b(b), shape(shape), base(base), slotBytes(slotBytes),
      vectorBytes(b.getCodesLayout().getVectorWords() * 4),
      stride(vectorBytes * b.problem.schedule.getThreads()) {}

Value WeightRing::getSlot(Value step) {
  // Vectors of neighbouring threads lie behind each other, so that no two lanes
  // want the same bank.
  Value slot = b.rem(step, b.problem.schedule.getRing());
  Value offset = b.add(b.mul(slot, slotBytes), b.mul(b.thread, vectorBytes));
  return LLVM::GEPOp::create(
      b, base.getType(), b.getI8Type(), base,
      ArrayRef<LLVM::GEPArg>{
          b.createOrFold<arith::IndexCastUIOp>(b.getI32Type(), offset)});
}

Value WeightRing::at(Value slot, int64_t vector) {
  return LLVM::GEPOp::create(
      b, slot.getType(), b.getI8Type(), slot,
      ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(vector * stride)});
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
  const FragmentLayout &layout = b.getCodesLayout();
  int64_t vectors = layout.getWordsPerLane() / layout.getVectorWords();
  StepWords words = {{}, shape.columns / layout.getColumns()};
  words.tiles.resize(shape.rowTiles * words.columnTiles);
  int64_t vector = 0;
  for (auto &tile : words.tiles)
    for (int64_t i = 0; i < vectors; ++i)
      tile.push_back(
          LLVM::LoadOp::create(b, type, at(slot, vector++), vectorBytes));
  return words;
}
