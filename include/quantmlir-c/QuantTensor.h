/*===- quantmlir-c/QuantTensor.h - The quant_tensor dialect in C --*- C -*-===*\
|*                                                                            *|
|* Types and conventions are those of mlir-c: handles are values, a null      *|
|* handle says that something failed and that a diagnostic says why.          *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef QUANTMLIR_C_QUANTTENSOR_H
#define QUANTMLIR_C_QUANTTENSOR_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The handle mlirGetDialectHandle__quant_tensor__.
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(QuantTensor, quant_tensor);

/// Whether `attribute` is a `#quant_tensor.encoding`.
MLIR_CAPI_EXPORTED bool quantmlirAttributeIsAEncoding(MlirAttribute attribute);

/// The encoding `{storage, block, scale, zero_point}`; everything else has its
/// default (parse the textual form for the rest). `zeroPoint` may be the null
/// type. Returns the null attribute, after an error at `location`, where the
/// fields contradict each other.
MLIR_CAPI_EXPORTED MlirAttribute quantmlirEncodingAttrGetChecked(
    MlirLocation location, MlirType storage, intptr_t blockRank,
    const int64_t *block, MlirType scale, MlirType zeroPoint);

/// Type of one code.
MLIR_CAPI_EXPORTED MlirType
quantmlirEncodingAttrGetStorage(MlirAttribute encoding);
/// Type of a scale.
MLIR_CAPI_EXPORTED MlirType
quantmlirEncodingAttrGetScale(MlirAttribute encoding);
/// Type of a zero point; null where there is none.
MLIR_CAPI_EXPORTED MlirType
quantmlirEncodingAttrGetZeroPoint(MlirAttribute encoding);
/// Rank of the tensors that the encoding fits.
MLIR_CAPI_EXPORTED intptr_t
quantmlirEncodingAttrGetBlockRank(MlirAttribute encoding);
/// Extent of a block in dimension `dim`; 0 means the whole dimension.
MLIR_CAPI_EXPORTED int64_t
quantmlirEncodingAttrGetBlockDim(MlirAttribute encoding, intptr_t dim);

/// The encoding of a ranked tensor type; null where it has none or is no
/// ranked tensor.
MLIR_CAPI_EXPORTED MlirAttribute quantmlirTypeGetEncoding(MlirType type);

/// The plain tensors an encoded tensor type is made of, in the order of
/// `quant_tensor.assemble`. Null where `type` is not encoded; the zero points
/// are null also where the encoding has none.
MLIR_CAPI_EXPORTED MlirType quantmlirEncodedTypeGetCodesType(MlirType type);
MLIR_CAPI_EXPORTED MlirType quantmlirEncodedTypeGetScalesType(MlirType type);
MLIR_CAPI_EXPORTED MlirType
quantmlirEncodedTypeGetZeroPointsType(MlirType type);

#ifdef __cplusplus
}
#endif

#endif /* QUANTMLIR_C_QUANTTENSOR_H */
