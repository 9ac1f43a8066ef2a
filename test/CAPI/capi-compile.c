/* A module to an artifact, and its reference on arrays, from C. */

#include "mlir-c/Diagnostics.h"
#include "mlir-c/IR.h"
#include "quantmlir-c/Compiler.h"
#include "quantmlir-c/Reference.h"
#include "quantmlir-c/Registration.h"

#include <stdio.h>
#include <string.h>

static const char source[] =
    "func.func @double(%x: tensor<?xf32> {quant_tensor.name = \"x\"})\n"
    "    -> (tensor<?xf32> {quant_tensor.name = \"y\"}) {\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %n = tensor.dim %x, %c0 : tensor<?xf32>\n"
    "  %e = tensor.empty(%n) : tensor<?xf32>\n"
    "  %y = linalg.add ins(%x, %x : tensor<?xf32>, tensor<?xf32>)\n"
    "                  outs(%e : tensor<?xf32>) -> tensor<?xf32>\n"
    "  return %y : tensor<?xf32>\n"
    "}\n";

static void print(MlirStringRef text, void *userData) {
  fwrite(text.data, 1, text.length, stdout);
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

static int compile(MlirContext context, const char *directory) {
  MlirModule module = mlirModuleCreateParse(context, ref(source));
  QuantmlirCompileOptions options = quantmlirCompileOptionsGetDefault();
  options.chip = ref("sm_80");
  QuantmlirArtifact artifact = quantmlirCompile(module, options);
  if (!artifact.ptr)
    return 1;
  for (intptr_t i = 0; i < quantmlirArtifactGetNumFiles(artifact); ++i) {
    printf("file: ");
    print(quantmlirArtifactGetFileName(artifact, i), NULL);
    printf("\n");
    MlirStringRef contents = quantmlirArtifactGetFileContents(artifact, i);
    if (contents.length == 0)
      return 1;
  }
  if (mlirLogicalResultIsFailure(
          quantmlirArtifactWrite(artifact, ref(directory), print, NULL)))
    return 1;
  printf("written\n");
  quantmlirArtifactDestroy(artifact);
  mlirModuleDestroy(module);

  module = mlirModuleCreateParse(context, ref(source));
  options.chip = ref("sm_12");
  artifact = quantmlirCompile(module, options);
  printf("unknown chip is null: %d\n", artifact.ptr == NULL);
  mlirModuleDestroy(module);
  return 0;
}

static int run(void) {
  QuantmlirReference reference =
      quantmlirReferenceCreate(ref(source), print, NULL);
  if (!reference.ptr)
    return 1;
  QuantmlirBufferInfo info = quantmlirReferenceGetArgument(reference, 0, 0);
  print(quantmlirReferenceGetFunctionName(reference, 0), NULL);
  printf("(");
  print(info.name, NULL);
  printf(": %ld x ", (long)info.shape[0]);
  print(info.element, NULL);
  printf(")\n");

  float x[] = {1.0f, -2.0f, 0.25f};
  int64_t shape[] = {3};
  QuantmlirArray input = {x, sizeof(x), 1, shape, ref("f32")};
  QuantmlirArrays results = quantmlirReferenceInvoke(reference, ref("double"),
                                                     1, &input, print, NULL);
  if (!results.ptr)
    return 1;
  QuantmlirArray y = quantmlirArraysGet(results, 0);
  for (size_t i = 0; i < y.numBytes / sizeof(float); ++i)
    printf("%g ", ((const float *)y.data)[i]);
  printf("\n");
  quantmlirArraysDestroy(results);

  input.element = ref("i32");
  results = quantmlirReferenceInvoke(reference, ref("double"), 1, &input, print,
                                     NULL);
  printf("\nwrong type is null: %d\n", results.ptr == NULL);
  quantmlirReferenceDestroy(reference);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  MlirContext context = quantmlirContextCreate();
  mlirContextAttachDiagnosticHandler(context, onDiagnostic, NULL, NULL);
  int status = compile(context, argv[1]) || run();
  mlirContextDestroy(context);
  return status;
}
