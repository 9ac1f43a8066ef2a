//===- ImportScalarArguments.cpp - Scalars as tensors of rank 0 -----------===//

#include "quantmlir/Import/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quantmlir {
#define GEN_PASS_DEF_IMPORTSCALARARGUMENTS
#include "quantmlir/Import/Passes.h.inc"
} // namespace quantmlir

using namespace mlir;

namespace {

/// Sizes (`index`) stay what they are: a launch plan has to know them.
bool isData(Type type) { return isa<IntegerType, FloatType>(type); }

struct ImportScalarArguments
    : quantmlir::impl::ImportScalarArgumentsBase<ImportScalarArguments> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (llvm::none_of(function.getArgumentTypes(), isData))
        continue;
      if (!function.isExternal())
        convertBody(function);
      convertType(function);
    }
    getOperation()->walk(convertCall);
  }

  static void convertBody(func::FuncOp function) {
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    for (BlockArgument argument : function.getArguments()) {
      Type type = argument.getType();
      if (!isData(type))
        continue;
      argument.setType(RankedTensorType::get({}, type));
      Value scalar = tensor::ExtractOp::create(builder, argument.getLoc(),
                                               argument, ValueRange());
      argument.replaceAllUsesExcept(scalar, scalar.getDefiningOp());
    }
  }

  static void convertType(func::FuncOp function) {
    SmallVector<Type> inputs;
    for (Type type : function.getArgumentTypes())
      inputs.push_back(isData(type) ? RankedTensorType::get({}, type) : type);
    function.setFunctionType(FunctionType::get(function.getContext(), inputs,
                                               function.getResultTypes()));
  }

  static void convertCall(func::CallOp call) {
    OpBuilder builder(call);
    for (OpOperand &operand : call->getOpOperands()) {
      Type type = operand.get().getType();
      if (isData(type))
        operand.set(tensor::FromElementsOp::create(
            builder, call.getLoc(), RankedTensorType::get({}, type),
            operand.get()));
    }
  }
};

} // namespace
