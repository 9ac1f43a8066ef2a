//===- QuantTensorHarness.h - What both quant_tensor fuzzers do -----------===//
//
// IR that a reader accepts goes on through everything of ours that runs on
// unknown IR: verifiers, printer, folds and canonicalisations, shape
// reification, quant-tensor-verify-encodings.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_TEST_FUZZ_QUANTTENSORHARNESS_H
#define QUANTMLIR_TEST_FUZZ_QUANTTENSORHARNESS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>

namespace quantmlir::fuzz {

/// A context without threads that swallows diagnostics, renewed now and then:
/// it keeps every attribute and type that it has seen.
class Harness {
public:
  mlir::MLIRContext &getContext();

  /// Exercises `module`, which has been verified. Aborts where a fold leaves
  /// invalid IR.
  void exercise(mlir::ModuleOp module);

  /// Aborts where `module`, read from text, does not parse again when printed.
  void roundTrip(mlir::ModuleOp module);

private:
  std::unique_ptr<mlir::MLIRContext> context;
  unsigned uses = 0;
};

/// Whether upstream is known to crash on `text` (see README.md).
bool crashesUpstream(llvm::StringRef text);

} // namespace quantmlir::fuzz

#endif // QUANTMLIR_TEST_FUZZ_QUANTTENSORHARNESS_H
