/* Observers, statistics and a quantized model, from C. */

#include "mlir-c/Diagnostics.h"
#include "mlir-c/IR.h"
#include "quantmlir-c/Calibration.h"
#include "quantmlir-c/Registration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "func.func @f(%x: tensor<2x3xf32> {quant_tensor.name = \"x\"},\n"
    "    %w: tensor<3x4xf32> {quant_tensor.name = \"fc.weight\",\n"
    "                         quant_tensor.weight})\n"
    "    -> (tensor<2x4xf32> {quant_tensor.name = \"y\"}) {\n"
    "  %zero = arith.constant 0.0 : f32\n"
    "  %e = tensor.empty() : tensor<2x4xf32>\n"
    "  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>)\n"
    "      -> tensor<2x4xf32>\n"
    "  %y = linalg.matmul ins(%x, %w : tensor<2x3xf32>, tensor<3x4xf32>)\n"
    "      outs(%i : tensor<2x4xf32>) -> tensor<2x4xf32>\n"
    "  return %y : tensor<2x4xf32>\n"
    "}\n";

static void print(MlirStringRef text, void *userData) {
  fwrite(text.data, 1, text.length, stdout);
}

static void fail(MlirStringRef text, void *userData) {
  printf("error: ");
  print(text, NULL);
  printf("\n");
}

static MlirLogicalResult onDiagnostic(MlirDiagnostic diagnostic,
                                      void *userData) {
  printf("diagnostic: ");
  mlirDiagnosticPrint(diagnostic, print, NULL);
  printf("\n");
  return mlirLogicalResultSuccess();
}

static MlirStringRef ref(const char *text) {
  return mlirStringRefCreateFromCString(text);
}

/* The module as text. */
struct Text {
  char data[4096];
  size_t size;
};

static void append(MlirStringRef part, void *userData) {
  struct Text *text = userData;
  memcpy(text->data + text->size, part.data, part.length);
  text->size += part.length;
}

static int calibrate(MlirContext context, const char *path) {
  MlirModule module = mlirModuleCreateParse(context, ref(source));
  QuantmlirQuantizeOptions options;
  memset(&options, 0, sizeof(options));
  MlirStringRef none = {NULL, 0};
  if (mlirLogicalResultIsFailure(
          quantmlirInsertObservers(module, options, none, true)))
    return 1;
  struct Text text = {{0}, 0};
  mlirOperationPrint(mlirModuleGetOperation(module), append, &text);
  mlirModuleDestroy(module);
  QuantmlirCalibrator calibrator = quantmlirCalibratorCreate(
      mlirStringRefCreate(text.data, text.size), fail, NULL);
  if (!calibrator.ptr)
    return 1;
  float x[6] = {1, -2, 3, 4, 5, -6}, w[12] = {1, 2, 3};
  int64_t xShape[2] = {2, 3}, wShape[2] = {3, 4};
  QuantmlirArray inputs[2] = {{x, sizeof(x), 2, xShape, ref("f32")},
                              {w, sizeof(w), 2, wShape, ref("f32")}};
  if (mlirLogicalResultIsFailure(
          quantmlirCalibratorRun(calibrator, ref("f"), 2, inputs, fail, NULL)))
    return 1;
  if (mlirLogicalResultIsFailure(
          quantmlirCalibratorWrite(calibrator, ref(path), fail, NULL)) ||
      mlirLogicalResultIsFailure(
          quantmlirCalibratorMerge(calibrator, ref(path), fail, NULL)))
    return 1;
  x[4] = NAN;
  printf("NaN fails: %d\n", mlirLogicalResultIsFailure(quantmlirCalibratorRun(
                                calibrator, ref("f"), 2, inputs, fail, NULL)));
  printf("missing file fails: %d\n",
         mlirLogicalResultIsFailure(quantmlirCalibratorMerge(
             calibrator, ref("nowhere.safetensors"), fail, NULL)));
  quantmlirCalibratorDestroy(calibrator);
  calibrator = quantmlirCalibratorCreate(ref(source), fail, NULL);
  printf("no observers is null: %d\n", calibrator.ptr == NULL);
  return 0;
}

static int quantize(MlirContext context, const char *path) {
  MlirModule module = mlirModuleCreateParse(context, ref(source));
  QuantmlirQuantizeOptions options;
  memset(&options, 0, sizeof(options));
  options.scheme = ref("int8/int8,tensor,static");
  options.stats = ref(path);
  if (mlirLogicalResultIsFailure(quantmlirQuantizeModel(module, options)))
    return 1;
  mlirOperationPrint(mlirModuleGetOperation(module), print, NULL);
  mlirModuleDestroy(module);

  module = mlirModuleCreateParse(context, ref(source));
  options.scheme = ref("int9");
  printf("bad scheme fails: %d\n",
         mlirLogicalResultIsFailure(quantmlirQuantizeModel(module, options)));
  mlirModuleDestroy(module);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 1;
  MlirContext context = quantmlirContextCreate();
  mlirContextAttachDiagnosticHandler(context, onDiagnostic, NULL, NULL);
  int status = calibrate(context, argv[1]) || quantize(context, argv[1]);
  mlirContextDestroy(context);
  return status;
}
