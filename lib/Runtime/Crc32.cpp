//===- Crc32.cpp - The checksum of zip, PNG and our manifest --------------===//

#include "Crc32.h"

#include <array>

static constexpr std::array<uint32_t, 256> makeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0u);
    table[byte] = value;
  }
  return table;
}

uint32_t quantmlir::runtime::crc32(const void *data, size_t size) {
  static constexpr std::array<uint32_t, 256> table = makeTable();
  const auto *bytes = static_cast<const uint8_t *>(data);
  uint32_t value = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; ++i)
    value = table[(value ^ bytes[i]) & 0xFF] ^ (value >> 8);
  return ~value;
}
