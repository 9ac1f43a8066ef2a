//===- QuantTensor.h - The quant_tensor dialect ---------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_IR_QUANTTENSOR_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_IR_QUANTTENSOR_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorEnums.h.inc"

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorAttrs.h.inc"

namespace quantmlir::quant_tensor {

/// The quantization encoding of `type`, or null where it has none (or is no
/// ranked tensor).
EncodingAttr getEncoding(::mlir::Type type);

/// `type` without its quantization encoding.
::mlir::RankedTensorType dropEncoding(::mlir::RankedTensorType type);

/// Rewrites `tensor.cast` from an encoded to a plain tensor, which canonicalize
/// makes of an identity `linalg.generic`, to `dequantize`. Part of the
/// dialect's own canonicalization patterns. Run it before other casts are
/// folded into the one that drops the encoding.
void populateCastToDequantizePatterns(::mlir::RewritePatternSet &patterns);

/// What `observe` writes to: the statistics kept under its name.
struct StatisticsResource
    : ::mlir::SideEffects::Resource::Base<StatisticsResource> {
  ::llvm::StringRef getName() final { return "quant_tensor.statistics"; }
};

/// The largest K for which no sum of K products of 8-bit codes overflows i32.
/// Unsigned codes, and codes less a zero point of their own range, have
/// magnitude 255, signed ones 128.
int64_t getMaxContractionExtent(bool lhsWide, bool rhsWide);

namespace detail {
/// The ranges of all dimensions of `init`, from 0 in steps of 1.
::llvm::SmallVector<::mlir::Range> getOutputDomain(::mlir::OpBuilder &builder,
                                                   ::mlir::Location loc,
                                                   ::mlir::Value init);
} // namespace detail

} // namespace quantmlir::quant_tensor

#define GET_OP_CLASSES
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorOps.h.inc"

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_IR_QUANTTENSOR_H
