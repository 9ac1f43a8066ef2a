//===- VerifyUtils.cpp - Checks that several op verifiers share -----------===//

#include "VerifyUtils.h"

#include "mlir/IR/TypeUtilities.h"

#include <limits>

using namespace mlir;
using namespace quantmlir;

LogicalResult quant_tensor::verifyEncodedType(Operation *op, StringRef what,
                                              RankedTensorType type) {
  return getEncoding(type).verifyEncoding(
      type.getShape(), type.getElementType(),
      [&] { return op->emitOpError() << what << " is wrongly encoded: "; });
}

LogicalResult quant_tensor::verifyDecodedElement(Operation *op,
                                                 RankedTensorType result) {
  Type element = result.getElementType();
  if (isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element))
    return success();
  return op->emitOpError()
         << "result must have element type f16, bf16, f32 or f64, got "
         << element;
}

LogicalResult quant_tensor::verifyAgrees(Operation *op, StringRef what,
                                         Type actual,
                                         RankedTensorType expected) {
  auto type = cast<RankedTensorType>(actual);
  if (type.getElementType() == expected.getElementType() &&
      !type.getEncoding() &&
      succeeded(verifyCompatibleShape(type.getShape(), expected.getShape())))
    return success();
  return op->emitOpError() << what << " must be " << expected << ", got "
                           << actual;
}

LogicalResult quant_tensor::verifyZeroPoints(Operation *op, Type zeroPoints,
                                             EncodingAttr encoding,
                                             ArrayRef<int64_t> shape) {
  RankedTensorType expected = encoding.getZeroPointsType(shape);
  if (!expected) {
    if (zeroPoints)
      return op->emitOpError()
             << "zero points are given, but the encoding has no zero_point";
    return success();
  }
  if (!zeroPoints)
    return op->emitOpError() << "the encoding has a zero_point, so zero points "
                                "of type "
                             << expected << " are needed";
  return verifyAgrees(op, "zero points", zeroPoints, expected);
}

int64_t quant_tensor::getMaxContractionExtent(bool lhsWide, bool rhsWide) {
  int64_t lhs = lhsWide ? 255 : 128, rhs = rhsWide ? 255 : 128;
  return std::numeric_limits<int32_t>::max() / (lhs * rhs);
}
