//===- DecodeToNVVM.cpp - Codes to 16-bit floats --------------------------===//
//
// A float whose low mantissa bits are a code is `2^m + code`: one `lop3` puts
// the code there and one packed subtraction takes `2^m` away, exactly. The low
// byte of bf16, mantissa and last bit of the exponent, is a line by itself
// where all other bits are zero, subnormals and the least normal numbers being
// as far apart: codes anywhere in a byte need no shift, but are shrunk, and the
// multiplication that makes them large can be by their scale. Codes whose
// values are no lines are looked up: `prmt` picks four bytes at a time of a
// table of eight in two registers, and four codes are its selector.
//
//===----------------------------------------------------------------------===//

#include "DecodeToNVVM.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir;

namespace {

// Truth tables of lop3.
constexpr unsigned kAndOr = 0xea;  // (a & b) | c
constexpr unsigned kAndXor = 0x6a; // (a & b) ^ c

/// Emits the decode of one pair.
class PairDecoder {
public:
  PairDecoder(OpBuilder &builder, Location loc, VectorType type, bool biased,
              Value minus, std::optional<uint32_t> row)
      : builder(builder), loc(loc), type(type),
        bf16(type.getElementType().isBF16()), biased(biased), minus(minus),
        row(row) {}

  /// Two codes of a narrow integer storage, at bits 0 and 16 of `word`.
  Value decodeNarrow(Value word, IntegerType storage) {
    unsigned width = storage.getWidth();
    uint32_t mask = (1u << width) - 1;
    // A signed code with its top bit flipped is the code plus half the range.
    uint32_t half = storage.isUnsigned() ? 0 : 1u << (width - 1);
    Value raw = lop3(word, both(mask), both(magic() | half), kAndXor);
    if (biased)
      return floats(raw);
    return subtract(floats(raw), magicValue() + half);
  }

  /// Two such codes of pair `pair`, biased, with their bits where they lie in
  /// `word` or as few of them moved as can be: the exponent is what makes units
  /// of them.
  Value decodeInPlace(Value word, unsigned pair, IntegerType storage) {
    unsigned width = storage.getWidth();
    unsigned move = quant_tile::DecodeOp::getMoveInPlace(
        storage, type.getElementType(), pair);
    unsigned place = pair * width - move;
    uint32_t mask = ((1u << width) - 1) << place;
    uint32_t half = storage.isUnsigned() ? 0 : 1u << (width - 1);
    uint32_t exponent = magic() - (place << (bf16 ? 7 : 10));
    return floats(lop3(moveUp(word, -static_cast<int>(move)), both(mask),
                       both(exponent | half << place), kAndXor));
  }

  /// Two such codes, at bits `first` and `first + 16` of `word`, to f16: its
  /// mantissa has room for them at several bits, so that few are moved. The
  /// subtraction makes them small, too.
  Value decodeInMantissa(Value word, int first, IntegerType storage) {
    static constexpr int kMantissa = 10;
    int width = storage.getWidth();
    auto getShift = [&](int place) {
      return place + width <= kMantissa ? place : std::max(place - 8, 0);
    };
    int shift = getShift(first);
    if (shift == 0 && !minus)
      return decodeNarrow(moveUp(word, -first), storage);
    uint32_t mask = ((1u << width) - 1) << shift;
    uint32_t half = storage.isUnsigned() ? 0 : 1u << (width - 1);
    Value raw = floats(lop3(moveUp(word, shift - first), both(mask),
                            both(magic() | half << shift), kAndXor));
    auto getRest = [&](int place) {
      return std::ldexp(-magicValue(), -getShift(place)) - half;
    };
    if (shift == 0)
      return LLVM::FAddOp::create(builder, loc, raw,
                                  lessMinus(first, width, getRest));
    Value factor = splat(std::ldexp(1.0, -shift));
    return LLVM::FMAOp::create(builder, loc, raw, factor,
                               lessMinus(first, width, getRest));
  }

  /// Two bytes, at bits 0 and 16 of `word`, to bf16: its mantissa has room for
  /// seven bits, so the top bit goes where it doubles 128 to 256.
  Value decodeByte(Value word, IntegerType storage) {
    Value low = floats(lop3(word, both(0x7f), both(magic()), kAndOr));
    if (!storage.isUnsigned()) {
      // (128 + low) - (128 + 128 top) = low - 128 top
      Value top = floats(lop3(word, both(0x80), both(magic()), kAndOr));
      return LLVM::FSubOp::create(builder, loc, low, top);
    }
    if (biased) {
      // (128 + low) - (256 - 128 top) = code - 128
      Value bottom =
          floats(lop3(word, both(0x80), both(magic() | 0x80), kAndXor));
      return LLVM::FSubOp::create(builder, loc, low, bottom);
    }
    // (128 + low - 256) + (128 + 128 top) = low + 128 top
    Value top = floats(lop3(word, both(0x80), both(magic()), kAndOr));
    return LLVM::FAddOp::create(builder, loc, subtract(low, 256.0), top);
  }

  /// Two codes of an integer storage, at bits `first` and `first + 16` of
  /// `word`, to be moved into the low byte: times `shrinkage`, and `scale`
  /// where there is one.
  Value decodeShrunk(Value word, int first, IntegerType storage,
                     double shrinkage, Value scale) {
    int width = storage.getWidth();
    // Codes that end in another byte are moved to this one's beginning.
    auto getShift = [&](int place) {
      return place % 8 + width <= 8 ? place % 8 : 0;
    };
    int shift = getShift(first);
    uint32_t mask = ((1u << width) - 1) << shift;
    uint32_t half = storage.isUnsigned() ? 0 : 1u << (width - 1);
    word = moveUp(word, shift - first);
    Value raw =
        floats(half ? lop3(word, both(mask), both(half << shift), kAndXor)
                    : binary<LLVM::AndOp>(word, both(mask)));
    // Pairs of one scale have these products in common. They are exact.
    auto scaled = [&](function_ref<double(int)> getFactor) -> Value {
      if (!scale)
        return splat(getFactor(first));
      return ofRow(LLVM::FMulOp::create(builder, loc, scale,
                                        ofRows(first, width, getFactor)));
    };
    // The unit of subnormals is 2^-133.
    Value factor = scaled([&](int place) {
      return std::ldexp(shrinkage, 133 - getShift(place));
    });
    auto getOffset = [&](int) { return -shrinkage * half; };
    if (minus)
      return LLVM::FMAOp::create(builder, loc, raw, factor,
                                 lessMinus(first, width, getOffset));
    if (!half)
      return LLVM::FMulOp::create(builder, loc, raw, factor);
    return LLVM::FMAOp::create(builder, loc, raw, factor, scaled(getOffset));
  }

  /// Float codes with `exponent` and `mantissa` bits and the given bias, at
  /// bits `first` and `first + 16` of `word`: their fields are moved into
  /// place, where they mean the value times a power of two, subnormals
  /// included.
  Value decodeFloat(Value word, int first, int exponent, int mantissa,
                    int bias) {
    int width = 1 + exponent + mantissa;
    int shift = (bf16 ? 7 : 10) - mantissa;
    uint32_t fields = ((1u << (width - 1)) - 1) << shift;
    Value magnitude = moveUp(word, shift - first);
    Value sign = moveUp(word, 16 - width - first);
    Value raw = lop3(magnitude, both(fields),
                     binary<LLVM::AndOp>(sign, both(0x8000)), kAndOr);
    double factor = std::ldexp(1.0, (bf16 ? 127 : 15) - bias);
    return LLVM::FMulOp::create(builder, loc, floats(raw), splat(factor));
  }

  /// Pair `pair` of four-bit codes that lie beside each other in `word`: the
  /// value of code `c` has the bits `table[c]`.
  Value lookUp(Value word, unsigned pair, ArrayRef<uint16_t> table) {
    Value low = lookUpBytes(word, pair / 2, table, /*shift=*/0);
    Value high = lookUpBytes(word, pair / 2, table, /*shift=*/8);
    // Bytes 2 i and 2 i + 1 of both, interleaved.
    return floats(permute(low, high, constant(pair % 2 ? 0x7362 : 0x5140)));
  }

  /// The codes at bits 0 and 16 of `word`, which are less than `table.size()`
  /// (4 or 8) once masked.
  Value lookUpApart(Value word, ArrayRef<uint16_t> table) {
    Value codes = binary<LLVM::AndOp>(
        word, both(static_cast<uint32_t>(table.size() - 1)));
    // The nibbles of the two codes, side by side.
    Value selector =
        binary<LLVM::OrOp>(codes, binary<LLVM::LShrOp>(codes, constant(12)));
    auto plane = [&](int shift) {
      return permute(constant(bytesOf(table, 0, shift)),
                     constant(bytesOf(table, table.size() > 4 ? 4 : 0, shift)),
                     selector);
    };
    return floats(permute(plane(0), plane(8), constant(0x5140)));
  }

  /// Values of f4E2M1FN: 1/4 is the last bit of 2^5 in bf16, of 2^8 in f16. So
  /// one byte of each is in the table, and less than 128.
  Value decodeE2M1(Value word, unsigned pair) {
    static constexpr int kQuarters[8] = {0, 2, 4, 6, 8, 12, 16, 24};
    uint16_t high = bf16 ? 0x4200 : 0x5c00;
    SmallVector<uint16_t> table;
    for (int code = 0; code < 16; ++code)
      table.push_back(
          high | (64 + (code < 8 ? kQuarters[code] : -kQuarters[code - 8])));
    Value value = lookUp(word, pair, table);
    return biased ? value : subtract(value, bf16 ? 48.0 : 272.0);
  }

  /// Values of a codebook, rounded to nearest even.
  SmallVector<uint16_t> getTable(quant_tensor::CodebookAttr codebook) {
    SmallVector<uint16_t> table;
    for (double entry : codebook.getValues()) {
      APFloat value(static_cast<double>(static_cast<float>(entry)));
      bool losesInfo;
      value.convert(cast<FloatType>(type.getElementType()).getFloatSemantics(),
                    APFloat::rmNearestTiesToEven, &losesInfo);
      table.push_back(value.bitcastToAPInt().getZExtValue());
    }
    return table;
  }

  /// `word` moved up by `bits`, down where that is negative.
  Value moveUp(Value word, int bits) {
    if (bits == 0)
      return word;
    return bits > 0 ? binary<LLVM::ShlOp>(word, constant(bits))
                    : binary<LLVM::LShrOp>(word, constant(-bits));
  }

private:
  /// Bits [shift, shift + 8) of four entries of `table` from `first` on.
  static uint32_t bytesOf(ArrayRef<uint16_t> table, size_t first, int shift) {
    uint32_t bytes = 0;
    for (size_t i = 0; i < 4; ++i)
      bytes |= (table[first + i] >> shift & 0xffu) << (8 * i);
    return bytes;
  }

  /// One byte of the values of the four codes in half `half` of `word`.
  Value lookUpBytes(Value word, unsigned half, ArrayRef<uint16_t> table,
                    int shift) {
    std::array<uint32_t, 4> bytes;
    for (size_t i = 0; i < 4; ++i)
      bytes[i] = bytesOf(table, 4 * i, shift);
    if (llvm::all_equal(bytes) && bytes[0] == (bytes[0] & 0xff) * 0x01010101u)
      return constant(bytes[0]);
    auto upper = [&](Value selector) {
      return half ? binary<LLVM::LShrOp>(selector, constant(16)) : selector;
    };
    // Codes from 8 on have the bit in which prmt copies the sign of the byte
    // that it picks. Where all signs are 0, that is a zero in one of the halves
    // of the table, and either half can be added.
    if (llvm::none_of(bytes, [](uint32_t b) { return b & 0x80808080u; })) {
      Value flipped = binary<LLVM::XOrOp>(word, constant(0x88888888u));
      return binary<LLVM::OrOp>(
          permute(constant(bytes[0]), constant(bytes[1]), upper(word)),
          permute(constant(bytes[2]), constant(bytes[3]), upper(flipped)));
    }
    Value within = binary<LLVM::AndOp>(word, constant(0x77777777u));
    // Byte i of the first or of the second half, by the top bit of code i.
    Value which = lop3(binary<LLVM::LShrOp>(word, constant(1)),
                       constant(0x44444444u), constant(0x32103210u), kAndOr);
    Value selector = upper(within);
    return permute(permute(constant(bytes[0]), constant(bytes[1]), selector),
                   permute(constant(bytes[2]), constant(bytes[3]), selector),
                   upper(which));
  }

  Value permute(Value low, Value high, Value selector) {
    return NVVM::PermuteOp::create(builder, loc, builder.getI32Type(), low,
                                   high, selector, NVVM::PermuteMode::DEFAULT);
  }
  Value constant(uint32_t value) {
    return LLVM::ConstantOp::create(builder, loc, builder.getI32Type(),
                                    builder.getI32IntegerAttr(value));
  }
  /// `half` in both halves of a word.
  Value both(uint32_t half) { return constant(half << 16 | half); }
  /// Bits of 2^7 (bf16) or 2^10 (f16), whose mantissa is zero.
  uint32_t magic() { return bf16 ? 0x4300 : 0x6400; }
  double magicValue() { return bf16 ? 128.0 : 1024.0; }
  Value floats(Value word) {
    return LLVM::BitcastOp::create(builder, loc, type, word);
  }
  Value splat(double value) {
    FloatAttr element = builder.getFloatAttr(type.getElementType(), value);
    return LLVM::ConstantOp::create(
        builder, loc, type, DenseElementsAttr::get(type, element.getValue()));
  }
  /// `getValue` of the place of this pair, at bit `first`, for its row, and for
  /// the other row of the place of the pair beside it. Where this is the other
  /// row's place, both are of this one: nobody reads the other then.
  Value ofRows(int first, int width, function_ref<double(int)> getValue) {
    int pair = first / width;
    if (!row || pair % 2 != static_cast<int>(*row))
      return splat(getValue(first));
    int even = pair / 2 * 2;
    FloatType element = cast<FloatType>(type.getElementType());
    SmallVector<Attribute> values;
    for (int place : {even * width, (even + 1) * width})
      values.push_back(builder.getFloatAttr(element, getValue(place)));
    return LLVM::ConstantOp::create(builder, loc, type,
                                    DenseElementsAttr::get(type, values));
  }
  /// The element of this pair's row, twice, or each code's own.
  Value ofRow(Value value) {
    if (!row)
      return value;
    int32_t element = *row;
    return LLVM::ShuffleVectorOp::create(builder, loc, value, value,
                                         {element, element});
  }
  /// Numbers less what is taken from each value. Values that have the latter
  /// in common have this in common, too.
  Value lessMinus(int first, int width, function_ref<double(int)> getValue) {
    if (!minus)
      return splat(getValue(first));
    Value numbers = ofRows(first, width, getValue);
    bool isZero = getValue(first) == 0.0;
    return ofRow(
        isZero
            ? LLVM::FNegOp::create(builder, loc, minus).getResult()
            : LLVM::FSubOp::create(builder, loc, numbers, minus).getResult());
  }
  Value subtract(Value a, double value) {
    return LLVM::FSubOp::create(builder, loc, a, splat(value));
  }
  Value lop3(Value a, Value b, Value c, unsigned table) {
    return quant_tile::Lop3Op::create(builder, loc, builder.getI32Type(), a, b,
                                      c, builder.getI32IntegerAttr(table));
  }
  template <typename Op> Value binary(Value a, Value b) {
    return Op::create(builder, loc, a, b);
  }

  OpBuilder &builder;
  Location loc;
  VectorType type;
  bool bf16;
  /// Leave `DecodeOp::getBias` on the values.
  bool biased;
  /// Taken from each value, where there is one.
  Value minus;
  /// Which element of `minus`, and of the scales, both codes have.
  std::optional<uint32_t> row;
};

} // namespace

Value quantmlir::emitDecode(OpBuilder &builder, Location loc, Value word,
                            unsigned pair, Type storage, VectorType type,
                            bool biased, bool inPlace, bool shrunk, Value scale,
                            Value minus, std::optional<uint32_t> row,
                            quant_tensor::CodebookAttr codebook) {
  PairDecoder decoder(builder, loc, type, biased, minus, row);
  int width = storage.getIntOrFloatBitWidth(), first = pair * width;
  if (codebook) {
    SmallVector<uint16_t> table = decoder.getTable(codebook);
    return width == 4
               ? decoder.lookUp(word, pair, table)
               : decoder.lookUpApart(decoder.moveUp(word, -first), table);
  }
  if (auto integer = dyn_cast<IntegerType>(storage)) {
    if (shrunk)
      return decoder.decodeShrunk(
          word, first, integer,
          quant_tile::DecodeOp::getShrinkage(storage, type.getElementType(),
                                             codebook, scale != nullptr),
          scale);
    if (width < 8 && inPlace)
      return decoder.decodeInPlace(word, pair, integer);
    if (type.getElementType().isF16() && !biased && (width < 8 || minus))
      return decoder.decodeInMantissa(word, first, integer);
    Value codes = decoder.moveUp(word, -first);
    if (width == 8 && type.getElementType().isBF16())
      return decoder.decodeByte(codes, integer);
    return decoder.decodeNarrow(codes, integer);
  }
  if (isa<Float4E2M1FNType>(storage))
    return decoder.decodeE2M1(word, pair);
  if (isa<Float8E5M2Type>(storage))
    return decoder.decodeFloat(word, first, 5, 2, 15);
  return decoder.decodeFloat(word, first, 4, 3, 7);
}
