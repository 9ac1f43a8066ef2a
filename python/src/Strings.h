//===- Strings.h - Between std::string and MLIR's C API ---------*- C++ -*-===//

#ifndef QUANTMLIR_PYTHON_STRINGS_H
#define QUANTMLIR_PYTHON_STRINGS_H

#include "mlir-c/Support.h"

#include <string>

namespace quantmlir::python {

/// A callback that appends to the std::string `userData`.
inline void append(MlirStringRef text, void *userData) {
  static_cast<std::string *>(userData)->append(text.data, text.length);
}

inline MlirStringRef toRef(const std::string &text) {
  return mlirStringRefCreate(text.data(), text.size());
}

inline std::string toString(MlirStringRef text) {
  return std::string(text.data, text.length);
}

} // namespace quantmlir::python

#endif // QUANTMLIR_PYTHON_STRINGS_H
