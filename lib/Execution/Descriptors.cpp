//===- Descriptors.cpp - Memrefs as compiled code passes them -------------===//

#include "Descriptors.h"

#include <cstring>
#include <vector>

using namespace quantmlir;

bool quantmlir::isContiguous(const int64_t *descriptor, size_t rank) {
  const int64_t *sizes = descriptor + 3;
  const int64_t *strides = sizes + rank;
  int64_t expected = 1;
  for (size_t dim = rank; dim-- > 0;) {
    if (sizes[dim] != 1 && strides[dim] != expected)
      return false;
    expected *= sizes[dim];
  }
  return true;
}

void quantmlir::copyElements(const int64_t *descriptor,
                             llvm::ArrayRef<int64_t> shape, size_t elementBytes,
                             char *target) {
  size_t rank = shape.size();
  const char *base = reinterpret_cast<const char *>(descriptor[1]) +
                     descriptor[2] * static_cast<int64_t>(elementBytes);
  const int64_t *strides = descriptor + 3 + rank;
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  if (count == 0)
    return;
  if (isContiguous(descriptor, rank)) {
    std::memcpy(target, base, count * elementBytes);
    return;
  }
  std::vector<int64_t> index(rank);
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = 0;
    for (size_t dim = 0; dim < rank; ++dim)
      offset += index[dim] * strides[dim];
    std::memcpy(target + i * elementBytes,
                base + offset * static_cast<int64_t>(elementBytes),
                elementBytes);
    for (size_t dim = rank; dim-- > 0;) {
      if (++index[dim] < shape[dim])
        break;
      index[dim] = 0;
    }
  }
}
