//===- EncodedParts.h - An encoded tensor taken apart ---------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_ENCODEDPARTS_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_ENCODEDPARTS_H

#include "mlir/IR/Builders.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

namespace quantmlir::quant_tensor {

/// The plain tensors that an encoded tensor is made of, with its type.
struct EncodedParts {
  mlir::RankedTensorType type;
  mlir::Value codes;
  mlir::Value scales;
  /// Null where the encoding has no zero point.
  mlir::Value zeroPoints;

  EncodingAttr getEncoding() const {
    return ::quantmlir::quant_tensor::getEncoding(type);
  }

  /// The operands of an `assemble` that would now take the parts apart: those
  /// of the one that made `encoded`, or the results of a new `disassemble`.
  static EncodedParts get(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value encoded);

  /// Bundles the parts up again.
  mlir::Value assemble(mlir::OpBuilder &builder, mlir::Location loc) const;

  /// The parts in order, without an absent zero point.
  llvm::SmallVector<mlir::Value> getValues() const;

  /// The logical extents. Only for types that `areSizesRecoverable`.
  llvm::SmallVector<mlir::OpFoldResult> getMixedSizes(mlir::OpBuilder &builder,
                                                      mlir::Location loc) const;
};

/// Whether the logical extents of a tensor of `type` can be read off its parts:
/// a dynamic extent must not be one that a narrow code packs, because
/// ceildiv(extent, slots) codes do not say how many of the last word count.
/// Returns the first dimension that cannot be recovered, std::nullopt where
/// all can.
std::optional<unsigned> findUnrecoverableDim(mlir::RankedTensorType type);

/// The extents of the codes of an encoded tensor of these logical extents.
llvm::SmallVector<mlir::OpFoldResult>
getCodesSizes(mlir::OpBuilder &builder, mlir::Location loc,
              EncodingAttr encoding, llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// The extents of the scales (and zero points): ceildiv(sizes, block).
llvm::SmallVector<mlir::OpFoldResult>
getScalesSizes(mlir::OpBuilder &builder, mlir::Location loc,
               EncodingAttr encoding, llvm::ArrayRef<mlir::OpFoldResult> sizes);

/// An uninitialised tensor of exactly `type`; `sizes` gives its dynamic
/// extents and is ignored where the extent is static.
mlir::Value createEmpty(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::RankedTensorType type,
                        llvm::ArrayRef<mlir::OpFoldResult> sizes);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_ENCODEDPARTS_H
