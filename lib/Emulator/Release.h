//===- Release.h - What one thread lets others know -----------------------===//
//
// Order between threads that meet in memory and not at a barrier: a fence, then
// an atomic write of one; an atomic read, then a fence of another.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_RELEASE_H
#define QUANTMLIR_LIB_EMULATOR_RELEASE_H

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace quantmlir::emulator {

/// What a thread had seen when it fenced.
struct Release {
  /// The cluster it is of, or `previousLaunch`.
  uint64_t cluster;
  static constexpr uint64_t previousLaunch = ~uint64_t(0);
  /// Whether other blocks may rely on it: its fence was not of the block only.
  bool reachesDevice;
  /// Its row of its cluster's clocks.
  std::vector<uint32_t> row;
  /// What it knew of other clusters.
  std::vector<std::shared_ptr<const Release>> before;

  /// Whether moment `clock` of `who` in `other` is ordered before it.
  bool covers(uint64_t other, unsigned who, uint32_t clock) const;
};

using ReleasePtr = std::shared_ptr<const Release>;

/// What was released at each address of a launch.
class ReleaseTable {
public:
  /// What an atomic read of `address` sees.
  llvm::SmallVector<ReleasePtr, 2> read(uint64_t address);
  /// An atomic write of `address` by who fenced as `release`, or did not; an
  /// `update` leaves what others released.
  void write(uint64_t address, ReleasePtr release, bool update);

private:
  std::mutex mutex;
  llvm::DenseMap<uint64_t, llvm::SmallVector<ReleasePtr, 2>> released;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_RELEASE_H
