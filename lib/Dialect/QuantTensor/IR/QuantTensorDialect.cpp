//===- QuantTensorDialect.cpp - The quant_tensor dialect ------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FoldInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace quantmlir::quant_tensor;

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorDialect.cpp.inc"

namespace {

/// Our ops inline anywhere; what an epilogue may hold is its verifier's
/// concern.
struct QuantTensorInlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

/// Long encodings print once, under a name that says what they store:
/// `#q_i4`, `#q_nf4`, `#q_f8E4M3FN`; MLIR numbers different ones apart.
struct QuantTensorAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;
  AliasResult getAlias(Attribute attribute, raw_ostream &os) const final {
    auto encoding = dyn_cast<EncodingAttr>(attribute);
    if (!encoding)
      return AliasResult::NoAlias;
    os << "q_";
    if (encoding.getCodebook() && encoding.getCodebook().isNF4())
      os << "nf4";
    else
      os << encoding.getStorage();
    return AliasResult::OverridableAlias;
  }
};

/// A cast changes no value, so dropping the encoding means: the logical values.
struct CastToDequantize : OpRewritePattern<tensor::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::CastOp op,
                                PatternRewriter &rewriter) const override {
    if (!getEncoding(op.getSource().getType()))
      return rewriter.notifyMatchFailure(op, "source is not encoded");
    auto result = dyn_cast<RankedTensorType>(op.getType());
    if (!result || result.getEncoding())
      return rewriter.notifyMatchFailure(op, "result is not a plain tensor");
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, result, op.getSource());
    return success();
  }
};

/// Constants of an epilogue stay in it: it is a kernel's code, and whoever
/// clones it need not look outside.
struct QuantTensorFoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;
  bool shouldMaterializeInto(Region *region) const final {
    return isa<ScaledMatmulOp>(region->getParentOp());
  }
};

} // namespace

void quantmlir::quant_tensor::populateCastToDequantizePatterns(
    RewritePatternSet &patterns) {
  // Ahead of upstream's folding of cast chains.
  patterns.add<CastToDequantize>(patterns.getContext(), /*benefit=*/10);
}

void QuantTensorDialect::getCanonicalizationPatterns(
    RewritePatternSet &results) const {
  populateCastToDequantizePatterns(results);
}

//===----------------------------------------------------------------------===//
// Attributes of function arguments and results
//===----------------------------------------------------------------------===//

/// Refuses an argument's or result's name that one in front of it has: callers
/// bind arrays by it. An argument and a result may share one; a prepare
/// function's do.
static LogicalResult verifyUniqueName(Operation *op, const Twine &kind,
                                      unsigned index, Attribute name,
                                      function_ref<Attribute(unsigned)> get) {
  for (unsigned other = 0; other < index; ++other)
    if (get(other) == name)
      return op->emitOpError() << kind << " #" << index << " has the name "
                               << name << " of " << kind << " #" << other;
  return success();
}

/// Verifies `attribute` on an argument or result (`what`) of type `type`.
static LogicalResult verifySignatureAttribute(Operation *op, const Twine &what,
                                              Type type,
                                              NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == QuantTensorDialect::getNameAttrName()) {
    auto value = dyn_cast<StringAttr>(attribute.getValue());
    if (!value || value.empty())
      return op->emitOpError()
             << what << ": " << name << " must be a non-empty string, got "
             << attribute.getValue();
  } else if (name == QuantTensorDialect::getWeightAttrName()) {
    if (!isa<UnitAttr>(attribute.getValue()))
      return op->emitOpError() << what << ": " << name << " is a unit, got "
                               << attribute.getValue();
  } else if (name == QuantTensorDialect::getPreparedAttrName()) {
    auto value = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!value || value.getValue().isNegative())
      return op->emitOpError()
             << what << ": " << name
             << " is the index of a prepare function's result, got "
             << attribute.getValue();
  } else if (name == QuantTensorDialect::getConstantAttrName()) {
    auto value = dyn_cast<ElementsAttr>(attribute.getValue());
    auto shaped = dyn_cast<ShapedType>(type);
    if (!value || !shaped ||
        value.getShapedType().getShape() != shaped.getShape() ||
        value.getElementType() != shaped.getElementType())
      return op->emitOpError()
             << what << ": " << name << " must be elements of type " << type
             << ", got " << attribute.getValue();
  } else if (name == QuantTensorDialect::getPinnedEncodingAttrName()) {
    if (!isa<EncodingAttr>(attribute.getValue()) ||
        attribute.getValue() != getEncoding(type))
      return op->emitOpError() << what << " must have the pinned encoding "
                               << attribute.getValue() << ", got type " << type;
  }
  return success();
}

/// Verifies `attribute` of the argument or result (`kind`) `index` of type
/// `types[index]`; `get` is the name of another one.
static LogicalResult
verifySignatureEntry(Operation *op, const Twine &kind, unsigned index,
                     ArrayRef<Type> types, NamedAttribute attribute,
                     function_ref<Attribute(unsigned)> get) {
  if (attribute.getName() == QuantTensorDialect::getNameAttrName() &&
      failed(verifyUniqueName(op, kind, index, attribute.getValue(), get)))
    return failure();
  return verifySignatureAttribute(op, kind + " #" + Twine(index), types[index],
                                  attribute);
}

LogicalResult QuantTensorDialect::verifyRegionArgAttribute(
    Operation *op, unsigned regionIndex, unsigned argIndex,
    NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifySignatureEntry(
      op, "argument", argIndex, function.getArgumentTypes(), attribute,
      [&](unsigned other) {
        return function.getArgAttr(other, getNameAttrName());
      });
}

LogicalResult QuantTensorDialect::verifyRegionResultAttribute(
    Operation *op, unsigned regionIndex, unsigned resultIndex,
    NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  return verifySignatureEntry(
      op, "result", resultIndex, function.getResultTypes(), attribute,
      [&](unsigned other) {
        return function.getResultAttr(other, getNameAttrName());
      });
}

void QuantTensorDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorOps.cpp.inc"
      >();
  addInterfaces<QuantTensorInlinerInterface, QuantTensorFoldInterface,
                QuantTensorAsmInterface>();
}

EncodingAttr quantmlir::quant_tensor::getEncoding(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<EncodingAttr>(tensor.getEncoding())
                : EncodingAttr();
}

RankedTensorType quantmlir::quant_tensor::dropEncoding(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(), type.getElementType());
}
