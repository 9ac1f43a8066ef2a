//===- InstructionOps.cpp - lop3, decode, look_up, load
//----------------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quantmlir::quant_tile;
using quantmlir::quant_tensor::CodebookAttr;

bool quantmlir::quant_tile::isInstruction(Operation *op) {
  return isa<Ex2Op, Lop3Op, StoreAsyncOp, WgmmaOp, WgmmaWaitOp>(op);
}

LogicalResult Lop3Op::verify() {
  if (!llvm::isUInt<8>(static_cast<uint32_t>(getTable())))
    return emitOpError() << "table has 8 bits, got " << getTable();
  return success();
}

bool DecodeOp::isSupported(Type storage, Type element, CodebookAttr codebook) {
  if (!element.isBF16() && !element.isF16())
    return false;
  if (codebook && codebook.getValues().size() > maxCodebookValues)
    return false;
  if (auto integer = dyn_cast<IntegerType>(storage))
    return integer.getWidth() >= 2 && integer.getWidth() <= 8;
  return isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(storage);
}

double DecodeOp::getBias(Type storage, Type element, CodebookAttr codebook) {
  if (codebook)
    return 0.0;
  // The middle of 7 mantissa bits in units of 1/4, which hold -6 .. 6.
  if (isa<Float4E2M1FNType>(storage))
    return element.isF16() ? 256.0 + 16.0 : 32.0 + 16.0;
  auto integer = dyn_cast<IntegerType>(storage);
  if (!integer)
    return 0.0;
  unsigned width = integer.getWidth();
  double half = integer.isUnsigned() ? 0.0 : double(1u << (width - 1));
  if (element.isF16())
    return 1024.0 + half;
  // Eight bits do not fit into bf16's mantissa: signed codes come out exact,
  // and unsigned ones would take one subtraction more than they take here.
  if (width == 8)
    return integer.isUnsigned() ? -128.0 : 0.0;
  return 128.0 + half;
}

unsigned DecodeOp::getMoveInPlace(Type storage, Type element, uint32_t pair) {
  unsigned width = storage.getIntOrFloatBitWidth();
  unsigned mantissa = element.isF16() ? 10 : 7;
  // As many neighbours as a mantissa holds are moved together, or not at all.
  unsigned together = std::max(mantissa / width, 1u);
  return pair / together * together * width;
}

double DecodeOp::getBiasInPlace(Type storage, Type element, uint32_t pair) {
  double bias = getBias(storage, element);
  auto integer = dyn_cast<IntegerType>(storage);
  if (!integer || integer.getWidth() == 8)
    return bias;
  unsigned place =
      pair * integer.getWidth() - getMoveInPlace(storage, element, pair);
  // A code `place` bits up counts units of so much larger a power of two.
  double magic = element.isF16() ? 1024.0 : 128.0;
  return bias - magic + std::ldexp(magic, -static_cast<int>(place));
}

double DecodeOp::getShrinkage(Type storage, Type element, CodebookAttr codebook,
                              bool scaled) {
  auto integer = dyn_cast<IntegerType>(storage);
  // Codes that lie within a byte, which is a float of bf16's least exponents:
  // the byte times 2^-133. The largest factor there is leaves 2^-6. Where a
  // byte holds one code and a part of another, nothing is saved.
  unsigned width = integer ? integer.getWidth() : 0;
  if (codebook || !integer || !element.isBF16() || (width > 4 && width < 8))
    return 1.0;
  // Times a scale, more is left, so that their product is in bf16's range for
  // scales that are.
  return scaled ? 0x1p-21 : 0x1p-6;
}

double DecodeOp::getError(Type element, CodebookAttr codebook) {
  if (!codebook)
    return 0.0;
  double largest = 0.0;
  for (double value : codebook.getValues()) {
    // Entries are f32 in the definition.
    double exact = static_cast<float>(value);
    APFloat rounded(exact);
    bool losesInfo;
    rounded.convert(cast<FloatType>(element).getFloatSemantics(),
                    APFloat::rmNearestTiesToEven, &losesInfo);
    if (!losesInfo)
      continue;
    largest = std::max(largest, std::abs(rounded.convertToDouble() - exact) /
                                    std::abs(exact));
  }
  return largest;
}

LogicalResult DecodeOp::verify() {
  Type storage = getStorage();
  CodebookAttr codebook = getCodebookAttr();
  if (codebook && (!storage.isUnsignedInteger() ||
                   codebook.getValues().size() !=
                       size_t(1) << storage.getIntOrFloatBitWidth()))
    return emitOpError() << "a codebook of " << codebook.getValues().size()
                         << " values does not fit storage " << storage;
  if (!isSupported(storage, getType().getElementType(), codebook))
    return emitOpError() << "cannot decode storage " << storage
                         << (codebook ? " with a codebook" : "") << " to "
                         << getType().getElementType();
  unsigned width = storage.getIntOrFloatBitWidth();
  uint32_t pairs = 16 / width;
  if (getPair() >= pairs)
    return emitOpError() << "a word of " << storage << " has " << pairs
                         << " pairs, got pair " << getPair();
  if (getInPlace() && (!getBiased() || !isa<IntegerType>(storage)))
    return emitOpError() << "only a biased integer stays in place";
  if (getBiased() && getShrunk())
    return emitOpError() << "a value is biased or shrunk, not both";
  if (getShrunk() &&
      getShrinkage(storage, getType().getElementType(), codebook) == 1.0)
    return emitOpError() << "storage " << storage << " is not shrunk in "
                         << getType().getElementType();
  if (getScale() && !getShrunk())
    return emitOpError() << "only a shrunk value is scaled";
  if (getScale() && getScale().getType() != getType())
    return emitOpError() << "scales of " << getScale().getType()
                         << " do not scale values of " << getType();
  if (getMinus()) {
    if (getBiased() || getScale() || !isa<IntegerType>(storage) || codebook ||
        !(getShrunk() || getType().getElementType().isF16()))
      return emitOpError()
             << "only integers that are shrunk or decoded to f16, "
                "neither biased nor scaled, have "
                "a value taken from them";
    if (getMinus().getType() != getType())
      return emitOpError() << "cannot take " << getMinus().getType()
                           << " from values of " << getType();
  }
  if (getRow() && !getScale() && !getMinus())
    return emitOpError() << "only scales and what is taken from values have "
                            "rows";
  if (getRow().value_or(0) > 1)
    return emitOpError() << "there are two rows, got row " << *getRow();
  if (getBiased() &&
      getBias(storage, getType().getElementType(), codebook) == 0.0)
    return emitOpError() << "storage " << storage << " has no bias in "
                         << getType().getElementType();
  return success();
}

LogicalResult LookUpOp::verify() {
  constexpr uint32_t pairs = 4;
  if (getPair() >= pairs)
    return emitOpError() << "a word has " << pairs << " pairs, got pair "
                         << getPair();
  return success();
}

LogicalResult LoadOp::verify() {
  auto memref = cast<MemRefType>(getBase().getType());
  if (static_cast<int64_t>(getIndices().size()) != memref.getRank())
    return emitOpError() << "needs " << memref.getRank() << " indices, got "
                         << getIndices().size();
  auto vector = dyn_cast<VectorType>(getType());
  if (vector && (vector.getRank() != 1 || vector.isScalable()))
    return emitOpError() << "reads an element or a vector of rank 1, got "
                         << vector;
  if (getElementTypeOrSelf(getType()) != memref.getElementType())
    return emitOpError() << "reads elements of " << memref.getElementType()
                         << ", got " << getType();
  if (!llvm::isPowerOf2_64(getAlignment()))
    return emitOpError() << "alignment must be a power of two, got "
                         << getAlignment();
  if (!memref.getLayout().isIdentity())
    return emitOpError() << "reads memory of identity layout, got " << memref;
  return success();
}

void LoadOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // The memory is constant for the kernel's life, so that the read orders
  // against nothing: no effect, which lets equal loads be merged and unused
  // ones go. It may not be speculated past its guard: the address might be
  // out of bounds there.
}
