//===- SafetensorsHeader.h - Names to types, shapes and offsets -*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_IO_SAFETENSORSHEADER_H
#define QUANTMLIR_LIB_RUNTIME_IO_SAFETENSORSHEADER_H

#include "quantmlir/Runtime/SafetensorsFile.h"

namespace quantmlir::io {

/// The bytes of the header that the first eight of a file of `fileBytes`
/// announce; false where the file cannot hold them.
bool readHeaderLength(const uint8_t *prefix, uint64_t fileBytes,
                      uint64_t &headerBytes, std::string &error);

/// Reads a header for `dataBytes` of data, which the tensors have to cover
/// without gap or overlap; they come in that order. `metadata` may be null.
bool parseSafetensorsHeader(std::string_view text, uint64_t dataBytes,
                            std::vector<TensorInfo> &tensors,
                            Metadata *metadata, std::string &error);

/// All that comes before the data of `tensors`, whose bytes and offsets are
/// set. Where `bytes` is not 0, that many; false where they do not suffice.
bool printSafetensorsHeader(const std::vector<TensorInfo> &tensors,
                            const Metadata &metadata, uint64_t bytes,
                            std::string &header, std::string &error);

} // namespace quantmlir::io

#endif // QUANTMLIR_LIB_RUNTIME_IO_SAFETENSORSHEADER_H
