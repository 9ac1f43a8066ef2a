//===- DecodeToNVVM.h - Codes to 16-bit floats ----------------------------===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTILETONVVM_DECODETONVVM_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTILETONVVM_DECODETONVVM_H

#include "mlir/IR/Builders.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

namespace quantmlir {

/// Emits the instructions of `quant_tile.decode`: pair `pair` of `word`, whose
/// codes are `storage` (with `codebook`, where there is one), as a vector of
/// type `type`, with `DecodeOp::getBias` left on it where `biased`, or
/// `getBiasInPlace` where `inPlace` too, and `DecodeOp::getShrinkage` where
/// `shrunk`; times `scale`, or less `minus`, where there is one: of both codes
/// element `row` of it, or each its own.
mlir::Value emitDecode(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value word, unsigned pair, mlir::Type storage,
                       mlir::VectorType type, bool biased, bool inPlace,
                       bool shrunk, mlir::Value scale, mlir::Value minus,
                       std::optional<uint32_t> row,
                       quant_tensor::CodebookAttr codebook);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTILETONVVM_DECODETONVVM_H
