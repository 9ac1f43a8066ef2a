//===- LibraryOptions.h - Options that come with LLVM -----------*- C++ -*-===//

#ifndef QUANTMLIR_TOOLS_LIBRARYOPTIONS_H
#define QUANTMLIR_TOOLS_LIBRARYOPTIONS_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CommandLine.h"

namespace quantmlir {

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
