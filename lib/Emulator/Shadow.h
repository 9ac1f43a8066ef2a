//===- Shadow.h - Who touched each byte last ------------------------------===//
//
// The state of each byte of shared memory, and of the global bytes a cluster
// touches: enough to tell every pair of conflicting accesses that no barrier
// orders, whatever order the emulator happened to run them in.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_SHADOW_H
#define QUANTMLIR_LIB_EMULATOR_SHADOW_H

#include "Clocks.h"
#include "Site.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace quantmlir::emulator {

/// What is known of one byte.
struct Cell {
  enum Flag : uint16_t {
    Written = 1, ///< holds a value
    Pending = 2  ///< target of an asynchronous copy nobody waited for
  };
  /// The last write that was not atomic.
  uint32_t writeClock = 0;
  uint32_t writeSite = 0;
  /// The set of reads and atomic updates since then, as an index into the
  /// interned sets; 0 is the empty one.
  uint32_t since = 0;
  /// Accesses of an earlier epoch are ordered before all of this one's.
  uint32_t epoch = 0;
  /// When `writer` wrote it through the generic proxy; 0 if it was not.
  uint32_t genericClock = 0;
  uint16_t writer = 0;
  uint16_t flags = 0;
};

/// The last reads and atomic updates of bytes, as sets that equal histories
/// share.
class AccessSets {
public:
  struct Access {
    uint32_t clock;
    uint32_t site;
    uint16_t thread;
    bool isAtomic, isWrite;

    /// Whether all that `other` conflicts with conflicts with this as well.
    bool covers(const Access &other) const {
      return (other.isAtomic || !isAtomic) && (isWrite || !other.isWrite);
    }
  };

  AccessSets() { clear(); }
  void clear() {
    sets.assign(1, {});
    next.clear();
    hasWrites = false;
  }
  /// Whether there are atomic updates among them.
  bool hasUpdates() const { return hasWrites; }
  llvm::ArrayRef<Access> get(uint32_t set) const { return sets[set]; }
  /// The set after `access` too: earlier ones that are ordered before it, and
  /// that it covers, need no keeping, since what comes after it comes after
  /// them. `row` is what its thread has seen.
  uint32_t add(uint32_t set, const Access &access,
               llvm::ArrayRef<uint32_t> row);

private:
  std::vector<llvm::SmallVector<Access, 1>> sets;
  llvm::DenseMap<std::pair<uint64_t, uint32_t>, uint32_t> next;
  bool hasWrites = false;
};

/// What was wrong with an access.
struct AccessFault {
  enum Kind {
    Uninitialized,
    Race,
    Pending,
    /// An asynchronous access of what was written through the generic proxy,
    /// without a proxy fence on the way.
    Unfenced
  } kind;
  /// Which byte of the access.
  uint32_t byte = 0;
  /// The other access, unless Uninitialized.
  unsigned otherThread = 0;
  uint32_t otherSite = 0;
  bool otherIsWrite = false;
};

/// Memory that a proxy fence is of.
enum class Memory : uint8_t { Shared, Global };

/// The rules that accesses of one cluster obey.
class ShadowRules {
public:
  ShadowRules(Clocks &clocks) : clocks(clocks) {}

  /// Records an access of `cells` of `memory` by `thread`. At most one fault is
  /// told.
  std::optional<AccessFault> access(llvm::MutableArrayRef<Cell> cells,
                                    unsigned thread, AccessKind kind,
                                    uint32_t site, Memory memory,
                                    Proxy proxy = Proxy::Generic);
  /// Records a read of shared memory through the async proxy by `agent`, asked
  /// for by someone who has seen `row`.
  std::optional<AccessFault> readAsync(llvm::MutableArrayRef<Cell> cells,
                                       llvm::ArrayRef<uint32_t> row,
                                       unsigned agent, uint32_t site);
  /// Records that `thread` asked for an asynchronous write of `cells` of
  /// `memory`.
  std::optional<AccessFault> beginCopy(llvm::MutableArrayRef<Cell> cells,
                                       unsigned thread, uint32_t site,
                                       Memory memory, Proxy proxy);
  /// Records that the write has come, as one of `who`, thread or agent.
  void endCopy(llvm::MutableArrayRef<Cell> cells, unsigned who, uint32_t site,
               Proxy proxy);
  /// fence.proxy.async by `thread`: the async proxy sees what it wrote to that
  /// memory, once it is asked by someone ordered after this.
  void fenceProxy(unsigned thread, llvm::ArrayRef<Memory> memories) {
    uint32_t now = clocks.tick(thread);
    for (Memory memory : memories)
      fences[unsigned(memory)][thread].push_back(now);
  }
  /// When `thread` first did that at or after moment `clock`.
  std::optional<uint32_t> findFence(unsigned thread, uint32_t clock,
                                    Memory memory) const;
  /// Says that every access so far is ordered before every later one.
  void advanceEpoch() {
    // Of atomic updates has to be known whether a proxy fence followed.
    if (sets.hasUpdates())
      return;
    ++epoch;
    sets.clear();
  }
  void reset(unsigned threads) {
    epoch = 1;
    sets.clear();
    for (auto &perThread : fences)
      perThread.assign(threads, {});
  }

private:
  /// `row` is what who accesses has seen, and `told` what it was told.
  std::optional<AccessFault> check(const Cell &cell,
                                   llvm::ArrayRef<uint32_t> row,
                                   llvm::ArrayRef<uint32_t> told,
                                   AccessKind kind, Memory memory,
                                   Proxy proxy) const;
  /// Whether a proxy fence of `writer`, behind what it wrote at `clock`, is
  /// among what `row` has seen.
  bool isFenced(unsigned writer, uint32_t clock, llvm::ArrayRef<uint32_t> row,
                Memory memory) const;
  /// Applies `update` to each cell after `check`; cells with the same history
  /// get the same.
  template <typename Update>
  std::optional<AccessFault>
  apply(llvm::MutableArrayRef<Cell> cells, llvm::ArrayRef<uint32_t> row,
        llvm::ArrayRef<uint32_t> told, AccessKind kind, Memory memory,
        Proxy proxy, Update update);

  Clocks &clocks;
  AccessSets sets;
  uint32_t epoch = 1;
  /// By memory and thread, when it fenced, in order.
  std::array<std::vector<llvm::SmallVector<uint32_t, 0>>, 2> fences;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_SHADOW_H
