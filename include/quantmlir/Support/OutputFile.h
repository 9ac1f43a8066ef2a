//===- OutputFile.h - Text to a file, or none at all ------------*- C++ -*-===//

#ifndef QUANTMLIR_SUPPORT_OUTPUTFILE_H
#define QUANTMLIR_SUPPORT_OUTPUTFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

namespace quantmlir {

/// Writes `text` to the file `path`; "-" is the standard output. Where that
/// fails, a full disk included, no part of the file stays.
inline llvm::Error writeOutputFile(llvm::StringRef path, llvm::StringRef text) {
  std::error_code code;
  llvm::ToolOutputFile file(path, code, llvm::sys::fs::OF_None);
  if (!code) {
    file.os() << text;
    file.os().close();
    code = file.os().error();
    // Unless cleared, the stream's destructor ends the process.
    file.os().clear_error();
  }
  if (code)
    return llvm::createStringError(code, "cannot write '" + path +
                                             "': " + code.message());
  file.keep();
  return llvm::Error::success();
}

} // namespace quantmlir

#endif // QUANTMLIR_SUPPORT_OUTPUTFILE_H
