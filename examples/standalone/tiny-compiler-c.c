/* The same from C: reads MLIR from a file, runs a pipeline, prints the result.
 *
 *   tiny-compiler-c FILE PIPELINE
 */

#include "mlir-c/IR.h"
#include "mlir-c/Pass.h"
#include "quantmlir-c/Registration.h"

#include <stdio.h>
#include <stdlib.h>

static void print(MlirStringRef text, void *stream) {
  fwrite(text.data, 1, text.length, stream);
}

static char *readFile(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) {
    perror(path);
    exit(1);
  }
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = calloc((size_t)size + 1, 1);
  if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) {
    perror(path);
    exit(1);
  }
  fclose(file);
  return text;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s FILE PIPELINE\n", argv[0]);
    return 2;
  }
  int status = 1;
  char *text = readFile(argv[1]);
  MlirContext context = quantmlirContextCreate();
  MlirModule module =
      mlirModuleCreateParse(context, mlirStringRefCreateFromCString(text));
  if (!mlirModuleIsNull(module)) {
    MlirPassManager passes = mlirPassManagerCreate(context);
    MlirOperation operation = mlirModuleGetOperation(module);
    if (mlirLogicalResultIsSuccess(mlirOpPassManagerAddPipeline(
            mlirPassManagerGetAsOpPassManager(passes),
            mlirStringRefCreateFromCString(argv[2]), print, stderr)) &&
        mlirLogicalResultIsSuccess(mlirPassManagerRunOnOp(passes, operation))) {
      mlirOperationPrint(operation, print, stdout);
      status = 0;
    }
    mlirPassManagerDestroy(passes);
    mlirModuleDestroy(module);
  }
  mlirContextDestroy(context);
  free(text);
  return status;
}
