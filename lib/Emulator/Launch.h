//===- Launch.h - What the clusters of one launch share -------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_LAUNCH_H
#define QUANTMLIR_LIB_EMULATOR_LAUNCH_H

#include "Kernel.h"
#include "Release.h"
#include "quantmlir/Emulator/Emulator.h"
#include "quantmlir/Emulator/Profile.h"
#include <atomic>
#include <map>
#include <mutex>
#include <tuple>

namespace quantmlir::emulator {

/// Device addresses: bit 62 marks global memory, whose buffers lie 1 TiB apart;
/// bit 61 marks shared memory seen through a generic pointer, with the block's
/// rank in its cluster and the offset; bits 60 and 59 mark the thread's local
/// variables and the module's constants. Nothing else points anywhere.
namespace address {
constexpr uint64_t globalTag = uint64_t(1) << 62;
constexpr uint64_t sharedTag = uint64_t(1) << 61;
constexpr uint64_t localTag = uint64_t(1) << 60;
constexpr uint64_t constantTag = uint64_t(1) << 59;
/// The number of a local variable or constant, from 1, lies above 32 bits of
/// offset.
constexpr unsigned variableShift = 32;
constexpr unsigned bufferShift = 40;
constexpr unsigned rankShift = 32;
/// A pointer to the shared memory of a cluster (address space 7) has the rank
/// above its 24 bits of offset, as the hardware's has.
constexpr unsigned clusterShift = 24;
} // namespace address

/// Whether `size` bytes from `offset` on are among the first `end`.
inline bool fits(uint64_t offset, uint64_t size, uint64_t end) {
  return offset <= end && size <= end - offset;
}

/// Registered global memory.
struct Buffer {
  /// Who touched a byte, and when.
  struct Touch {
    uint32_t cluster = 0; ///< its number + 1; 0: nobody
    static constexpr uint32_t previousLaunch = ~uint32_t(0);
    uint32_t site = 0, clock = 0;
    uint16_t thread = 0;
    bool isAtomic = false, isWrite = false;

    using Tuple =
        std::tuple<uint32_t, uint32_t, uint32_t, uint16_t, bool, bool>;
    Tuple asTuple() const {
      return {cluster, site, clock, thread, isAtomic, isWrite};
    }
    bool operator==(const Touch &other) const {
      return asTuple() == other.asTuple();
    }
    /// Whether all that `other` conflicts with conflicts with this as well.
    bool covers(const Touch &other) const {
      return (other.isAtomic || !isAtomic) && (isWrite || !other.isWrite);
    }
  };
  /// What clusters did to a byte in the present launch: the last write that was
  /// not atomic, and the set of reads and atomic updates since.
  struct Sharing {
    Touch write;
    uint32_t since = 0;
  };
  /// Those sets, shared by bytes of the same history; the first is empty.
  std::vector<llvm::SmallVector<Touch, 1>> touches =
      std::vector<llvm::SmallVector<Touch, 1>>(1);
  /// The set after another touch.
  std::map<std::pair<uint32_t, Touch::Tuple>, uint32_t> nextTouches;

  std::string name;
  char *data;
  uint64_t size;
  BufferRole role;
  unsigned elementBytes = 1;
  bool registered = true;
  /// Per byte, whether it holds a value; empty where all do from the start.
  std::vector<uint8_t> written;
  std::vector<Sharing> sharing;

  /// Forgets who touched it, or that it was not the launch before.
  void startLaunch(bool dependent) {
    nextTouches.clear();
    if (!dependent) {
      sharing.clear();
      touches.resize(1);
      return;
    }
    auto moveBack = [](Touch &touch) {
      if (!touch.cluster)
        return;
      bool isWrite = touch.isWrite;
      touch = {};
      touch.cluster = Touch::previousLaunch;
      touch.isWrite = isWrite;
    };
    for (Sharing &byte : sharing)
      moveBack(byte.write);
    for (auto &set : touches)
      llvm::for_each(set, moveBack);
  }
  std::mutex mutex;
};

/// A launch under way.
class Launch {
public:
  /// `values` are Emulator::launch's arguments.
  Launch(Kernel &kernel, const LaunchShape &shape,
         llvm::ArrayRef<uint64_t> values,
         llvm::ArrayRef<std::unique_ptr<Buffer>> buffers,
         const EmulatorOptions &options);

  Kernel &kernel;
  const LaunchShape &shape;
  /// The bits of each parameter; an address where it is passed by value.
  std::vector<uint64_t> arguments;
  /// What is passed by value: numbered after the kernel's constants.
  std::vector<Constant> byValue;
  llvm::ArrayRef<std::unique_ptr<Buffer>> buffers;
  const EmulatorOptions &options;

  uint64_t clusterCount() const {
    uint64_t count = 1;
    for (unsigned d = 0; d < 3; ++d)
      count *= shape.grid[d] / shape.cluster[d];
    return count;
  }
  uint32_t blocksPerCluster() const {
    return shape.cluster[0] * shape.cluster[1] * shape.cluster[2];
  }
  uint32_t threadsPerBlock() const {
    return shape.block[0] * shape.block[1] * shape.block[2];
  }

  /// The buffer that a device address lies in or near, or null.
  Buffer *findBuffer(uint64_t pointer) const;

  /// What threads released in memory, and what the end of the launch before
  /// does.
  ReleaseTable releases;
  ReleasePtr previous =
      std::make_shared<Release>(Release{Release::previousLaunch, true, {}, {}});

  /// Adds what the clusters of one OS thread did.
  void addProfile(const Profile &profile);

  /// Runs everything, on `options.workers` OS threads.
  Report run();

  /// Adds a finding of cluster `order`, or counts it with its like.
  void report(uint64_t order, uint32_t site, Finding finding);
  /// True once the launch has gone wrong beyond what is worth running.
  bool isAborted() const { return aborted.load(std::memory_order_relaxed); }
  void abort() { aborted.store(true, std::memory_order_relaxed); }

private:
  struct Ordered {
    uint64_t order;
    uint32_t site;
    Finding finding;
  };
  std::mutex mutex;
  std::vector<std::vector<char>> storage; ///< behind `byValue`
  std::vector<Ordered> found;
  std::shared_ptr<Profile> profile;
  std::atomic<bool> aborted{false};
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_LAUNCH_H
