//===- Plugin.cpp - Our dialects and passes inside stock mlir-opt ---------===//
//
//   mlir-opt --load-dialect-plugin=QuantMLIRPlugin.so \
//            --pass-pipeline='builtin.module(quant-tensor-verify-encodings)'
//
// The dialect callback also registers the passes, so that one option is enough.
// mlir-opt reads its command line before it loads plugins: passes are reached
// through --pass-pipeline, not through options of their own.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "quantmlir/InitAll.h"
#include "llvm/Support/Compiler.h"

static constexpr const char kName[] = "quant-mlir";
static constexpr const char kVersion[] = QUANTMLIR_VERSION;

/// Both options may name this plugin; pipelines must be registered only once.
static void registerPassesOnce() {
  static const bool registered = (quantmlir::registerAllPasses(), true);
  (void)registered;
}

static void registerDialectsAndPasses(mlir::DialectRegistry *registry) {
  quantmlir::registerAllDialects(*registry);
  registerPassesOnce();
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, kName, kVersion, registerDialectsAndPasses};
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, kName, kVersion, registerPassesOnce};
}
