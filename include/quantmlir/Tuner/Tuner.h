//===- Tuner.h - Every schedule of every op, ready to be timed -*- C++ -*-===//
//
// The half of a tuner that needs the compiler: which ops a module has, which
// schedules each could have, and a bundle of their artifacts. The other half
// needs a GPU and the runtime; docs/Tuning.md describes both.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_TUNER_TUNER_H
#define QUANTMLIR_TUNER_TUNER_H

#include "mlir/IR/OwningOpRef.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Pipelines/Compile.h"

namespace quantmlir {

/// What to tune for, and how.
struct TuneOptions {
  /// Chip, `ptxas` and so on of each artifact.
  CompileOptions compile;
  /// Rows of activations to tune an op for whose M is dynamic, ascending.
  llvm::SmallVector<int64_t> rows = {1, 8, 16, 32, 64, 128, 256, 1024, 4096};
  /// Most schedules to keep of an op, 0 for all: those that would be chosen
  /// without timings, then the rest evenly thinned.
  size_t limit = 0;
  /// Make what is wrong with a line of readCandidates a warning, and go on.
  bool skipIllegal = false;
  /// Threads that compile; 0 for one per core.
  unsigned jobs = 0;
};

/// One schedule of an op.
struct TuneCandidate {
  /// For any number of rows.
  quant_tile::ScheduleAttr schedule;
  /// Rows of activations to time it with, ascending.
  llvm::SmallVector<int64_t> rows;
  /// Those for which it is chosen without timings.
  llvm::SmallVector<int64_t> chosenFor;
};

/// One op, and what it may be computed with.
struct TunableOp {
  /// What its timings are filed under (schedule::getSignature).
  std::string signature;
  /// The first op of the module with that signature.
  mlir::Location location;
  /// A program of that op alone: a function `op` of `lhs`, `rhs` and the
  /// epilogue's operands `arg0`, `arg1`, ..., with result `out`.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Leading dimensions of its operands that are a batch.
  int64_t numBatchDims;
  std::vector<TuneCandidate> candidates;
};

/// Runs the algebra on `module` and returns its distinct `scaled_matmul` ops
/// with the schedules that schedule::enumerateSchedules lists. An op that no
/// kernel family computes is passed over with a warning; a module without any
/// other is an error.
mlir::FailureOr<std::vector<TunableOp>>
findTunableOps(mlir::ModuleOp module, const TuneOptions &options);

/// Replaces the candidates of `ops` by the schedules that the file `path` has,
/// one a line in the syntax of the attribute; '//' begins a comment. Each op
/// gets those that it can obey. A line that cannot be read, or that no op can
/// obey, is an error there.
mlir::LogicalResult readCandidates(std::vector<TunableOp> &ops,
                                   llvm::StringRef path,
                                   const TuneOptions &options);

/// Compiles every candidate and writes the bundle `path`: a directory with an
/// artifact for each and the index `tuning.json`. It appears whole or not at
/// all; one that is there already is replaced. A candidate that does not
/// compile is an error, which names it.
mlir::LogicalResult writeBundle(llvm::ArrayRef<TunableOp> ops,
                                llvm::StringRef path,
                                const TuneOptions &options);

} // namespace quantmlir

#endif // QUANTMLIR_TUNER_TUNER_H
