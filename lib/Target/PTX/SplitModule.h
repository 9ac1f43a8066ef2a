//===- SplitModule.h - Kernels of a module, each by itself ------*- C++ -*-===//
//
// LLVM compiles one module with one thread. Kernels know nothing of each other,
// so each becomes a module of its own, in bitcode, which a thread can read into
// its own context; their PTX is then put together again.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_TARGET_PTX_SPLITMODULE_H
#define QUANTMLIR_LIB_TARGET_PTX_SPLITMODULE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <string>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace quantmlir {

/// Bitcode of parts of `module`, in the order of its functions. Functions that
/// share a definition (of a function or a variable) stay together; what is
/// only a name, as dynamic shared memory is, each part has for itself. The
/// split depends on the module alone, never on the number of threads.
std::vector<llvm::SmallVector<char, 0>> splitModule(llvm::Module &module);

/// One PTX text of those of several parts: one header, and no line before the
/// first function twice.
std::string joinPTX(mlir::ArrayRef<std::string> parts);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_TARGET_PTX_SPLITMODULE_H
