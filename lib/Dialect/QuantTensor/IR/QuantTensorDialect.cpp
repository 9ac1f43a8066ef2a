//===- QuantTensorDialect.cpp - The quant_tensor dialect ------------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FoldInterfaces.h"
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

/// Constants of an epilogue stay in it: it is a kernel's code, and whoever
/// clones it need not look outside.
struct QuantTensorFoldInterface : DialectFoldInterface {
  using DialectFoldInterface::DialectFoldInterface;
  bool shouldMaterializeInto(Region *region) const final {
    return isa<ScaledMatmulOp>(region->getParentOp());
  }
};

} // namespace

void QuantTensorDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensorOps.cpp.inc"
      >();
  addInterfaces<QuantTensorInlinerInterface, QuantTensorFoldInterface>();
}

EncodingAttr quantmlir::quant_tensor::getEncoding(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<EncodingAttr>(tensor.getEncoding())
                : EncodingAttr();
}

RankedTensorType quantmlir::quant_tensor::dropEncoding(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(), type.getElementType());
}
