//===- EncodingOps.cpp - Ops that make, change and open encodings ---------===//
//
// Verifiers and queries of all ops but contractions. The comments quote the
// constraints' numbers in QuantTensorEncodingOps.td.
//
//===----------------------------------------------------------------------===//

#include "VerifyUtils.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

/// Codes, scales and zero points agree with what `encoded` is made of.
static LogicalResult verifyBundle(Operation *op, RankedTensorType encoded,
                                  StringRef what, Type codes, Type scales,
                                  Type zeroPoints) {
  if (failed(verifyEncodedType(op, what, encoded)))
    return failure();
  EncodingAttr encoding = getEncoding(encoded);
  ArrayRef<int64_t> shape = encoded.getShape();
  // (C1)
  if (failed(verifyAgrees(op, "codes", codes, encoding.getCodesType(shape))))
    return failure();
  // (C2)
  if (failed(verifyAgrees(op, "scales", scales, encoding.getScalesType(shape))))
    return failure();
  // (C3)
  return verifyZeroPoints(op, zeroPoints, encoding, shape);
}

/// The type of an optional operand or result, null where it is absent.
static Type getTypeOrNull(Value value) {
  return value ? value.getType() : Type();
}

//===----------------------------------------------------------------------===//
// AssembleOp, DisassembleOp
//===----------------------------------------------------------------------===//

LogicalResult AssembleOp::verify() {
  return verifyBundle(*this, getResult().getType(), "result",
                      getCodes().getType(), getScales().getType(),
                      getTypeOrNull(getZeroPoints()));
}

LogicalResult DisassembleOp::verify() {
  return verifyBundle(*this, getSource().getType(), "source",
                      getCodes().getType(), getScales().getType(),
                      getTypeOrNull(getZeroPoints()));
}

//===----------------------------------------------------------------------===//
// ChooseParamsOp
//===----------------------------------------------------------------------===//

/// `minmax` puts the smallest value on `qmin`, which takes a zero point.
static LogicalResult verifyMethod(Operation *op,
                                  std::optional<ParamMethod> method,
                                  EncodingAttr encoding) {
  if (method == ParamMethod::MinMax && !encoding.hasZeroPoint())
    return op->emitOpError() << "method minmax needs an encoding with a "
                                "zero_point, got "
                             << encoding;
  return success();
}

LogicalResult ChooseParamsOp::verify() {
  RankedTensorType source = getSource().getType();
  // (C1)
  if (failed(getEncoding().verifyEncoding(
          source.getShape(), source.getElementType(), [&] {
            return emitOpError() << "encoding does not fit the source: ";
          })))
    return failure();
  // (C6)
  if (getEncoding().hasTiledParameters())
    return emitOpError() << "makes scales in the order of their blocks (repack "
                            "makes others), got layout "
                         << getEncoding().getLayout();
  // (C2)
  if (failed(verifyAgrees(*this, "scales", getScales().getType(),
                          getEncoding().getScalesType(source.getShape()))))
    return failure();
  // (C3)
  if (failed(verifyZeroPoints(*this, getTypeOrNull(getZeroPoints()),
                              getEncoding(), source.getShape())))
    return failure();
  // (C4)
  if (failed(verifyMethod(*this, getMethod(), getEncoding())))
    return failure();
  // (C5), written so that NaN fails.
  double percent = getPercent().convertToDouble();
  if (!(percent > 0.0 && percent <= 100.0))
    return emitOpError() << "percent must be in (0, 100], got " << percent;
  int64_t candidates = getCandidates();
  if (candidates < 1 || candidates > 65536)
    return emitOpError() << "candidates must be in [1, 65536], got "
                         << candidates;
  return success();
}

//===----------------------------------------------------------------------===//
// QuantizeOp, RequantizeOp, DequantizeOp, RepackOp
//===----------------------------------------------------------------------===//

/// Shapes and element types of `source` and `result` agree, encodings aside.
static LogicalResult verifySameValues(Operation *op, RankedTensorType source,
                                      RankedTensorType result) {
  if (source.getElementType() != result.getElementType())
    return op->emitOpError()
           << "source and result must have the same element type, got "
           << source.getElementType() << " and " << result.getElementType();
  if (failed(verifyCompatibleShape(source.getShape(), result.getShape())))
    return op->emitOpError() << "source and result must have agreeing shapes, "
                                "got "
                             << source << " and " << result;
  return success();
}

/// What quantize and requantize share: all but the source.
template <typename Op> static LogicalResult verifyQuantization(Op op) {
  RankedTensorType result = op.getResult().getType();
  if (failed(verifyEncodedType(op, "result", result)))
    return failure();
  // (C1)
  if (failed(verifySameValues(op, op.getSource().getType(), result)))
    return failure();
  // (C2)
  EncodingAttr encoding = getEncoding(result);
  if (!encoding.isRowMajor())
    return op->emitOpError() << "makes row_major codes (repack makes other "
                                "layouts), got result layout "
                             << encoding.getLayout();
  if (!op.getScales()) {
    // (C4)
    if (op.getZeroPoints())
      return op->emitOpError() << "zero points are given without scales";
    // (C5)
    return verifyMethod(op, op.getMethod(), encoding);
  }
  // (C3)
  if (failed(verifyAgrees(op, "scales", op.getScales().getType(),
                          encoding.getScalesType(result.getShape()))))
    return failure();
  // (C4)
  if (failed(verifyZeroPoints(op, getTypeOrNull(op.getZeroPoints()), encoding,
                              result.getShape())))
    return failure();
  // (C5)
  if (op.getMethod())
    return op->emitOpError() << "takes scales or a method to choose them, got "
                                "both";
  return success();
}

LogicalResult QuantizeOp::verify() { return verifyQuantization(*this); }

LogicalResult RequantizeOp::verify() {
  if (failed(verifyEncodedType(*this, "source", getSource().getType())))
    return failure();
  return verifyQuantization(*this);
}

LogicalResult FakeQuantizeOp::verify() {
  RankedTensorType source = getSource().getType();
  EncodingAttr encoding = getEncoding();
  // (C1)
  if (failed(encoding.verifyEncoding(
          source.getShape(), source.getElementType(), [&] {
            return emitOpError() << "encoding does not fit the source: ";
          })))
    return failure();
  if (!encoding.isRowMajor())
    return emitOpError() << "encoding must be row_major, got layout "
                         << encoding.getLayout();
  if (!getScales()) {
    // (C3)
    if (getZeroPoints())
      return emitOpError() << "zero points are given without scales";
    // (C4)
    return verifyMethod(*this, getMethod(), encoding);
  }
  // (C2)
  if (failed(verifyAgrees(*this, "scales", getScales().getType(),
                          encoding.getScalesType(source.getShape()))))
    return failure();
  // (C3)
  if (failed(verifyZeroPoints(*this, getTypeOrNull(getZeroPoints()), encoding,
                              source.getShape())))
    return failure();
  // (C4)
  if (getMethod())
    return emitOpError() << "takes scales or a method to choose them, got both";
  return success();
}

LogicalResult DequantizeOp::verify() {
  RankedTensorType source = getSource().getType();
  RankedTensorType result = getResult().getType();
  if (failed(verifyEncodedType(*this, "source", source)))
    return failure();
  // (C1)
  if (failed(verifyCompatibleShape(source.getShape(), result.getShape())))
    return emitOpError() << "source and result must have agreeing shapes, got "
                         << source << " and " << result;
  // (C2)
  return verifyDecodedElement(*this, result);
}

LogicalResult RepackOp::verify() {
  RankedTensorType source = getSource().getType();
  RankedTensorType result = getResult().getType();
  if (failed(verifyEncodedType(*this, "source", source)) ||
      failed(verifyEncodedType(*this, "result", result)))
    return failure();
  // (C1)
  if (failed(verifySameValues(*this, source, result)))
    return failure();
  // (C2)
  EncodingAttr from = getEncoding(source), to = getEncoding(result);
  if (from.withLayout({}) != to.withLayout({}))
    return emitOpError() << "source and result encodings may differ in layout "
                            "only, got "
                         << from << " and " << to;
  return success();
}

//===----------------------------------------------------------------------===//
// PoisonScalesOp
//===----------------------------------------------------------------------===//

bool PoisonScalesOp::isSupported(EncodingAttr encoding) {
  return isa<Float8E4M3FNType, Float8E5M2Type>(encoding.getStorage());
}

EncodingAttr PoisonScalesOp::getResultEncoding(EncodingAttr encoding) {
  SmallVector<int64_t> block(encoding.getBlock().size(), 1);
  block.back() = encoding.getBlock().back();
  return encoding.withBlock(block);
}

LogicalResult PoisonScalesOp::verify() {
  RankedTensorType source = getSource().getType();
  RankedTensorType result = getResult().getType();
  if (failed(verifyEncodedType(*this, "source", source)) ||
      failed(verifyEncodedType(*this, "result", result)))
    return failure();
  EncodingAttr from = getEncoding(source), to = getEncoding(result);
  // (C1)
  if (!isSupported(from))
    return emitOpError() << "source must have storage f8E4M3FN or f8E5M2, "
                            "whose codes may be NaN, got "
                         << from.getStorage();
  // (C2)
  if (failed(verifySameValues(*this, source, result)))
    return failure();
  // (C3)
  if (to != getResultEncoding(from))
    return emitOpError() << "result encoding must be "
                         << getResultEncoding(from) << ", got " << to;
  return success();
}

//===----------------------------------------------------------------------===//
// ObserveOp
//===----------------------------------------------------------------------===//

LogicalResult ObserveOp::verify() {
  // (C1)
  Type element = getSource().getType().getElementType();
  if (!isa<FloatType>(element))
    return emitOpError() << "source must have a float element type, got "
                         << element;
  // (C2)
  if (getName().empty())
    return emitOpError() << "name must not be empty";
  // (C3)
  if (getKinds().empty())
    return emitOpError() << "kinds must name at least one statistic";
  llvm::SmallSet<ObserveKind, 4> seen;
  for (auto kind : getKinds().getAsRange<ObserveKindAttr>())
    if (!seen.insert(kind.getValue()).second)
      return emitOpError() << "kinds names "
                           << stringifyObserveKind(kind.getValue()) << " twice";
  // (C4)
  int64_t rank = getSource().getType().getRank();
  int64_t axis = getAxis();
  if (rank == 0 ? axis != -1 : axis < -rank || axis >= rank)
    return emitOpError() << "axis " << axis
                         << " is no dimension of a tensor of "
                         << "rank " << rank;
  return success();
}
