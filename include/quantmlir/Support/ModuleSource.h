//===- ModuleSource.h - MLIR text that ends where it should -----*- C++ -*-===//

#ifndef QUANTMLIR_SUPPORT_MODULESOURCE_H
#define QUANTMLIR_SUPPORT_MODULESOURCE_H

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"

namespace quantmlir {

/// `source`, and where it is text that does not end in a line end, one more:
/// behind a string literal that the end of the text cuts off, the lexer of
/// LLVM 22 reads on past the buffer. Bytecode stays as it is.
inline std::unique_ptr<llvm::MemoryBuffer>
endLastLine(std::unique_ptr<llvm::MemoryBuffer> source) {
  llvm::StringRef text = source->getBuffer();
  if (mlir::isBytecode(source->getMemBufferRef()) || text.ends_with("\n"))
    return source;
  return llvm::MemoryBuffer::getMemBufferCopy((text + "\n").str(),
                                              source->getBufferIdentifier());
}

/// Opens a file of MLIR text or bytecode, "-" for the standard input, to be
/// parsed. Null, with the reason in `message`, where it cannot be read.
inline std::unique_ptr<llvm::MemoryBuffer>
openModuleFile(llvm::StringRef path, std::string *message) {
  std::unique_ptr<llvm::MemoryBuffer> source =
      mlir::openInputFile(path, message);
  return source ? endLastLine(std::move(source)) : nullptr;
}

} // namespace quantmlir

#endif // QUANTMLIR_SUPPORT_MODULESOURCE_H
