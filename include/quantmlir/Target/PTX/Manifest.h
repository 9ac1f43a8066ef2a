//===- Manifest.h - The launch plan of a compiled module --------*- C++ -*-===//

#ifndef QUANTMLIR_TARGET_PTX_MANIFEST_H
#define QUANTMLIR_TARGET_PTX_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace quantmlir {

/// A file of the artifact, beside its manifest.
struct ArtifactFile {
  /// "ptx" or "cubin"; empty for the reference.
  std::string kind;
  std::string name;
  std::string contents;
};

/// What the manifest says besides what is in the module.
struct ManifestOptions {
  std::string chip;
  llvm::ArrayRef<ArtifactFile> images;
  /// Bytecode of the program before kernels were chosen, or null.
  const ArtifactFile *reference = nullptr;
  /// Bytecode of the kernels before their translation, or null.
  const ArtifactFile *kernelsIR = nullptr;
  /// Values of weights that the program brings along, or null.
  const ArtifactFile *constants = nullptr;
};

/// The values of arguments that have one (`quant_tensor.constant`) by their
/// names, as a safetensors file; without contents where no argument has one.
mlir::FailureOr<ArtifactFile> buildConstants(mlir::ModuleOp module);

/// The manifest of `module`, as text: the kernels that its functions launch,
/// and for each function its buffers and launches as functions of its dynamic
/// dimensions. The functions are on memrefs and hold `gpu.launch_func`,
/// allocations, views, index arithmetic, and `scf.if` on it; anything else is
/// an error at that op.
mlir::FailureOr<std::string> buildManifest(mlir::ModuleOp module,
                                           const ManifestOptions &options);

} // namespace quantmlir

#endif // QUANTMLIR_TARGET_PTX_MANIFEST_H
