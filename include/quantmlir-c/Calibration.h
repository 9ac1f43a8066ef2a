/*===- quantmlir-c/Calibration.h - Calibrate and quantize models --*- C -*-===*\
|*                                                                            *|
|* A float model observes its activations while it runs on samples; what was  *|
|* seen chooses how it is quantized.                                          *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef QUANTMLIR_C_CALIBRATION_H
#define QUANTMLIR_C_CALIBRATION_H

#include "mlir-c/IR.h"
#include "quantmlir-c/Reference.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What to observe and how to quantize, as text (docs/Passes/Calibration.md).
/// Null strings are what the passes take for granted.
typedef struct QuantmlirQuantizeOptions {
  /// Such as "int8/int8". Required to quantize; what is observed otherwise is
  /// every layer.
  MlirStringRef scheme;
  /// "pattern=scheme;pattern=scheme": other schemes by name.
  MlirStringRef overrides;
  /// A statistics file.
  MlirStringRef stats;
  /// A method for schemes that name none.
  MlirStringRef method;
  /// "in-place" or "arguments".
  MlirStringRef weights;
  /// "model", "quantizer" or "both".
  MlirStringRef emit;
} QuantmlirQuantizeOptions;

/// Inserts `observe` ops for the statistics `kinds` ("minmax,xtx"; null: all
/// but xtx and rows), of weights as well where asked. Fails after an error was
/// emitted.
MLIR_CAPI_EXPORTED MlirLogicalResult
quantmlirInsertObservers(MlirModule module, QuantmlirQuantizeOptions options,
                         MlirStringRef kinds, bool weights);

/// Quantizes `module` in place. Fails after an error was emitted.
MLIR_CAPI_EXPORTED MlirLogicalResult
quantmlirQuantizeModel(MlirModule module, QuantmlirQuantizeOptions options);

/// A model with observers, compiled for this machine, and what they have seen.
typedef struct QuantmlirCalibrator {
  void *ptr;
} QuantmlirCalibrator;

/// Compiles MLIR text or bytecode. On failure `onError` is called with the
/// reason (once), and `ptr` of the result is null.
MLIR_CAPI_EXPORTED QuantmlirCalibrator quantmlirCalibratorCreate(
    MlirStringRef module, MlirStringCallback onError, void *userData);
/// Frees the code, and the statistics that were not written.
MLIR_CAPI_EXPORTED void
quantmlirCalibratorDestroy(QuantmlirCalibrator calibrator);

/// Runs a function on one sample, an array for each argument, and adds what is
/// observed. A value that is not finite is an error that names its tensor.
MLIR_CAPI_EXPORTED MlirLogicalResult quantmlirCalibratorRun(
    QuantmlirCalibrator calibrator, MlirStringRef function, intptr_t numInputs,
    const QuantmlirArray *inputs, MlirStringCallback onError, void *userData);

/// Adds the statistics of another run, from its file.
MLIR_CAPI_EXPORTED MlirLogicalResult
quantmlirCalibratorMerge(QuantmlirCalibrator calibrator, MlirStringRef path,
                         MlirStringCallback onError, void *userData);

/// Writes the statistics: beside `path` first, then renamed.
MLIR_CAPI_EXPORTED MlirLogicalResult
quantmlirCalibratorWrite(QuantmlirCalibrator calibrator, MlirStringRef path,
                         MlirStringCallback onError, void *userData);

#ifdef __cplusplus
}
#endif

#endif /* QUANTMLIR_C_CALIBRATION_H */
