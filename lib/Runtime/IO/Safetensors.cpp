//===- Safetensors.cpp - The safetensors format ---------------------------===//
//
// Eight bytes with the length of the header, the header (a JSON object from
// names to {dtype, shape, data_offsets}), then the data. Offsets count from the
// end of the header; the tensors cover the data without gap or overlap.
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "Files.h"
#include "Npz.h"
#include "SafetensorsHeader.h"

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

bool quantmlir::io::readHeaderLength(const uint8_t *prefix, uint64_t fileBytes,
                                     uint64_t &headerBytes,
                                     std::string &error) {
  if (fileBytes < 8) {
    error = "not a safetensors file: shorter than its header's length";
    return false;
  }
  headerBytes = 0;
  for (size_t i = 0; i < 8; ++i)
    headerBytes |= uint64_t(prefix[i]) << (8 * i);
  if (headerBytes <= maxHeaderBytes && headerBytes <= fileBytes - 8)
    return true;
  error = "not a safetensors file, or truncated: a header of " +
          std::to_string(headerBytes) + " bytes";
  return false;
}

bool quantmlir::io::parseSafetensorsHeader(std::string_view text,
                                           uint64_t dataBytes,
                                           std::vector<TensorInfo> &tensors,
                                           Metadata *metadata,
                                           std::string &error) {
  auto fail = [&](std::string message) {
    error = std::move(message);
    return false;
  };
  Json header;
  if (!parseHeader(text, header, error))
    return false;
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
    Array array{std::string(info->name), {}, {}};
    std::vector<int64_t> offsets;
    size_t needed = 0;
    if (!parseNumbers(entry["shape"], maxRank, array.shape) ||
        !computeBytes(array.shape, info->bytes, needed))
      return fail("tensor '" + name + "' has an invalid shape");
    if (!parseNumbers(entry["data_offsets"], 2, offsets) ||
        offsets.size() != 2 || offsets[0] > offsets[1] ||
        uint64_t(offsets[1]) > dataBytes)
      return fail("tensor '" + name + "' lies outside the file");
    if (uint64_t(offsets[1] - offsets[0]) != needed)
      return fail("tensor '" + name + "' of type " + describe(array) + " has " +
                  std::to_string(offsets[1] - offsets[0]) +
                  " bytes instead of " + std::to_string(needed));
    tensors.push_back({name, array.element, array.shape, uint64_t(offsets[0]),
                       uint64_t(needed)});
  }
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const TensorInfo &a, const TensorInfo &b) {
                     return std::pair(a.offset, a.bytes) <
                            std::pair(b.offset, b.bytes);
                   });
  uint64_t covered = 0;
  const std::string *last = nullptr;
  for (const TensorInfo &tensor : tensors) {
    std::string both =
        last ? ": '" + *last + "' and '" + tensor.name + "'" : std::string();
    if (tensor.offset < covered)
      return fail("two tensors overlap" + both);
    if (tensor.offset > covered)
      return fail(last ? "there is a gap between two tensors" + both
                       : "there is a gap before tensor '" + tensor.name + "'");
    covered = tensor.offset + tensor.bytes;
    last = &tensor.name;
  }
  if (covered != dataBytes)
    return fail("there are bytes after the last tensor");
  return true;
}

bool quantmlir::io::printSafetensorsHeader(
    const std::vector<TensorInfo> &tensors, const Metadata &metadata,
    uint64_t bytes, std::string &header, std::string &error) {
  Json json = Json::object();
  if (!metadata.empty())
    json[std::string(metadataKey)] = metadata;
  for (const TensorInfo &tensor : tensors) {
    const ElementInfo *info = findElement(tensor.element);
    size_t needed = 0;
    if (!info || !computeBytes(tensor.shape, info->bytes, needed) ||
        needed != tensor.bytes) {
      error = "'" + tensor.name + "': the data does not match " +
              describe({tensor.element, tensor.shape, {}});
      return false;
    }
    if (tensor.name == metadataKey || json.contains(tensor.name)) {
      error = "two tensors named '" + tensor.name + "'";
      return false;
    }
    json[tensor.name] = {
        {"dtype", std::string(info->safetensors)},
        {"shape", tensor.shape},
        {"data_offsets", {tensor.offset, tensor.offset + tensor.bytes}}};
  }
  // Invalid UTF-8 in a name is replaced rather than thrown about.
  std::string text = json.dump(-1, ' ', /*ensure_ascii=*/false,
                               Json::error_handler_t::replace);
  if (bytes == 0)
    bytes = 8 + (text.size() + 7) / 8 * 8;
  if (text.size() > bytes - 8 || bytes - 8 > maxHeaderBytes) {
    error = "a header of " + std::to_string(text.size()) +
            " bytes is more than was kept free, or than the format allows";
    return false;
  }
  text.append(bytes - 8 - text.size(), ' ');
  header.clear();
  for (size_t i = 0; i < 8; ++i)
    header += static_cast<char>(text.size() >> (8 * i) & 0xFF);
  header += text;
  return true;
}

bool quantmlir::io::parseSafetensors(const Bytes &bytes, ArrayMap &arrays,
                                     std::string &error, Metadata *metadata) {
  uint64_t headerBytes = 0;
  if (!readHeaderLength(bytes.data, bytes.size, headerBytes, error))
    return false;
  std::string_view text(reinterpret_cast<const char *>(bytes.data + 8),
                        headerBytes);
  Bytes data = bytes.slice(8 + headerBytes, bytes.size - 8 - headerBytes);
  std::vector<TensorInfo> tensors;
  if (!parseSafetensorsHeader(text, data.size, tensors, metadata, error))
    return false;
  for (TensorInfo &tensor : tensors)
    arrays.emplace(tensor.name, Array{tensor.element, tensor.shape,
                                      data.slice(tensor.offset, tensor.bytes)});
  return true;
}

bool quantmlir::io::writeSafetensors(const std::string &path,
                                     const ArrayMap &arrays,
                                     const Metadata &metadata,
                                     std::string &error) {
  std::vector<TensorInfo> tensors;
  for (const auto &[name, array] : arrays)
    tensors.push_back({name, array.element, array.shape, 0, array.data.size});
  // Largest elements first, so that every tensor is aligned to its element.
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const TensorInfo &a, const TensorInfo &b) {
                     return getElementBytes(a.element) >
                            getElementBytes(b.element);
                   });
  uint64_t offset = 0;
  for (TensorInfo &tensor : tensors) {
    tensor.offset = offset;
    offset += tensor.bytes;
  }
  std::string header;
  if (!printSafetensorsHeader(tensors, metadata, /*bytes=*/0, header, error))
    return false;
  AtomicFile file(path);
  file.write(header);
  for (const TensorInfo &tensor : tensors)
    file.write(arrays.at(tensor.name).data.data, tensor.bytes);
  return file.commit(error);
}
