//===- Checked.h - Integer arithmetic that reports overflow -----*- C++ -*-===//
//
// Each function returns false, and leaves the result unspecified, where the
// exact result does not fit or does not exist.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_CHECKED_H
#define QUANTMLIR_LIB_RUNTIME_CHECKED_H

#include <cstdint>

namespace quantmlir::runtime {

template <typename T> [[nodiscard]] bool checkedAdd(T a, T b, T &result) {
  return !__builtin_add_overflow(a, b, &result);
}
template <typename T> [[nodiscard]] bool checkedSub(T a, T b, T &result) {
  return !__builtin_sub_overflow(a, b, &result);
}
template <typename T> [[nodiscard]] bool checkedMul(T a, T b, T &result) {
  return !__builtin_mul_overflow(a, b, &result);
}

/// Rounds `value` up to a multiple of `alignment`, a power of two.
[[nodiscard]] inline bool checkedAlign(uint64_t value, uint64_t alignment,
                                       uint64_t &result) {
  if (!checkedAdd(value, alignment - 1, result))
    return false;
  result &= ~(alignment - 1);
  return true;
}

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_CHECKED_H
