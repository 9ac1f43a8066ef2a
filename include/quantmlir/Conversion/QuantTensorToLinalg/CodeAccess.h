//===- CodeAccess.h - Reading and writing codes where they sit ------------===//

#ifndef QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_CODEACCESS_H
#define QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_CODEACCESS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/EncodedParts.h"

namespace quantmlir::quant_tensor {

/// Whether codes are one element of the codes tensor each, in logical order, so
/// that an identity indexing map reads them.
bool hasElementCodes(EncodingAttr encoding);

/// The bits (i32, zero-extended) of one element of a codes tensor that
/// `hasElementCodes`.
mlir::Value buildElementBits(mlir::ImplicitLocOpBuilder &b, mlir::Value code);

/// The element of type `elementType` (i8 or an 8-bit float) with these bits.
mlir::Value buildBitsElement(mlir::ImplicitLocOpBuilder &b, mlir::Value bits,
                             mlir::Type elementType);

/// The bits (i32, zero-extended) of the code at the logical `indices`, read
/// with tensor.extract: for the body of a linalg.generic of any shape.
/// \param sizes logical extents of the tensor.
mlir::Value buildReadCode(mlir::ImplicitLocOpBuilder &b,
                          const EncodedParts &parts,
                          llvm::ArrayRef<mlir::OpFoldResult> sizes,
                          mlir::ValueRange indices);

/// The element of a tensor of scales or zero points, one for each `block` of
/// elements, that belongs to the logical `indices`.
mlir::Value buildReadBlockElement(mlir::ImplicitLocOpBuilder &b,
                                  llvm::ArrayRef<int64_t> block,
                                  mlir::Value tensor, mlir::ValueRange indices);

/// The same from scales or zero points as `encoding` stores them.
mlir::Value buildReadParameter(mlir::ImplicitLocOpBuilder &b,
                               EncodingAttr encoding, mlir::Value tensor,
                               mlir::ValueRange indices);

/// `parameters`, scales or zero points as `source` stores them, as an encoded
/// tensor of type `to` stores them, whose encoding differs in the layout only.
mlir::Value buildRepackedParameters(mlir::ImplicitLocOpBuilder &b,
                                    EncodingAttr source, mlir::Value parameters,
                                    mlir::RankedTensorType to);

/// Builds a codes tensor of `type`'s encoding as one linalg.generic, parallel
/// over the words of the result: each computes the codes that it holds.
/// `codeAt` gives the bits of the code at logical indices, zero above the
/// storage's width; it is asked for indices within `sizes` only. What pads a
/// row, line or tile is zero.
mlir::Value
buildCodes(mlir::ImplicitLocOpBuilder &b, mlir::RankedTensorType type,
           llvm::ArrayRef<mlir::OpFoldResult> sizes,
           llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                          mlir::ValueRange)>
               codeAt);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_CONVERSION_QUANTTENSORTOLINALG_CODEACCESS_H
