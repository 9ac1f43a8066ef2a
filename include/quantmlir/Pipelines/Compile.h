//===- Compile.h - From a module to an artifact -----------------*- C++ -*-===//

#ifndef QUANTMLIR_PIPELINES_COMPILE_H
#define QUANTMLIR_PIPELINES_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/Timing.h"
#include "quantmlir/Pipelines/Pipelines.h"
#include "quantmlir/Target/PTX/Manifest.h"
#include <functional>
#include <vector>

namespace quantmlir {

/// How far to compile, and how.
struct CompileOptions : PipelineOptions {
  /// Assemble the PTX with `ptxas`; empty for PTX only.
  std::string ptxas;
  /// Set up each pass manager (timing, IR printing); may be null.
  std::function<mlir::LogicalResult(mlir::PassManager &)> configure;
  /// Verify kernels after each pass, to find the pass that breaks one; else
  /// once, after all of them.
  bool verifyEach = false;
};

/// The files of an artifact, manifest.json among them.
struct Artifact {
  std::vector<ArtifactFile> files;
};

/// Registers the dialects, interfaces and translations that compileModule uses,
/// and no others: loading all of upstream costs more time than one kernel.
void registerCompilerDialects(mlir::DialectRegistry &registry);

/// Compiles `module` in place and returns its artifact. Errors are emitted at
/// the op they concern.
mlir::FailureOr<Artifact> compileModule(mlir::ModuleOp module,
                                        const CompileOptions &options,
                                        mlir::TimingScope &timing);

/// Writes `artifact` to the directory `path`: beside it first, then renamed, so
/// that nobody sees half of one. Replaces an artifact that is there; refuses to
/// replace anything else.
llvm::Error writeArtifact(const Artifact &artifact, llvm::StringRef path);

/// The `ptxas` to use: $QUANTMLIR_PTXAS, then $CUDA_HOME, PATH and the default
/// place of the CUDA toolkit. Empty where there is none.
std::string findPTXAssembler();

} // namespace quantmlir

#endif // QUANTMLIR_PIPELINES_COMPILE_H
