//===- Mutation.h - Kernels with a safeguard taken away -------------------===//
//
// A test of the emulator and of the inputs it is given: whatever keeps a kernel
// correct (a barrier, a wait, a guard) is taken away, one at a time, and
// somebody must notice.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EMULATOR_MUTATION_H
#define QUANTMLIR_EMULATOR_MUTATION_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include <string>
#include <vector>

namespace quantmlir::emulator {

/// What is taken away.
enum class MutationKind {
  /// A barrier of a block, of some warps, of a warp or of a cluster: deleted.
  Barrier,
  /// A wait for a copy, an mbarrier, a wgmma or the kernel before: deleted, as
  /// if what it waits for had come.
  Wait,
  /// A fence: deleted.
  Fence,
  /// The end of a group of copies or wgmmas: deleted.
  Commit,
  /// An arrival at an mbarrier, with the bytes it may expect: deleted.
  Arrive,
  /// A conditional branch: it always takes the way it would take on true (or
  /// the other one, where that leads past what the branch guards).
  Predicate,
  /// A comparison of integers: always true. A copy's zero fill: all is copied.
  Guard,
  /// A minimum or maximum of integers: its first operand.
  Clamp,
};

/// A name as in `barrier`.
llvm::StringRef stringifyMutationKind(MutationKind kind);

/// One thing that can be taken away from a kernel.
struct Mutation {
  MutationKind kind;
  /// The op's place among all of its kernel, in the order of a walk.
  unsigned index;
  /// Its name, with what else tells it from others: `llvm.icmp ult`.
  std::string op;
  /// The number among those of the same kind and op in the kernel, from 0.
  unsigned ordinal;
  mlir::Location location;

  /// "barrier nvvm.barrier0 #1"; the same for one kernel in any context.
  std::string getName() const;
};

/// Everything that can be taken away from `kernel`, in the order of its ops.
std::vector<Mutation> enumerateMutations(mlir::LLVM::LLVMFuncOp kernel);

/// Whether `mutation` makes a condition constant. Then one can ask whether it
/// ever was anything else.
bool isOfCondition(const Mutation &mutation);

/// Makes every thread that comes to the condition with another value than the
/// mutation would give it a finding, and changes nothing else.
void probeCondition(mlir::LLVM::LLVMFuncOp kernel, const Mutation &mutation);

/// Whether the condition follows from the places of thread and block alone, not
/// from what the kernel is given or reads: then what it was in one launch it is
/// in every launch of that grid.
bool followsFromPlace(mlir::LLVM::LLVMFuncOp kernel, const Mutation &mutation);

/// Takes it away. `kernel` is one that `enumerateMutations` saw, or a copy.
void applyMutation(mlir::LLVM::LLVMFuncOp kernel, const Mutation &mutation);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_MUTATION_H
