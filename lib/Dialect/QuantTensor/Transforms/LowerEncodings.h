//===- LowerEncodings.h - Inside quant-tensor-lower-encodings -------------===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_LOWERENCODINGS_H
#define QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_LOWERENCODINGS_H

#include "mlir/Transforms/DialectConversion.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"

namespace quantmlir::quant_tensor {

/// Patterns for functions, calls and returns.
void populateLowerFunctionPatterns(const mlir::TypeConverter &converter,
                                   mlir::RewritePatternSet &patterns);

/// Patterns for ops of other dialects that work on the parts one by one:
/// arith.select, tensor.cast, tensor.dim, tensor.empty, tensor.extract_slice.
void populateLowerTensorPatterns(const mlir::TypeConverter &converter,
                                 mlir::RewritePatternSet &patterns);

/// Why a tensor.extract_slice of an encoded tensor is not a slice of each part;
/// empty where it is.
std::string findSliceObstacle(mlir::Operation *op);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_LOWERENCODINGS_H
