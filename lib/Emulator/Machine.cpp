//===- Machine.cpp - The threads of a cluster -----------------------------===//

#include "Machine.h"
#include <boost/context/detail/fcontext.hpp>
#include <sys/mman.h>
#include <unistd.h>

using namespace quantmlir::emulator;
namespace context = boost::context::detail;

const LaunchShape &Thread::shape() const { return cluster->launch.shape; }
Launch &Thread::launch() const { return cluster->launch; }

//===----------------------------------------------------------------------===//
// Fibers
//===----------------------------------------------------------------------===//

namespace quantmlir::emulator {
/// The switch between the scheduler and a thread's stack. Fibers are never
/// unwound: one that is given up is forgotten with its stack, so nothing on a
/// stack that can wait may own memory.
struct Fiber {
  static void main(context::transfer_t transfer) {
    auto *thread = static_cast<Thread *>(transfer.data);
    thread->cluster->scheduler = transfer.fctx;
    Cluster::runKernel(*thread);
    thread->cluster->finishThread(*thread);
    context::jump_fcontext(thread->cluster->scheduler, nullptr);
    llvm_unreachable("an ended thread was resumed");
  }
};
} // namespace quantmlir::emulator

void Cluster::runKernel(Thread &thread) {
  Kernel &kernel = thread.launch().kernel;
  unsigned count = kernel.parameters.size();
  auto **arguments =
      static_cast<void **>(__builtin_alloca(sizeof(void *) * (count + 1)));
  Thread *self = &thread;
  arguments[0] = &self;
  for (unsigned i = 0; i < count; ++i)
    arguments[i + 1] = const_cast<uint64_t *>(&thread.launch().arguments[i]);
  kernel.entry(arguments);
}

void Cluster::resume(Thread &thread) {
  thread.context = context::jump_fcontext(thread.context, &thread).fctx;
}

void Thread::suspend() {
  checkUpdate();
  // A wait takes as long as a few turns of a loop.
  cluster->steps += 8;
  cluster->scheduler = context::jump_fcontext(cluster->scheduler, nullptr).fctx;
}

void Thread::wait(const char *reason) {
  state = State::Waiting;
  waitingFor = reason;
  suspend();
}

void Thread::watchUpdate(const char *place, uint32_t size) {
  updated.place = place;
  updated.size = std::min<uint32_t>(size, updated.before.size());
  std::copy_n(place, updated.size, updated.before.begin());
}

void Thread::checkUpdate() {
  const char *place = std::exchange(updated.place, nullptr);
  if (place && !std::equal(place, place + updated.size, updated.before.begin()))
    cluster->note();
}

void Thread::poll() {
  checkUpdate();
  ++cluster->idlePolls;
  ++cluster->polls;
  waitingFor = "for a value that does not come";
  // All others go on first, or one that looks might keep what it looks for from
  // coming.
  if (launch().options.seed)
    cluster->priority(*this) = --cluster->lowestPriority;
  yield();
}

void Thread::yield() {
  cluster->makeReady(*this);
  suspend();
}

void Thread::giveUp() {
  launch().abort();
  wait("for nothing");
  llvm_unreachable("the launch went on after its end");
}

void Thread::step(uint32_t id) {
  // A function takes its frame at once, and so could miss the page that guards
  // the stack: it is called if that leaves what the emulator itself needs.
  const Site &next = launch().kernel.sites[id];
  auto *here = static_cast<char *>(__builtin_frame_address(0));
  if (next.callee && here < stackBottom + next.size + stackReserve) {
    site = id;
    report(FindingKind::OutOfBounds,
           "calls are nested too deep for the thread's stack");
    giveUp();
  }
  // Many threads may each be slow to come to their limit.
  if (++cluster->steps > cluster->maxSteps) {
    site = id;
    report(FindingKind::StepLimit,
           "the threads still run after " + llvm::Twine(cluster->maxSteps) +
               " backward branches, calls and waits together: they may never "
               "end");
    giveUp();
  }
  uint64_t most = launch().options.maxSteps;
  if (++steps <= most)
    return;
  site = id;
  report(FindingKind::StepLimit,
         "the thread still runs after " +
             llvm::Twine(launch().options.maxSteps) +
             " backward branches and calls: it may never end");
  giveUp();
}

void Cluster::makeReady(Thread &thread) {
  thread.state = Thread::State::Ready;
  ready.push_back(&thread);
}

//===----------------------------------------------------------------------===//
// Running a cluster
//===----------------------------------------------------------------------===//

Cluster::Cluster(Launch &launch) : launch(launch), rules(clocks) {
  maxSteps =
      std::max(launch.options.maxClusterSteps,
               llvm::SaturatingMultiply(launch.options.maxSteps, uint64_t(20)));
  unsigned perBlock = launch.threadsPerBlock();
  blocks.resize(launch.blocksPerCluster());
  threads.resize(size_t(perBlock) * blocks.size());
  if (launch.options.profile)
    profiler = std::make_unique<Profiler>(launch.kernel, threads.size());
  // The page below each stack is kept out of reach, so that an overflow is a
  // fault of this process and not silent corruption.
  size_t page = sysconf(_SC_PAGESIZE);
  stackStride = llvm::alignTo(launch.options.stackSize, page) + page;
  void *mapped =
      mmap(nullptr, stackStride * threads.size(), PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    llvm::report_fatal_error("no memory for the stacks of a block");
  stacks = static_cast<char *>(mapped);
  for (size_t i = 0; i < threads.size(); ++i) {
    mprotect(stacks + i * stackStride, page, PROT_NONE);
    threads[i].stackBottom = stacks + i * stackStride + page;
  }
}

Cluster::~Cluster() {
  if (profiler)
    launch.addProfile(profiler->getProfile());
  munmap(stacks, stackStride * threads.size());
}

static std::array<uint32_t, 3> unflatten(uint64_t index,
                                         std::array<uint32_t, 3> extent) {
  return {uint32_t(index % extent[0]), uint32_t(index / extent[0] % extent[1]),
          uint32_t(index / extent[0] / extent[1])};
}

void Cluster::prepare() {
  const LaunchShape &shape = launch.shape;
  unsigned perBlock = launch.threadsPerBlock();
  std::array<uint32_t, 3> clusters;
  for (unsigned d = 0; d < 3; ++d)
    clusters[d] = shape.grid[d] / shape.cluster[d];
  auto clusterId = unflatten(index, clusters);
  uint32_t sharedSize = launch.kernel.dynamicOffset + shape.dynamicSharedMemory;
  clocks.reset(threads.size());
  agentNames.clear();
  asyncReads = 0;
  bulkLoads.clear();
  arrivals.clear();
  acquisitions.clear();
  barrier = {};
  rules.reset(threads.size());
  pages.clear();
  lastPageKey = ~uint64_t(0);
  ready.clear();
  running = threads.size();
  steps = 0;
  lowestPriority = 0;
  drawState = (launch.options.seed + index) * 0x9e3779b97f4a7c15 | 1;
  priorities.assign(threads.size() / 32 + 1, 0);
  for (int64_t &priority : priorities)
    priority = draw(priorities.size());

  for (uint32_t rank = 0; rank < blocks.size(); ++rank) {
    Block &block = blocks[rank];
    auto inCluster = unflatten(rank, shape.cluster);
    block.rank = rank;
    for (unsigned d = 0; d < 3; ++d)
      block.id[d] = clusterId[d] * shape.cluster[d] + inCluster[d];
    // What shared memory holds at the start is anything: a pattern that is
    // neither a small integer nor a plausible float.
    block.shared.assign(sharedSize, char(0xcd));
    block.sharedCells.assign(sharedSize, Cell());
    block.barriers = {};
    block.mbarriers.clear();
    block.running = perBlock;
    block.remote.clear();
    block.threads.clear();
    block.warps.clear();
    block.warps.resize(llvm::divideCeil(perBlock, 32));
    for (uint32_t i = 0; i < perBlock; ++i) {
      Thread &thread = threads[size_t(rank) * perBlock + i];
      thread.cluster = this;
      thread.block = &block;
      thread.warp = &block.warps[i / 32];
      thread.indexInCluster = rank * perBlock + i;
      thread.indexInBlock = i;
      thread.id = unflatten(i, shape.block);
      thread.site = 0;
      thread.openCopies.clear();
      thread.copyGroups.clear();
      thread.openStores.clear();
      thread.storeGroups.clear();
      thread.storeAgent.reset();
      thread.hasArrived = false;
      thread.hasLooked = false;
      thread.knownBlocks = 1u << rank;
      thread.updated.place = nullptr;
      thread.initFences.clear();
      thread.initsSeen.clear();
      thread.observed.clear();
      thread.fenced.reset();
      thread.afterPreviousLaunch = false;
      thread.endLocals(0);
      thread.localCount = 0;
      thread.steps = 0;
      size_t size = launch.options.stackSize;
      thread.context = context::make_fcontext(
          thread.stackBottom + llvm::alignTo(size, sysconf(_SC_PAGESIZE)), size,
          &Fiber::main);
      thread.warp->lanes.push_back(&thread);
      block.threads.push_back(&thread);
      makeReady(thread);
    }
    block.warpgroups.clear();
    block.warpgroups.resize(perBlock / 128);
    for (auto [number, warpgroup] : llvm::enumerate(block.warpgroups)) {
      warpgroup.block = &block;
      warpgroup.threads.assign(block.threads.begin() + number * 128,
                               block.threads.begin() + (number + 1) * 128);
    }
  }
}

void Cluster::start(uint64_t clusterIndex) {
  index = clusterIndex;
  prepare();
}

uint64_t Cluster::draw(uint64_t limit) {
  // xorshift64*
  drawState ^= drawState >> 12;
  drawState ^= drawState << 25;
  drawState ^= drawState >> 27;
  return (drawState * 0x2545f4914f6cdd1d >> 32) % limit;
}

Thread *Cluster::takeReady() {
  auto next = ready.begin();
  if (launch.options.seed) {
    // Now and then another warp is the one that all others wait for.
    constexpr unsigned period = 48;
    if (draw(period) == 0)
      priorities[draw(priorities.size())] = draw(priorities.size());
    for (auto other = next; other != ready.end(); ++other)
      if (priority(**other) > priority(**next))
        next = other;
  }
  Thread *thread = *next;
  ready.erase(next);
  return thread;
}

bool Cluster::advance() {
  idlePolls = 0;
  while (running && !launch.isAborted()) {
    if (ready.empty()) {
      // Copies arrive as late as they can: when nobody can go on without.
      if (completeBulkLoad())
        continue;
      reportStall();
      break;
    }
    // Everyone has looked twice and seen nothing new.
    if (idlePolls > 2 * ready.size()) {
      if (!completeBulkLoad())
        return false;
      idlePolls = 0;
    }
    if (launch.options.seed && !bulkLoads.empty() && draw(8) == 0)
      completeBulkLoad(draw(bulkLoads.size()));
    resume(*takeReady());
  }
  if (!running)
    checkFinished();
  if (profiler)
    profiler->finish();
  return true;
}

void Cluster::checkFinished() {
  auto reportCopy = [](Thread &asker, uint32_t site) {
    asker.site = site;
    asker.report(FindingKind::PendingCopy,
                 "the block ends while this copy into its shared memory "
                 "is under way");
  };
  for (BulkLoad &load : bulkLoads)
    reportCopy(*load.asker, load.site);
  for (const Arrival &arrival : arrivals)
    if (llvm::none_of(arrival.owner->threads, [&](Thread *own) {
          return clocks.isOrdered(own->indexInCluster, arrival.agent,
                                  arrival.clock);
        }))
      reportCopy(*arrival.asker, arrival.site);
  for (Block &block : blocks) {
    for (Warpgroup &warpgroup : block.warpgroups)
      warpgroup.checkFinished();
    checkRegisters(block);
    if (block.remote.empty())
      continue;
    // A block's shared memory is there until its last thread ends. Who has
    // waited for a copy to come need not be ordered after who asked for it: it
    // is enough that the copy is over. What all threads have seen follows from
    // what each has: each conclusion is from one moment.
    std::vector<uint32_t> seen;
    for (Thread *own : block.threads)
      Clocks::join(clocks.row(own->indexInCluster), seen);
    seen = clocks.getPassed(std::move(seen));
    for (const auto &entry : block.remote) {
      uint32_t thread = entry.first, clock = entry.second.first;
      if (seen[thread] >= clock)
        continue;
      threads[thread].site = entry.second.second;
      threads[thread].report(
          FindingKind::Race,
          llvm::formatv("nothing keeps block ({0}, {1}, {2}) from ending "
                        "before this access of its shared memory",
                        block.id[0], block.id[1], block.id[2]));
    }
  }
}

void Cluster::finishThread(Thread &thread) {
  thread.checkStores();
  thread.state = Thread::State::Exited;
  note();
  --running;
  --thread.block->running;
  // Those that wait for all live lanes of its warp wait for one less.
  tryComplete(*thread.warp);
  completeClusterBarrier();
}

//===----------------------------------------------------------------------===//
// Findings
//===----------------------------------------------------------------------===//

void Thread::report(FindingKind kind, const llvm::Twine &message) {
  launch().report(cluster->index, site,
                  Finding{kind, launch().kernel.sites[site].location,
                          message.str(), block->id, id});
}

void Thread::report(FindingKind kind, const llvm::Twine &message,
                    uint32_t otherSite, const llvm::Twine &note) {
  reportAt(kind, message, launch().kernel.sites[otherSite].location, note);
}

void Thread::reportOf(uint32_t earlierSite, FindingKind kind,
                      const llvm::Twine &message) {
  uint32_t here = std::exchange(site, earlierSite);
  report(kind, message);
  site = here;
}

void Thread::reportAt(FindingKind kind, const llvm::Twine &message,
                      mlir::Location other, const llvm::Twine &note) {
  Finding finding{kind, launch().kernel.sites[site].location, message.str(),
                  block->id, id};
  finding.notes.emplace_back(other, note.str());
  launch().report(cluster->index, site, std::move(finding));
}
