//===- PTXEntries.h - Kernels and parameters found in PTX -------*- C++ -*-===//
//
// Just enough of a PTX reader to compare a module with its manifest before a
// device sees it: the target and, for each `.entry`, its parameters' layout.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_PTXENTRIES_H
#define QUANTMLIR_LIB_RUNTIME_PTXENTRIES_H

#include "Status.h"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace quantmlir::runtime {

struct PTXModule {
  struct Parameter {
    uint64_t bytes = 0;
    uint64_t alignment = 0;
  };
  /// The first operand of `.target`.
  std::string target;
  std::unordered_map<std::string, std::vector<Parameter>> entries;
};

/// Scans `text`; refuses what is not PTX or ends in the middle of a function.
Status scanPTX(std::string_view text, PTXModule &module);

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_PTXENTRIES_H
