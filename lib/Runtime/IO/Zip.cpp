//===- Zip.cpp - Just enough zip for .npz files ---------------------------===//

#include "Zip.h"

#include <algorithm>
#include <zlib.h>

using namespace quantmlir::io;

static constexpr uint32_t localSignature = 0x04034b50;
static constexpr uint32_t centralSignature = 0x02014b50;
static constexpr uint32_t endSignature = 0x06054b50;
static constexpr uint32_t end64Signature = 0x06064b50;
static constexpr uint32_t end64LocatorSignature = 0x07064b50;
static constexpr size_t maxEntries = 1 << 16;

/// Little-endian number of `size` bytes; the caller has checked the range.
static uint64_t readNumber(const uint8_t *data, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i)
    value |= uint64_t(data[i]) << (8 * i);
  return value;
}

namespace {
/// Walks the central directory of one archive.
class ZipReader {
public:
  ZipReader(const Bytes &archive, std::string &error)
      : archive(archive), error(error) {}

  bool list(std::vector<ZipEntry> &entries) {
    if (!findDirectory())
      return false;
    uint64_t offset = directoryOffset;
    for (uint64_t i = 0; i < numEntries; ++i) {
      ZipEntry entry;
      if (!readCentral(offset, entry))
        return false;
      entries.push_back(std::move(entry));
    }
    return checkDisjoint(entries);
  }

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  bool inside(uint64_t offset, uint64_t length) const {
    return offset <= archive.size && length <= archive.size - offset;
  }
  uint64_t at(uint64_t offset, size_t size) const {
    return readNumber(archive.data + offset, size);
  }

  bool findDirectory() {
    // The end record is the last thing but for a comment of up to 64 KiB.
    constexpr uint64_t endBytes = 22;
    if (archive.size < endBytes)
      return fail("not a zip archive");
    uint64_t last = archive.size - endBytes;
    uint64_t first = last > 0xFFFF ? last - 0xFFFF : 0;
    uint64_t end = last + 1;
    while (end-- > first)
      if (at(end, 4) == endSignature && at(end + 20, 2) == last - end)
        break;
    if (end + 1 == first || at(end, 4) != endSignature)
      return fail("no end record: not a zip archive, or truncated");
    numEntries = at(end + 10, 2);
    directoryOffset = at(end + 16, 4);
    // Fields that overflow stand in the zip64 end record.
    if ((numEntries == 0xFFFF || directoryOffset == 0xFFFFFFFF) && end >= 20 &&
        at(end - 20, 4) == end64LocatorSignature) {
      uint64_t end64 = at(end - 20 + 8, 8);
      if (!inside(end64, 56) || at(end64, 4) != end64Signature)
        return fail("damaged zip64 end record");
      numEntries = at(end64 + 32, 8);
      directoryOffset = at(end64 + 48, 8);
    }
    if (numEntries > maxEntries)
      return fail("more than 65536 entries");
    return true;
  }

  bool readCentral(uint64_t &offset, ZipEntry &entry) {
    constexpr uint64_t headerBytes = 46;
    if (!inside(offset, headerBytes) || at(offset, 4) != centralSignature)
      return fail("damaged central directory");
    uint64_t flags = at(offset + 8, 2);
    entry.method = static_cast<uint16_t>(at(offset + 10, 2));
    entry.crc32 = static_cast<uint32_t>(at(offset + 16, 4));
    entry.compressedBytes = at(offset + 20, 4);
    entry.bytes = at(offset + 24, 4);
    uint64_t nameBytes = at(offset + 28, 2);
    uint64_t extraBytes = at(offset + 30, 2);
    uint64_t commentBytes = at(offset + 32, 2);
    uint64_t localOffset = at(offset + 42, 4);
    if (!inside(offset + headerBytes, nameBytes + extraBytes + commentBytes))
      return fail("damaged central directory");
    entry.name.assign(
        reinterpret_cast<const char *>(archive.data + offset + headerBytes),
        nameBytes);
    if (!readZip64Extra(offset + headerBytes + nameBytes, extraBytes, entry,
                        localOffset))
      return false;
    offset += headerBytes + nameBytes + extraBytes + commentBytes;
    if (flags & 1)
      return fail("entry '" + entry.name + "' is encrypted");
    return readLocal(localOffset, entry);
  }

  /// Field 1 holds, in this order, those of the sizes and the offset that are
  /// all ones in the header.
  bool readZip64Extra(uint64_t offset, uint64_t length, ZipEntry &entry,
                      uint64_t &localOffset) {
    uint64_t end = offset + length;
    while (end - offset >= 4) {
      uint64_t tag = at(offset, 2);
      uint64_t size = at(offset + 2, 2);
      offset += 4;
      if (size > end - offset)
        return fail("damaged extra field of entry '" + entry.name + "'");
      if (tag == 1) {
        uint64_t position = offset;
        for (uint64_t *field :
             {&entry.bytes, &entry.compressedBytes, &localOffset}) {
          if (*field != 0xFFFFFFFF)
            continue;
          if (offset + size - position < 8)
            return fail("damaged zip64 field of entry '" + entry.name + "'");
          *field = at(position, 8);
          position += 8;
        }
      }
      offset += size;
    }
    return true;
  }

  bool readLocal(uint64_t offset, ZipEntry &entry) {
    constexpr uint64_t headerBytes = 30;
    if (!inside(offset, headerBytes) || at(offset, 4) != localSignature)
      return fail("entry '" + entry.name + "' lies outside the archive");
    uint64_t skip = at(offset + 26, 2) + at(offset + 28, 2);
    entry.dataOffset = offset + headerBytes + skip;
    if (!inside(entry.dataOffset, entry.compressedBytes))
      return fail("entry '" + entry.name + "' lies outside the archive");
    return true;
  }

  /// Archives that show the same bytes many times inflate to absurd sizes.
  bool checkDisjoint(const std::vector<ZipEntry> &entries) {
    std::vector<const ZipEntry *> sorted;
    for (const ZipEntry &entry : entries)
      sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(),
              [](const ZipEntry *a, const ZipEntry *b) {
                return a->dataOffset < b->dataOffset;
              });
    for (size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i - 1]->dataOffset + sorted[i - 1]->compressedBytes >
          sorted[i]->dataOffset)
        return fail("entries '" + sorted[i - 1]->name + "' and '" +
                    sorted[i]->name + "' overlap");
    return true;
  }

  const Bytes &archive;
  std::string &error;
  uint64_t numEntries = 0;
  uint64_t directoryOffset = 0;
};
} // namespace

bool quantmlir::io::listZip(const Bytes &archive,
                            std::vector<ZipEntry> &entries,
                            std::string &error) {
  return ZipReader(archive, error).list(entries);
}

/// CRC-32 of any length; zlib's own takes 32-bit lengths.
[[maybe_unused]] static uint32_t checksum(const Bytes &bytes) {
  uLong value = ::crc32(0, nullptr, 0);
  for (size_t done = 0; done < bytes.size;) {
    uInt piece =
        static_cast<uInt>(std::min<size_t>(bytes.size - done, 1u << 30));
    value = ::crc32(value, bytes.data + done, piece);
    done += piece;
  }
  return static_cast<uint32_t>(value);
}

static bool inflateEntry(const Bytes &compressed, uint64_t bytes,
                         Bytes &contents) {
  uint8_t *target = nullptr;
  if (!Bytes::tryAllocate(bytes, target, contents))
    return false;
  z_stream stream = {};
  // Negative: a raw deflate stream, without zlib's header.
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return false;
  constexpr size_t step = 1u << 30;
  size_t taken = 0, made = 0;
  int result = Z_OK;
  while (result == Z_OK) {
    size_t input = std::min(compressed.size - taken, step);
    size_t output = std::min<size_t>(bytes - made, step);
    stream.next_in = const_cast<Bytef *>(compressed.data + taken);
    stream.avail_in = static_cast<uInt>(input);
    // zlib wants a valid pointer even where there is no room.
    uint8_t none;
    stream.next_out = output ? target + made : &none;
    stream.avail_out = static_cast<uInt>(output);
    result = inflate(&stream, Z_NO_FLUSH);
    taken += input - stream.avail_in;
    made += output - stream.avail_out;
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END && made == bytes && taken == compressed.size;
}

bool quantmlir::io::extractZip(const Bytes &archive, const ZipEntry &entry,
                               Bytes &contents, std::string &error) {
  auto fail = [&](const std::string &what) {
    error = "entry '" + entry.name + "' " + what;
    return false;
  };
  Bytes data = archive.slice(entry.dataOffset, entry.compressedBytes);
  if (entry.method == 0) {
    if (entry.bytes != entry.compressedBytes)
      return fail("is stored with two different sizes");
    contents = data;
  } else if (entry.method == Z_DEFLATED) {
    // Deflate makes at most 1032 bytes of one: anything above is a lie, and
    // memory must not be taken for it.
    if (entry.bytes / 1032 > entry.compressedBytes)
      return fail("announces more bytes than its data can hold");
    if (!inflateEntry(data, entry.bytes, contents))
      return fail("has damaged compressed data");
  } else {
    return fail("uses compression method " + std::to_string(entry.method) +
                "; only stored and deflated entries are supported");
  }
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  // A fuzzer cannot guess checksums, and would never get further.
  if (checksum(contents) != entry.crc32)
    return fail("does not match its checksum");
#endif
  return true;
}
