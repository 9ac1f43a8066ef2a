//===- Zip.h - Just enough zip for .npz files -------------------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_ZIP_H
#define QUANTMLIR_LIB_RUNTIME_IO_ZIP_H

#include "quantmlir/Runtime/ArrayIO.h"

namespace quantmlir::io {

struct ZipEntry {
  std::string name;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t compressedBytes = 0;
  uint64_t bytes = 0;
  /// Where the compressed data starts in the archive.
  uint64_t dataOffset = 0;
};

/// Lists the entries by the central directory (zip64 included) and checks that
/// each lies inside the archive and overlaps no other.
bool listZip(const Bytes &archive, std::vector<ZipEntry> &entries,
             std::string &error);

/// The entry's contents, its checksum verified. Stored entries share the
/// archive's memory.
bool extractZip(const Bytes &archive, const ZipEntry &entry, Bytes &contents,
                std::string &error);

} // namespace quantmlir::io

#endif // QUANTMLIR_LIB_RUNTIME_IO_ZIP_H
