//===- WgmmaOps.cpp - Warpgroup matrix multiplication ---------------------===//

#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

using namespace mlir;
using namespace quantmlir::quant_tile;

bool quantmlir::quant_tile::isAccumulatorStruct(Type type) {
  auto structure = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structure || structure.isOpaque() || structure.isIdentified())
    return false;
  ArrayRef<Type> body = structure.getBody();
  return body.size() >= 4 && body.size() <= 128 && llvm::all_equal(body) &&
         (body[0].isInteger(32) || body[0].isF32());
}

/// Whether two operands of these types can be multiplied, and by what
/// accumulators ("" if not): PTX ISA, "wgmma.mma_async", element types.
static StringRef getAccumulatorKind(Type a, Type b) {
  auto isByte = [](Type type) {
    return type.isSignlessInteger(8) || type.isUnsignedInteger(8);
  };
  if (isByte(a) && isByte(b))
    return "i32";
  auto isFloat8 = [](Type type) {
    return isa<Float8E4M3FNType, Float8E5M2Type>(type);
  };
  if ((isFloat8(a) && isFloat8(b)) || (a == b && (a.isF16() || a.isBF16())))
    return "f32";
  return "";
}

int64_t WgmmaOp::getK() { return 256 / getAType().getIntOrFloatBitWidth(); }

LogicalResult WgmmaOp::verify() {
  bool descriptor = getA().size() == 1 && getA()[0].getType().isInteger(64);
  bool registers = getA().size() == 4 && llvm::all_of(getA(), [](Value a) {
                     return a.getType().isInteger(32);
                   });
  if (!descriptor && !registers)
    return emitOpError() << "operand a is one i64 descriptor or four i32 "
                            "registers, got "
                         << getA().getTypes();
  StringRef kind = getAccumulatorKind(getAType(), getBType());
  if (kind.empty())
    return emitOpError() << "cannot multiply " << getAType() << " by "
                         << getBType()
                         << ", expected i8 or ui8, f8E4M3FN or f8E5M2, two f16 "
                            "or two bf16";
  int64_t n = getN();
  bool integer = kind == "i32";
  if (n < 8 || n > 256 || n % 8 || (integer && n > 32 && n % 16))
    return emitOpError() << "n is a multiple of 8 from 8 to 256"
                         << (integer ? ", for integers of 16 from 32 on" : "")
                         << ", got " << n;
  auto accumulators = cast<LLVM::LLVMStructType>(getResult().getType());
  Type element = accumulators.getBody()[0];
  if (static_cast<int64_t>(accumulators.getBody().size()) != n / 2 ||
      element.isInteger(32) != integer)
    return emitOpError() << "a thread has " << n / 2 << " accumulators of "
                         << kind << " for n = " << n << ", got "
                         << accumulators.getBody().size() << " of " << element;
  return success();
}

LogicalResult WgmmaWaitOp::verify() {
  if (getPending() < 0 || getPending() > 7)
    return emitOpError() << "pending is 0 to 7, got " << getPending();
  return success();
}

LogicalResult WgmmaWaitOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location>,
                                            ValueRange operands, DictionaryAttr,
                                            OpaqueProperties, RegionRange,
                                            SmallVectorImpl<Type> &types) {
  llvm::append_range(types, operands.getTypes());
  return success();
}
