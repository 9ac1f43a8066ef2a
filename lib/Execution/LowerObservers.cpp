//===- LowerObservers.cpp - Observed tensors go to the caller -------------===//

#include "Observers.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Execution/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quantmlir {
#define GEN_PASS_DEF_LOWEROBSERVERS
#include "quantmlir/Execution/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;
using namespace quantmlir;

/// `value` with elements of f32.
static Value toF32(ImplicitLocOpBuilder &b, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  unsigned width = type.getElementTypeBitWidth();
  if (type.getElementType().isF32())
    return value;
  Type wanted = type.clone(b.getF32Type());
  if (width < 32)
    return arith::ExtFOp::create(b, wanted, value);
  return arith::TruncFOp::create(b, wanted, value);
}

static func::FuncOp declareObserver(ModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type data = UnrankedTensorType::get(builder.getF32Type());
  auto function = func::FuncOp::create(
      builder, module.getLoc(), kObserverFunction,
      builder.getFunctionType({builder.getI64Type(), data}, {}));
  function.setPrivate();
  function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                    builder.getUnitAttr());
  // It looks and does not touch: no copy is made for it.
  function.setArgAttr(
      1, bufferization::BufferizationDialect::kBufferAccessAttrName,
      builder.getStringAttr("read"));
  return function;
}

std::vector<ReferenceExecutor::Observation>
quantmlir::readObservations(ModuleOp module) {
  std::vector<ReferenceExecutor::Observation> result;
  auto attr = module->getAttrOfType<ArrayAttr>(kObservationsAttr);
  if (!attr)
    return result;
  for (auto entry : attr.getAsRange<DictionaryAttr>()) {
    ReferenceExecutor::Observation &observation = result.emplace_back();
    observation.name = entry.getAs<StringAttr>("name").str();
    for (auto kind : entry.getAs<ArrayAttr>("kinds").getAsRange<StringAttr>())
      observation.kinds.push_back(kind.str());
    observation.axis = entry.getAs<IntegerAttr>("axis").getInt();
  }
  return result;
}

namespace {

struct LowerObservers : quantmlir::impl::LowerObserversBase<LowerObservers> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<quant_tensor::ObserveOp> ops;
    module.walk([&](quant_tensor::ObserveOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    if (Operation *taken = module.lookupSymbol(kObserverFunction)) {
      taken->emitOpError("has the name of the executor's observer");
      return signalPassFailure();
    }
    func::FuncOp function = declareObserver(module);
    Type data = function.getArgumentTypes()[1];
    SmallVector<Attribute> observations;
    for (quant_tensor::ObserveOp op : ops) {
      ImplicitLocOpBuilder b(op.getLoc(), op);
      Value number = arith::ConstantOp::create(
          b, b.getI64IntegerAttr(observations.size()));
      Value any = tensor::CastOp::create(b, data, toF32(b, op.getSource()));
      func::CallOp::create(b, function, ValueRange{number, any});
      SmallVector<Attribute> kinds;
      for (auto kind :
           op.getKinds().getAsRange<quant_tensor::ObserveKindAttr>())
        kinds.push_back(b.getStringAttr(stringifyObserveKind(kind.getValue())));
      observations.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("name", op.getNameAttr()),
           b.getNamedAttr("kinds", b.getArrayAttr(kinds)),
           b.getNamedAttr("axis", b.getI64IntegerAttr(op.getAxis()))}));
      op.getResult().replaceAllUsesWith(op.getSource());
      op.erase();
    }
    module->setAttr(kObservationsAttr,
                    ArrayAttr::get(&getContext(), observations));
  }
};

} // namespace
