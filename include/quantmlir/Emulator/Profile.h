//===- Profile.h - What a launch asks of memory and tensor cores ----------===//
//
// Counted, not timed: bytes, sectors, wavefronts and instructions, as a hint
// before any time on a GPU is spent.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_EMULATOR_PROFILE_H
#define QUANTMLIR_EMULATOR_PROFILE_H

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <string>
#include <vector>

namespace quantmlir::emulator {

/// What one op of a kernel did, over all threads of all launches.
struct SiteProfile {
  std::string op;       ///< `llvm.load`
  std::string location; ///< as MLIR prints it
  /// Threads that executed it, and requests they made of a memory: one for
  /// each warp, or several where a thread's bytes are too many or too badly
  /// aligned for one.
  uint64_t threads = 0, requests = 0;
  /// Bytes that threads asked for, whether or not several asked for the same.
  uint64_t globalRead = 0, globalWritten = 0, sharedRead = 0, sharedWritten = 0;
  /// 32-byte sectors of global memory that the requests touch, and the fewest
  /// that hold as many different bytes.
  uint64_t sectors = 0, idealSectors = 0;
  /// Passes over the banks of shared memory that the requests take, and how
  /// many there would be without conflicts; the worst conflict: threads that
  /// want different words of one bank at once.
  uint64_t wavefronts = 0, idealWavefronts = 0;
  uint32_t ways = 0;
  /// Multiplications and additions of tensor cores.
  uint64_t operations = 0;

  void add(const SiteProfile &other);
};

/// All ops of one kernel that touched memory or are instructions, in the order
/// of the kernel.
struct Profile {
  std::string kernel;
  uint64_t launches = 0;
  std::vector<SiteProfile> sites;

  /// Adds another launch of the same kernel.
  void add(const Profile &other);
  SiteProfile getTotal() const;

  /// Tables of totals, of instructions, and of the `maxSites` ops that waste
  /// most.
  void print(llvm::raw_ostream &os, unsigned maxSites = 20) const;
  llvm::json::Value toJson() const;
};

/// Writes what `Profile::toJson` gave, one after another; false if it cannot.
bool writeJson(llvm::json::Array profiles, const std::string &path);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_PROFILE_H
