//===- Translation.cpp - quant_tile instructions to LLVM IR ---------------===//
//
// What LLVM has no intrinsic for becomes assembly here and nowhere earlier: as
// long as it is MLIR, an instruction is an op whose meaning is known.
//
//===----------------------------------------------------------------------===//

#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "quantmlir/Conversion/QuantTileToNVVM/QuantTileToNVVM.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

namespace {

struct QuantTileTranslation : LLVMTranslationDialectInterface {
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;

  LogicalResult
  convertOperation(Operation *op, llvm::IRBuilderBase &builder,
                   LLVM::ModuleTranslation &translation) const final {
    auto lop3 = dyn_cast<Lop3Op>(op);
    if (!lop3)
      return op->emitOpError("cannot be translated to LLVM IR");
    llvm::Type *word = builder.getInt32Ty();
    std::string code =
        llvm::formatv("lop3.b32 $0, $1, $2, $3, {0};", lop3.getTable());
    auto *function = llvm::InlineAsm::get(
        llvm::FunctionType::get(word, {word, word, word}, false), code,
        "=r,r,r,r", /*hasSideEffects=*/false);
    translation.mapValue(lop3.getResult(),
                         builder.CreateCall(function, translation.lookupValues(
                                                          op->getOperands())));
    return success();
  }
};

} // namespace

void quantmlir::registerQuantTileTranslation(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, QuantTileDialect *dialect) {
    dialect->addInterfaces<QuantTileTranslation>();
  });
}
