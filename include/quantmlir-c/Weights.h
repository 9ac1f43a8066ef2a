/*===- quantmlir-c/Weights.h - Matrices to quantized weights ------*- C -*-===*\
|*                                                                            *|
|* Rounding, GPTQ, AWQ, SmoothQuant's scales and Hadamard rotations of dense  *|
|* row-major matrices. A scheme is text such as "int4,group=128,asymmetric"   *|
|* (quantmlir/Calibration/Scheme.h). Where a function can fail it calls       *|
|* `onError` once with the reason and returns a null handle or failure.       *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef QUANTMLIR_C_WEIGHTS_H
#define QUANTMLIR_C_WEIGHTS_H

#include "quantmlir-c/Reference.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A row-major matrix of the caller's.
typedef struct QuantmlirMatrix {
  float *data;
  intptr_t rows;
  intptr_t columns;
} QuantmlirMatrix;

/// Codes, scales and zero points of a matrix, and the encoding they are of.
typedef struct QuantmlirWeights {
  void *ptr;
} QuantmlirWeights;

MLIR_CAPI_EXPORTED void quantmlirWeightsDestroy(QuantmlirWeights weights);

/// The parts as `quant_tensor.assemble` takes them; they live as long as
/// `weights`. Zero points have rank 0 and no data where the encoding has none.
MLIR_CAPI_EXPORTED QuantmlirArray
quantmlirWeightsGetCodes(QuantmlirWeights weights);
MLIR_CAPI_EXPORTED QuantmlirArray
quantmlirWeightsGetScales(QuantmlirWeights weights);
MLIR_CAPI_EXPORTED QuantmlirArray
quantmlirWeightsGetZeroPoints(QuantmlirWeights weights);
/// i32, the group of each column where those of a group are not side by side;
/// null elsewhere.
MLIR_CAPI_EXPORTED QuantmlirArray
quantmlirWeightsGetGroupIndex(QuantmlirWeights weights);
/// The extents of the matrix, not of its packed codes.
MLIR_CAPI_EXPORTED int64_t quantmlirWeightsGetNumRows(QuantmlirWeights weights);
MLIR_CAPI_EXPORTED int64_t
quantmlirWeightsGetNumColumns(QuantmlirWeights weights);
/// "#quant_tensor.encoding<{...}>".
MLIR_CAPI_EXPORTED MlirStringRef
quantmlirWeightsGetEncoding(QuantmlirWeights weights);
/// Writes what the codes mean to `result`, of the size of the weights.
MLIR_CAPI_EXPORTED void quantmlirWeightsDequantize(QuantmlirWeights weights,
                                                   QuantmlirMatrix result);

/// Rounds to nearest under parameters that the scheme's method chooses.
MLIR_CAPI_EXPORTED QuantmlirWeights
quantmlirQuantizeWeights(QuantmlirMatrix weights, MlirStringRef scheme,
                         MlirStringCallback onError, void *userData);

/// See quantmlir/Calibration/Algorithms/GPTQ.h for each field.
typedef struct QuantmlirGPTQOptions {
  int64_t blockSize;
  double damping;
  bool actOrder;
  bool staticGroups;
  bool orderedGroups;
} QuantmlirGPTQOptions;
/// Likewise.
typedef struct QuantmlirGPTQReport {
  double damping;
  int64_t dampingSteps;
  int64_t deadColumns;
  double objective;
  double roundingObjective;
} QuantmlirGPTQReport;

/// What `quant-weights` uses when it is told nothing.
MLIR_CAPI_EXPORTED QuantmlirGPTQOptions quantmlirGPTQOptionsGetDefault(void);
/// `hessian` is the K×K sum of x^T x over inputs.
MLIR_CAPI_EXPORTED QuantmlirWeights quantmlirQuantizeGPTQ(
    QuantmlirMatrix weights, const double *hessian, MlirStringRef scheme,
    QuantmlirGPTQOptions options, QuantmlirGPTQReport *report,
    MlirStringCallback onError, void *userData);

/// See quantmlir/Calibration/Algorithms/AWQ.h for each field.
typedef struct QuantmlirAWQOptions {
  int64_t grid;
  int64_t searchRows;
  bool clip;
  int64_t clipSteps;
} QuantmlirAWQOptions;
/// Likewise.
typedef struct QuantmlirAWQReport {
  double alpha;
  int64_t clipped;
  int64_t blocks;
  double objective;
  double roundingObjective;
} QuantmlirAWQReport;

/// What `quant-weights` uses when it is told nothing.
MLIR_CAPI_EXPORTED QuantmlirAWQOptions quantmlirAWQOptionsGetDefault(void);
/// `absMean` holds mean|x| of each of the K inputs. Fills `channelScales` (K),
/// by which inputs are to be divided, and `searched` (options.grid losses).
MLIR_CAPI_EXPORTED QuantmlirWeights quantmlirQuantizeAWQ(
    QuantmlirMatrix weights, const double *absMean, const double *hessian,
    MlirStringRef scheme, QuantmlirAWQOptions options, float *channelScales,
    double *searched, QuantmlirAWQReport *report, MlirStringCallback onError,
    void *userData);

/// AWQ's channel scales (without clips), then GPTQ of the scaled weights; see
/// `quantmlirQuantizeAWQ` for what is filled.
MLIR_CAPI_EXPORTED QuantmlirWeights quantmlirQuantizeAWQThenGPTQ(
    QuantmlirMatrix weights, const double *absMean, const double *hessian,
    MlirStringRef scheme, QuantmlirAWQOptions awqOptions,
    QuantmlirGPTQOptions gptqOptions, float *channelScales, double *searched,
    QuantmlirAWQReport *awqReport, QuantmlirGPTQReport *gptqReport,
    MlirStringCallback onError, void *userData);

/// Adds x^T x of `samples`, rows of K inputs, to the K×K `hessian`.
MLIR_CAPI_EXPORTED void quantmlirAccumulateHessian(QuantmlirMatrix samples,
                                                   double *hessian);
/// ||(a - b) X||^2 of two N×K matrices, where `hessian` is X X^T.
MLIR_CAPI_EXPORTED double quantmlirComputeObjective(QuantmlirMatrix a,
                                                    QuantmlirMatrix b,
                                                    const double *hessian);

/// SmoothQuant's scales of K channels for one alpha.
MLIR_CAPI_EXPORTED void quantmlirComputeSmoothScales(intptr_t numChannels,
                                                     const float *inputAbsMax,
                                                     const float *weightAbsMax,
                                                     double alpha,
                                                     float *scales);
/// Tries `steps` + 1 alphas from 0 to 1 for layers that share `samples`.
/// `scheme` has both sides: "int8,channel/int8,token". Fills `alphas` and
/// `losses` (steps + 1 each) and `scales` (K); `alpha` is the best.
MLIR_CAPI_EXPORTED MlirLogicalResult quantmlirSearchSmoothAlpha(
    QuantmlirMatrix samples, intptr_t numWeights,
    const QuantmlirMatrix *weights, MlirStringRef scheme, int64_t steps,
    double *alpha, float *scales, double *alphas, double *losses,
    MlirStringCallback onError, void *userData);

/// Each row x of `rows` becomes x Q, or x Q^T if `inverse`, Q the orthogonal
/// Hadamard rotation of the row's size with signs by `seed` (0: none).
MLIR_CAPI_EXPORTED MlirLogicalResult
quantmlirHadamardRotate(QuantmlirMatrix rows, uint64_t seed, bool inverse,
                        MlirStringCallback onError, void *userData);

//===----------------------------------------------------------------------===//
// Checkpoints of other tools
//===----------------------------------------------------------------------===//

/// Arrays by name.
typedef struct QuantmlirTensors {
  void *ptr;
} QuantmlirTensors;

/// How many tensors there are.
MLIR_CAPI_EXPORTED intptr_t quantmlirTensorsGetSize(QuantmlirTensors tensors);
/// Name and array live as long as `tensors`.
MLIR_CAPI_EXPORTED MlirStringRef
quantmlirTensorsGetName(QuantmlirTensors tensors, intptr_t index);
MLIR_CAPI_EXPORTED QuantmlirArray
quantmlirTensorsGetArray(QuantmlirTensors tensors, intptr_t index);
MLIR_CAPI_EXPORTED void quantmlirTensorsDestroy(QuantmlirTensors tensors);

/// The tensors of one layer of a checkpoint by suffix (".qweight"). `format` is
/// gptq, gptq_v2, awq, pack-quantized, naive-quantized or float-quantized.
/// Fails where the format cannot hold the weights as they are.
MLIR_CAPI_EXPORTED QuantmlirTensors
quantmlirWeightsToCheckpoint(QuantmlirWeights weights, MlirStringRef format,
                             MlirStringCallback onError, void *userData);
/// The weights of one layer. `bits` is 0 where shapes tell it. With `isSigned`,
/// unsigned codes become signed ones, without zero points where all are in the
/// middle.
MLIR_CAPI_EXPORTED QuantmlirWeights quantmlirWeightsFromCheckpoint(
    MlirStringRef format, intptr_t numTensors, const MlirStringRef *suffixes,
    const QuantmlirArray *arrays, unsigned bits, bool isSigned,
    MlirStringCallback onError, void *userData);
/// Calls `onLayout` with the `#quant_tensor.layout` that the codes of a format
/// have; with nothing where codes straddle words or are whole bytes.
MLIR_CAPI_EXPORTED MlirLogicalResult quantmlirCheckpointGetLayout(
    MlirStringRef format, unsigned bits, MlirStringCallback onLayout,
    MlirStringCallback onError, void *userData);

#ifdef __cplusplus
}
#endif

#endif /* QUANTMLIR_C_WEIGHTS_H */
