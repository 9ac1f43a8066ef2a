//===- InstructionOps.cpp - lop3, decode, load ----------------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

bool quantmlir::quant_tile::isInstruction(Operation *op) {
  return isa<Lop3Op, WgmmaOp, WgmmaWaitOp>(op);
}

LogicalResult Lop3Op::verify() {
  if (!llvm::isUInt<8>(static_cast<uint32_t>(getTable())))
    return emitOpError() << "table has 8 bits, got " << getTable();
  return success();
}

bool DecodeOp::isSupported(Type storage, Type element) {
  if (!element.isBF16() && !element.isF16())
    return false;
  if (auto integer = dyn_cast<IntegerType>(storage))
    return llvm::is_contained({2u, 4u, 8u}, integer.getWidth());
  return isa<Float8E4M3FNType, Float8E5M2Type, Float4E2M1FNType>(storage);
}

double DecodeOp::getBias(Type storage, Type element) {
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

LogicalResult DecodeOp::verify() {
  Type storage = getStorage();
  if (!isSupported(storage, getType().getElementType()))
    return emitOpError() << "cannot decode storage " << storage << " to "
                         << getType().getElementType();
  unsigned width = storage.getIntOrFloatBitWidth();
  uint32_t pairs = 16 / width;
  if (getPair() >= pairs)
    return emitOpError() << "a word of " << storage << " has " << pairs
                         << " pairs, got pair " << getPair();
  if (getBiased() && getBias(storage, getType().getElementType()) == 0.0)
    return emitOpError() << "storage " << storage << " has no bias in "
                         << getType().getElementType();
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
