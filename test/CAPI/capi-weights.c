/* Weights quantized, compensated, rotated and packed from C. */

#include "quantmlir-c/Weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 8, K = 32 };

static void print(MlirStringRef text, void *userData) {
  fwrite(text.data, 1, text.length, stdout);
  printf("\n");
}

static MlirStringRef ref(const char *text) {
  return mlirStringRefCreateFromCString(text);
}

static void describe(const char *name, QuantmlirArray array) {
  printf("%s:", name);
  for (intptr_t i = 0; i < array.rank; ++i)
    printf(" %d", (int)array.shape[i]);
  printf(" x ");
  print(array.element, NULL);
}

int main(void) {
  static float weights[N * K], samples[64 * K], back[N * K];
  static double hessian[K * K];
  srand(1);
  for (int i = 0; i < N * K; ++i)
    weights[i] = (float)(rand() % 2001 - 1000) / 1000;
  for (int i = 0; i < 64 * K; ++i)
    samples[i] = (float)(rand() % 2001 - 1000) / 1000 + samples[i - i % K];
  QuantmlirMatrix w = {weights, N, K}, x = {samples, 64, K}, b = {back, N, K};

  QuantmlirWeights q = quantmlirQuantizeWeights(
      w, ref("int4,group=16,asymmetric,scale=f16"), print, NULL);
  print(quantmlirWeightsGetEncoding(q), NULL);
  describe("codes", quantmlirWeightsGetCodes(q));
  describe("scales", quantmlirWeightsGetScales(q));
  describe("zero points", quantmlirWeightsGetZeroPoints(q));
  quantmlirWeightsDequantize(q, b);
  float error = 0;
  for (int i = 0; i < N * K; ++i)
    error = fmaxf(error, fabsf(back[i] - weights[i]));
  printf("largest error below a step: %d\n", error < 2.0f / 15);

  QuantmlirTensors tensors =
      quantmlirWeightsToCheckpoint(q, ref("gptq_v2"), print, NULL);
  MlirStringRef names[8];
  QuantmlirArray arrays[8];
  intptr_t count = quantmlirTensorsGetSize(tensors);
  for (intptr_t i = 0; i < count; ++i) {
    names[i] = quantmlirTensorsGetName(tensors, i);
    arrays[i] = quantmlirTensorsGetArray(tensors, i);
    print(names[i], NULL);
  }
  QuantmlirWeights again = quantmlirWeightsFromCheckpoint(
      ref("gptq_v2"), count, names, arrays, 0, true, print, NULL);
  QuantmlirArray codes = quantmlirWeightsGetCodes(q);
  printf("same codes: %d\n",
         memcmp(codes.data, quantmlirWeightsGetCodes(again).data,
                codes.numBytes) == 0);
  arrays[0].numBytes -= 1;
  printf("null: %d\n",
         quantmlirWeightsFromCheckpoint(ref("gptq_v2"), count, names, arrays, 0,
                                        true, print, NULL)
                 .ptr == NULL);
  quantmlirCheckpointGetLayout(ref("awq"), 4, print, print, NULL);
  quantmlirTensorsDestroy(tensors);
  quantmlirWeightsDestroy(again);
  quantmlirWeightsDestroy(q);

  quantmlirAccumulateHessian(x, hessian);
  QuantmlirGPTQReport gptq;
  q = quantmlirQuantizeGPTQ(w, hessian, ref("int3,channel"),
                            quantmlirGPTQOptionsGetDefault(), &gptq, print,
                            NULL);
  quantmlirWeightsDequantize(q, b);
  double objective = quantmlirComputeObjective(w, b, hessian);
  printf("GPTQ helps: %d, by what it says: %d\n",
         gptq.objective < gptq.roundingObjective,
         fabs(objective - gptq.objective) < 1e-9 * objective);
  quantmlirWeightsDestroy(q);

  double absMean[K], searched[20];
  float scales[K];
  for (int k = 0; k < K; ++k) {
    absMean[k] = 0;
    for (int i = 0; i < 64; ++i)
      absMean[k] += fabsf(samples[i * K + k]) / 64;
  }
  QuantmlirAWQReport awq;
  q = quantmlirQuantizeAWQ(w, absMean, hessian, ref("int3,group=16"),
                           quantmlirAWQOptionsGetDefault(), scales, searched,
                           &awq, print, NULL);
  printf("AWQ's loss is not above rounding's: %d of %d blocks: %d\n",
         awq.objective <= awq.roundingObjective, (int)awq.blocks,
         searched[0] == awq.roundingObjective);
  quantmlirWeightsDestroy(q);

  memcpy(back, weights, sizeof(back));
  quantmlirHadamardRotate(b, 0, false, print, NULL);
  quantmlirHadamardRotate(b, 0, true, print, NULL);
  error = 0;
  for (int i = 0; i < N * K; ++i)
    error = fmaxf(error, fabsf(back[i] - weights[i]));
  printf("rotated back: %d\n", error < 1e-6f);
  b.columns = 3;
  printf("failure: %d\n", mlirLogicalResultIsFailure(quantmlirHadamardRotate(
                              b, 0, false, print, NULL)));

  weights[5] = NAN;
  printf("null: %d\n",
         quantmlirQuantizeWeights(w, ref("int4"), print, NULL).ptr == NULL);
  printf("null: %d\n",
         quantmlirQuantizeWeights(w, ref("int1"), print, NULL).ptr == NULL);
  return 0;
}
