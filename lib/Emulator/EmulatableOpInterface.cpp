//===- EmulatableOpInterface.cpp - What an instruction does ---------------===//

#include "quantmlir/Emulator/EmulatableOpInterface.h"
#include "Models/Models.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"

#include "quantmlir/Emulator/EmulatableOpInterface.cpp.inc"

void quantmlir::emulator::registerEmulationModels(
    mlir::DialectRegistry &registry) {
  registry.addExtension(
      +[](mlir::MLIRContext *context, mlir::NVVM::NVVMDialect *) {
        attachRegisterModels(context);
        attachSyncModels(context);
        attachWarpExchangeModels(context);
        attachMatrixModels(context);
        attachConversionModels(context);
        attachAsyncCopyModels(context);
        attachMBarrierModels(context);
        attachBulkCopyModels(context);
        attachWgmmaGroupModels(context);
      });
  registry.addExtension(
      +[](mlir::MLIRContext *context, mlir::LLVM::LLVMDialect *) {
        attachIntrinsicModels(context);
      });
  registry.addExtension(
      +[](mlir::MLIRContext *context, quant_tile::QuantTileDialect *) {
        attachQuantTileModels(context);
        attachWgmmaModels(context);
      });
}
