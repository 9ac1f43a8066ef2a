//===- quant-opt.cpp - The pass driver ------------------------------------===//

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Dialect/QuantTensor/Transforms/Passes.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllGPUToLLVMIRTranslations(registry);
  mlir::registerAllPasses();
  registry.insert<quantmlir::quant_tensor::QuantTensorDialect,
                  quantmlir::quant_tile::QuantTileDialect>();
  quantmlir::quant_tensor::registerQuantTensorPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "quant-mlir's optimizer driver\n", registry));
}
