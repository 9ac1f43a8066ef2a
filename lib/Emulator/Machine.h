//===- Machine.h - The threads of a cluster -------------------------------===//
//
// One cluster (most often a single block) runs on one OS thread. Its threads
// are fibers that run until they wait for something or end.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_LIB_EMULATOR_MACHINE_H
#define QUANTMLIR_LIB_EMULATOR_MACHINE_H

#include "Launch.h"
#include "Profiler.h"
#include "Shadow.h"
#include "Warpgroup.h"
#include "quantmlir/Emulator/TensorMap.h"
#include <deque>
#include <map>

namespace quantmlir::emulator {

class Cluster;
class Thread;
struct Block;
struct Warp;

/// A copy that cp.async asked for.
struct AsyncCopy {
  uint64_t destination; ///< offset in the block's shared memory
  uint32_t size;        ///< bytes written
  std::array<char, 16> data;
  uint32_t site;
  /// Where it came from, if that may be written.
  struct {
    const char *from = nullptr;
    uint32_t size = 0;
  } source;
};

/// What a copy under way comes from, as far as that may be written.
struct CopySource {
  std::vector<llvm::ArrayRef<uint8_t>> runs;
  uint64_t hash = 0; ///< of what they held when the copy was asked for

  uint64_t computeHash() const;
};
/// What is said of a copy whose source changes before a wait for it.
constexpr const char *sourceIsWritten =
    "what this copy reads is written before a wait says that it has read it";

/// An mbarrier object in shared memory.
struct MBarrier {
  uint32_t expected = 0; ///< arrivals that complete a phase
  uint32_t pending = 0;  ///< those still missing
  int64_t transactions = 0;
  uint64_t phase = 0;
  /// Who initialised it, and when.
  unsigned initThread = 0;
  uint32_t initClock = 0, initSite = 0;
  /// The last use of it by each thread that has used it: when and where.
  struct Use {
    uint32_t clock, site;
  };
  llvm::DenseMap<unsigned, Use> uses;
  unsigned copies = 0; ///< under way, with this barrier to tell
  /// Who their bytes count as written by, once there was one.
  std::optional<unsigned> agent;
  /// Clocks of the arrivals of this phase, and of the last complete one.
  std::vector<uint32_t> seen, completed;
  std::vector<Thread *> waiting;
  /// Who completed each of the last four phases, by number, and when.
  struct Completion {
    bool isKnown = false;
    unsigned who = 0;
    uint32_t clock = 0;
  };
  std::array<Completion, 4> completions;
  /// Whether someone looked at it in vain in this phase.
  bool isPolled = false;
  /// How far those had come who asked for the copies of this phase.
  std::vector<uint32_t> passed;
  /// What those had seen who stored asynchronously in this phase, and in the
  /// last complete one.
  std::vector<uint32_t> told, completedTold;
  /// A wait, and the number of phases that had to be over for it.
  struct Look {
    Thread *thread;
    uint64_t phases;
    uint32_t clock, site;
  };
  /// Waits that one more phase than they are for would make wrong.
  std::vector<Look> looks;
  /// Whether an arrival of this phase says nothing about its thread.
  bool isRelaxed = false;
};

/// A bulk copy into shared memory that is under way.
struct BulkLoad {
  MBarrier *barrier;
  Block *owner;
  uint32_t offset;
  /// Shared by the blocks that a multicast goes to.
  std::shared_ptr<const std::vector<char>> data;
  std::shared_ptr<const CopySource> source;
  uint32_t site;
  Thread *asker;
  /// How far `asker` had come: what it had seen of others, which several copies
  /// share, and its own clock.
  std::shared_ptr<const std::vector<uint32_t>> passed;
  uint32_t clock;
  /// Whether the data are a thread's own words: st.async.
  bool isStore;
};

/// A bulk copy from shared to global memory that is under way. It reads when a
/// wait says that it has, and writes when a wait says that too.
struct BulkStore {
  /// So many bytes, each run to its place.
  struct Run {
    uint64_t to;
    uint32_t from; ///< in the box, before the swizzle
    uint32_t size;
  };
  uint32_t offset, size; ///< in shared memory
  unsigned swizzleSpan = 16;
  std::vector<Run> runs;
  std::vector<char> data; ///< once read
  uint32_t site;
};

/// A group of them that the thread has committed.
struct StoreGroup {
  std::vector<BulkStore> stores;
  uint32_t clock; ///< of the agent that reads for it
  bool hasRead = false;
};

/// A local variable (alloca) of a thread.
struct LocalVariable {
  uint32_t number; ///< never used twice in a thread, so stale pointers are seen
  uint32_t alignment;
  std::vector<char> data;
  std::vector<uint8_t> written; ///< per byte, whether it holds a value
};

/// One emulated thread.
class Thread {
public:
  enum class State { Ready, Waiting, Exited };
  /// Bytes of its stack that are for what the emulator calls itself, at any
  /// depth of the kernel's calls.
  static constexpr size_t stackReserve = 64 * 1024;

  Cluster *cluster;
  Block *block;
  Warp *warp;
  uint32_t indexInCluster, indexInBlock;
  std::array<uint32_t, 3> id;
  State state = State::Ready;
  /// The last access or instruction it came to.
  uint32_t site = 0;
  /// What it waits for, for people.
  const char *waitingFor = "";

  /// Copies asked for and not committed, and committed groups, oldest first.
  std::vector<AsyncCopy> openCopies;
  std::deque<std::vector<AsyncCopy>> copyGroups;

  /// The same of bulk copies to global memory, and who reads for them.
  std::vector<BulkStore> openStores;
  std::deque<StoreGroup> storeGroups;
  std::optional<unsigned> storeAgent;
  /// What `getPassed` gave last.
  std::shared_ptr<const std::vector<uint32_t>> passed;

  /// When it made the mbarriers that it had initialised visible to the cluster
  /// and to asynchronous copies (fence.mbarrier_init), in order.
  std::vector<uint32_t> initFences;
  /// Of which other threads, by number, it has seen such a fence, though
  /// nothing else of what they did: the last one's time.
  std::map<unsigned, uint32_t> initsSeen;

  /// What it saw released since its last fence, and its last fence.
  std::vector<ReleasePtr> observed;
  ReleasePtr fenced;

  /// Whether it has looked at an mbarrier since it last met the other lanes.
  bool hasLooked = false;

  /// The blocks of the cluster, by rank, that it knows to run.
  uint32_t knownBlocks = 0;

  /// What its last atomic access may have changed, and was before.
  struct {
    const char *place = nullptr;
    uint32_t size = 0;
    std::array<char, 16> before;
  } updated;

  /// The barrier of the cluster: whether it has arrived and not waited, where,
  /// and when as a count of completions.
  bool hasArrived = false, arrivedAligned = false;
  uint32_t arrivalSite = 0;
  uint64_t arrivalPhase = 0;

  /// Live local variables, outermost call first.
  std::vector<LocalVariable> locals;
  uint32_t localCount = 0; ///< ever made
  uint64_t localBytes = 0; ///< of the live ones
  uint64_t steps = 0;      ///< backward branches and calls so far

  unsigned lane() const { return indexInBlock % 32; }
  const LaunchShape &shape() const;
  Launch &launch() const;

  /// Checks an access and returns where its bytes are; after a fault, a
  /// harmless place. `pointer` is an offset where `space` is Shared.
  char *access(uint64_t pointer, Space space, uint64_t size, uint32_t alignment,
               AccessKind kind, Proxy proxy = Proxy::Generic);

  /// Makes a local variable and returns its address.
  uint64_t makeLocal(uint64_t size, uint32_t alignment);
  /// Ends the local variables but for the `count` outermost.
  void endLocals(size_t count);
  /// Says that the variable at `pointer` holds nothing.
  void clearLocal(uint64_t pointer);
  /// Counts a step of the program; ends the launch if there were too many.
  void step(uint32_t site);
  /// Ends the launch: this thread never goes on.
  [[noreturn]] void giveUp();

  /// Waits at named barrier `barrier` until `count` threads have come, or all
  /// of the block if absent; `arriveOnly` does not wait.
  void barrier(uint32_t barrier, std::optional<uint32_t> count,
               bool arriveOnly = false);

  /// barrier.cluster.arrive and .wait; `aligned` promises that the warp's lanes
  /// come by the same instruction.
  void arriveCluster(bool aligned, bool relaxed);
  void waitCluster();

  /// cp.async: `copied` bytes from global memory and zeros up to `size`.
  void copyAsync(uint64_t sharedOffset, uint64_t globalPointer, uint32_t size,
                 uint32_t copied);
  void commitCopies();
  /// Waits until at most `pending` of the latest groups are under way.
  void waitCopies(unsigned pending);

  // mbarrier objects; `space` is that of `pointer`.
  void initMBarrier(uint64_t pointer, Space space, uint32_t count);
  void invalidateMBarrier(uint64_t pointer, Space space);
  /// Expects `transactionBytes` more, then counts `count` arrivals (0: none).
  /// Returns the phase it arrived in. If `relaxed`, it orders nothing.
  uint64_t arriveMBarrier(uint64_t pointer, Space space, uint32_t count,
                          uint32_t transactionBytes, bool relaxed);
  /// Waits until the phase of `parity` is complete and returns true; without
  /// `mayWait`, only says whether it is.
  bool waitMBarrier(uint64_t pointer, Space space, unsigned parity,
                    bool mayWait);

  // Bulk copies; `mbarrier` and sources in shared memory are offsets, a
  // multicast goes to the blocks of a mask.
  void loadBulk(uint64_t destination, Space space, uint64_t source,
                uint64_t mbarrier, uint32_t size,
                std::optional<uint16_t> multicast);
  void loadTensor(uint64_t destination, Space space, uint64_t tensorMap,
                  llvm::ArrayRef<int32_t> coordinates, uint64_t mbarrier,
                  std::optional<uint16_t> multicast);
  /// st.async: `data` to an address of the cluster's shared memory, counted by
  /// an mbarrier at another.
  void storeAsync(uint64_t destination, uint64_t mbarrier,
                  llvm::ArrayRef<char> data);
  void storeBulk(uint64_t destination, uint64_t source, uint32_t size);
  void storeTensor(uint64_t tensorMap, uint64_t source,
                   llvm::ArrayRef<int32_t> coordinates);
  void commitStores();
  /// Waits until at most `pending` of the latest groups are under way, or have
  /// still to read.
  void waitStores(unsigned pending, bool readOnly);
  /// The tensor map at `pointer`, for `rank` coordinates, or nothing after a
  /// report.
  std::optional<TensorMap> readTensorMap(uint64_t pointer, unsigned rank);

  /// fence.mbarrier_init.
  void fenceInits();
  /// fence.proxy.async.
  void fenceProxy(llvm::ArrayRef<Memory> memories);

  /// A fence of memory; in the terms of Release.h.
  void fence(bool acquires, bool releases, bool reachesDevice);
  /// An atomic or volatile access of `address`.
  void meetInMemory(const Site &accessed, uint64_t address);
  /// Orders it after what `release` covers.
  void acquire(const ReleasePtr &release, bool reachesDevice);

  /// Notes what an atomic access is about to change.
  void watchUpdate(const char *place, uint32_t size);

  /// Lets the others run.
  void yield();
  /// The same of a thread that may only be looking whether something has come.
  void poll();
  /// Stops until someone makes it ready again.
  void wait(const char *reason);

  void report(FindingKind kind, const llvm::Twine &message);
  void report(FindingKind kind, const llvm::Twine &message, uint32_t otherSite,
              const llvm::Twine &note);
  /// Of an earlier instruction of the thread.
  void reportOf(uint32_t earlierSite, FindingKind kind,
                const llvm::Twine &message);
  /// With another place than an instruction's.
  void reportAt(FindingKind kind, const llvm::Twine &message,
                mlir::Location other, const llvm::Twine &note);

  /// The 16 bytes of a row of a matrix, at the address that this lane has. They
  /// go to or come from other lanes, of which `partner` is one: what is written
  /// counts as by that one, and what this lane wrote itself as read by that
  /// one, which is ordered with nothing that this one alone does.
  char *accessRow(uint64_t offset, AccessKind kind, Thread &partner);
  /// Reports a prefetch of global memory that is none.
  void checkPrefetch(uint64_t pointer, uint64_t size);
  void reportFault(const AccessFault &fault, AccessKind kind, uint64_t size,
                   const llvm::Twine &where);
  /// Whether [offset, offset + size) lies in one shared variable of `owner`,
  /// and reports it if not.
  bool checkShared(Block &owner, uint64_t offset, uint64_t size,
                   uint32_t alignment, AccessKind kind);
  /// Reports an access, of other kind than by an mbarrier instruction, of an
  /// mbarrier in shared memory.
  void checkNoMBarrier(Block &owner, uint64_t offset, uint64_t size,
                       AccessKind kind);
  /// Counts an access of `owner`'s shared memory for the profile; one through
  /// the async proxy as a part of a copy.
  void profileShared(Block &owner, uint64_t offset, uint64_t size,
                     AccessKind kind, Proxy proxy);

private:
  friend class Cluster;
  /// Counts an access for the profile.
  void profile(bool isShared, uint64_t address, uint64_t size, AccessKind kind,
               Proxy proxy);
  /// What this thread has seen of others, for `BulkLoad::passed`.
  std::shared_ptr<const std::vector<uint32_t>> getPassed();
  void startLoad(uint64_t destination, Space space, uint64_t mbarrier,
                 std::optional<uint16_t> multicast,
                 std::shared_ptr<const std::vector<char>> data,
                 CopySource source, uint32_t alignment, bool isStore = false);
  void startStore(BulkStore store, uint32_t alignment);
  /// Whether `data`, which an access through `pointer` gave, is of a buffer
  /// that kernels may write.
  bool mayBeWritten(uint64_t pointer, const char *data) const;
  /// Says that an asynchronous write of global memory begins, or has come.
  void beginGlobalWrite(uint64_t pointer, uint64_t size);
  void endGlobalWrite(uint64_t pointer, uint64_t size);
  void readStore(BulkStore &store);
  void writeStore(BulkStore &store);
  /// Reports bulk copies that it leaves under way, at its end.
  void checkStores();
  /// Notes an access of another block's shared memory, and reports it if that
  /// block has ended.
  void touchRemote(Block &owner);
  /// Whether it is ordered after the start of `other`, of its cluster.
  bool knowsToRun(const Block &other);
  /// Reports an asynchronous copy that completes on `barrier`, which its
  /// initialisation was not made visible to.
  void checkInitVisible(const MBarrier &barrier);
  /// Reports a wait for a phase that is long over.
  void checkPhase(const MBarrier &barrier, unsigned parity);
  ReleasePtr makeRelease(bool reachesDevice);
  /// Whether it is ordered after the end of the launch before.
  bool isAfterPreviousLaunch();
  /// Checks an access of global memory against those of other clusters.
  void checkSharing(Buffer &buffer, uint64_t offset, uint64_t size,
                    AccessKind kind);
  /// `isData` says whether the profile counts it.
  char *accessShared(Block &owner, uint64_t offset, uint64_t size,
                     uint32_t alignment, AccessKind kind, bool isData = true);
  char *accessGlobal(uint64_t pointer, uint64_t size, uint32_t alignment,
                     AccessKind kind, Proxy proxy);
  char *accessLocal(uint64_t pointer, uint64_t size, uint32_t alignment,
                    AccessKind kind);
  char *accessConstant(uint64_t pointer, uint64_t size, uint32_t alignment,
                       AccessKind kind);
  /// The object at `pointer` and the block it is in, or null after a report.
  MBarrier *findMBarrier(uint64_t pointer, Space space, Block *&owner,
                         AccessKind kind);

  /// Goes back to the scheduler.
  void suspend();
  /// Says that something happened if the atomic access that is being watched
  /// changed something.
  void checkUpdate();

  void *context = nullptr; ///< where the fiber stands
  char *stackBottom = nullptr;
  uint64_t parameterSlot = 0;
  /// Once it is known to be.
  bool afterPreviousLaunch = false;
};

/// Lanes that have come to one warp-wide op.
struct Rendezvous {
  uint32_t site;
  uint32_t wanted; ///< mask of lanes named
  bool allLanes;   ///< every lane of the warp must come, exited or not
  WarpLanes present;
};

struct Warp {
  std::vector<Thread *> lanes; ///< of this block; the last warp may have fewer
  std::vector<std::unique_ptr<Rendezvous>> open;
};

/// State of a named barrier of a block.
struct Barrier {
  std::vector<Thread *> arrived, waiting;
  std::vector<uint32_t> seen; ///< clock of all that arrived
  uint32_t expected = 0;
};

/// One block of a cluster.
struct Block {
  std::array<uint32_t, 3> id;
  uint32_t rank;
  std::vector<char> shared;
  std::vector<Cell> sharedCells;
  std::vector<Thread *> threads;
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups; ///< those with all of their 128 threads
  std::array<Barrier, 16> barriers;
  std::map<uint32_t, MBarrier> mbarriers; ///< by offset
  unsigned running = 0;
  /// The last access of its shared memory by threads of other blocks: by
  /// thread, when and where.
  std::map<uint32_t, std::pair<uint32_t, uint32_t>> remote;
};

/// Reports, when `block` has ended, a setmaxnreg that would have waited for
/// ever.
void checkRegisters(Block &block);

/// What a thread of a cluster learnt of another cluster, and when: those
/// ordered after that moment know it too.
struct Acquisition {
  ReleasePtr release;
  unsigned thread;
  uint32_t clock;
};

/// Runs clusters one after another on one OS thread, keeping the stacks.
class Cluster {
public:
  explicit Cluster(Launch &launch);
  ~Cluster();

  /// Begins with cluster number `index` of the launch.
  void start(uint64_t index);
  /// Runs it to its end, which it returns true at, or until its threads only
  /// wait for what others may bring.
  bool advance();
  /// Reports that its threads wait for what never comes.
  void reportStall();
  /// Steps of all its threads so far, waits among them, and how many there may
  /// be.
  uint64_t steps = 0, maxSteps;
  /// Counts what may be news to those that wait, and polls.
  uint64_t progress = 0, polls = 0;

  Launch &launch;
  uint64_t index = 0;
  std::vector<Block> blocks;
  std::vector<Thread> threads;
  Clocks clocks;
  ShadowRules rules;
  /// Null unless the options ask for a profile.
  std::unique_ptr<Profiler> profiler;
  /// What each agent of `clocks` is, for people.
  std::vector<const char *> agentNames;
  unsigned addAgent(const char *name) {
    agentNames.push_back(name);
    return clocks.addAgent();
  }
  std::vector<Acquisition> acquisitions;
  bool knows(unsigned thread, const Acquisition &acquisition) const;
  /// Whether `thread` is ordered after moment `clock` of `who` of another
  /// cluster.
  bool isOrderedAfter(unsigned thread, uint64_t other, unsigned who,
                      uint32_t clock) const;
  /// Asynchronous reads of memory under way.
  unsigned asyncReads = 0;

  void makeReady(Thread &thread);
  /// Says that something happened that a poll may be for.
  void note() {
    ++progress;
    idlePolls = 0;
  }
  /// Executes a warp-wide instruction for one lane: returns when all have come.
  void meet(Thread &thread, const Site &site, uint32_t mask, bool allLanes,
            const Lane &lane);
  /// The same for an instruction of a warpgroup.
  void meetWarpgroup(Thread &thread, const Site &site, const Lane &lane);
  /// Notes that `group` has come to a warp-wide instruction, if that is news.
  void noteMeeting(llvm::ArrayRef<Thread *> group);
  void completeBarrier(Block &block, Barrier &barrier);
  /// Ends the phase of `barrier`, as `completion`, if nothing is missing.
  void tryComplete(MBarrier &barrier, MBarrier::Completion completion);
  /// Reports waits that may come only after the phase that has just completed.
  void checkLooks(MBarrier &barrier);
  /// Lets one bulk copy that somebody waits for arrive; false if there is none.
  bool completeBulkLoad();
  /// Lets bulk copy number `index` of those under way arrive.
  void completeBulkLoad(size_t index);
  std::deque<BulkLoad> bulkLoads;
  /// Of those that came in an order that was drawn, perhaps before anybody
  /// waited for them: which moment of which agent that was.
  struct Arrival {
    Thread *asker;
    Block *owner;
    unsigned agent;
    uint32_t clock, site;
  };
  std::vector<Arrival> arrivals;
  /// The barrier of the whole cluster.
  struct {
    unsigned arrived = 0;
    uint64_t phase = 0;
    std::vector<uint32_t> seen, completed;
    /// The last fence.mbarrier_init of each thread that arrived.
    std::map<unsigned, uint32_t> initsSeen, initsCompleted;
    std::vector<Thread *> waiting;
    /// Threads that have waited at it, and when they first had.
    std::vector<std::pair<unsigned, uint32_t>> passed;
  } barrier;
  /// Completes it if all threads that live have arrived.
  void completeClusterBarrier();
  /// Cells of global bytes [offset, offset + size) of buffer `buffer`, within
  /// one page.
  llvm::MutableArrayRef<Cell> globalCells(uint64_t buffer, uint64_t offset,
                                          uint64_t size);
  /// Calls `visit(bytes before, cells)` for the parts of `size` global bytes
  /// from `pointer` on, which lie in one buffer.
  void forEachGlobalPart(
      uint64_t pointer, uint64_t size,
      llvm::function_ref<void(uint64_t, llvm::MutableArrayRef<Cell>)> visit);
  static constexpr unsigned pageSize = 256;

private:
  friend class Thread;
  void prepare();
  void resume(Thread &thread);
  /// The one of those that are ready whose turn it is, no longer among them.
  Thread *takeReady();
  /// A number below `limit`, drawn from the seed.
  uint64_t draw(uint64_t limit);
  /// Which of the warps goes on first, of threads in an order that is drawn.
  int64_t &priority(const Thread &thread) {
    return priorities[thread.indexInCluster / 32];
  }
  void finishThread(Thread &thread);
  /// Reports what was started and never waited for.
  void checkFinished();
  /// The body of every fiber: one run of the kernel.
  static void runKernel(Thread &thread);
  friend struct Fiber;
  /// Executes the warp-wide instructions that all lanes have now come to.
  /// `caller`, the thread that runs, is among them or nowhere.
  void tryComplete(Warp &warp, Thread *caller = nullptr);

  std::deque<Thread *> ready;
  void *scheduler = nullptr;
  char *stacks = nullptr;
  size_t stackStride = 0;
  using Page = std::array<Cell, pageSize>;
  llvm::DenseMap<uint64_t, std::unique_ptr<Page>> pages;
  uint64_t lastPageKey = ~uint64_t(0);
  Page *lastPage = nullptr;
  std::vector<int64_t> priorities;
  int64_t lowestPriority = 0;
  uint64_t drawState = 0;
  unsigned running = 0;
  /// Polls since something last happened.
  unsigned idlePolls = 0;
};

/// Where the bytes of a faulty access are: read as zeros, written to no end.
/// Null for a copy so long that going on with it makes no sense.
char *getScratch(uint64_t size);
/// "read", "write" or "atomic update".
const char *verb(AccessKind kind);

/// `pointer` as a thread sees it in another space.
uint64_t castPointer(Thread &thread, uint64_t pointer, Space from, Space to);

} // namespace quantmlir::emulator

#endif // QUANTMLIR_LIB_EMULATOR_MACHINE_H
