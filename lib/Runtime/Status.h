//===- Status.h - Success, or what went wrong -------------------*- C++ -*-===//
//
// The runtime's error value. It becomes a QuantmlirRtStatus and a message at
// the C boundary (Runtime.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_STATUS_H
#define QUANTMLIR_LIB_RUNTIME_STATUS_H

#include "quantmlir/Runtime/Runtime.h"

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace quantmlir::runtime {

namespace detail {
inline void append(std::string &out, std::string_view piece) { out += piece; }
template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
void append(std::string &out, T number) {
  out += std::to_string(number);
}
} // namespace detail

/// Joins strings and integers into one message.
template <typename... Pieces> std::string concat(const Pieces &...pieces) {
  std::string out;
  (detail::append(out, pieces), ...);
  return out;
}

/// Success, or a code with a message that names the offending thing.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(QuantmlirRtStatus code, std::string message)
      : statusCode(code), text(std::move(message)) {}

  bool ok() const { return statusCode == QUANTMLIR_RT_SUCCESS; }
  QuantmlirRtStatus code() const { return statusCode; }
  const std::string &message() const { return text; }

private:
  QuantmlirRtStatus statusCode = QUANTMLIR_RT_SUCCESS;
  std::string text;
};

template <typename... Pieces> Status malformed(const Pieces &...pieces) {
  return Status(QUANTMLIR_RT_MALFORMED, concat(pieces...));
}
template <typename... Pieces> Status invalidArgument(const Pieces &...pieces) {
  return Status(QUANTMLIR_RT_INVALID_ARGUMENT, concat(pieces...));
}
template <typename... Pieces> Status unsupported(const Pieces &...pieces) {
  return Status(QUANTMLIR_RT_UNSUPPORTED, concat(pieces...));
}

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_STATUS_H
