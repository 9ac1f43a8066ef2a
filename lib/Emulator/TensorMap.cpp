//===- TensorMap.cpp - Descriptors of tensors for bulk copies -------------===//

#include "quantmlir/Emulator/TensorMap.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstring>

using namespace quantmlir::emulator;

unsigned TensorMap::getElementBytes() const {
  // CUtensorMapDataType: u8, u16, u32, s32, u64, s64, f16, f32, f64, bf16, f32
  // with and without denormals, tf32 likewise.
  static constexpr unsigned bytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  return dataType >= 0 && dataType < int32_t(std::size(bytes)) ? bytes[dataType]
                                                               : 0;
}

uint64_t TensorMap::getBoxBytes() const {
  uint64_t bytes = getElementBytes();
  for (unsigned d = 0; d < rank; ++d)
    bytes *= box[d];
  return bytes;
}

std::string TensorMap::check() const {
  unsigned elementBytes = getElementBytes();
  if (!elementBytes)
    return llvm::formatv("data type {0} is not known", dataType);
  if (rank < 1 || rank > maxRank)
    return llvm::formatv("rank {0}; 1 to 5 are possible", rank);
  if (fillsWithNaN)
    return "filling with NaN is not known";
  if (interleave != 0)
    return "an interleaved layout is not known";
  if (swizzle < 0 || swizzle > 3)
    return llvm::formatv("swizzle {0} is not known", swizzle);
  if (address % 16)
    return llvm::formatv("address {0:x} is not a multiple of 16", address);
  for (unsigned d = 0; d < rank; ++d) {
    if (sizes[d] < 1 || sizes[d] > uint64_t(1) << 32)
      return llvm::formatv("dimension {0} has size {1}; 1 to 2^32 are possible",
                           d, sizes[d]);
    if (box[d] < 1 || box[d] > 256)
      return llvm::formatv("the box has size {0} in dimension {1}; 1 to 256 "
                           "are possible",
                           box[d], d);
    if (elementStrides[d] != 1)
      return llvm::formatv("element stride {0} is not known",
                           elementStrides[d]);
    if (d && (strides[d] % 16 || strides[d] >> 40))
      return llvm::formatv("stride {0} of dimension {1} is not a multiple of "
                           "16 below 2^40",
                           strides[d], d);
  }
  uint64_t inner = uint64_t(box[0]) * elementBytes;
  if (inner % 16)
    return llvm::formatv("a row of the box has {0} bytes, which is not a "
                         "multiple of 16",
                         inner);
  if (swizzle && inner > getSwizzleSpan())
    return llvm::formatv("a row of the box has {0} bytes, which is more than "
                         "the {1} of its swizzle",
                         inner, getSwizzleSpan());
  return "";
}

namespace {
/// How the emulator writes one into the 128 bytes; the hardware's way is
/// NVIDIA's own.
struct Encoded {
  char magic[8];
  uint64_t address;
  uint64_t strides[TensorMap::maxRank - 1];
  uint32_t lastIndex[TensorMap::maxRank]; ///< sizes less one
  uint16_t box[TensorMap::maxRank];
  uint16_t elementStrides[TensorMap::maxRank];
  uint8_t dataType, rank, interleave, swizzle, fillsWithNaN;
};
static_assert(sizeof(Encoded) <= TensorMap::encodedBytes);
constexpr char magic[8] = {'q', 'm', 'l', 'i', 'r', 't', 'm', '1'};
} // namespace

void TensorMap::encode(void *bytes) const {
  Encoded encoded = {};
  std::memcpy(encoded.magic, magic, sizeof(magic));
  encoded.address = address;
  for (unsigned d = 0; d < maxRank; ++d) {
    if (d)
      encoded.strides[d - 1] = strides[d];
    encoded.lastIndex[d] = sizes[d] - 1;
    encoded.box[d] = box[d];
    encoded.elementStrides[d] = elementStrides[d];
  }
  encoded.dataType = dataType;
  encoded.rank = rank;
  encoded.interleave = interleave;
  encoded.swizzle = swizzle;
  encoded.fillsWithNaN = fillsWithNaN;
  std::memset(bytes, 0, encodedBytes);
  std::memcpy(bytes, &encoded, sizeof(encoded));
}

std::optional<TensorMap> TensorMap::decode(const void *bytes) {
  Encoded encoded;
  std::memcpy(&encoded, bytes, sizeof(encoded));
  if (std::memcmp(encoded.magic, magic, sizeof(magic)))
    return std::nullopt;
  TensorMap map;
  map.address = encoded.address;
  map.dataType = encoded.dataType;
  map.rank = encoded.rank;
  map.interleave = encoded.interleave;
  map.swizzle = encoded.swizzle;
  map.fillsWithNaN = encoded.fillsWithNaN;
  for (unsigned d = 0; d < maxRank; ++d) {
    map.strides[d] = d ? encoded.strides[d - 1] : map.getElementBytes();
    map.sizes[d] = uint64_t(encoded.lastIndex[d]) + 1;
    map.box[d] = encoded.box[d];
    map.elementStrides[d] = encoded.elementStrides[d];
  }
  return map;
}
