//===- RowVectors.cpp - A thread's columns as vectors, words, elements ----===//

#include "RowVectors.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

SmallVector<Value> quantmlir::extractAll(OpBuilder &b, Location loc,
                                         ArrayRef<Value> vectors) {
  SmallVector<Value> elements;
  for (Value vector : vectors) {
    auto type = dyn_cast<VectorType>(vector.getType());
    if (!type)
      elements.push_back(vector);
    for (int64_t i = 0; type && i < type.getNumElements(); ++i)
      elements.push_back(vector::ExtractOp::create(b, loc, vector, i));
  }
  return elements;
}

Value quantmlir::hideWord(OpBuilder &b, Location loc, Value word) {
  // Neither LLVM nor ptxas sees a value through the instruction.
  constexpr int32_t kFirst = 0xf0;
  Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
  return Lop3Op::create(b, loc, b.getI32Type(), word, zero, zero,
                        b.getI32IntegerAttr(kFirst));
}

Value quantmlir::hideVector(OpBuilder &b, Location loc, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  int64_t bits = type.getNumElements() * type.getElementTypeBitWidth();
  if (bits % 32)
    return vector;
  auto words = VectorType::get({bits / 32}, b.getI32Type());
  Value packed = vector::BitCastOp::create(b, loc, words, vector);
  SmallVector<Value> hidden;
  for (int64_t i = 0; i < bits / 32; ++i)
    hidden.push_back(
        hideWord(b, loc, vector::ExtractOp::create(b, loc, packed, i)));
  packed = vector::FromElementsOp::create(b, loc, words, hidden);
  return vector::BitCastOp::create(b, loc, type, packed);
}

/// Whether `count` elements of `type` are whole words, and more than one in
/// each.
static bool isPacked(Type type, int64_t count) {
  int64_t bits = type.getIntOrFloatBitWidth();
  return bits < 32 && bits * count % 32 == 0;
}

static SmallVector<Value> packBytes(OpBuilder &b, Location loc,
                                    ArrayRef<Value> elements) {
  // Three permutations for four bytes, of the words that they are the low ones
  // of; LLVM would shift and mask.
  Type word = b.getI32Type();
  auto getWord = [&](Value element) -> Value {
    auto narrow = element.getDefiningOp<arith::TruncIOp>();
    if (!narrow || narrow.getIn().getType() != word)
      return arith::ExtUIOp::create(b, loc, word, element);
    // Without what changes higher bits only.
    Value wide = narrow.getIn();
    APInt bits;
    if (auto mask = wide.getDefiningOp<arith::AndIOp>())
      if (matchPattern(mask.getRhs(), m_ConstantInt(&bits)) &&
          bits.countr_one() >= 8)
        wide = mask.getLhs();
    if (auto moved = wide.getDefiningOp<arith::SubIOp>())
      if (matchPattern(moved.getRhs(), m_ConstantInt(&bits)) &&
          bits.countr_zero() >= 8)
        wide = moved.getLhs();
    return wide;
  };
  auto permute = [&](Value low, Value high, int32_t selector) -> Value {
    return NVVM::PermuteOp::create(
        b, loc, word, low, high,
        arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(selector)),
        NVVM::PermuteMode::DEFAULT);
  };
  SmallVector<Value> words;
  for (; !elements.empty(); elements = elements.drop_front(4)) {
    Value low = permute(getWord(elements[0]), getWord(elements[1]), 0x0040);
    Value high = permute(getWord(elements[2]), getWord(elements[3]), 0x0040);
    words.push_back(permute(low, high, 0x5410));
  }
  return words;
}

SmallVector<Value> quantmlir::packElements(OpBuilder &b, Location loc,
                                           ArrayRef<Value> elements) {
  Type type = elements.front().getType();
  int64_t count = elements.size();
  if (!isPacked(type, count))
    return SmallVector<Value>(elements);
  if (type.isInteger(8))
    return packBytes(b, loc, elements);
  auto words = VectorType::get({type.getIntOrFloatBitWidth() * count / 32},
                               b.getI32Type());
  Value vector = vector::FromElementsOp::create(
      b, loc, VectorType::get({count}, type), elements);
  return extractAll(
      b, loc, {vector::BitCastOp::create(b, loc, words, vector).getResult()});
}

SmallVector<Value> quantmlir::unpackElements(OpBuilder &b, Location loc,
                                             ValueRange &packed, int64_t count,
                                             Type type) {
  if (!isPacked(type, count)) {
    SmallVector<Value> elements(packed.take_front(count));
    packed = packed.drop_front(count);
    return elements;
  }
  int64_t words = type.getIntOrFloatBitWidth() * count / 32;
  Value vector = vector::FromElementsOp::create(
      b, loc, VectorType::get({words}, b.getI32Type()),
      packed.take_front(words));
  packed = packed.drop_front(words);
  return extractAll(
      b, loc,
      {vector::BitCastOp::create(b, loc, VectorType::get({count}, type), vector)
           .getResult()});
}

Value quantmlir::joinElements(OpBuilder &b, Location loc,
                              ArrayRef<Value> elements) {
  auto type = VectorType::get({static_cast<int64_t>(elements.size())},
                              elements.front().getType());
  auto join = [&]() -> Value {
    return vector::FromElementsOp::create(b, loc, type, elements);
  };
  // Behind a branch, LLVM would take words apart to put them together again.
  auto getPlace = [](Value element) -> std::pair<Value, int64_t> {
    auto extract = element.getDefiningOp<vector::ExtractOp>();
    if (!extract || extract.getStaticPosition().size() != 1 ||
        extract.hasDynamicPosition())
      return {};
    return {extract.getSource(), extract.getStaticPosition()[0]};
  };
  auto [source, first] = getPlace(elements.front());
  auto cast = source ? source.getDefiningOp<vector::BitCastOp>() : nullptr;
  auto all =
      cast ? cast.getSource().getDefiningOp<vector::FromElementsOp>() : nullptr;
  if (!all)
    return join();
  int64_t bits = type.getElementTypeBitWidth();
  int64_t wordBits = all.getType().getElementTypeBitWidth();
  if (first * bits % wordBits || type.getNumElements() * bits % wordBits)
    return join();
  for (auto [i, element] : llvm::enumerate(elements))
    if (getPlace(element) != std::pair(source, first + static_cast<int64_t>(i)))
      return join();
  ValueRange words = all.getElements().slice(
      first * bits / wordBits, type.getNumElements() * bits / wordBits);
  Value packed = vector::FromElementsOp::create(
      b, loc,
      VectorType::get({static_cast<int64_t>(words.size())},
                      all.getType().getElementType()),
      words);
  return vector::BitCastOp::create(b, loc, type, packed);
}
