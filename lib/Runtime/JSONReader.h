//===- JSONReader.h - Typed access to an untrusted document -----*- C++ -*-===//
//
// Each accessor checks type and range and records the first error with the
// place in the document. None of them relies on exceptions of the JSON library.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_RUNTIME_JSONREADER_H
#define QUANTMLIR_LIB_RUNTIME_JSONREADER_H

#include "Status.h"

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>

namespace quantmlir::runtime {

using Json = nlohmann::json;

/// Parses text, refusing duplicate keys (of which the library would keep the
/// last) and absurd nesting.
Status parseJson(std::string_view text, Json &document);

/// A place in the document: a chain of keys and indices on the stack.
class Path {
public:
  Path() = default;
  Path(const Path &parent, std::string_view key) : parent(&parent), key(key) {}
  Path(const Path &parent, size_t index) : parent(&parent), index(index) {}
  std::string str() const;

private:
  const Path *parent = nullptr;
  std::string_view key;
  std::optional<size_t> index;
};

class JSONReader {
public:
  Status takeStatus() { return std::move(status); }
  bool failed() const { return !status.ok(); }

  /// Records an error; always returns false.
  template <typename... Pieces>
  bool fail(const Path &path, const Pieces &...pieces) {
    return record(QUANTMLIR_RT_MALFORMED, path, concat(pieces...));
  }
  template <typename... Pieces>
  bool failUnsupported(const Path &path, const Pieces &...pieces) {
    return record(QUANTMLIR_RT_UNSUPPORTED, path, concat(pieces...));
  }

  /// An object with all the `required` fields and no others but `optional` ones
  /// and "annotations", which is for readers other than this one.
  bool object(const Json &json, const Path &path,
              std::initializer_list<std::string_view> required,
              std::initializer_list<std::string_view> optional = {});
  bool array(const Json &json, const Path &path, size_t maxSize);
  bool array(const Json &json, const Path &path, size_t minSize,
             size_t maxSize);
  bool integer(const Json &json, const Path &path, int64_t min, int64_t max,
               int64_t &value);
  bool unsigned32(const Json &json, const Path &path, uint32_t min,
                  uint32_t max, uint32_t &value);
  bool boolean(const Json &json, const Path &path, bool &value);
  /// A finite number that is not negative.
  bool magnitude(const Json &json, const Path &path, double &value);
  /// 1 to 256 printable ASCII characters without blanks.
  bool name(const Json &json, const Path &path, std::string &value);
  /// What programs call functions and buffers: 1 to 256 bytes of UTF-8 without
  /// control characters.
  bool label(const Json &json, const Path &path, std::string &value);
  /// Any text up to 1024 bytes without control characters.
  bool text(const Json &json, const Path &path, std::string &value);

private:
  bool record(QuantmlirRtStatus code, const Path &path, std::string message);
  Status status;
};

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_JSONREADER_H
