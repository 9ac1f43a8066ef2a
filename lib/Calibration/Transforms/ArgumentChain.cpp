//===- ArgumentChain.cpp - What becomes of a weight argument --------------===//

#include "ArgumentChain.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quantmlir::calibration;
using namespace quantmlir::quant_tensor;

/// Adds the ops behind `value`, first ones first, and the arguments they read.
static bool collect(Value value, llvm::SetVector<Operation *> &ops,
                    llvm::SetVector<BlockArgument> &arguments) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    arguments.insert(argument);
    return isa<func::FuncOp>(argument.getOwner()->getParentOp());
  }
  Operation *op = value.getDefiningOp();
  if (ops.contains(op))
    return true;
  if (!isMemoryEffectFree(op) || op->getNumResults() != 1 ||
      !llvm::all_of(op->getOperands(), [&](Value operand) {
        return collect(operand, ops, arguments);
      }))
    return false;
  ops.insert(op);
  return true;
}

FailureOr<ArgumentChain> ArgumentChain::match(Value value, WhyNot &whyNot) {
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> arguments;
  if (!collect(value, ops, arguments) || arguments.size() != 1)
    return whyNot(arguments.empty()
                      ? "it is not an argument of the function"
                      : "it is made of more than one argument, or by an op "
                        "with effects");
  ArgumentChain chain;
  chain.argument = arguments.front();
  chain.ops = ops.takeVector();
  llvm::SmallPtrSet<Value, 4> dependent;
  dependent.insert(chain.argument);
  for (Operation *op : chain.ops)
    if (llvm::any_of(op->getOperands(), [&](Value operand) {
          return dependent.contains(operand);
        }))
      dependent.insert(op->getResult(0));
  for (Value link : dependent)
    if (!link.hasOneUse())
      return whyNot("it has other uses");
  return chain;
}

ArgumentChain::Copy ArgumentChain::copy(Value value) const {
  Copy copy;
  copy.block = std::make_shared<Block>();
  IRMapping mapping;
  mapping.map(argument,
              copy.block->addArgument(argument.getType(), argument.getLoc()));
  OpBuilder builder(argument.getContext());
  builder.setInsertionPointToEnd(copy.block.get());
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  copy.result = mapping.lookup(value);
  return copy;
}

Value ArgumentChain::Copy::build(OpBuilder &builder, Value value) const {
  IRMapping mapping;
  mapping.map(block->getArgument(0), value);
  for (Operation &op : *block)
    builder.clone(op, mapping);
  return mapping.lookup(result);
}

void ArgumentChain::erase() const {
  for (Operation *op : llvm::reverse(ops))
    if (op->use_empty())
      op->erase();
}
