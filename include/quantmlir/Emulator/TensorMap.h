//===- TensorMap.h - Descriptors of tensors for bulk copies ---------------===//

#ifndef QUANTMLIR_EMULATOR_TENSORMAP_H
#define QUANTMLIR_EMULATOR_TENSORMAP_H

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace quantmlir::emulator {

/// What `cuTensorMapEncodeTiled` is told. Dimensions go from the innermost
/// outwards; strides are in bytes, the innermost being the element's size.
struct TensorMap {
  static constexpr unsigned maxRank = 5;
  /// Bytes of an encoded map, as a kernel takes it by value.
  static constexpr unsigned encodedBytes = 128;

  uint64_t address = 0;
  int32_t dataType = 0; ///< a CUtensorMapDataType
  uint32_t rank = 0;
  std::array<uint64_t, maxRank> sizes = {}, strides = {};
  std::array<uint32_t, maxRank> box = {}, elementStrides = {1, 1, 1, 1, 1};
  int32_t interleave = 0;
  int32_t swizzle = 0; ///< a CUtensorMapSwizzle
  bool fillsWithNaN = false;

  /// Bytes of an element, 0 if the data type is none of CUDA's plain ones.
  unsigned getElementBytes() const;
  /// Bytes after which the swizzle pattern of a row ends; 16 without one.
  unsigned getSwizzleSpan() const { return 16u << swizzle; }
  /// Bytes that a copy of the box moves.
  uint64_t getBoxBytes() const;
  /// Why the driver refuses it, or what the emulator does not know of it; empty
  /// if it is all right.
  std::string check() const;

  void encode(void *bytes) const;
  /// Nothing if `bytes` are no encoded map.
  static std::optional<TensorMap> decode(const void *bytes);
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_TENSORMAP_H
