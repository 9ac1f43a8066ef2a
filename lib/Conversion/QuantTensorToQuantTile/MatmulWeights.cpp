//===- MatmulWeights.cpp - Codes, scales and zero points of a kernel ------===//

#include "MatmulEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir;
using quant_tensor::FragmentLayout;
using quant_tensor::ScaledMatmulOp;

Value MatmulEmitter::getVectorPosition(Value g, Value t) {
  return add(mul(g, 4), rem(add(t, div(g, 2)), 4));
}

std::pair<Value, Value> MatmulEmitter::clampTile(Value row, Value column) {
  auto type = cast<MemRefType>(codes.getType());
  return {min(row, index(type.getDimSize(0) - 1)),
          min(column, index(type.getDimSize(1) - 1))};
}

SmallVector<Value> MatmulEmitter::loadWeights(Value row, Value column,
                                              bool inBounds) {
  if (!inBounds)
    std::tie(row, column) = clampTile(row, column);
  int64_t width = layout->getVectorWords();
  auto vector = VectorType::get({width}, getI32Type());
  Value first = mul(getVectorPosition(g, t), width);
  SmallVector<Value> words;
  for (int64_t i = 0; i < layout->getWordsPerLane(); i += width)
    words.push_back(load(vector, codes,
                         {row, column, add(first, i * FragmentLayout::lanes)}));
  return words;
}

SmallVector<Value> MatmulEmitter::getWeightAddresses(Value row, Value column,
                                                     bool inBounds) {
  if (!inBounds)
    std::tie(row, column) = clampTile(row, column);
  int64_t width = layout->getVectorWords();
  Value first = mul(getVectorPosition(g, t), width);
  SmallVector<Value> addresses;
  for (int64_t i = 0; i < layout->getWordsPerLane(); i += width)
    addresses.push_back(getAddress(
        codes, {row, column, add(first, i * FragmentLayout::lanes)}));
  return addresses;
}

Value MatmulEmitter::decode(ArrayRef<Value> words, int64_t segment,
                            int64_t step, int64_t p, Type type,
                            const DecodeForm &form) {
  int64_t width = layout->getVectorWords();
  return decode(
      layout->getRegister(segment, step, p),
      [&](int64_t word) {
        return this->element(words[word / width], word % width);
      },
      type, form);
}

Value MatmulEmitter::decode(ArrayRef<quant_tensor::FragmentPiece> pieces,
                            function_ref<Value(int64_t)> wordAt, Type type,
                            const DecodeForm &form) {
  Value word = wordAt(pieces[0].word);
  int64_t pair = pieces[0].first / layout->getPairStride();
  if (pieces.size() > 1) {
    // Move each piece to where it is in a code, and take those below from what
    // is there already.
    auto moved = [&](const quant_tensor::FragmentPiece &piece) {
      return createOrFold<arith::ShRUIOp>(
          wordAt(piece.word), wordConstant(piece.first - piece.codeBit));
    };
    word = moved(pieces[0]);
    pair = 0;
    constexpr uint32_t kSelect = 0xe4; // c ? a : b
    for (const quant_tensor::FragmentPiece &piece : pieces.drop_front()) {
      uint32_t below = (1u << piece.codeBit) - 1;
      word = quant_tile::Lop3Op::create(*this, getI32Type(), word, moved(piece),
                                        wordConstant(below << 16 | below),
                                        getI32IntegerAttr(kSelect));
    }
  }
  return decodePair(word, pair, type, form);
}

Value MatmulEmitter::decodePair(Value word, uint32_t pair, Type element,
                                const DecodeForm &form) {
  auto type = VectorType::get({2}, element);
  if (pairTable)
    return quant_tile::LookUpOp::create(*this, type, word, pair, pairTable,
                                        pairColumn);
  return quant_tile::DecodeOp::create(
      *this, type, word, pair, problem.encoding.getStorage(), form.biased,
      problem.encoding.getCodebook(), form.shrunk, form.scale, form.inPlace,
      form.minus, form.row);
}

void MatmulEmitter::fillPairTable(Value pointer, Type element, Value member,
                                  int64_t count) {
  using quant_tile::LookUpOp;
  constexpr int64_t kVector = 16, kParts = LookUpOp::entryBytes / kVector;
  // An entry is of one thread or, where there are more threads, of several.
  int64_t owners =
      llvm::bit_floor<uint64_t>(std::min<int64_t>(count, LookUpOp::entries));
  int64_t sharers =
      llvm::bit_floor<uint64_t>(std::clamp<int64_t>(count / owners, 1, kParts));
  auto word = [&](Value value) {
    return createOrFold<arith::IndexCastUIOp>(getI32Type(), value);
  };
  auto byteAt = [&](Value byte) -> Value {
    return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer,
                               ArrayRef<LLVM::GEPArg>{word(byte)});
  };
  auto fill = [&] {
    for (int64_t i = 0; i < LookUpOp::entries; i += owners) {
      Value entry = add(rem(member, owners), i);
      Value pair = bitcast(getI32Type(), decodePair(word(entry), 0, element));
      Value vector = vector::BroadcastOp::create(
          *this, VectorType::get({kVector / 4}, getI32Type()), pair);
      // Neighbours begin with different banks.
      Value first = add(member, mul(div(member, owners), kParts / sharers));
      for (int64_t j = 0; j < kParts / sharers; ++j) {
        Value part = rem(add(first, j), kParts);
        Value at =
            byteAt(add(mul(entry, LookUpOp::entryStride), mul(part, kVector)));
        LLVM::StoreOp::create(*this, vector, at, /*alignment=*/kVector);
      }
    }
  };
  int64_t threads = owners * sharers;
  if (threads == count)
    fill();
  else
    ifThen(less(member, index(threads)), fill);
  pairTable = pointer;
  pairColumn = word(mul(lane, 4));
}

bool MatmulEmitter::hasTiledParameters() const {
  return problem.encoding &&
         problem.encoding.withLayout(problem.schedule.getWeights())
             .hasTiledParameters();
}

Value MatmulEmitter::loadParameters(Value memref, Value row, Value group,
                                    int64_t count) {
  Type type = cast<MemRefType>(memref.getType()).getElementType();
  if (count > 1)
    type = VectorType::get({count}, type);
  return load(type, memref, {div(row, problem.getRowGroup()), group});
}

Value MatmulEmitter::loadTiledParameters(Value memref, Value tileRow,
                                         Value group, int64_t count) {
  int64_t groups = FragmentLayout::getTileGroups(problem.getGroup());
  auto type = cast<MemRefType>(memref.getType());
  Value element = mul(add(mul(g, groups), rem(group, groups)), index(2));
  return load(VectorType::get({2 * count}, type.getElementType()), memref,
              {tileRow, div(group, groups), element});
}

Value MatmulEmitter::loadParameter(Value memref, Value row, Value group) {
  if (!hasTiledParameters())
    return loadParameters(memref, row, group, 1);
  // `FragmentLayout::getParameterMap`.
  int64_t groups = FragmentLayout::getTileGroups(problem.getGroup());
  Value pair = add(mul(rem(row, 8), groups), rem(group, groups));
  Value half = div(rem(row, FragmentLayout::rows), 8);
  return load(cast<MemRefType>(memref.getType()).getElementType(), memref,
              {div(row, FragmentLayout::rows), div(group, groups),
               add(mul(pair, 2), half)});
}

Value MatmulEmitter::getBlockScaleIndex(Value row, Value column) {
  ScaledMatmulOp op = problem.op;
  quant_tensor::EncodingAttr encoding = op.getLhsEncoding();
  int64_t extent =
      encoding.getBlockExtent(encoding.getBlock().size() - 1, problem.k);
  return add(mul(row, llvm::divideCeil(problem.k, extent)),
             div(column, extent));
}

void MatmulEmitter::copyBlockScale(Value row, Value column, Value to) {
  constexpr int64_t bytes = 4;
  NVVM::CpAsyncOp::create(
      *this, to, getAddress(lhsScales, getBlockScaleIndex(row, column)), bytes,
      NVVM::LoadCacheModifierKind::CA, /*cpSize=*/Value());
}

Value MatmulEmitter::loadBlockScale(bool isLhs, Value row, Value column) {
  ScaledMatmulOp op = problem.op;
  quant_tensor::EncodingAttr encoding =
      isLhs ? op.getLhsEncoding() : op.getRhsEncoding();
  int64_t dims = encoding.getBlock().size();
  int64_t extent = encoding.getBlockExtent(dims - 1, problem.k);
  Value group = div(column, extent);
  if (isLhs)
    return scaleToF32(loadShared(encoding.getScale(), lhsScales,
                                 getBlockScaleIndex(row, column)));
  return scaleToF32(
      load(encoding.getScale(), scales,
           {div(row, encoding.getBlockExtent(0, problem.n)), group}));
}

Value MatmulEmitter::loadScale(Value row, Value group) {
  return loadParameter(scales, row, group);
}

Value MatmulEmitter::loadZeroPoint(Value row, Value group) {
  return loadParameter(zeroPoints, row, group);
}

Value MatmulEmitter::scaleToF32(Value scale) {
  Type f32 = getF32Type();
  Type type = scale.getType();
  if (type == f32)
    return scale;
  if (type.isBF16() || type.isF16())
    return arith::ExtFOp::create(*this, f32, scale);
  // 8-bit floats: no target converts them alone, so their bits are moved.
  Value bits = arith::ExtUIOp::create(
      *this, getI32Type(), arith::BitcastOp::create(*this, getI8Type(), scale));
  auto word = [&](uint32_t value) { return wordConstant(value); };
  if (isa<Float8E8M0FNUType>(type)) {
    // The exponent of f32, except 0, which is 2^-127 and subnormal there, and
    // 255, which is NaN where f32 has infinity: that would not do, as an
    // epilogue may make a number of it. Infinity times zero is NaN; a select
    // costs a register more, which makes kernels that stream spill.
    Value moved = arith::MaxUIOp::create(
        *this, arith::ShLIOp::create(*this, bits, word(23)), word(0x00400000));
    Value value = arith::BitcastOp::create(*this, f32, moved);
    return fma(value, floatConstant(f32, 0.0), value);
  }
  // f8E4M3FN: fields moved into place mean the value times 2^-120.
  Value fields = arith::AndIOp::create(*this, bits, word(0x7f));
  Value sign = arith::ShLIOp::create(
      *this, arith::AndIOp::create(*this, bits, word(0x80)), word(24));
  Value moved = arith::OrIOp::create(
      *this, arith::ShLIOp::create(*this, fields, word(20)), sign);
  Value value =
      arith::MulFOp::create(*this, arith::BitcastOp::create(*this, f32, moved),
                            floatConstant(f32, std::ldexp(1.0, 120)));
  Value nan = arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, fields,
                                    word(0x7f));
  return arith::SelectOp::create(
      *this, nan, arith::BitcastOp::create(*this, f32, word(0x7fc00000)),
      value);
}

Value MatmulEmitter::zeroPointToF32(Value zeroPoint, double bias) {
  Type f32 = getF32Type();
  Type type = zeroPoint.getType();
  auto addBias = [&](Value value) -> Value {
    if (bias == 0.0)
      return value;
    return arith::AddFOp::create(*this, value, floatConstant(f32, bias));
  };
  if (type == f32)
    return addBias(zeroPoint);
  if (isa<FloatType>(type))
    return addBias(arith::ExtFOp::create(*this, f32, zeroPoint));
  bool isUnsigned = problem.encoding.getZeroPoint().isUnsignedInteger();
  if (type.getIntOrFloatBitWidth() > 16)
    return addBias(
        isUnsigned
            ? arith::UIToFPOp::create(*this, f32, zeroPoint).getResult()
            : arith::SIToFPOp::create(*this, f32, zeroPoint).getResult());
  // Conversions are slow. The last bits of 2^23 in f32 count units, and what
  // they count beside zero points is taken away with the bias.
  double base = std::ldexp(1.0, 23);
  Value bits = arith::ExtUIOp::create(*this, getI32Type(), zeroPoint);
  uint32_t exponent = 0x4b000000;
  if (!isUnsigned) {
    // A signed integer with its top bit flipped is half the range more.
    uint32_t half = 1u << (type.getIntOrFloatBitWidth() - 1);
    exponent |= half;
    base += half;
  }
  // No bit of the exponent is one of theirs.
  Value raw = arith::XOrIOp::create(*this, bits, wordConstant(exponent));
  return arith::SubFOp::create(*this, arith::BitcastOp::create(*this, f32, raw),
                               floatConstant(f32, base - bias));
}

Value MatmulEmitter::zeroPointsToPair(Value both, Type element, bool shrunk) {
  auto pair = VectorType::get({2}, element);
  if (isa<FloatType>(problem.encoding.getZeroPoint())) {
    Value floats = bitcast(pair, both);
    if (!shrunk)
      return floats;
    double shrinkage = quant_tile::DecodeOp::getShrinkage(
        problem.encoding.getStorage(), element);
    return arith::MulFOp::create(*this, floats, floatConstant(pair, shrinkage));
  }
  // Decoded as codes are.
  bool isUnsigned = problem.encoding.getZeroPoint().isUnsignedInteger();
  auto storage = IntegerType::get(getContext(), 8,
                                  isUnsigned ? IntegerType::Unsigned
                                             : IntegerType::Signless);
  return quant_tile::DecodeOp::create(
      *this, pair, both, /*pair=*/0, storage,
      /*biased=*/false, /*codebook=*/quant_tensor::CodebookAttr(), shrunk);
}

double MatmulEmitter::getBiasOfZeroPoints(Type element) const {
  if (!hasZeroPoint())
    return 0.0;
  auto type = dyn_cast<IntegerType>(problem.encoding.getZeroPoint());
  if (!type || type.getWidth() > 8)
    return 0.0;
  double high = type.isUnsigned() ? std::ldexp(1.0, type.getWidth()) - 1
                                  : std::ldexp(1.0, type.getWidth() - 1) - 1;
  double low = type.isUnsigned() ? 0.0 : -high - 1;
  double bias = quant_tile::DecodeOp::getBias(
      problem.encoding.getStorage(), element, problem.encoding.getCodebook());
  double most = std::max(std::abs(bias + low), std::abs(bias + high));
  return most <= std::ldexp(1.0, element.isF16() ? 11 : 8) ? bias : 0.0;
}

Value MatmulEmitter::subtractZeroPoint(Value values, Value zeroPoint,
                                       double bias, double factor) {
  auto pair = cast<VectorType>(values.getType());
  // Of the values' own type: the difference is rounded once.
  if (zeroPoint.getType() == pair.getElementType() && bias == 0.0) {
    if (factor != 1.0)
      zeroPoint = arith::MulFOp::create(
          *this, zeroPoint, floatConstant(zeroPoint.getType(), factor));
    return arith::SubFOp::create(
        *this, values, vector::BroadcastOp::create(*this, pair, zeroPoint));
  }
  Value zero = zeroPointToF32(zeroPoint, bias);
  if (isa<IntegerType>(zeroPoint.getType()) &&
      zeroPoint.getType().getIntOrFloatBitWidth() <= 8) {
    // Codes and zero points of up to 8 bits: the difference is exact.
    Value narrow = arith::TruncFOp::create(*this, pair.getElementType(), zero);
    return arith::SubFOp::create(
        *this, values, vector::BroadcastOp::create(*this, pair, narrow));
  }
  if (factor != 1.0)
    zero =
        arith::MulFOp::create(*this, zero, floatConstant(getF32Type(), factor));
  auto wide = VectorType::get({2}, getF32Type());
  Value difference =
      arith::SubFOp::create(*this, arith::ExtFOp::create(*this, wide, values),
                            vector::BroadcastOp::create(*this, wide, zero));
  return arith::TruncFOp::create(*this, pair, difference);
}
