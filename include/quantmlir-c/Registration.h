/*===- quantmlir-c/Registration.h - What a context must know ------*- C -*-===*\
|*                                                                            *|
|* libQuantMLIRC also exports mlir-c's IR, diagnostics, pass and dialect-     *|
|* handle functions, so a C program needs no other library. A program that    *|
|* already has them keeps its own: they hold no state, and MLIR itself is     *|
|* the one shared libMLIR either way.                                         *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef QUANTMLIR_C_REGISTRATION_H
#define QUANTMLIR_C_REGISTRATION_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

/// "major.minor.patch".
MLIR_CAPI_EXPORTED const char *quantmlirGetVersion(void);

/// Adds our dialects to `registry`, with every upstream dialect, interface
/// implementation and translation that our pipelines use.
MLIR_CAPI_EXPORTED void
quantmlirRegisterAllDialects(MlirDialectRegistry registry);

/// Makes our passes and pipelines, and upstream's, known by name to
/// mlirParsePassPipeline and mlirOpPassManagerAddPipeline. Any number of calls
/// from any thread; the first one does it.
MLIR_CAPI_EXPORTED void quantmlirRegisterAllPasses(void);

/// A context that knows all of the above; free it with mlirContextDestroy. Its
/// diagnostics do not print the op that they are of.
MLIR_CAPI_EXPORTED MlirContext quantmlirContextCreate(void);

#ifdef __cplusplus
}
#endif

#endif /* QUANTMLIR_C_REGISTRATION_H */
