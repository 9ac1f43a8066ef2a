//===- Profiler.h - Counting what a cluster does --------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_PROFILER_H
#define QUANTMLIR_LIB_EMULATOR_PROFILER_H

#include "Kernel.h"
#include "quantmlir/Emulator/Profile.h"
#include <map>

namespace quantmlir::emulator {

/// Counts for the clusters that one OS thread runs. Threads of a warp run one
/// after another here and together on a GPU: an access belongs with that of the
/// other lanes that is the same op, as many times after the same warp-wide
/// instruction or barrier.
class Profiler {
public:
  Profiler(const Kernel &kernel, unsigned threads)
      : kernel(kernel), threads(threads), counts(kernel.sites.size()) {}

  /// A checked access of thread `thread` of the cluster, lane `lane` of `lanes`
  /// of its warp; `address` tells bytes of one memory from each other.
  void access(unsigned thread, unsigned lane, uint32_t lanes, uint32_t site,
              bool isShared, uint64_t address, uint64_t size, AccessKind kind);
  /// So many bytes in a row that no thread waits for: a part of a bulk or
  /// tensor copy. It goes by sectors, or by lines of shared memory, and meets
  /// no conflict.
  void copy(uint32_t site, bool isShared, uint64_t address, uint64_t size,
            AccessKind kind);
  /// A matrix that a wgmma reads: where each 16 bytes of its rows lie in shared
  /// memory, `perRow` of a row after each other. The unit is a core matrix, 16
  /// bytes of 8 rows, which is one wavefront where they lie in different banks.
  void matrix(uint32_t site, llvm::ArrayRef<uint32_t> pieces, unsigned perRow);
  /// An instruction that one thread comes to.
  void instruction(unsigned thread, const Site &site);
  /// The cluster has come to its end.
  void finish();
  Profile getProfile() const;

private:
  struct Request {
    uint32_t mask = 0, size = 0, alignment = 1;
    std::array<uint64_t, 32> addresses;
  };
  /// Warp, site, which memory, synchronisations so far, times since.
  using Key = std::tuple<unsigned, uint32_t, bool, uint32_t, uint32_t>;
  struct Progress {
    uint32_t synchronisations = 0;
    std::map<std::pair<uint32_t, bool>, uint32_t> times;
  };
  void count(const Request &request, bool isShared, SiteProfile &profile);

  const Kernel &kernel;
  std::vector<Progress> threads;
  std::map<Key, Request> open;
  std::vector<SiteProfile> counts;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_PROFILER_H
