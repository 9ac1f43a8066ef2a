//===- Passes.h - Passes on quant_tensor ----------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_PASSES_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class TypeConverter;
} // namespace mlir

namespace quantmlir::quant_tensor {

#define GEN_PASS_DECL
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"

/// Converts an encoded tensor type to the types of its codes, scales and zero
/// points, and every other type to itself; materialises through `assemble` and
/// `disassemble`.
void populateEncodingTypeConversions(mlir::TypeConverter &converter);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_PASSES_H
