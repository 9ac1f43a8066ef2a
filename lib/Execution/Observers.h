//===- Observers.h - What compiled code shows on its way ------------------===//

#ifndef QUANTMLIR_LIB_EXECUTION_OBSERVERS_H
#define QUANTMLIR_LIB_EXECUTION_OBSERVERS_H

#include "quantmlir/Execution/ReferenceExecutor.h"

namespace quantmlir {

/// The function that an `observe` becomes a call of.
inline constexpr llvm::StringLiteral kObserverFunction = "quantmlirObserve";
/// The symbol that the call ends at: MLIR's C interface to that function.
inline constexpr llvm::StringLiteral kObserverSymbol =
    "_mlir_ciface_quantmlirObserve";
/// Module attribute: a dictionary {name, kinds, axis} for each observation, by
/// number.
inline constexpr llvm::StringLiteral kObservationsAttr =
    "quantmlir.observations";

/// What `quant-lower-observers` wrote down of `module`.
std::vector<ReferenceExecutor::Observation>
readObservations(mlir::ModuleOp module);

/// Address of what compiled code calls.
void *getObserverAddress();

/// While it lives, what this thread's compiled code observes goes to `observer`
/// (nowhere where that is null).
class ObserverScope {
public:
  explicit ObserverScope(ReferenceExecutor::Observer observer);
  ~ObserverScope();
  ObserverScope(const ObserverScope &) = delete;
  ObserverScope &operator=(const ObserverScope &) = delete;

private:
  ReferenceExecutor::Observer observer;
  ReferenceExecutor::Observer *previous;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_EXECUTION_OBSERVERS_H
