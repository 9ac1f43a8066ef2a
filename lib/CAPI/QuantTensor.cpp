//===- QuantTensor.cpp - The quant_tensor dialect in C --------------------===//

#include "quantmlir-c/QuantTensor.h"

#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(
    QuantTensor, quant_tensor, quantmlir::quant_tensor::QuantTensorDialect)

bool quantmlirAttributeIsAEncoding(MlirAttribute attribute) {
  return isa_and_nonnull<EncodingAttr>(unwrap(attribute));
}

MlirAttribute
quantmlirEncodingAttrGetChecked(MlirLocation location, MlirType storage,
                                intptr_t blockRank, const int64_t *block,
                                MlirType scale, MlirType zeroPoint) {
  Location loc = unwrap(location);
  return wrap(EncodingAttr::getChecked(
      [&] { return emitError(loc); }, loc.getContext(), unwrap(storage),
      ArrayRef(block, blockRank), unwrap(scale), unwrap(zeroPoint),
      /*range=*/ArrayRef<int64_t>(), Rounding::NearestEven, Overflow::Saturate,
      /*codebook=*/CodebookAttr(), /*layout=*/LayoutAttr()));
}

static EncodingAttr unwrapEncoding(MlirAttribute encoding) {
  return cast<EncodingAttr>(unwrap(encoding));
}

MlirType quantmlirEncodingAttrGetStorage(MlirAttribute encoding) {
  return wrap(unwrapEncoding(encoding).getStorage());
}

MlirType quantmlirEncodingAttrGetScale(MlirAttribute encoding) {
  return wrap(unwrapEncoding(encoding).getScale());
}

MlirType quantmlirEncodingAttrGetZeroPoint(MlirAttribute encoding) {
  return wrap(unwrapEncoding(encoding).getZeroPoint());
}

intptr_t quantmlirEncodingAttrGetBlockRank(MlirAttribute encoding) {
  return unwrapEncoding(encoding).getBlock().size();
}

int64_t quantmlirEncodingAttrGetBlockDim(MlirAttribute encoding, intptr_t dim) {
  return unwrapEncoding(encoding).getBlock()[dim];
}

MlirAttribute quantmlirTypeGetEncoding(MlirType type) {
  return wrap(getEncoding(unwrap(type)));
}

/// Applies one of the encoding's type functions to the shape of `type`.
static MlirType
getPartType(MlirType type,
            RankedTensorType (EncodingAttr::*part)(ArrayRef<int64_t>) const) {
  EncodingAttr encoding = getEncoding(unwrap(type));
  if (!encoding)
    return {nullptr};
  ArrayRef<int64_t> shape = cast<RankedTensorType>(unwrap(type)).getShape();
  return wrap(Type((encoding.*part)(shape)));
}

MlirType quantmlirEncodedTypeGetCodesType(MlirType type) {
  return getPartType(type, &EncodingAttr::getCodesType);
}

MlirType quantmlirEncodedTypeGetScalesType(MlirType type) {
  return getPartType(type, &EncodingAttr::getScalesType);
}

MlirType quantmlirEncodedTypeGetZeroPointsType(MlirType type) {
  return getPartType(type, &EncodingAttr::getZeroPointsType);
}
