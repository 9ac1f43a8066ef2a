//===- EncodedViews.h - Parts and joins of encoded tensors ------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_ENCODEDVIEWS_H
#define QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_ENCODEDVIEWS_H

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir::quant_tensor {

/// Where a slice of a static tensor is, with unit strides. Dimensions in
/// `dropped`, of which it has one element, are not the result's.
struct StaticSlice {
  llvm::SmallVector<int64_t> offsets, sizes;
  llvm::SmallBitVector dropped;
};

/// Whether a slice of a tensor of `type` has codes, scales and zero points of
/// its own.
mlir::LogicalResult checkEncodedSlice(mlir::RankedTensorType type,
                                      const StaticSlice &slice, WhyNot &whyNot);

/// The slice, encoded; `checkEncodedSlice` holds.
mlir::Value sliceEncoded(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value value, const StaticSlice &slice);

/// The type of tensors of `types` one behind the other along `dim`: null, with
/// the reason, where no encoding says what all of theirs do.
mlir::RankedTensorType
getJoinedType(llvm::ArrayRef<mlir::RankedTensorType> types, unsigned dim,
              WhyNot &whyNot);

/// Encoded tensors that `getJoinedType` takes as one, made of their codes,
/// scales and zero points.
mlir::Value joinEncoded(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::ValueRange values, unsigned dim);

/// `dims` of the encoded `type` as one dimension of the same bytes: null, with
/// the reason, where blocks would not stay runs of elements.
EncodingAttr getCollapsedEncoding(mlir::RankedTensorType type,
                                  llvm::ArrayRef<int64_t> dims, WhyNot &whyNot);

/// The encoding of the same bytes where each dimension of `type` is the
/// dimensions of `shape` in its group: null, with the reason, where blocks or
/// bytes would be cut.
EncodingAttr
getExpandedEncoding(mlir::RankedTensorType type,
                    llvm::ArrayRef<mlir::ReassociationIndices> groups,
                    llvm::ArrayRef<int64_t> shape, WhyNot &whyNot);

/// Collapses or expands an encoded tensor to `type`, whose encoding one of the
/// above has given.
mlir::Value reshapeEncoded(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value value, mlir::RankedTensorType type,
                           llvm::ArrayRef<mlir::ReassociationIndices> groups);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_LIB_DIALECT_QUANTTENSOR_TRANSFORMS_ENCODEDVIEWS_H
