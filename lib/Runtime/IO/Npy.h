//===- Npy.h - The header of NumPy's array format ---------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_NPY_H
#define QUANTMLIR_LIB_RUNTIME_IO_NPY_H

#include "quantmlir/Runtime/ArrayIO.h"

namespace quantmlir::io {

/// Everything of a .npy file before its data, padded to 64 bytes. False if
/// NumPy has no such element type.
bool makeNpyHeader(const Array &array, std::string &header, std::string &error);

} // namespace quantmlir::io

#endif // QUANTMLIR_LIB_RUNTIME_IO_NPY_H
