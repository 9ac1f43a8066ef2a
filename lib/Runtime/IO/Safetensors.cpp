//===- Safetensors.cpp - The safetensors format ---------------------------===//
//
// Eight bytes with the length of the header, the header (a JSON object from
// names to {dtype, shape, data_offsets}), then the data. Offsets count from the
// end of the header; the tensors cover the data without gap or overlap.
//
//===----------------------------------------------------------------------===//

#include "AtomicFile.h"
#include "ElementTypes.h"
#include "Npz.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

using namespace quantmlir::io;

/// The format's own bound on the header.
static constexpr uint64_t maxHeaderBytes = 100'000'000;
static constexpr size_t maxRank = 32;
static constexpr std::string_view metadataKey = "__metadata__";

using Json = nlohmann::json;

/// Parses the header; duplicate names are refused.
static bool parseHeader(std::string_view text, Json &header,
                        std::string &error) {
  constexpr int maxNesting = 3;
  std::set<std::string> names;
  std::string duplicate;
  bool tooDeep = false;
  auto callback = [&](int depth, Json::parse_event_t event, Json &parsed) {
    if (event == Json::parse_event_t::object_start ||
        event == Json::parse_event_t::array_start)
      tooDeep |= depth >= maxNesting;
    else if (event == Json::parse_event_t::key && depth == 1 &&
             !names.insert(parsed.get_ref<std::string &>()).second)
      duplicate = parsed.get_ref<std::string &>();
    return !tooDeep;
  };
  header = Json::parse(text.begin(), text.end(), callback,
                       /*allow_exceptions=*/false);
  if (tooDeep || header.is_discarded() || !header.is_object()) {
    error = "the header is not a valid JSON object of tensors";
    return false;
  }
  if (!duplicate.empty()) {
    error = "two tensors named '" + duplicate + "'";
    return false;
  }
  return true;
}

/// Reads a list of at most `maxSize` numbers that are not negative.
static bool parseNumbers(const Json &json, size_t maxSize,
                         std::vector<int64_t> &numbers) {
  if (!json.is_array() || json.size() > maxSize)
    return false;
  for (const Json &entry : json) {
    if (!entry.is_number_unsigned() ||
        entry.get<uint64_t>() > uint64_t(INT64_MAX))
      return false;
    numbers.push_back(entry.get<int64_t>());
  }
  return true;
}

/// Reads a map of strings to strings.
static bool parseMetadata(const Json &json, Metadata &metadata) {
  if (!json.is_object())
    return false;
  for (auto it = json.begin(); it != json.end(); ++it) {
    if (!it.value().is_string())
      return false;
    metadata.emplace(it.key(), it.value().get<std::string>());
  }
  return true;
}

bool quantmlir::io::parseSafetensors(const Bytes &bytes, ArrayMap &arrays,
                                     std::string &error, Metadata *metadata) {
  auto fail = [&](std::string message) {
    error = std::move(message);
    return false;
  };
  if (bytes.size < 8)
    return fail("not a safetensors file: shorter than its header's length");
  uint64_t headerBytes = 0;
  for (size_t i = 0; i < 8; ++i)
    headerBytes |= uint64_t(bytes.data[i]) << (8 * i);
  if (headerBytes > maxHeaderBytes || headerBytes > bytes.size - 8)
    return fail("not a safetensors file, or truncated: a header of " +
                std::to_string(headerBytes) + " bytes");
  Json header;
  std::string_view text(reinterpret_cast<const char *>(bytes.data + 8),
                        headerBytes);
  if (!parseHeader(text, header, error))
    return false;

  Bytes data = bytes.slice(8 + headerBytes, bytes.size - 8 - headerBytes);
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (auto it = header.begin(); it != header.end(); ++it) {
    const std::string &name = it.key();
    const Json &entry = it.value();
    if (name == metadataKey) {
      if (metadata && !parseMetadata(entry, *metadata))
        return fail("the metadata are not a map of strings");
      continue;
    }
    if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
        !entry.contains("shape") || !entry.contains("data_offsets") ||
        !entry["dtype"].is_string())
      return fail("tensor '" + name +
                  "' does not have exactly dtype, shape and data_offsets");
    const std::string &dtype = entry["dtype"].get_ref<const std::string &>();
    const ElementInfo *info = findSafetensorsElement(dtype);
    if (!info)
      return fail("tensor '" + name + "' has the unknown dtype '" + dtype +
                  "'");
    Array array;
    array.element = std::string(info->name);
    std::vector<int64_t> offsets;
    size_t needed = 0;
    if (!parseNumbers(entry["shape"], maxRank, array.shape) ||
        !computeBytes(array.shape, info->bytes, needed))
      return fail("tensor '" + name + "' has an invalid shape");
    if (!parseNumbers(entry["data_offsets"], 2, offsets) ||
        offsets.size() != 2 || offsets[0] > offsets[1] ||
        uint64_t(offsets[1]) > data.size)
      return fail("tensor '" + name + "' lies outside the file");
    if (uint64_t(offsets[1] - offsets[0]) != needed)
      return fail("tensor '" + name + "' of type " + describe(array) + " has " +
                  std::to_string(offsets[1] - offsets[0]) +
                  " bytes instead of " + std::to_string(needed));
    array.data = data.slice(offsets[0], needed);
    ranges.emplace_back(offsets[0], offsets[1]);
    arrays.emplace(name, std::move(array));
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t covered = 0;
  for (const auto &[begin, end] : ranges) {
    if (begin != covered)
      return fail(begin < covered ? "two tensors overlap"
                                  : "there is a gap between two tensors");
    covered = end;
  }
  if (covered != data.size)
    return fail("there are bytes after the last tensor");
  return true;
}

bool quantmlir::io::writeSafetensors(const std::string &path,
                                     const ArrayMap &arrays,
                                     const Metadata &metadata,
                                     std::string &error) {
  // Largest elements first, so that every tensor is aligned to its element.
  std::vector<const ArrayMap::value_type *> order;
  for (const ArrayMap::value_type &entry : arrays)
    order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto *a, const auto *b) {
                     return getElementBytes(a->second.element) >
                            getElementBytes(b->second.element);
                   });
  Json header = Json::object();
  if (!metadata.empty())
    header[std::string(metadataKey)] = metadata;
  uint64_t offset = 0;
  for (const ArrayMap::value_type *entry : order) {
    const auto &[name, array] = *entry;
    const ElementInfo *info = findElement(array.element);
    size_t needed = 0;
    if (!info || !computeBytes(array.shape, info->bytes, needed) ||
        needed != array.data.size || name == metadataKey) {
      error = "'" + name + "': the data does not match " + describe(array);
      return false;
    }
    header[name] = {{"dtype", std::string(info->safetensors)},
                    {"shape", array.shape},
                    {"data_offsets", {offset, offset + needed}}};
    offset += needed;
  }
  // Invalid UTF-8 in a name is replaced rather than thrown about.
  std::string text = header.dump(-1, ' ', /*ensure_ascii=*/false,
                                 Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  char length[8];
  for (size_t i = 0; i < 8; ++i)
    length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  AtomicFile file(path);
  file.write(length, sizeof(length));
  file.write(text);
  for (const ArrayMap::value_type *entry : order)
    file.write(entry->second.data.data, entry->second.data.size);
  return file.commit(error);
}
