//===- TensorMap.h - Sizes of a tensor map at fixed dimensions --*- C++ -*-===//

#ifndef QUANTMLIR_LIB_RUNTIME_TENSORMAP_H
#define QUANTMLIR_LIB_RUNTIME_TENSORMAP_H

#include "Manifest.h"

namespace quantmlir::runtime {

/// The operands of cuTensorMapEncodeTiled but for the address: innermost
/// dimension first, strides in bytes and without the innermost.
struct TensorMapDescription {
  static constexpr uint32_t maxRank = 5;
  uint32_t rank = 0;
  int dataType = 0;
  uint64_t sizes[maxRank] = {};
  uint64_t strides[maxRank] = {};
  uint32_t box[maxRank] = {};
  uint32_t elementStrides[maxRank] = {};
  int swizzle = 0;
  int l2Promotion = 0;
};

/// Evaluates `map` over a buffer of `bufferBytes` bytes and checks every rule
/// that the driver would otherwise refuse it for without saying which, and that
/// the map stays inside the buffer.
Status describeTensorMap(const TensorMap &map, const int64_t *dims,
                         uint64_t bufferBytes,
                         TensorMapDescription &description);

} // namespace quantmlir::runtime

#endif // QUANTMLIR_LIB_RUNTIME_TENSORMAP_H
