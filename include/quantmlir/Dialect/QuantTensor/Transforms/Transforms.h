//===- Transforms.h - Patterns of the quantization algebra ----------------===//
//
// The patterns behind the quant-tensor-* passes, for compilers that compose
// their own. Patterns say what they did by remark; why something did not match
// goes to notifyMatchFailure, and the passes turn it into missed remarks once
// the rewriting is over.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_TRANSFORMS_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_TRANSFORMS_H

#include "quantmlir/Dialect/QuantTensor/Transforms/Contraction.h"

namespace quantmlir::quant_tensor {

/// A contraction of several dimensions that are side by side, in one order, in
/// both operands becomes one of a single dimension, the operands collapsed; so
/// do several dimensions of columns, the last of the result.
void populateCollapseContractionPatterns(::mlir::RewritePatternSet &patterns);

/// A contraction that reads a `dequantize_indexed` reads weights whose columns
/// are sorted by group, and its other operand gathered in the same order.
void populateOrderGroupsPatterns(::mlir::RewritePatternSet &patterns);

/// Builds what `dequantize_indexed` is defined to be, in front of it: the
/// columns sorted by group, dequantized, and put back; returns the result.
::mlir::Value decomposeDequantizeIndexed(::mlir::OpBuilder &builder,
                                         DequantizeIndexedOp op);

/// A tensor of `sizes` that has at its indices, the dimensions of `exprs`, the
/// element of `value` at `exprs`.
::mlir::Value readAt(::mlir::OpBuilder &builder, ::mlir::Location loc,
                     ::mlir::Value value,
                     ::llvm::ArrayRef<::mlir::AffineExpr> exprs,
                     ::llvm::ArrayRef<::mlir::OpFoldResult> sizes);

/// `value` gathered along `dim`: element i of the result there is the element
/// `order[i]`. `order` holds i32, one for each of the extent of `dim`.
::mlir::Value gatherAlong(::mlir::OpBuilder &builder, ::mlir::Location loc,
                          ::mlir::Value value, unsigned dim,
                          ::mlir::Value order);

/// A contraction of a plain float operand with an encoded one (directly, or
/// through `dequantize`) becomes a scaled_matmul that accumulates in f32. What
/// is sliced or joined after a `dequantize` is before it, and batches of
/// encoded operands are contractions of their own.
void populatePullDequantizePatterns(::mlir::RewritePatternSet &patterns);

/// Builds what `outlier_matmul` is defined to be, in contractions of encoded
/// tensors, in front of it; returns the result.
::mlir::Value decomposeOutlierMatmul(::mlir::OpBuilder &builder,
                                     OutlierMatmulOp op);

/// `value` with zeros in those of its last dimension that `columns` lists;
/// their number is static.
::mlir::Value zeroColumns(::mlir::OpBuilder &builder, ::mlir::Location loc,
                          ::mlir::Value value,
                          ::llvm::ArrayRef<int64_t> columns);
/// Those of the last dimension of `value` that `columns` lists.
::mlir::Value gatherColumns(::mlir::OpBuilder &builder, ::mlir::Location loc,
                            ::mlir::Value value,
                            ::llvm::ArrayRef<int64_t> columns);

/// A contraction of two tensors of encoded 8-bit integers becomes an int_matmul
/// on their codes and a linalg.generic that scales; one of two tensors of
/// 8-bit floats a scaled_matmul. `linalg.quantized_matmul` and its batched form
/// become int_matmul.
void populateDecomposeContractionPatterns(::mlir::RewritePatternSet &patterns);

/// An int_matmul with zero points becomes one without, corrected by row and
/// column sums of the codes; what depends on the right-hand side alone is a
/// tensor of its own.
void populateExpandZeroPointPatterns(::mlir::RewritePatternSet &patterns);

/// Elementwise consumers of a scaled_matmul, and a quantize with given
/// parameters, move into its epilogue; an i8 contraction whose i32 result is
/// scaled to float becomes a scaled_matmul. Expects consumers that were
/// prepared by `populatePrepareEpiloguePatterns`.
void populateFuseEpiloguePatterns(::mlir::RewritePatternSet &patterns);

/// An i8 contraction whose i32 result is wanted as it is becomes a
/// scaled_matmul too. For what the patterns above leave.
void populateIntegerContractionPatterns(::mlir::RewritePatternSet &patterns);

/// When a contraction is small enough to be a product and a sum.
struct BatchOneOptions {
  /// Largest M, or N, that is.
  int64_t maxM = 1;
  /// Whether a dynamic M is tested, with both versions behind the test.
  bool testM = true;
  /// Whether the sum is a linalg.generic, not a linalg.reduce.
  bool genericSum = false;
  /// Names of the element types (as MLIR prints them) that both operands may
  /// have; empty means any.
  ::llvm::SmallVector<std::string> types;
};

/// A contraction with at most `maxM` rows or columns becomes an elementwise
/// product and a linalg.reduce. Where the number of rows is dynamic, both
/// versions stand behind a test of it; the one that stays a contraction is
/// marked `quant_tensor.large_m`.
void populateRewriteBatchOnePatterns(::mlir::RewritePatternSet &patterns,
                                     const BatchOneOptions &options);

/// Brings what follows a contraction into the shape the fusion wants: tensor
/// arithmetic and named elementwise ops become linalg.generic, chains of them
/// become one, reshapes in between move behind them. Touches only ops
/// downstream of an i8 contraction or a scaled_matmul.
void populatePrepareEpiloguePatterns(::mlir::RewritePatternSet &patterns);

/// Upstream's patterns that make a linalg.generic of arithmetic on tensors, but
/// for ops on encoded tensors: an `arith.select` of those chooses a bundle, and
/// no element of it. A `tensor.splat` becomes a `linalg.fill`.
void populatePlainElementwiseToLinalgPatterns(
    ::mlir::RewritePatternSet &patterns);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_TRANSFORMS_TRANSFORMS_H
