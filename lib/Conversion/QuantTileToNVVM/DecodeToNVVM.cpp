//===- DecodeToNVVM.cpp - Codes to 16-bit floats --------------------------===//
//
// A float whose low mantissa bits are a code is `2^m + code`: one `lop3` puts
// the code there and one packed subtraction takes `2^m` away, exactly.
//
//===----------------------------------------------------------------------===//

#include "DecodeToNVVM.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using namespace quantmlir;

namespace {

// Truth tables of lop3.
constexpr unsigned kAndOr = 0xea;  // (a & b) | c
constexpr unsigned kAndXor = 0x6a; // (a & b) ^ c

/// Emits the decode of one pair.
class PairDecoder {
public:
  PairDecoder(OpBuilder &builder, Location loc, VectorType type, bool biased)
      : builder(builder), loc(loc), type(type),
        bf16(type.getElementType().isBF16()), biased(biased) {}

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

  /// `word` moved up by `bits`, down where that is negative.
  Value moveUp(Value word, int bits) {
    if (bits == 0)
      return word;
    return bits > 0 ? binary<LLVM::ShlOp>(word, constant(bits))
                    : binary<LLVM::LShrOp>(word, constant(-bits));
  }

private:
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
};

} // namespace

Value quantmlir::emitDecode(OpBuilder &builder, Location loc, Value word,
                            unsigned pair, Type storage, VectorType type,
                            bool biased) {
  PairDecoder decoder(builder, loc, type, biased);
  int width = storage.getIntOrFloatBitWidth(), first = pair * width;
  if (auto integer = dyn_cast<IntegerType>(storage)) {
    Value codes = decoder.moveUp(word, -first);
    if (width == 8 && type.getElementType().isBF16())
      return decoder.decodeByte(codes, integer);
    return decoder.decodeNarrow(codes, integer);
  }
  if (isa<Float4E2M1FNType>(storage))
    return decoder.decodeFloat(word, first, 2, 1, 1);
  if (isa<Float8E5M2Type>(storage))
    return decoder.decodeFloat(word, first, 5, 2, 15);
  return decoder.decodeFloat(word, first, 4, 3, 7);
}
