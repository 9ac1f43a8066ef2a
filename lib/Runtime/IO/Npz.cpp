//===- Npz.cpp - Zip archives of NumPy arrays -----------------------------===//

#include "Npz.h"
#include "Files.h"
#include "Npy.h"
#include "Zip.h"

#include <zlib.h>

using namespace quantmlir::io;

bool quantmlir::io::parseNpz(const Bytes &bytes, ArrayMap &arrays,
                             std::string &error, Unreadable *unreadable) {
  std::vector<ZipEntry> entries;
  if (!listZip(bytes, entries, error))
    return false;
  for (const ZipEntry &entry : entries) {
    std::string name = entry.name;
    constexpr std::string_view extension = ".npy";
    if (name.size() <= extension.size() ||
        name.compare(name.size() - extension.size(), extension.size(),
                     extension) != 0) {
      error = "entry '" + name + "' is not a .npy file";
      return false;
    }
    name.resize(name.size() - extension.size());
    Bytes contents;
    Array array;
    if (!extractZip(bytes, entry, contents, error))
      return false;
    if (!parseNpy(contents, array, error)) {
      if (unreadable) {
        unreadable->emplace(name, error);
        continue;
      }
      error = "entry '" + entry.name + "': " + error;
      return false;
    }
    if (!arrays.emplace(name, std::move(array)).second) {
      error = "two entries named '" + entry.name + "'";
      return false;
    }
  }
  return true;
}

namespace {
/// Appends little-endian numbers.
class Record {
public:
  Record &u16(uint64_t value) { return number(value, 2); }
  Record &u32(uint64_t value) { return number(value, 4); }
  Record &text(const std::string &value) {
    bytes += value;
    return *this;
  }
  const std::string &str() const { return bytes; }

private:
  Record &number(uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i)
      bytes += static_cast<char>(value >> (8 * i) & 0xFF);
    return *this;
  }
  std::string bytes;
};
} // namespace

bool quantmlir::io::writeNpz(const std::string &path, const ArrayMap &arrays,
                             std::string &error) {
  // Zip's oldest date, 1980-01-01: equal contents give equal files.
  constexpr uint64_t date = (1 << 5) | 1;
  constexpr uint64_t limit = 0xFFFFFFFF;
  AtomicFile file(path);
  std::string directory;
  uint64_t offset = 0;
  for (const auto &[name, array] : arrays) {
    std::string header;
    if (!makeNpyHeader(array, header, error)) {
      error = "'" + name + "': " + error;
      return false;
    }
    uint64_t size = header.size() + array.data.size;
    std::string fileName = name + ".npy";
    if (size >= limit || offset + size >= limit || fileName.size() > 0xFFFF ||
        arrays.size() >= 0xFFFF) {
      error = "too large for .npz; write .safetensors";
      return false;
    }
    uLong crc = ::crc32(0, reinterpret_cast<const Bytef *>(header.data()),
                        header.size());
    // With a null pointer crc32() starts anew.
    if (array.data.size != 0)
      crc = ::crc32(crc, array.data.data, array.data.size);
    // Version 2.0, no flags, stored.
    Record common;
    common.u16(20).u16(0).u16(0).u16(0).u16(date).u32(crc).u32(size).u32(size);
    common.u16(fileName.size()).u16(0);
    Record local;
    local.u32(0x04034b50).text(common.str()).text(fileName);
    Record central;
    central.u32(0x02014b50).u16(20).text(common.str());
    // No comment, first disk, no attributes.
    central.u16(0).u16(0).u16(0).u32(0).u32(offset).text(fileName);
    directory += central.str();
    file.write(local.str());
    file.write(header);
    file.write(array.data.data, array.data.size);
    offset += local.str().size() + size;
  }
  Record end;
  end.u32(0x06054b50).u16(0).u16(0).u16(arrays.size()).u16(arrays.size());
  end.u32(directory.size()).u32(offset).u16(0);
  file.write(directory);
  file.write(end.str());
  return file.commit(error);
}

bool quantmlir::io::writeArrays(const std::string &path, const ArrayMap &arrays,
                                std::string &error, const Metadata &metadata) {
  auto endsWith = [&](std::string_view extension) {
    return path.size() > extension.size() &&
           path.compare(path.size() - extension.size(), extension.size(),
                        extension) == 0;
  };
  if (endsWith(".npz") && !metadata.empty()) {
    error = "'" + path + "': .npz holds no metadata";
    return false;
  }
  if (endsWith(".npz"))
    return writeNpz(path, arrays, error);
  if (endsWith(".safetensors"))
    return writeSafetensors(path, arrays, metadata, error);
  error = "'" + path + "': expected a file named .npz or .safetensors";
  return false;
}
