//===- Transactions.cpp - mbarrier objects --------------------------------===//

#include "Machine.h"

using namespace quantmlir::emulator;
using llvm::Twine;

/// An mbarrier object is 8 bytes, aligned to 8.
static constexpr unsigned mbarrierSize = 8;

MBarrier *Thread::findMBarrier(uint64_t pointer, Space space, Block *&owner,
                               AccessKind kind) {
  uint64_t generic = pointer;
  if (space != Space::Generic)
    generic = castPointer(*this, pointer, space, Space::Generic);
  if (!(generic & address::sharedTag)) {
    report(FindingKind::InvalidPointer,
           "an mbarrier that is not in shared memory");
    return nullptr;
  }
  uint64_t rank = (generic & ~address::sharedTag) >> address::rankShift;
  uint32_t offset = generic;
  if (rank >= cluster->blocks.size()) {
    report(FindingKind::InvalidPointer, "an mbarrier of block " + Twine(rank) +
                                            " of a cluster of " +
                                            Twine(cluster->blocks.size()));
    return nullptr;
  }
  owner = &cluster->blocks[rank];
  touchRemote(*owner);
  auto found = owner->mbarriers.find(offset);
  MBarrier *barrier =
      kind == AccessKind::Write || found == owner->mbarriers.end()
          ? nullptr
          : &found->second;
  if (barrier) {
    // Whoever has seen the fence behind the initialisation, but nothing else of
    // that thread, is ordered after the initialisation for this purpose.
    auto fence = initsSeen.find(barrier->initThread);
    if (!cluster->clocks.isOrdered(indexInCluster, barrier->initThread,
                                   barrier->initClock) &&
        (fence == initsSeen.end() || fence->second < barrier->initClock))
      report(FindingKind::Race,
             "nothing orders this use of an mbarrier after its initialisation",
             barrier->initSite, "initialised here");
    barrier->uses[indexInCluster] = {cluster->clocks.now(indexInCluster), site};
    return barrier;
  }
  // To initialise it is a write like any other.
  accessShared(*owner, offset, mbarrierSize, mbarrierSize, kind,
               /*isData=*/false);
  if (kind == AccessKind::Write) {
    if (found != owner->mbarriers.end())
      report(FindingKind::InvalidOperand,
             "an mbarrier is initialised where there is one already; "
             "mbarrier.inval would have to come between",
             found->second.initSite, "initialised here");
    return &(owner->mbarriers[offset] = MBarrier());
  }
  report(FindingKind::InvalidOperand,
         "no mbarrier was initialised at shared offset " + Twine(offset));
  return nullptr;
}

void Thread::checkNoMBarrier(Block &owner, uint64_t offset, uint64_t size,
                             AccessKind kind) {
  if (owner.mbarriers.empty())
    return;
  auto next = owner.mbarriers.lower_bound(offset + size);
  if (next == owner.mbarriers.begin())
    return;
  auto &[start, barrier] = *std::prev(next);
  if (start + mbarrierSize > offset)
    report(FindingKind::InvalidOperand,
           Twine(verb(kind)) + " of " + Twine(size) +
               " bytes, among them an mbarrier: only its own instructions may "
               "touch it",
           barrier.initSite, "initialised here");
}

void Thread::checkInitVisible(const MBarrier &barrier) {
  auto isSeen = [&](uint32_t fence) {
    if (cluster->clocks.isOrdered(indexInCluster, barrier.initThread,
                                  fence + 1))
      return true;
    auto seen = initsSeen.find(barrier.initThread);
    return seen != initsSeen.end() && seen->second >= fence;
  };
  Thread &initialiser = cluster->threads[barrier.initThread];
  auto fence = llvm::lower_bound(initialiser.initFences, barrier.initClock);
  if (fence != initialiser.initFences.end() && isSeen(*fence))
    return;
  auto proxyFence = cluster->rules.findFence(barrier.initThread,
                                             barrier.initClock, Memory::Shared);
  if (proxyFence && isSeen(*proxyFence))
    return;
  const auto &id = initialiser.id, &home = initialiser.block->id;
  report(
      FindingKind::MissingProxyFence,
      llvm::formatv("an asynchronous copy is to tell an mbarrier that thread "
                    "({0}, {1}, {2}) of block ({3}, {4}, {5}) initialised, "
                    "and no fence.mbarrier_init or fence.proxy.async of that "
                    "thread comes between",
                    id[0], id[1], id[2], home[0], home[1], home[2]),
      barrier.initSite, "initialised here");
}

void Thread::initMBarrier(uint64_t pointer, Space space, uint32_t count) {
  constexpr uint32_t maximum = (1 << 20) - 1;
  if (count == 0 || count > maximum) {
    report(FindingKind::InvalidOperand, "an mbarrier for " + Twine(count) +
                                            " arrivals; 1 to " +
                                            Twine(maximum) + " are possible");
    return;
  }
  Block *owner;
  if (MBarrier *barrier =
          findMBarrier(pointer, space, owner, AccessKind::Write)) {
    barrier->expected = barrier->pending = count;
    barrier->initThread = indexInCluster;
    barrier->initClock = cluster->clocks.now(indexInCluster);
    barrier->initSite = site;
  }
}

void Thread::invalidateMBarrier(uint64_t pointer, Space space) {
  Block *owner;
  MBarrier *barrier = findMBarrier(pointer, space, owner, AccessKind::Atomic);
  if (!barrier)
    return;
  if (!barrier->waiting.empty() || barrier->copies)
    report(FindingKind::InvalidOperand,
           "an mbarrier is invalidated while threads wait or copies are under "
           "way");
  for (auto [who, use] : barrier->uses)
    if (!cluster->clocks.isOrdered(indexInCluster, who, use.clock)) {
      report(FindingKind::Race,
             "an mbarrier is invalidated, and nothing orders that after this "
             "use of it",
             use.site, "the use");
      break;
    }
  auto place = llvm::find_if(
      owner->mbarriers, [&](auto &entry) { return &entry.second == barrier; });
  accessShared(*owner, place->first, mbarrierSize, mbarrierSize,
               AccessKind::Write, /*isData=*/false);
  owner->mbarriers.erase(place);
}

uint64_t Thread::arriveMBarrier(uint64_t pointer, Space space, uint32_t count,
                                uint32_t transactionBytes, bool relaxed) {
  Block *owner;
  MBarrier *barrier = findMBarrier(pointer, space, owner, AccessKind::Atomic);
  if (!barrier)
    return 0;
  uint64_t phase = barrier->phase;
  constexpr int64_t maximum = (1 << 20) - 1;
  barrier->transactions += transactionBytes;
  if (barrier->transactions > maximum)
    report(FindingKind::InvalidOperand,
           "an mbarrier expects " + Twine(barrier->transactions) + " bytes; " +
               Twine(maximum) + " are possible");
  MBarrier::Completion completion;
  if (count) {
    if (!relaxed) {
      completion = {true, indexInCluster, cluster->clocks.now(indexInCluster)};
      cluster->clocks.release(indexInCluster, barrier->seen);
    }
    barrier->isRelaxed |= relaxed;
    if (count > barrier->pending)
      report(FindingKind::InvalidOperand,
             "an mbarrier for " + Twine(barrier->expected) +
                 " arrivals gets more than that in one phase");
    barrier->pending -= std::min(count, barrier->pending);
  }
  cluster->tryComplete(*barrier, completion);
  return phase;
}

bool Thread::waitMBarrier(uint64_t pointer, Space space, unsigned parity,
                          bool mayWait) {
  Block *owner;
  MBarrier *barrier = findMBarrier(pointer, space, owner, AccessKind::Atomic);
  if (!barrier)
    return true;
  if (owner != block)
    report(FindingKind::InvalidPointer,
           "a wait for an mbarrier of another block");
  checkPhase(*barrier, parity);
  bool isOver = (barrier->phase & 1) != parity;
  hasLooked = true;
  if (isOver || mayWait)
    barrier->looks.push_back({this, barrier->phase + (isOver ? 0 : 1),
                              cluster->clocks.now(indexInCluster), site});
  // The phase of this parity is complete when the present one has the other.
  while ((barrier->phase & 1) == parity) {
    if (!mayWait) {
      barrier->isPolled = true;
      return false;
    }
    barrier->waiting.push_back(this);
    wait("for an mbarrier");
  }
  cluster->clocks.acquire(indexInCluster, barrier->completed);
  cluster->clocks.tell(indexInCluster, barrier->completedTold);
  return true;
}

void Thread::checkPhase(const MBarrier &barrier, unsigned parity) {
  // It waits for the present phase, or the one before has this parity and it
  // need not wait. Who does not know that the phase two before that one is over
  // may have meant it.
  uint64_t back = (barrier.phase & 1) == parity ? 2 : 3;
  if (barrier.phase < back)
    return;
  const MBarrier::Completion &last =
      barrier.completions[(barrier.phase - back) & 3];
  if (last.isKnown &&
      !cluster->clocks.isOrdered(indexInCluster, last.who, last.clock))
    report(FindingKind::InvalidOperand,
           "an mbarrier waited on in the wrong phase: the phase of parity " +
               Twine(parity) +
               " is over, and the next one too, when a thread "
               "that has not seen that comes to wait for it");
}

void Cluster::checkLooks(MBarrier &barrier) {
  // Those that the arrivals come after have seen their phase.
  std::vector<uint32_t> passed = clocks.getPassed(barrier.seen);
  llvm::erase_if(barrier.looks, [&](const MBarrier::Look &look) {
    if (look.phases == barrier.phase)
      return false;
    if (!barrier.isRelaxed && look.clock > passed[look.thread->indexInCluster])
      look.thread->reportOf(
          look.site, FindingKind::InvalidOperand,
          "an mbarrier may be waited on in the wrong phase: nothing keeps the "
          "next phase from being over, too, before this thread looks, which "
          "then waits for one more");
    return true;
  });
}

void Cluster::tryComplete(MBarrier &barrier, MBarrier::Completion completion) {
  if (barrier.pending || barrier.transactions)
    return;
  barrier.completions[barrier.phase & 3] = completion;
  note();
  barrier.isPolled = false;
  ++barrier.phase;
  if (barrier.agent && !barrier.passed.empty())
    clocks.notePassed(*barrier.agent, barrier.seen[*barrier.agent],
                      std::exchange(barrier.passed, {}));
  checkLooks(barrier);
  barrier.isRelaxed = false;
  barrier.pending = barrier.expected;
  barrier.completed = std::move(barrier.seen);
  barrier.seen.clear();
  barrier.completedTold = std::exchange(barrier.told, {});
  for (Thread *thread : barrier.waiting)
    makeReady(*thread);
  barrier.waiting.clear();
}
