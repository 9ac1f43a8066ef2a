//===- Sync.cpp - Barriers, warp-wide instructions, stalls ----------------===//

#include "Machine.h"
#include "llvm/ADT/MapVector.h"

using namespace quantmlir::emulator;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void Thread::barrier(uint32_t number, std::optional<uint32_t> count,
                     bool arriveOnly) {
  uint32_t all = block->threads.size();
  uint32_t expected = count.value_or(llvm::alignTo(all, 32));
  if (number >= block->barriers.size() || expected == 0 || expected % 32) {
    report(FindingKind::InvalidOperand,
           "barrier " + Twine(number) + " for " + Twine(expected) +
               " threads: there are 16, each for a multiple of 32 threads");
    return;
  }
  if (expected > llvm::alignTo(all, 32)) {
    report(FindingKind::InvalidOperand,
           "barrier " + Twine(number) + " for " + Twine(expected) +
               " threads, of which the block has " + Twine(all));
    return;
  }
  // A last warp that is not full counts as one that is.
  expected = std::min(expected, all);
  Barrier &barrier = block->barriers[number];
  if (barrier.arrived.empty()) {
    barrier.expected = expected;
  } else if (barrier.expected != expected) {
    report(FindingKind::InvalidOperand,
           "barrier " + Twine(number) + " is for " + Twine(expected) +
               " threads here and for " + Twine(barrier.expected) +
               " where others wait",
           barrier.arrived.front()->site, "one that waits");
  }
  cluster->clocks.release(indexInCluster, barrier.seen);
  barrier.arrived.push_back(this);
  if (!arriveOnly)
    barrier.waiting.push_back(this);
  if (barrier.arrived.size() >= barrier.expected)
    cluster->completeBarrier(*block, barrier);
  else if (!arriveOnly)
    wait("at a barrier");
}

void Cluster::completeBarrier(Block &block, Barrier &barrier) {
  // These are `.aligned` instructions: the lanes of a warp come together, by
  // the same instruction.
  llvm::SmallDenseMap<Warp *, uint32_t, 32> arrived;
  for (Thread *thread : barrier.arrived)
    arrived[thread->warp] |= 1u << thread->lane();
  for (Thread *thread : barrier.arrived) {
    auto strays = [&](Thread *other) {
      return other->state != Thread::State::Exited &&
             (other->site != thread->site ||
              !(arrived[thread->warp] >> other->lane() & 1));
    };
    // One thread of a warp speaks for it.
    auto first = llvm::find_if(thread->warp->lanes, [&](Thread *lane) {
      return arrived[thread->warp] >> lane->lane() & 1;
    });
    if (*first != thread)
      continue;
    auto other = llvm::find_if(thread->warp->lanes, strays);
    if (other == thread->warp->lanes.end())
      continue;
    thread->report(
        FindingKind::Divergence,
        "threads of one warp reach the barrier by different instructions, or "
        "some of them do not reach it",
        (*other)->site,
        llvm::formatv("where thread ({0}, {1}, {2}) of the warp stands",
                      (*other)->id[0], (*other)->id[1], (*other)->id[2])
            .str());
    break;
  }
  Thread *last = barrier.arrived.back();
  // A barrier of the whole cluster's only block orders everything before it
  // before everything after it; but not what threads did that have ended.
  bool everyone =
      blocks.size() == 1 && barrier.waiting.size() == threads.size();
  for (Thread *thread : barrier.waiting) {
    clocks.acquire(thread->indexInCluster, barrier.seen);
    if (thread != last)
      makeReady(*thread);
  }
  // What is read asynchronously is not.
  if (everyone && !asyncReads)
    rules.advanceEpoch();
  barrier = Barrier();
}

//===----------------------------------------------------------------------===//
// The barrier of a cluster
//===----------------------------------------------------------------------===//

void Thread::arriveCluster(bool aligned, bool relaxed) {
  if (hasArrived) {
    report(FindingKind::InvalidOperand,
           "a second arrival at the cluster's barrier without a wait between",
           arrivalSite, "the first");
    return;
  }
  auto &barrier = cluster->barrier;
  hasArrived = true;
  arrivedAligned = aligned;
  arrivalSite = site;
  arrivalPhase = barrier.phase;
  ++barrier.arrived;
  // fence.mbarrier_init releases even what a relaxed arrival does not.
  if (!relaxed)
    cluster->clocks.release(indexInCluster, barrier.seen);
  else if (!initFences.empty())
    barrier.initsSeen[indexInCluster] = initFences.back();
  cluster->completeClusterBarrier();
}

void Thread::waitCluster() {
  if (!hasArrived) {
    report(FindingKind::InvalidOperand,
           "a wait at the cluster's barrier without an arrival");
    return;
  }
  auto &barrier = cluster->barrier;
  if (barrier.phase == arrivalPhase) {
    barrier.waiting.push_back(this);
    wait("at the cluster's barrier");
  }
  hasArrived = false;
  // Even a relaxed one says that all blocks run.
  constexpr uint32_t all = ~uint32_t(0);
  if (std::exchange(knownBlocks, all) != all)
    barrier.passed.push_back(
        {indexInCluster, cluster->clocks.now(indexInCluster)});
  cluster->clocks.acquire(indexInCluster, barrier.completed);
  for (auto [who, clock] : barrier.initsCompleted)
    initsSeen[who] = clock;
}

void Cluster::completeClusterBarrier() {
  if (!barrier.arrived)
    return;
  // Threads that have ended are not waited for, whether they arrived or not.
  unsigned missing = 0;
  for (Thread &thread : threads)
    missing += thread.state != Thread::State::Exited &&
               (!thread.hasArrived || thread.arrivalPhase != barrier.phase);
  if (missing)
    return;
  for (Thread &thread : threads) {
    const Thread &first = *thread.warp->lanes.front();
    if (!thread.hasArrived || !thread.arrivedAligned || !first.hasArrived ||
        thread.arrivalSite == first.arrivalSite)
      continue;
    thread.site = thread.arrivalSite;
    thread.report(FindingKind::Divergence,
                  "threads of one warp reach the barrier by different "
                  "instructions",
                  first.arrivalSite, "where the first thread of the warp does");
    break;
  }
  ++barrier.phase;
  barrier.arrived = 0;
  barrier.completed = std::move(barrier.seen);
  barrier.seen.clear();
  barrier.initsCompleted = std::move(barrier.initsSeen);
  barrier.initsSeen.clear();
  for (Thread *thread : barrier.waiting)
    makeReady(*thread);
  barrier.waiting.clear();
}

void Thread::fenceInits() {
  initFences.push_back(cluster->clocks.tick(indexInCluster));
}

void Thread::fenceProxy(llvm::ArrayRef<Memory> memories) {
  cluster->rules.fenceProxy(indexInCluster, memories);
}

//===----------------------------------------------------------------------===//
// Warp-wide instructions
//===----------------------------------------------------------------------===//

void Cluster::meet(Thread &thread, const Site &site, uint32_t mask,
                   bool allLanes, const Lane &lane) {
  Warp &warp = *thread.warp;
  uint32_t bit = 1u << thread.lane();
  if (!(mask & bit)) {
    thread.report(FindingKind::Divergence,
                  llvm::formatv("'{0}' executed by lane {1}, which is not in "
                                "its mask {2:x}",
                                site.name.getStringRef(), thread.lane(), mask));
    return;
  }
  Rendezvous *place = nullptr;
  for (auto &open : warp.open)
    if (open->site == site.id && open->wanted == mask &&
        !(open->present.mask & bit))
      place = open.get();
  if (!place) {
    warp.open.push_back(std::make_unique<Rendezvous>());
    place = warp.open.back().get();
    place->site = site.id;
    place->wanted = mask;
    place->allLanes = allLanes;
  }
  place->present.mask |= bit;
  place->present.lanes[thread.lane()] = lane;
  thread.state = Thread::State::Waiting;
  tryComplete(warp, &thread);
  if (thread.state == Thread::State::Waiting)
    thread.wait("for the other lanes of its warp");
}

void Cluster::noteMeeting(llvm::ArrayRef<Thread *> group) {
  if (llvm::none_of(group, [](Thread *thread) { return thread->hasLooked; }))
    return;
  llvm::SmallVector<unsigned, 32> numbers;
  for (Thread *thread : group) {
    thread->hasLooked = false;
    numbers.push_back(thread->indexInCluster);
  }
  clocks.noteMeeting(numbers);
}

void Cluster::tryComplete(Warp &warp, Thread *caller) {
  uint32_t existing = 0, alive = 0;
  for (Thread *lane : warp.lanes) {
    existing |= 1u << lane->lane();
    if (lane->state != Thread::State::Exited)
      alive |= 1u << lane->lane();
  }
  for (size_t i = 0; i < warp.open.size();) {
    Rendezvous &place = *warp.open[i];
    uint32_t wanted = place.wanted & (place.allLanes ? existing : alive);
    if (place.present.mask != wanted || !wanted) {
      ++i;
      continue;
    }
    std::unique_ptr<Rendezvous> done = std::move(warp.open[i]);
    warp.open.erase(warp.open.begin() + i);
    llvm::SmallVector<Thread *, 32> group;
    for (Thread *lane : warp.lanes)
      if (done->present.contains(lane->lane()))
        group.push_back(lane);
    noteMeeting(group);
    launch.kernel.sites[done->site].semantics.perWarp(done->present);
    for (Thread *lane : warp.lanes) {
      if (lane == caller)
        lane->state = Thread::State::Ready;
      else if (done->present.contains(lane->lane()))
        makeReady(*lane);
    }
  }
}

void Cluster::meetWarpgroup(Thread &thread, const Site &site,
                            const Lane &lane) {
  unsigned number = thread.indexInBlock / 128,
           index = thread.indexInBlock % 128;
  if (number >= thread.block->warpgroups.size()) {
    thread.report(FindingKind::Divergence,
                  llvm::formatv("'{0}' executed by a warpgroup of fewer than "
                                "128 threads",
                                site.name.getStringRef()));
    return;
  }
  Warpgroup &warpgroup = thread.block->warpgroups[number];
  auto found = llvm::find_if(warpgroup.open, [&](auto &open) {
    return open->site == site.id && !open->has[index];
  });
  if (found == warpgroup.open.end()) {
    warpgroup.open.push_back(std::make_unique<WarpgroupRendezvous>());
    found = std::prev(warpgroup.open.end());
    (*found)->site = site.id;
  }
  WarpgroupRendezvous &place = **found;
  place.has[index] = true;
  place.lanes.lanes[index] = lane;
  if (++place.present < place.has.size())
    return thread.wait("for the other lanes of its warpgroup");
  std::unique_ptr<WarpgroupRendezvous> done = std::move(*found);
  warpgroup.open.erase(found);
  // The lanes of a warp come together, the warps of a warpgroup need not.
  for (unsigned first = 0; first < 128; first += 32)
    noteMeeting(llvm::ArrayRef<Thread *>(warpgroup.threads).slice(first, 32));
  site.semantics.perWarpgroup(done->lanes);
  // All go on in the order of their numbers.
  for (Thread *other : warpgroup.threads)
    makeReady(*other);
  thread.suspend();
}

//===----------------------------------------------------------------------===//
// Stalls
//===----------------------------------------------------------------------===//

void Cluster::reportStall() {
  // Threads that stand at the same place are told of together.
  llvm::MapVector<std::pair<uint32_t, const char *>, std::vector<Thread *>>
      standing;
  Thread *first = nullptr;
  for (Thread &thread : threads) {
    bool exited = thread.state == Thread::State::Exited;
    bool polls = thread.state == Thread::State::Ready;
    if (!exited && (!first || (polls && first->state != Thread::State::Ready)))
      first = &thread;
    standing[{exited ? 0 : thread.site, exited ? "ended" : thread.waitingFor}]
        .push_back(&thread);
  }
  const Site &site = launch.kernel.sites[first->site];
  Finding finding{FindingKind::Divergence, site.location,
                  llvm::formatv("'{0}' is not reached by all threads it waits "
                                "for: the block can never go on",
                                site.name.getStringRef()),
                  first->block->id, first->id};
  // Whoever polls can be told by any thread.
  bool polls = llvm::any_of(threads, [](const Thread &thread) {
    return thread.state == Thread::State::Ready;
  });
  if (polls)
    finding.message = llvm::formatv("'{0}' looks for what never comes",
                                    site.name.getStringRef());
  // Who waits for an mbarrier waits for nobody in particular.
  bool isEvent = llvm::any_of(threads, [](const Thread &thread) {
    return thread.state == Thread::State::Waiting &&
           llvm::StringRef(thread.waitingFor) == "for an mbarrier";
  });
  if (isEvent && !polls)
    finding.message = "threads wait for mbarriers that nobody completes: the "
                      "block can never go on";
  if (standing.size() == 1 || polls || isEvent)
    finding.kind = FindingKind::Deadlock;
  for (auto &[place, group] : standing) {
    std::string who = llvm::formatv(
        "{0} thread{1}, the first of them ({2}, {3}, {4}) of block ({5}, {6}, "
        "{7})",
        group.size(), group.size() == 1 ? "" : "s", group[0]->id[0],
        group[0]->id[1], group[0]->id[2], group[0]->block->id[0],
        group[0]->block->id[1], group[0]->block->id[2]);
    bool exited = group[0]->state == Thread::State::Exited;
    finding.notes.emplace_back(
        exited ? launch.kernel.location
               : launch.kernel.sites[place.first].location,
        exited ? "ended: " + who
               : "waiting " + std::string(place.second) + ": " + who);
  }
  launch.report(index, first->site, std::move(finding));
  launch.abort();
}
