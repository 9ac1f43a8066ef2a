//===- Descriptors.h - Memrefs as compiled code passes them ---------------===//

#ifndef QUANTMLIR_LIB_EXECUTION_DESCRIPTORS_H
#define QUANTMLIR_LIB_EXECUTION_DESCRIPTORS_H

#include "llvm/ADT/ArrayRef.h"

#include <cstddef>
#include <cstdint>

namespace quantmlir {

/// A memref descriptor of any rank as the C interface passes it is an array of
/// words: allocated and aligned pointer, offset, sizes, strides.
inline size_t getDescriptorWords(size_t rank) { return 3 + 2 * rank; }

/// Whether the elements lie in row-major order without gaps.
bool isContiguous(const int64_t *descriptor, size_t rank);

/// Copies the elements that a descriptor describes to row-major order. `shape`
/// is the descriptor's.
void copyElements(const int64_t *descriptor, llvm::ArrayRef<int64_t> shape,
                  size_t elementBytes, char *target);

} // namespace quantmlir

#endif // QUANTMLIR_LIB_EXECUTION_DESCRIPTORS_H
