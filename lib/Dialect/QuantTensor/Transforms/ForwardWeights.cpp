//===- ForwardWeights.cpp - Weights that need no preparation --------------===//

#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"

namespace quantmlir::quant_tensor {
#define GEN_PASS_DEF_QUANTTENSORFORWARDWEIGHTS
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h.inc"
} // namespace quantmlir::quant_tensor

using namespace mlir;
using namespace quantmlir::quant_tensor;

namespace {

/// A function and the one that prepares its weights.
class ForwardedWeights {
public:
  ForwardedWeights(func::FuncOp function, func::FuncOp prepare)
      : function(function), prepare(prepare) {}

  void run();

private:
  BlockArgument findPrepared(unsigned result);
  BlockArgument findNamed(StringAttr name);
  static StringAttr getName(func::FuncOp function, BlockArgument argument);
  /// Makes `weight`, an argument of the prepare function, take the place of
  /// `prepared`.
  bool forward(BlockArgument prepared, BlockArgument weight);
  void dropUnusedWeights();

  func::FuncOp function, prepare;
};

} // namespace

StringAttr ForwardedWeights::getName(func::FuncOp function,
                                     BlockArgument argument) {
  return function.getArgAttrOfType<StringAttr>(
      argument.getArgNumber(), QuantTensorDialect::getNameAttrName());
}

/// The argument that takes result `result` of the prepare function.
BlockArgument ForwardedWeights::findPrepared(unsigned result) {
  for (BlockArgument argument : function.getArguments()) {
    auto from = function.getArgAttrOfType<IntegerAttr>(
        argument.getArgNumber(), QuantTensorDialect::getPreparedAttrName());
    if (from && from.getInt() == result)
      return argument;
  }
  return {};
}

BlockArgument ForwardedWeights::findNamed(StringAttr name) {
  for (BlockArgument argument : function.getArguments())
    if (getName(function, argument) == name)
      return argument;
  return {};
}

bool ForwardedWeights::forward(BlockArgument prepared, BlockArgument weight) {
  StringAttr name = getName(prepare, weight);
  if (!prepared || !name || prepared.getType() != weight.getType())
    return false;
  BlockArgument known = findNamed(name);
  if (known && known != prepared) {
    // The weight is an argument as well, or its name is another's.
    if (known.getType() != weight.getType() ||
        function.getArgAttr(known.getArgNumber(),
                            QuantTensorDialect::getPreparedAttrName()))
      return false;
    prepared.replaceAllUsesWith(known);
    return !failed(function.eraseArgument(prepared.getArgNumber()));
  }
  function.setArgAttrs(
      prepared.getArgNumber(),
      function_interface_impl::getArgAttrDict(prepare, weight.getArgNumber()));
  return true;
}

/// Erases what only forwarding kept: arguments of the prepare function that it
/// does not read, and of the function those that it leaves to be prepared.
void ForwardedWeights::dropUnusedWeights() {
  BitVector inMain(function.getNumArguments());
  for (BlockArgument argument : prepare.getArguments()) {
    StringAttr name = getName(prepare, argument);
    BlockArgument same = name ? findNamed(name) : BlockArgument();
    if (same && same.use_empty() && !argument.use_empty())
      inMain.set(same.getArgNumber());
  }
  (void)function.eraseArguments(inMain);
  BitVector inPrepare(prepare.getNumArguments());
  for (BlockArgument argument : prepare.getArguments())
    if (argument.use_empty())
      inPrepare.set(argument.getArgNumber());
  (void)prepare.eraseArguments(inPrepare);
}

void ForwardedWeights::run() {
  auto end = cast<func::ReturnOp>(prepare.getBody().front().getTerminator());
  BitVector dropped(end.getNumOperands());
  for (auto [index, value] : llvm::enumerate(end.getOperands())) {
    auto weight = dyn_cast<BlockArgument>(value);
    if (weight && weight.getOwner() == &prepare.getBody().front() &&
        forward(findPrepared(index), weight))
      dropped.set(index);
  }
  // What is left moves up.
  unsigned next = 0;
  for (unsigned index = 0, count = dropped.size(); index < count; ++index) {
    if (dropped.test(index))
      continue;
    if (BlockArgument argument = findPrepared(index))
      function.setArgAttr(
          argument.getArgNumber(), QuantTensorDialect::getPreparedAttrName(),
          IntegerAttr::get(IntegerType::get(function.getContext(), 64), next));
    ++next;
  }
  if (dropped.any()) {
    end->eraseOperands(dropped);
    (void)prepare.eraseResults(dropped);
  }
  dropUnusedWeights();
  if (next > 0)
    return;
  function->removeAttr(QuantTensorDialect::getPrepareAttrName());
  prepare.erase();
}

namespace {

struct ForwardWeights
    : quantmlir::quant_tensor::impl::QuantTensorForwardWeightsBase<
          ForwardWeights> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto function :
         llvm::to_vector(getOperation().getOps<func::FuncOp>())) {
      auto name = function->getAttrOfType<FlatSymbolRefAttr>(
          QuantTensorDialect::getPrepareAttrName());
      auto prepare =
          name ? symbols.lookup<func::FuncOp>(name.getValue()) : func::FuncOp();
      if (prepare && prepare.getBody().hasOneBlock() && !function.isExternal())
        ForwardedWeights(function, prepare).run();
    }
  }
};

} // namespace
