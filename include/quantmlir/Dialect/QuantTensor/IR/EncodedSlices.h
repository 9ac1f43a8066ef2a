//===- EncodedSlices.h - Which slices respect an encoding -------*- C++ -*-===//

#ifndef QUANTMLIR_DIALECT_QUANTTENSOR_IR_ENCODEDSLICES_H
#define QUANTMLIR_DIALECT_QUANTTENSOR_IR_ENCODEDSLICES_H

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OpDefinition.h"

namespace quantmlir::quant_tensor {

/// Whether `value` (an index) is a multiple of `divisor` for certain: looks
/// through constants, affine.apply/min/max, arith index arithmetic and the
/// induction variables of scf.for, scf.forall and affine.for. False means
/// "not proven".
bool isKnownMultiple(::mlir::OpFoldResult value, int64_t divisor);

/// The granule of dimension `dim` of a tensor of `shape`: a slice of the
/// encoded tensor takes its codes, scales and zero points with it where it
/// starts at a multiple of the granule and ends at one or at the end of the
/// dimension. 1 where any slice does, 0 where only the whole dimension does.
int64_t getSliceGranule(EncodingAttr encoding, unsigned dim);

/// Checks that a slice of the encoded `source` keeps to granules along `dim`:
/// unit stride wherever elements share a block or a word, offset on a granule,
/// end on a granule or at the end of the dimension. What cannot be proven is an
/// error.
::mlir::LogicalResult
verifySliceDim(::mlir::Value source, int64_t dim, ::mlir::OpFoldResult offset,
               ::mlir::OpFoldResult size, ::mlir::OpFoldResult stride,
               ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError);

/// Checks that slicing an encoded source gives what the result's encoding
/// says: same rank and encoding, and `verifySliceDim` for each dimension.
/// Errors go to `op`, which must have an encoded source or result.
::mlir::LogicalResult verifyEncodedSlice(::mlir::tensor::ExtractSliceOp op);

} // namespace quantmlir::quant_tensor

#endif // QUANTMLIR_DIALECT_QUANTTENSOR_IR_ENCODEDSLICES_H
