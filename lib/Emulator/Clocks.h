//===- Clocks.h - Which accesses happened before which --------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_CLOCKS_H
#define QUANTMLIR_LIB_EMULATOR_CLOCKS_H

#include "llvm/ADT/ArrayRef.h"
#include <algorithm>
#include <cstdint>
#include <vector>

namespace quantmlir::emulator {

/// A vector clock per thread of a cluster. Entry u of row t is the last moment
/// of thread u that thread t is ordered after; entry t of row t is thread t's
/// own time, which moves at each release.
class Clocks {
public:
  void reset(unsigned threads) {
    count = threads;
    rows.assign(size_t(threads) * threads, 0);
    for (unsigned t = 0; t < threads; ++t)
      rows[size_t(t) * count + t] = 1;
  }

  unsigned size() const { return count; }
  llvm::MutableArrayRef<uint32_t> row(unsigned thread) {
    return {rows.data() + size_t(thread) * count, count};
  }
  uint32_t now(unsigned thread) const {
    return rows[size_t(thread) * count + thread];
  }
  /// Whether moment `clock` of `other` is ordered before `thread`'s present.
  bool isOrdered(unsigned thread, unsigned other, uint32_t clock) const {
    return rows[size_t(thread) * count + other] >= clock;
  }

  /// Adds what `thread` has seen to `to`, and starts its next moment.
  void release(unsigned thread, std::vector<uint32_t> &to) {
    to.resize(count);
    auto from = row(thread);
    for (unsigned u = 0; u < count; ++u)
      to[u] = std::max(to[u], from[u]);
    ++from[thread];
  }
  /// Orders `thread` after everything in `from`.
  void acquire(unsigned thread, llvm::ArrayRef<uint32_t> from) {
    auto to = row(thread);
    for (unsigned u = 0, n = from.size(); u < n; ++u)
      to[u] = std::max(to[u], from[u]);
  }

private:
  unsigned count = 0;
  std::vector<uint32_t> rows;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_CLOCKS_H
