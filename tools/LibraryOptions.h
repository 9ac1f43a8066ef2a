//===- LibraryOptions.h - Options that come with LLVM -----------*- C++ -*-===//

#ifndef QUANTMLIR_TOOLS_LIBRARYOPTIONS_H
#define QUANTMLIR_TOOLS_LIBRARYOPTIONS_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

namespace quantmlir {

/// Makes --version tell ours, and the MLIR's that we are built with.
inline void setToolVersion() {
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &os) {
    os << "quant-mlir " QUANTMLIR_VERSION " (MLIR " LLVM_VERSION_STRING ")\n";
  });
}

/// Leaves MLIR's options and those of `ours` in --help. The others that are
/// registered by now come with LLVM's library, for every target it has;
/// --help-hidden lists them.
inline void hideLibraryOptions(const llvm::cl::OptionCategory *ours = nullptr) {
  for (auto &[name, option] : llvm::cl::getRegisteredOptions()) {
    bool isShown = llvm::any_of(
        option->Categories, [&](const llvm::cl::OptionCategory *category) {
          return category == ours || category->getName() == "Generic Options";
        });
    if (!isShown && !name.starts_with("mlir-"))
      option->setHiddenFlag(llvm::cl::Hidden);
  }
}

} // namespace quantmlir

#endif // QUANTMLIR_TOOLS_LIBRARYOPTIONS_H
