//===- quant-opt.cpp - The pass driver ------------------------------------===//

#include "../LibraryOptions.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "quantmlir/InitAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllGPUToLLVMIRTranslations(registry);
  mlir::registerAllPasses();
  quantmlir::registerAllDialects(registry);
  quantmlir::registerAllPasses();
  quantmlir::setToolVersion();
  quantmlir::hideLibraryOptions();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "quant-mlir's optimizer driver\n", registry));
}
