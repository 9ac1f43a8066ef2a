//===- SoftFloat.h - Conversions that compiled code calls -----------------===//

#ifndef QUANTMLIR_LIB_EXECUTION_SOFTFLOAT_H
#define QUANTMLIR_LIB_EXECUTION_SOFTFLOAT_H

#include "llvm/ADT/ArrayRef.h"

#include <utility>

namespace quantmlir {

/// Names and addresses of the compiler runtime's 16-bit float conversions. LLVM
/// calls them where the machine has no instruction, and the C library of the
/// process need not have them (libgcc 12 lacks __truncsfbf2).
llvm::ArrayRef<std::pair<const char *, void *>> getSoftFloatSymbols();

} // namespace quantmlir

#endif // QUANTMLIR_LIB_EXECUTION_SOFTFLOAT_H
