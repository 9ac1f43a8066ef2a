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
  PairDecoder(OpBuilder &builder, Location loc, VectorType type)
      : builder(builder), loc(loc), type(type),
        bf16(type.getElementType().isBF16()) {}

  /// Two codes of a narrow integer storage, at bits 0 and 16 of `word`.
  Value decodeNarrow(Value word, IntegerType storage) {
    unsigned width = storage.getWidth();
    uint32_t mask = (1u << width) - 1;
    // A signed code with its top bit flipped is the code plus half the range.
    uint32_t half = storage.isUnsigned() ? 0 : 1u << (width - 1);
    Value raw = lop3(word, both(mask), both(magic() | half), kAndXor);
    return subtract(floats(raw), magicValue() + half);
  }

  /// Bytes `2 pair`, `2 pair + 1` of `word`, each an integer code.
  Value decodeByte(Value word, unsigned pair, IntegerType storage) {
    if (!bf16) {
      // The mantissa of f16 holds all eight bits.
      Value bytes = spread(word, pair);
      uint32_t half = storage.isUnsigned() ? 0 : 0x80;
      Value raw = lop3(bytes, both(0xff), both(magic() | half), kAndXor);
      return subtract(floats(raw), magicValue() + half);
    }
    // bf16 has room for seven: the top bit goes where it doubles 128 to 256.
    Value bytes = spread(word, pair);
    Value low = floats(lop3(bytes, both(0x7f), both(magic()), kAndOr));
    Value top = floats(lop3(bytes, both(0x80), both(magic()), kAndOr));
    if (!storage.isUnsigned())
      // (128 + low) - (128 + 128 top) = low - 128 top
      return LLVM::FSubOp::create(builder, loc, low, top);
    // (128 + low - 256) + (128 + 128 top) = low + 128 top
    return LLVM::FAddOp::create(builder, loc, subtract(low, 256.0), top);
  }

  /// Float codes with `exponent` and `mantissa` bits and the given bias, at
  /// bits 0 and 16 of `word`: their fields are moved into place, where they
  /// mean the value times a power of two, subnormals included.
  Value decodeFloat(Value word, unsigned exponent, unsigned mantissa,
                    int bias) {
    unsigned width = 1 + exponent + mantissa;
    unsigned shift = (bf16 ? 7 : 10) - mantissa;
    uint32_t fields = ((1u << (width - 1)) - 1) << shift;
    Value magnitude = binary<LLVM::ShlOp>(word, constant(shift));
    Value sign = binary<LLVM::ShlOp>(word, constant(16 - width));
    Value raw = lop3(magnitude, both(fields),
                     binary<LLVM::AndOp>(sign, both(0x8000)), kAndOr);
    double factor = std::ldexp(1.0, (bf16 ? 127 : 15) - bias);
    return LLVM::FMulOp::create(builder, loc, floats(raw), splat(factor));
  }

  /// Bytes `2 pair` and `2 pair + 1` of `word` at bits 0 and 16.
  Value spread(Value word, unsigned pair) {
    // Selector nibbles, lowest byte first; 4 is a byte of the zero operand.
    uint32_t selector = pair == 0 ? 0x4140 : 0x4342;
    return NVVM::PermuteOp::create(builder, loc, builder.getI32Type(), word,
                                   constant(0), constant(selector),
                                   NVVM::PermuteMode::DEFAULT);
  }

  /// `word` shifted so that the pair's codes start at bits 0 and 16.
  Value shift(Value word, unsigned bits) {
    return bits ? binary<LLVM::LShrOp>(word, constant(bits)) : word;
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
};

} // namespace

Value quantmlir::emitDecode(OpBuilder &builder, Location loc, Value word,
                            unsigned pair, Type storage, VectorType type) {
  PairDecoder decoder(builder, loc, type);
  unsigned width = storage.getIntOrFloatBitWidth();
  if (auto integer = dyn_cast<IntegerType>(storage)) {
    if (width == 8)
      return decoder.decodeByte(word, pair, integer);
    return decoder.decodeNarrow(decoder.shift(word, pair * width), integer);
  }
  if (isa<Float4E2M1FNType>(storage))
    return decoder.decodeFloat(decoder.shift(word, pair * width), 2, 1, 1);
  Value bytes = decoder.spread(word, pair);
  if (isa<Float8E5M2Type>(storage))
    return decoder.decodeFloat(bytes, 5, 2, 15);
  return decoder.decodeFloat(bytes, 4, 3, 7);
}
