/* The dialect, its encoding and a pass pipeline from C. */

#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Diagnostics.h"
#include "mlir-c/IR.h"
#include "mlir-c/Pass.h"
#include "quantmlir-c/QuantTensor.h"
#include "quantmlir-c/Registration.h"

#include <stdio.h>
#include <stdlib.h>

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

static void printType(const char *label, MlirType type) {
  printf("%s: ", label);
  if (mlirTypeIsNull(type))
    printf("null");
  else
    mlirTypePrint(type, print, NULL);
  printf("\n");
}

static void encodings(MlirContext context) {
  MlirLocation location = mlirLocationUnknownGet(context);
  int64_t block[] = {1, 128};
  MlirAttribute encoding = quantmlirEncodingAttrGetChecked(
      location, mlirIntegerTypeGet(context, 4), 2, block,
      mlirBF16TypeGet(context), (MlirType){NULL});
  mlirAttributePrint(encoding, print, NULL);
  printf("\n");
  printType("storage", quantmlirEncodingAttrGetStorage(encoding));
  printType("scale", quantmlirEncodingAttrGetScale(encoding));
  printType("zero point", quantmlirEncodingAttrGetZeroPoint(encoding));
  printf("block: %ld x %ld of rank %ld\n",
         (long)quantmlirEncodingAttrGetBlockDim(encoding, 0),
         (long)quantmlirEncodingAttrGetBlockDim(encoding, 1),
         (long)quantmlirEncodingAttrGetBlockRank(encoding));

  int64_t shape[] = {512, 300};
  MlirType type =
      mlirRankedTensorTypeGet(2, shape, mlirBF16TypeGet(context), encoding);
  printf("same encoding: %d\n",
         mlirAttributeEqual(quantmlirTypeGetEncoding(type), encoding));
  printType("codes", quantmlirEncodedTypeGetCodesType(type));
  printType("scales", quantmlirEncodedTypeGetScalesType(type));
  printType("zero points", quantmlirEncodedTypeGetZeroPointsType(type));

  MlirType plain = mlirRankedTensorTypeGet(2, shape, mlirBF16TypeGet(context),
                                           (MlirAttribute){NULL});
  printType("codes of a plain type", quantmlirEncodedTypeGetCodesType(plain));

  MlirAttribute wrong = quantmlirEncodingAttrGetChecked(
      location, mlirIndexTypeGet(context), 2, block, mlirBF16TypeGet(context),
      (MlirType){NULL});
  printf("wrong storage is null: %d\n", mlirAttributeIsNull(wrong));
}

static void pipelines(MlirContext context) {
  MlirModule module = mlirModuleCreateParse(
      context,
      mlirStringRefCreateFromCString(
          "#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], "
          "scale = f32}>\n"
          "func.func @f(%w: tensor<8x64xf32, #w8>) -> tensor<8x64xf32> {\n"
          "  %d = quant_tensor.dequantize %w\n"
          "    : tensor<8x64xf32, #w8> -> tensor<8x64xf32>\n"
          "  return %d : tensor<8x64xf32>\n"
          "}\n"));
  if (mlirModuleIsNull(module))
    exit(1);
  MlirPassManager passes = mlirPassManagerCreate(context);
  MlirOpPassManager nested = mlirPassManagerGetAsOpPassManager(passes);
  if (mlirLogicalResultIsFailure(mlirOpPassManagerAddPipeline(
          nested,
          mlirStringRefCreateFromCString("quant-tensor-verify-encodings,cse"),
          print, NULL)))
    exit(1);
  MlirLogicalResult result =
      mlirPassManagerRunOnOp(passes, mlirModuleGetOperation(module));
  printf("pipeline: %s\n",
         mlirLogicalResultIsSuccess(result) ? "success" : "failure");
  mlirOperationPrint(mlirModuleGetOperation(module), print, NULL);
  mlirPassManagerDestroy(passes);
  mlirModuleDestroy(module);

  MlirModule bad = mlirModuleCreateParse(
      context, mlirStringRefCreateFromCString(
                   "func.func private @g(tensor<8x64xf32, "
                   "#quant_tensor.encoding<{storage = i8, block = [1], "
                   "scale = f32}>>)"));
  printf("bad module is null: %d\n", mlirModuleIsNull(bad));
}

int main(void) {
  printf("version %s\n", quantmlirGetVersion());
  MlirContext context = quantmlirContextCreate();
  mlirContextAttachDiagnosticHandler(context, onDiagnostic, NULL, NULL);
  mlirDialectHandleLoadDialect(mlirGetDialectHandle__quant_tensor__(), context);
  encodings(context);
  pipelines(context);
  mlirContextDestroy(context);
  return 0;
}
