//===- JSONReader.cpp - Typed access to an untrusted document -------------===//

#include "JSONReader.h"

#include <algorithm>
#include <cmath>
#include <set>

using namespace quantmlir::runtime;

Status quantmlir::runtime::parseJson(std::string_view text, Json &document) {
  // Deeper than any manifest: an expression may nest 32 levels below its step.
  constexpr int maxNesting = 64;
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  bool tooDeep = false;
  auto callback = [&](int depth, Json::parse_event_t event, Json &parsed) {
    if (event == Json::parse_event_t::object_start ||
        event == Json::parse_event_t::array_start)
      tooDeep |= depth > maxNesting;
    if (tooDeep)
      return false;
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end && !keys.empty())
      keys.pop_back();
    else if (event == Json::parse_event_t::key && !keys.empty() &&
             !keys.back().insert(parsed.get_ref<std::string &>()).second)
      duplicate = parsed.get_ref<std::string &>();
    return true;
  };
  document = Json::parse(text.begin(), text.end(), callback,
                         /*allow_exceptions=*/false);
  if (tooDeep)
    return malformed("JSON nested deeper than ", maxNesting, " levels");
  if (document.is_discarded())
    return malformed("not valid JSON (truncated or damaged)");
  if (!duplicate.empty())
    return malformed("JSON object with two fields '", duplicate, "'");
  return Status();
}

std::string Path::str() const {
  if (!parent)
    return "";
  std::string prefix = parent->str();
  if (index)
    return concat(prefix, "[", *index, "]");
  return prefix.empty() ? std::string(key) : concat(prefix, ".", key);
}

bool JSONReader::record(QuantmlirRtStatus code, const Path &path,
                        std::string message) {
  if (status.ok()) {
    std::string where = path.str();
    status = Status(code, where.empty() ? std::move(message)
                                        : concat(where, ": ", message));
  }
  return false;
}

bool JSONReader::object(const Json &json, const Path &path,
                        std::initializer_list<std::string_view> required,
                        std::initializer_list<std::string_view> optional) {
  if (!json.is_object())
    return fail(path, "expected an object, got ", json.type_name());
  for (std::string_view field : required)
    if (!json.contains(field))
      return fail(path, "missing field '", field, "'");
  auto isIn = [](std::initializer_list<std::string_view> list,
                 std::string_view key) {
    return std::find(list.begin(), list.end(), key) != list.end();
  };
  // An unknown field is an error: a launcher that overlooks a condition it does
  // not understand computes wrong numbers.
  for (auto it = json.begin(); it != json.end(); ++it)
    if (!isIn(required, it.key()) && !isIn(optional, it.key()) &&
        it.key() != "annotations")
      return fail(path, "unknown field '", it.key(), "'");
  return true;
}

bool JSONReader::array(const Json &json, const Path &path, size_t maxSize) {
  return array(json, path, 0, maxSize);
}

bool JSONReader::array(const Json &json, const Path &path, size_t minSize,
                       size_t maxSize) {
  if (!json.is_array())
    return fail(path, "expected an array, got ", json.type_name());
  if (json.size() >= minSize && json.size() <= maxSize)
    return true;
  if (minSize == maxSize)
    return fail(path, "expected ", minSize, " elements, got ", json.size());
  return fail(path, "expected ", minSize, " to ", maxSize, " elements, got ",
              json.size());
}

bool JSONReader::integer(const Json &json, const Path &path, int64_t min,
                         int64_t max, int64_t &value) {
  if (!json.is_number_integer())
    return fail(path, "expected an integer, got ", json.type_name());
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t(INT64_MAX))
    return fail(path, "the integer does not fit in 64 bits");
  int64_t number = json.get<int64_t>();
  if (number < min || number > max)
    return fail(path, "expected an integer from ", min, " to ", max, ", got ",
                number);
  value = number;
  return true;
}

bool JSONReader::unsigned32(const Json &json, const Path &path, uint32_t min,
                            uint32_t max, uint32_t &value) {
  int64_t wide;
  if (!integer(json, path, min, max, wide))
    return false;
  value = static_cast<uint32_t>(wide);
  return true;
}

bool JSONReader::boolean(const Json &json, const Path &path, bool &value) {
  if (!json.is_boolean())
    return fail(path, "expected true or false, got ", json.type_name());
  value = json.get<bool>();
  return true;
}

bool JSONReader::magnitude(const Json &json, const Path &path, double &value) {
  if (!json.is_number())
    return fail(path, "expected a number, got ", json.type_name());
  double number = json.get<double>();
  if (!std::isfinite(number) || number < 0)
    return fail(path, "expected a finite number that is not negative");
  value = number;
  return true;
}

bool JSONReader::name(const Json &json, const Path &path, std::string &value) {
  if (!json.is_string())
    return fail(path, "expected a string, got ", json.type_name());
  const std::string &string = json.get_ref<const std::string &>();
  bool printable = std::all_of(string.begin(), string.end(),
                               [](char c) { return c > 0x20 && c < 0x7f; });
  if (string.empty() || string.size() > 256 || !printable)
    return fail(path, "expected a name of 1 to 256 printable characters");
  value = string;
  return true;
}

bool JSONReader::label(const Json &json, const Path &path, std::string &value) {
  if (!json.is_string())
    return fail(path, "expected a string, got ", json.type_name());
  // The parser has refused what is no UTF-8.
  const std::string &string = json.get_ref<const std::string &>();
  bool control = std::any_of(string.begin(), string.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (string.empty() || string.size() > 256 || control)
    return fail(path, "expected a name of 1 to 256 bytes without control "
                      "characters");
  value = string;
  return true;
}

bool JSONReader::text(const Json &json, const Path &path, std::string &value) {
  if (!json.is_string())
    return fail(path, "expected a string, got ", json.type_name());
  const std::string &string = json.get_ref<const std::string &>();
  bool control = std::any_of(string.begin(), string.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20;
  });
  if (string.size() > 1024 || control)
    return fail(path, "expected at most 1024 bytes and no control characters");
  value = string;
  return true;
}
