//===- WgmmaRegisters.cpp - Registers of asynchronous multiplications -----===//

#include "WgmmaRegisters.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

using namespace mlir;
using quantmlir::quant_tile::WgmmaOp;
using quantmlir::quant_tile::WgmmaWaitOp;

/// What `branch` passes as argument `number` of its successor `index`.
static Value getPassed(Operation *branch, unsigned index, unsigned number) {
  return cast<BranchOpInterface>(branch).getSuccessorOperands(index)[number];
}

/// Whether `value` is made of nothing but constants: the registers may be
/// written at any time before the instruction.
static bool isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (op->hasTrait<OpTrait::ConstantLike>() ||
      isa<LLVM::UndefOp, LLVM::PoisonOp, LLVM::ZeroOp>(op))
    return true;
  auto insert = dyn_cast<LLVM::InsertValueOp>(op);
  return insert && isConstant(insert.getContainer()) &&
         isConstant(insert.getValue());
}

//===----------------------------------------------------------------------===//
// wgmma.fence
//===----------------------------------------------------------------------===//

namespace {
/// Walks backwards from a wgmma along every path, to the fence or to what
/// touches the register first.
class FenceSearch {
public:
  /// `isAccumulator`: other ops' reads count as well as the write.
  explicit FenceSearch(bool isAccumulator) : isAccumulator(isAccumulator) {}

  std::optional<Location> search(Value value, Block *block,
                                 Block::reverse_iterator from) {
    for (Operation &op : llvm::make_range(from, block->rend())) {
      if (isa<NVVM::WgmmaFenceAlignedOp>(op))
        return std::nullopt;
      if (&op == value.getDefiningOp()) {
        // Of the same shape, or the emulator says so when it happens.
        if (isa<WgmmaOp>(op))
          return std::nullopt;
        if (!isa<WgmmaWaitOp>(op)) {
          if (isConstant(value))
            continue;
          return op.getLoc();
        }
        value = op.getOperand(cast<OpResult>(value).getResultNumber());
        continue;
      }
      if (isAccumulator && !isConstant(value) &&
          !isa<WgmmaOp, WgmmaWaitOp>(op) &&
          !op.hasTrait<OpTrait::IsTerminator>() &&
          llvm::is_contained(op.getOperands(), value))
        return op.getLoc();
    }
    if (block->isEntryBlock())
      return block->getParentOp()->getLoc();
    if (!visited.insert({block, value}).second)
      return std::nullopt;
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getOwner() != block)
      argument = nullptr;
    for (auto it = block->pred_begin(); it != block->pred_end(); ++it) {
      Operation *branch = (*it)->getTerminator();
      Value passed = value;
      if (argument)
        passed =
            getPassed(branch, it.getSuccessorIndex(), argument.getArgNumber());
      if (auto found = search(passed, *it, (*it)->rbegin()))
        return found;
    }
    return std::nullopt;
  }

private:
  bool isAccumulator;
  DenseSet<std::pair<Block *, Value>> visited;
};
} // namespace

void quantmlir::emulator::markUnfencedRegisters(LLVM::LLVMFuncOp function) {
  function.walk([](WgmmaOp op) {
    auto check = [&](Value value, bool isAccumulator) {
      auto from = std::next(Block::reverse_iterator(op.getOperation()));
      if (auto found =
              FenceSearch(isAccumulator).search(value, op->getBlock(), from))
        op->setAttr(unfencedAttribute, LocationAttr(*found));
    };
    check(op.getAccumulators(), /*isAccumulator=*/true);
    if (op.hasRegisterA())
      for (Value a : op.getA())
        check(a, /*isAccumulator=*/false);
  });
}

//===----------------------------------------------------------------------===//
// Accumulators under way
//===----------------------------------------------------------------------===//

DenseMap<Operation *, SmallVector<Value, 1>>
quantmlir::emulator::findTouchedAccumulators(LLVM::LLVMFuncOp function) {
  DenseMap<Operation *, SmallVector<Value, 1>> result;
  SmallVector<Value> work;
  DenseSet<Value> seen;
  auto follow = [&](Value value) {
    if (seen.insert(value).second)
      work.push_back(value);
  };
  function.walk([&](WgmmaOp op) { follow(op.getResult()); });
  while (!work.empty()) {
    Value value = work.pop_back_val();
    DenseMap<Block *, Operation *> first;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      auto wgmma = dyn_cast<WgmmaOp>(user);
      if (wgmma && use == wgmma.getAccumulatorsMutable())
        continue;
      if (isa<WgmmaWaitOp>(user)) {
        follow(user->getResult(use.getOperandNumber()));
        continue;
      }
      if (auto branch = dyn_cast<BranchOpInterface>(user))
        if (auto argument =
                branch.getSuccessorBlockArgument(use.getOperandNumber())) {
          follow(*argument);
          continue;
        }
      Operation *&earliest = first[user->getBlock()];
      if (!earliest || user->isBeforeInBlock(earliest))
        earliest = user;
    }
    for (auto [block, op] : first)
      result[op].push_back(value);
  }
  return result;
}
