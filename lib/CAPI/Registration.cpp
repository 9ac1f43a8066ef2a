//===- Registration.cpp - What a context must know ------------------------===//

#include "quantmlir-c/Registration.h"

#include "mlir/CAPI/IR.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "quantmlir/InitAll.h"
#include "quantmlir/Pipelines/Compile.h"

const char *quantmlirGetVersion(void) { return QUANTMLIR_VERSION; }

void quantmlirRegisterAllDialects(MlirDialectRegistry registry) {
  mlir::DialectRegistry &all = *unwrap(registry);
  mlir::registerAllDialects(all);
  mlir::registerAllExtensions(all);
  mlir::registerAllToLLVMIRTranslations(all);
  quantmlir::registerAllDialects(all);
  quantmlir::registerCompilerDialects(all);
}

void quantmlirRegisterAllPasses(void) {
  static const bool registered = [] {
    mlir::registerAllPasses();
    quantmlir::registerAllPasses();
    return true;
  }();
  (void)registered;
}

MlirContext quantmlirContextCreate(void) {
  quantmlirRegisterAllPasses();
  mlir::DialectRegistry registry;
  quantmlirRegisterAllDialects(wrap(&registry));
  auto *context = new mlir::MLIRContext(registry);
  // A diagnostic's location says where; the op behind it may be a whole module.
  context->printOpOnDiagnostic(false);
  return wrap(context);
}
