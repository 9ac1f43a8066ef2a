//===- Compiler.cpp - From a module to an artifact ------------------------===//

#include "quantmlir-c/Compiler.h"

#include "Support.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Wrap.h"
#include "quantmlir/Pipelines/Compile.h"

DEFINE_C_API_PTR_METHODS(QuantmlirArtifact, quantmlir::Artifact)

QuantmlirCompileOptions quantmlirCompileOptionsGetDefault(void) {
  // Leaked on purpose: the strings that the result points to live for good.
  static const auto *options = new quantmlir::CompileOptions;
  return {wrap(llvm::StringRef(options->chip)),
          wrap(llvm::StringRef(options->ptxas))};
}

QuantmlirArtifact quantmlirCompile(MlirModule module,
                                   QuantmlirCompileOptions options) {
  quantmlir::CompileOptions compileOptions;
  compileOptions.chip = unwrap(options.chip).str();
  compileOptions.ptxas = unwrap(options.ptxas).str();
  mlir::TimingScope untimed;
  mlir::FailureOr<quantmlir::Artifact> artifact =
      quantmlir::compileModule(unwrap(module), compileOptions, untimed);
  if (failed(artifact))
    return {nullptr};
  return wrap(new quantmlir::Artifact(std::move(*artifact)));
}

void quantmlirArtifactDestroy(QuantmlirArtifact artifact) {
  delete unwrap(artifact);
}

intptr_t quantmlirArtifactGetNumFiles(QuantmlirArtifact artifact) {
  return unwrap(artifact)->files.size();
}

MlirStringRef quantmlirArtifactGetFileName(QuantmlirArtifact artifact,
                                           intptr_t file) {
  return wrap(llvm::StringRef(unwrap(artifact)->files[file].name));
}

MlirStringRef quantmlirArtifactGetFileContents(QuantmlirArtifact artifact,
                                               intptr_t file) {
  return wrap(llvm::StringRef(unwrap(artifact)->files[file].contents));
}

MlirLogicalResult quantmlirArtifactWrite(QuantmlirArtifact artifact,
                                         MlirStringRef path,
                                         MlirStringCallback onError,
                                         void *userData) {
  return quantmlir::capi::Reporter{onError, userData}.check(
      quantmlir::writeArtifact(*unwrap(artifact), unwrap(path)));
}
