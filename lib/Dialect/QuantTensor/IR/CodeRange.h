//===- CodeRange.h - The codes that integer storage holds -------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTENSOR_IR_CODERANGE_H
#define QUANTMLIR_LIB_DIALECT_QUANTTENSOR_IR_CODERANGE_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

#include <utility>

namespace quantmlir::quant_tensor {

/// Smallest and largest code that integer storage of up to 8 bits holds.
inline std::pair<int64_t, int64_t> getAllCodes(mlir::IntegerType storage) {
  unsigned bits = storage.getWidth();
  if (storage.isUnsigned())
    return {0, static_cast<int64_t>(llvm::maxUIntN(bits))};
  return {llvm::minIntN(bits), llvm::maxIntN(bits)};
}

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_LIB_DIALECT_QUANTTENSOR_IR_CODERANGE_H
