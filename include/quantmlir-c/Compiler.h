/*===- quantmlir-c/Compiler.h - From a module to an artifact ------*- C -*-===*\
|*                                                                            *|
|* Errors are diagnostics at the op they concern: attach a handler to the     *|
|* context (mlirContextAttachDiagnosticHandler).                              *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef QUANTMLIR_C_COMPILER_H
#define QUANTMLIR_C_COMPILER_H

#include "mlir-c/IR.h"
#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How to compile; start from quantmlirCompileOptionsGetDefault().
typedef struct QuantmlirCompileOptions {
  /// "sm_80", "sm_89" or "sm_90a"; another one is an error that lists them.
  MlirStringRef chip;
  /// Path of a `ptxas` that assembles the PTX, so that the artifact holds a
  /// cubin too; empty for PTX only.
  MlirStringRef ptxas;
} QuantmlirCompileOptions;

/// What `quant-compile` uses when it is told nothing.
MLIR_CAPI_EXPORTED QuantmlirCompileOptions
quantmlirCompileOptionsGetDefault(void);

/// The files of an artifact, in memory (docs/Manifest.md).
typedef struct QuantmlirArtifact {
  void *ptr;
} QuantmlirArtifact;

/// Compiles `module`, which is changed: clone it to keep it. Its context must
/// know what quantmlirRegisterAllDialects registers. Returns a null handle
/// after an error was emitted.
MLIR_CAPI_EXPORTED QuantmlirArtifact
quantmlirCompile(MlirModule module, QuantmlirCompileOptions options);
/// Frees the files in memory, not those that were written.
MLIR_CAPI_EXPORTED void quantmlirArtifactDestroy(QuantmlirArtifact artifact);

/// How many files there are; manifest.json is among them.
MLIR_CAPI_EXPORTED intptr_t
quantmlirArtifactGetNumFiles(QuantmlirArtifact artifact);
/// Name and contents live as long as the artifact.
MLIR_CAPI_EXPORTED MlirStringRef
quantmlirArtifactGetFileName(QuantmlirArtifact artifact, intptr_t file);
MLIR_CAPI_EXPORTED MlirStringRef
quantmlirArtifactGetFileContents(QuantmlirArtifact artifact, intptr_t file);

/// Writes the artifact to the directory `path`: beside it first, then renamed,
/// so that nobody sees half of one. Replaces an artifact that is there and
/// nothing else. Calls `onError` with the reason before it returns failure.
MLIR_CAPI_EXPORTED MlirLogicalResult
quantmlirArtifactWrite(QuantmlirArtifact artifact, MlirStringRef path,
                       MlirStringCallback onError, void *userData);

#ifdef __cplusplus
}
#endif

#endif /* QUANTMLIR_C_COMPILER_H */
