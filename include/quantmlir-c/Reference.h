/*===- quantmlir-c/Reference.h - Run a module on the CPU ----------*- C -*-===*\
|*                                                                            *|
|* The reference of an artifact, or any module of linalg on encoded tensors,  *|
|* compiled for this machine and run on arrays of the caller.                 *|
|*                                                                            *|
|* Here as in our other headers: an `onError` may be null, and the reason is  *|
|* then not told; destroying a null handle does nothing. Other functions take *|
|* live handles only, as in mlir-c.                                           *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef QUANTMLIR_C_REFERENCE_H
#define QUANTMLIR_C_REFERENCE_H

#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A module compiled for this machine.
typedef struct QuantmlirReference {
  void *ptr;
} QuantmlirReference;

/// The results of a call.
typedef struct QuantmlirArrays {
  void *ptr;
} QuantmlirArrays;

/// A row-major array. `element` is spelled as MLIR spells it: "bf16", "i8".
typedef struct QuantmlirArray {
  const void *data;
  /// Set on results. On inputs 0, or how many there are: fewer than shape and
  /// element take are an error.
  size_t numBytes;
  intptr_t rank;
  const int64_t *shape;
  MlirStringRef element;
} QuantmlirArray;

/// An argument or result of a function; an encoded tensor "w" is the arguments
/// "w.codes", "w.scales" and "w.zero_points". An extent of -1 is dynamic.
/// Strings and shapes live as long as the reference.
typedef struct QuantmlirBufferInfo {
  MlirStringRef name;
  MlirStringRef element;
  intptr_t rank;
  const int64_t *shape;
  /// Whether it is (part of) a weight.
  bool isWeight;
} QuantmlirBufferInfo;

/// Compiles MLIR text or bytecode. On failure `onError` is called with the
/// diagnostics (once), and `ptr` of the result is null.
MLIR_CAPI_EXPORTED QuantmlirReference quantmlirReferenceCreate(
    MlirStringRef module, MlirStringCallback onError, void *userData);
/// Frees the code; arrays that it gave stay.
MLIR_CAPI_EXPORTED void quantmlirReferenceDestroy(QuantmlirReference reference);

/// Public functions with a body, in the order of the module. Indices below are
/// the caller's to keep in range.
MLIR_CAPI_EXPORTED intptr_t
quantmlirReferenceGetNumFunctions(QuantmlirReference reference);
MLIR_CAPI_EXPORTED MlirStringRef quantmlirReferenceGetFunctionName(
    QuantmlirReference reference, intptr_t function);
MLIR_CAPI_EXPORTED intptr_t quantmlirReferenceGetNumArguments(
    QuantmlirReference reference, intptr_t function);
MLIR_CAPI_EXPORTED intptr_t quantmlirReferenceGetNumResults(
    QuantmlirReference reference, intptr_t function);
MLIR_CAPI_EXPORTED QuantmlirBufferInfo quantmlirReferenceGetArgument(
    QuantmlirReference reference, intptr_t function, intptr_t argument);
MLIR_CAPI_EXPORTED QuantmlirBufferInfo quantmlirReferenceGetResult(
    QuantmlirReference reference, intptr_t function, intptr_t result);

/// Runs a function on `inputs`, one for each argument. Element types and
/// static extents are checked first. Returns one array for each result, to be
/// destroyed by the caller, or a null handle after a call of `onError`.
MLIR_CAPI_EXPORTED QuantmlirArrays quantmlirReferenceInvoke(
    QuantmlirReference reference, MlirStringRef function, intptr_t numInputs,
    const QuantmlirArray *inputs, MlirStringCallback onError, void *userData);

/// How many arrays there are: one for each result.
MLIR_CAPI_EXPORTED intptr_t quantmlirArraysGetSize(QuantmlirArrays arrays);
/// Data, shape and element live as long as `arrays`.
MLIR_CAPI_EXPORTED QuantmlirArray quantmlirArraysGet(QuantmlirArrays arrays,
                                                     intptr_t index);
MLIR_CAPI_EXPORTED void quantmlirArraysDestroy(QuantmlirArrays arrays);

#ifdef __cplusplus
}
#endif

#endif /* QUANTMLIR_C_REFERENCE_H */
