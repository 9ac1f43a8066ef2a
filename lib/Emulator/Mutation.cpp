//===- Mutation.cpp - Kernels with a safeguard taken away -----------------===//

#include "quantmlir/Emulator/Mutation.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quantmlir::emulator;

StringRef quantmlir::emulator::stringifyMutationKind(MutationKind kind) {
  switch (kind) {
  case MutationKind::Barrier:
    return "barrier";
  case MutationKind::Wait:
    return "wait";
  case MutationKind::Fence:
    return "fence";
  case MutationKind::Commit:
    return "commit";
  case MutationKind::Arrive:
    return "arrive";
  case MutationKind::Predicate:
    return "predicate";
  case MutationKind::Guard:
    return "guard";
  case MutationKind::Clamp:
    return "clamp";
  }
  llvm_unreachable("unknown kind of mutation");
}

std::string Mutation::getName() const {
  return llvm::formatv("{0} {1} #{2}", stringifyMutationKind(kind), op,
                       ordinal);
}

//===----------------------------------------------------------------------===//
// What there is
//===----------------------------------------------------------------------===//

/// Instructions are told by name: NVVM and quant_tile have dozens of barriers,
/// waits and fences, and one that is added must not be forgotten here.
static std::optional<MutationKind> classifyInstruction(Operation *op) {
  StringRef dialect = op->getName().getDialectNamespace();
  StringRef name = op->getName().stripDialect();
  if (isa<LLVM::FenceOp>(op))
    return MutationKind::Fence;
  if (dialect != "nvvm" && dialect != "quant_tile")
    return std::nullopt;
  auto has = [&](StringRef part) { return name.contains(part); };
  if (has("fence") || has("membar"))
    return MutationKind::Fence;
  if (has("commit"))
    return MutationKind::Commit;
  if (has("wait"))
    return MutationKind::Wait;
  if (has("arrive") || has("expect_tx"))
    return MutationKind::Arrive;
  if (has("barrier") || has("bar.warp.sync"))
    return MutationKind::Barrier;
  // griddepcontrol says in an attribute whether it waits.
  if (auto dependency = dyn_cast<NVVM::GriddepcontrolOp>(op))
    if (dependency.getKind() == NVVM::GridDepActionKind::wait)
      return MutationKind::Wait;
  return std::nullopt;
}

/// Whether a comparison decides something, rather than being computed with.
static bool isGuard(LLVM::ICmpOp compare) {
  return compare.getType().isInteger(1) && !compare->use_empty();
}

/// The comparison is all that its only use, a branch, looks at: the branch
/// speaks for both.
static bool isSeenByBranchOnly(LLVM::ICmpOp compare) {
  return compare->hasOneUse() && isa<LLVM::CondBrOp>(*compare->user_begin());
}

static std::optional<std::pair<MutationKind, std::string>>
classify(Operation *op) {
  std::string name = op->getName().getStringRef().str();
  if (auto kind = classifyInstruction(op))
    return std::pair(*kind, name);
  if (auto branch = dyn_cast<LLVM::CondBrOp>(op)) {
    if (branch.getTrueDest() != branch.getFalseDest() &&
        !matchPattern(branch.getCondition(), m_Constant()))
      return std::pair(MutationKind::Predicate, name);
    return std::nullopt;
  }
  if (auto compare = dyn_cast<LLVM::ICmpOp>(op)) {
    if (!isGuard(compare) || isSeenByBranchOnly(compare))
      return std::nullopt;
    return std::pair(MutationKind::Guard,
                     name + " " +
                         stringifyICmpPredicate(compare.getPredicate()).str());
  }
  if (auto copy = dyn_cast<NVVM::CpAsyncOp>(op)) {
    if (copy.getCpSize())
      return std::pair(MutationKind::Guard, name);
    return std::nullopt;
  }
  if (isa<LLVM::UMinOp, LLVM::UMaxOp, LLVM::SMinOp, LLVM::SMaxOp>(op) &&
      op->getResult(0).getType().isIntOrIndex())
    return std::pair(MutationKind::Clamp, name);
  return std::nullopt;
}

/// Instructions whose result somebody needs and nothing can stand for.
static bool canDelete(Operation *op) {
  return op->use_empty() || op->getResult(0).getType().isInteger(1) ||
         op->getNumResults() <= op->getNumOperands();
}

std::vector<Mutation>
quantmlir::emulator::enumerateMutations(LLVM::LLVMFuncOp kernel) {
  std::vector<Mutation> result;
  llvm::StringMap<unsigned> counts;
  unsigned index = 0;
  // Groups of a kernel that never copies are empty: ending one, or waiting for
  // it, is nothing that could be taken away.
  bool copies = false;
  kernel.walk([&](NVVM::CpAsyncOp) { copies = true; });
  kernel.walk([&](Operation *op) {
    unsigned here = index++;
    if (!copies &&
        isa<NVVM::CpAsyncCommitGroupOp, NVVM::CpAsyncWaitGroupOp>(op))
      return;
    auto found = classify(op);
    if (!found || !canDelete(op))
      return;
    auto &[kind, name] = *found;
    unsigned ordinal = counts[(stringifyMutationKind(kind) + name).str()]++;
    result.push_back({kind, here, name, ordinal, op->getLoc()});
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Taking it away
//===----------------------------------------------------------------------===//

static Value makeBool(OpBuilder &builder, Location loc, bool value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI1Type(),
                                  builder.getBoolAttr(value));
}

/// Whether the branch goes straight past what it guards when the condition is
/// true: then its true successor is where the other side goes on.
static bool guardsFalseSide(LLVM::CondBrOp branch) {
  Block *other = branch.getFalseDest();
  return other->getSinglePredecessor() &&
         llvm::is_contained(other->getSuccessors(), branch.getTrueDest()) &&
         other != branch->getBlock();
}

static void deleteInstruction(Operation *op) {
  OpBuilder builder(op);
  unsigned results = op->getNumResults();
  if (results == 1 && op->getResult(0).getType().isInteger(1)) {
    // "It has come."
    op->getResult(0).replaceAllUsesWith(makeBool(builder, op->getLoc(), true));
  } else if (results && !op->use_empty()) {
    // A wait that owns what it waits for gives back its last operands.
    op->replaceAllUsesWith(op->getOperands().take_back(results));
  }
  op->erase();
}

static Operation *findOp(LLVM::LLVMFuncOp kernel, const Mutation &mutation) {
  Operation *op = nullptr;
  unsigned index = 0;
  kernel.walk([&](Operation *candidate) {
    if (index++ != mutation.index)
      return WalkResult::advance();
    op = candidate;
    return WalkResult::interrupt();
  });
  assert(op && "a mutation of another kernel");
  return op;
}

void quantmlir::emulator::applyMutation(LLVM::LLVMFuncOp kernel,
                                        const Mutation &mutation) {
  Operation *op = findOp(kernel, mutation);
  OpBuilder builder(op);
  switch (mutation.kind) {
  case MutationKind::Predicate: {
    auto branch = cast<LLVM::CondBrOp>(op);
    branch.getConditionMutable().set(
        makeBool(builder, op->getLoc(), !guardsFalseSide(branch)));
    return;
  }
  case MutationKind::Guard:
    if (auto copy = dyn_cast<NVVM::CpAsyncOp>(op))
      copy.getCpSizeMutable().clear();
    else
      op->getResult(0).replaceAllUsesWith(
          makeBool(builder, op->getLoc(), true));
    return;
  case MutationKind::Clamp:
    op->getResult(0).replaceAllUsesWith(op->getOperand(0));
    return;
  default:
    deleteInstruction(op);
  }
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

bool quantmlir::emulator::isOfCondition(const Mutation &mutation) {
  return mutation.kind == MutationKind::Predicate ||
         mutation.kind == MutationKind::Guard;
}

namespace {
/// What a mutation fixes, as values that are equal where it changes nothing.
struct Comparison {
  Value value, fixed;
};
} // namespace

/// What to compare, built in front of or right behind `op`.
static SmallVector<Comparison> makeComparisons(Operation *op,
                                               OpBuilder &builder) {
  if (auto branch = dyn_cast<LLVM::CondBrOp>(op))
    return {{branch.getCondition(),
             makeBool(builder, op->getLoc(), !guardsFalseSide(branch))}};
  if (auto copy = dyn_cast<NVVM::CpAsyncOp>(op))
    return {{copy.getCpSize(),
             LLVM::ConstantOp::create(
                 builder, op->getLoc(), copy.getCpSize().getType(),
                 builder.getI32IntegerAttr(copy.getSize()))}};
  // A comparison that only selects integers says `min` or `clamp`: what counts
  // is what is selected, which may be the same on either side.
  Value condition = op->getResult(0);
  auto selects = [&](Operation *user) {
    auto select = dyn_cast<LLVM::SelectOp>(user);
    return select && select.getCondition() == condition &&
           isa<IntegerType>(select.getType()) &&
           select.getTrueValue() != condition &&
           select.getFalseValue() != condition;
  };
  SmallVector<Comparison> result;
  if (llvm::all_of(condition.getUsers(), selects)) {
    for (Operation *user : condition.getUsers())
      result.push_back(
          {user->getResult(0), cast<LLVM::SelectOp>(user).getTrueValue()});
    return result;
  }
  return {{condition, makeBool(builder, op->getLoc(), true)}};
}

void quantmlir::emulator::probeCondition(LLVM::LLVMFuncOp kernel,
                                         const Mutation &mutation) {
  Operation *op = findOp(kernel, mutation);
  OpBuilder builder(op);
  if (isa<LLVM::ICmpOp>(op))
    builder.setInsertionPointAfter(op);
  Location loc = op->getLoc();
  Type i64 = builder.getI64Type();
  for (auto [value, fixed] : makeComparisons(op, builder)) {
    Operation *definition = value.getDefiningOp();
    if (definition && isa<LLVM::SelectOp>(definition))
      builder.setInsertionPointAfter(definition);
    // A division by zero where they differ.
    Value same = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq,
                                      value, fixed);
    Value divisor = LLVM::ZExtOp::create(builder, loc, i64, same);
    Value one = LLVM::ConstantOp::create(builder, loc, i64,
                                         builder.getI64IntegerAttr(1));
    LLVM::UDivOp::create(builder, loc, one, divisor);
  }
}

/// Registers that say where in the grid a thread is.
static bool isPlace(Operation *op) {
  return isa<NVVM::ThreadIdXOp, NVVM::ThreadIdYOp, NVVM::ThreadIdZOp,
             NVVM::BlockIdXOp, NVVM::BlockIdYOp, NVVM::BlockIdZOp,
             NVVM::BlockDimXOp, NVVM::BlockDimYOp, NVVM::BlockDimZOp,
             NVVM::GridDimXOp, NVVM::GridDimYOp, NVVM::GridDimZOp,
             NVVM::LaneIdOp, NVVM::WarpIdOp, NVVM::WarpSizeOp, NVVM::ClusterId,
             NVVM::BlockInClusterIdXOp>(op);
}

bool quantmlir::emulator::followsFromPlace(LLVM::LLVMFuncOp kernel,
                                           const Mutation &mutation) {
  // On a copy: comparing makes constants, and those would shift the numbers of
  // the kernel's ops.
  OwningOpRef<LLVM::LLVMFuncOp> copy(kernel.clone());
  Operation *op = findOp(*copy, mutation);
  OpBuilder builder(op);
  SmallVector<Value> work;
  for (auto [value, fixed] : makeComparisons(op, builder))
    work.append({value, fixed});
  llvm::SmallPtrSet<Value, 32> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (Operation *op = value.getDefiningOp()) {
      if (isPlace(op))
        continue;
      // The same lanes get the same from a shuffle of such values.
      if (!isMemoryEffectFree(op) && !isa<NVVM::ShflOp>(op))
        return false;
      if (isa<LLVM::AddressOfOp>(op))
        return false;
      llvm::append_range(work, op->getOperands());
      continue;
    }
    // A block argument is what its predecessors pass; which of them it came
    // from is what they branch on.
    auto argument = cast<BlockArgument>(value);
    Block *block = argument.getOwner();
    if (block->isEntryBlock())
      return false;
    for (auto it = block->pred_begin(); it != block->pred_end(); ++it) {
      auto branch = dyn_cast<BranchOpInterface>((*it)->getTerminator());
      if (!isa<LLVM::BrOp, LLVM::CondBrOp>((*it)->getTerminator()))
        return false;
      SuccessorOperands passed =
          branch.getSuccessorOperands(it.getSuccessorIndex());
      work.push_back(passed[argument.getArgNumber()]);
      if (auto conditional = dyn_cast<LLVM::CondBrOp>(branch.getOperation()))
        work.push_back(conditional.getCondition());
    }
  }
  return true;
}
