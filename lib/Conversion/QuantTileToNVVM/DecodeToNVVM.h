//===- DecodeToNVVM.h - Codes to 16-bit floats ----------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTILETONVVM_DECODETONVVM_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTILETONVVM_DECODETONVVM_H

#include "mlir/IR/Builders.h"

namespace quantmlir {

/// Emits the instructions of `quant_tile.decode`: pair `pair` of `word`, whose
/// codes are `storage`, as a vector of type `type`, with `DecodeOp::getBias`
/// left on it where `biased`.
mlir::Value emitDecode(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value word, unsigned pair, mlir::Type storage,
                       mlir::VectorType type, bool biased);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTILETONVVM_DECODETONVVM_H
