//===- quant-lsp-server.cpp - Language server for editors -----------------===//
//
// Hover, definitions, completion and diagnostics for .mlir files that use our
// dialects beside upstream's, over the Language Server Protocol on stdin.
//
//===----------------------------------------------------------------------===//

#include "../LibraryOptions.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "quantmlir/InitAll.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  quantmlir::registerAllDialects(registry);
  quantmlir::setToolVersion();
  quantmlir::hideLibraryOptions();
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
