//===- Crc32.h - The checksum of zip, PNG and our manifest ------*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_CRC32_H
#define QUANTMLIR_LIB_RUNTIME_CRC32_H

#include <cstddef>
#include <cstdint>

namespace quantmlir::runtime {

/// CRC-32 (reflected polynomial 0xEDB88320), as zlib's crc32() computes it. Of
/// our own so that the runtime needs no library.
uint32_t crc32(const void *data, size_t size);

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_CRC32_H
