//===- ElementTypes.h - Spellings of element types --------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_ELEMENTTYPES_H
#define QUANTMLIR_LIB_RUNTIME_IO_ELEMENTTYPES_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace quantmlir::io {

struct ElementInfo {
  std::string_view name;
  size_t bytes;
  /// NumPy's letter and size without byte order; empty if it has no such type.
  std::string_view numpy;
  std::string_view safetensors;
};

const ElementInfo *findElement(std::string_view name);
const ElementInfo *findNumpyElement(std::string_view descr);
const ElementInfo *findSafetensorsElement(std::string_view dtype);

/// The bytes of an array of this shape; false if a size is negative or the
/// product does not fit.
bool computeBytes(const std::vector<int64_t> &shape, size_t elementBytes,
                  size_t &bytes);

} // namespace quantmlir::io

#endif // QUANTMLIR_LIB_RUNTIME_IO_ELEMENTTYPES_H
