//===- CompilerTool.h - What tools that compile have in common --*- C++ -*-===//

#ifndef QUANTMLIR_TOOLS_COMPILERTOOL_H
#define QUANTMLIR_TOOLS_COMPILERTOOL_H

#include "LibraryOptions.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "mlir/Tools/ParseUtilities.h"
#include "quantmlir/InitAll.h"
#include "quantmlir/Pipelines/Compile.h"
#include "quantmlir/Support/ModuleSource.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"

namespace quantmlir {

/// Prints `message` as an error of `tool`; returns what main is to return.
inline int failTool(llvm::StringRef tool, const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), tool) << message << "\n";
  return EXIT_FAILURE;
}

/// Parses the command line of a tool with MLIR's options and those of `ours`.
inline void parseToolOptions(int argc, char **argv,
                             const llvm::cl::OptionCategory &ours,
                             llvm::StringRef overview) {
  setToolVersion();
  // So that --mlir-print-ir-after and its like know them by name.
  mlir::registerAllPasses();
  registerAllPasses();
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  hideLibraryOptions(&ours);
  llvm::cl::ParseCommandLineOptions(argc, argv, overview);
}

/// The path of ptxas for `--cubin`; empty, and an error printed, where there is
/// none.
inline std::string requirePTXAssembler(llvm::StringRef tool) {
  std::string path = findPTXAssembler();
  if (path.empty())
    failTool(tool, "--cubin needs ptxas, which is not in $QUANTMLIR_PTXAS, "
                   "$CUDA_HOME/bin, PATH or /usr/local/cuda/bin");
  return path;
}

/// Whether `path` can name a directory; "-" means the standard output
/// everywhere else, and is no name for one.
inline bool isDirectoryName(llvm::StringRef path) {
  return !path.empty() && path != "-";
}

/// A tool's input: a module, its context, and the source that diagnostics of
/// either show.
class InputModule {
public:
  InputModule()
      : context(getRegistry()), sources(std::make_shared<llvm::SourceMgr>()),
        diagnostics(*sources, &context) {
    // Messages point into the user's file; the op as we see it by then would
    // not tell them more.
    context.printOpOnDiagnostic(false);
  }

  /// Reads text or bytecode. Errors are printed, as those of `tool`.
  bool read(llvm::StringRef tool, llvm::StringRef path) {
    std::string message;
    auto input = openModuleFile(path, &message);
    if (!input) {
      failTool(tool, message);
      return false;
    }
    sources->AddNewSourceBuffer(std::move(input), llvm::SMLoc());
    module = mlir::parseSourceFile<mlir::ModuleOp>(
        sources, mlir::ParserConfig(&context));
    return static_cast<bool>(module);
  }

  /// Prints remarks whose category matches `filter`, a regular expression.
  mlir::LogicalResult enableRemarks(llvm::StringRef filter) {
    std::string pattern = filter.str();
    return mlir::remark::enableOptimizationRemarks(
        context, /*streamer=*/nullptr,
        std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(),
        {/*all=*/std::nullopt, pattern, pattern, pattern, pattern},
        /*printAsEmitRemarks=*/true);
  }

  mlir::ModuleOp operator*() { return *module; }

private:
  static mlir::DialectRegistry getRegistry() {
    mlir::DialectRegistry registry;
    registerCompilerDialects(registry);
    return registry;
  }

  mlir::MLIRContext context;
  std::shared_ptr<llvm::SourceMgr> sources;
  mlir::SourceMgrDiagnosticHandler diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace quantmlir

#endif // QUANTMLIR_TOOLS_COMPILERTOOL_H
