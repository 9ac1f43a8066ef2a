//===- Npz.h - Zip archives of NumPy arrays ---------------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_NPZ_H
#define QUANTMLIR_LIB_RUNTIME_IO_NPZ_H

#include "quantmlir/Runtime/ArrayIO.h"

namespace quantmlir::io {

bool writeNpz(const std::string &path, const ArrayMap &arrays,
              std::string &error);
bool writeSafetensors(const std::string &path, const ArrayMap &arrays,
                      const Metadata &metadata, std::string &error);

} // namespace quantmlir::io

#endif // QUANTMLIR_LIB_RUNTIME_IO_NPZ_H
