//===- Access.cpp - Every load and store, checked -------------------------===//

#include "Machine.h"

using namespace quantmlir::emulator;
using llvm::Twine;

char *quantmlir::emulator::getScratch(uint64_t size) {
  constexpr uint64_t most = 1 << 20;
  if (size > most)
    return nullptr;
  static thread_local std::vector<char> scratch(most);
  std::fill_n(scratch.begin(), std::max<uint64_t>(size, 64), 0);
  return scratch.data();
}

const char *quantmlir::emulator::verb(AccessKind kind) {
  switch (kind) {
  case AccessKind::Read:
  case AccessKind::AtomicRead:
    return "read";
  case AccessKind::Write:
  case AccessKind::AtomicWrite:
    return "write";
  case AccessKind::Atomic:
    return "atomic update";
  }
  llvm_unreachable("unknown access kind");
}

/// "thread (1, 0, 0)", for notes.
static std::string describe(const Cluster &cluster, unsigned index) {
  if (index >= cluster.threads.size())
    return cluster.agentNames[index - cluster.threads.size()];
  const Thread &thread = cluster.threads[index];
  return llvm::formatv("thread ({0}, {1}, {2})", thread.id[0], thread.id[1],
                       thread.id[2]);
}

void Thread::profile(bool isShared, uint64_t address, uint64_t size,
                     AccessKind kind, Proxy proxy) {
  if (!cluster->profiler)
    return;
  if (proxy == Proxy::Async)
    return cluster->profiler->copy(site, isShared, address, size, kind);
  uint32_t lanes = warp->lanes.size() == 32
                       ? ~uint32_t(0)
                       : (uint32_t(1) << warp->lanes.size()) - 1;
  cluster->profiler->access(indexInCluster, lane(), lanes, site, isShared,
                            address, size, kind);
}

char *Thread::access(uint64_t pointer, Space space, uint64_t size,
                     uint32_t alignment, AccessKind kind, Proxy proxy) {
  switch (space) {
  case Space::Shared:
    return accessShared(*block, pointer & 0xffffffff, size, alignment, kind);
  case Space::Cluster: {
    uint64_t rank = pointer >> address::clusterShift & 0xff;
    uint64_t offset = pointer & ((1u << address::clusterShift) - 1);
    if (rank < cluster->blocks.size()) {
      touchRemote(cluster->blocks[rank]);
      return accessShared(cluster->blocks[rank], offset, size, alignment, kind);
    }
    report(FindingKind::InvalidPointer,
           Twine(verb(kind)) + " of shared memory of block " + Twine(rank) +
               " of a cluster of " + Twine(cluster->blocks.size()));
    return getScratch(size);
  }
  case Space::Generic:
  case Space::Global:
    break;
  }
  if (pointer & address::globalTag)
    return accessGlobal(pointer, size, alignment, kind, proxy);
  if (space == Space::Generic && (pointer & address::sharedTag)) {
    uint64_t rank = (pointer & ~address::sharedTag) >> address::rankShift;
    if (rank < cluster->blocks.size()) {
      touchRemote(cluster->blocks[rank]);
      return accessShared(cluster->blocks[rank], pointer & 0xffffffff, size,
                          alignment, kind);
    }
  }
  if (pointer & address::localTag)
    return accessLocal(pointer, size, alignment, kind);
  if (pointer & address::constantTag)
    return accessConstant(pointer, size, alignment, kind);
  report(FindingKind::InvalidPointer,
         llvm::formatv("{0} of {1} bytes through {2:x}, which points to no "
                       "buffer, shared or local memory",
                       verb(kind), size, pointer));
  return getScratch(size);
}

uint64_t quantmlir::emulator::castPointer(Thread &thread, uint64_t pointer,
                                          Space from, Space to) {
  uint64_t rank = thread.block->rank, offset = pointer & 0xffffffff;
  if (from == Space::Cluster) {
    rank = pointer >> address::clusterShift & 0xff;
    offset = pointer & ((1u << address::clusterShift) - 1);
  } else if (from == Space::Generic) {
    if (!(pointer & address::sharedTag)) {
      thread.report(FindingKind::InvalidPointer,
                    "a pointer that is not to shared memory is cast to one");
      return 0;
    }
    rank = (pointer & ~address::sharedTag) >> address::rankShift;
  }
  switch (to) {
  case Space::Shared:
    if (rank != thread.block->rank)
      thread.report(FindingKind::InvalidPointer,
                    "a pointer to another block's shared memory is cast to one "
                    "to its own");
    return offset;
  case Space::Cluster:
    return rank << address::clusterShift | offset;
  default:
    return address::sharedTag | rank << address::rankShift | offset;
  }
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

bool Thread::knowsToRun(const Block &other) {
  if (knownBlocks >> other.rank & 1)
    return true;
  const Clocks &clocks = cluster->clocks;
  bool known =
      llvm::any_of(other.threads,
                   [&](const Thread *thread) {
                     return clocks.isOrdered(indexInCluster,
                                             thread->indexInCluster, 1);
                   }) ||
      llvm::any_of(cluster->barrier.passed, [&](auto passed) {
        return clocks.isOrdered(indexInCluster, passed.first, passed.second);
      });
  if (known)
    knownBlocks |= 1u << other.rank;
  return known;
}

void Thread::touchRemote(Block &owner) {
  if (&owner == block)
    return;
  if (!knowsToRun(owner))
    report(FindingKind::Race,
           llvm::formatv("nothing says that block ({0}, {1}, {2}) has started "
                         "before this access of its shared memory",
                         owner.id[0], owner.id[1], owner.id[2]));
  owner.remote[indexInCluster] = {cluster->clocks.now(indexInCluster), site};
  if (!owner.running)
    report(FindingKind::InvalidPointer,
           llvm::formatv("shared memory of block ({0}, {1}, {2}), which has "
                         "ended",
                         owner.id[0], owner.id[1], owner.id[2]));
}

bool Thread::checkShared(Block &owner, uint64_t offset, uint64_t size,
                         uint32_t alignment, AccessKind kind) {
  const Kernel &kernel = launch().kernel;
  uint64_t end = owner.shared.size();
  bool inside = fits(offset, size, end);
  if (inside && offset < kernel.dynamicOffset) {
    auto after =
        llvm::partition_point(kernel.shared, [&](const SharedVariable &v) {
          return v.offset <= offset;
        });
    inside =
        after != kernel.shared.begin() &&
        fits(offset, size, std::prev(after)->offset + std::prev(after)->size);
  }
  if (!inside) {
    // Blame the variable that the access starts in or just behind; in front of
    // all, the first.
    int64_t at = llvm::SignExtend64<32>(offset);
    std::string what = llvm::formatv("{0} bytes of dynamic shared memory",
                                     end - kernel.dynamicOffset);
    uint32_t base = kernel.dynamicOffset;
    for (const SharedVariable &variable : kernel.shared)
      if (&variable == &kernel.shared.front()
              ? at < int64_t(kernel.dynamicOffset)
              : at >= int64_t(variable.offset) &&
                    at < int64_t(kernel.dynamicOffset)) {
        what = llvm::formatv("shared variable '{0}' ({1} bytes)", variable.name,
                             variable.size);
        base = variable.offset;
      }
    report(FindingKind::OutOfBounds,
           llvm::formatv("{0} of {1} bytes at byte {2} of {3}", verb(kind),
                         size, at - int64_t(base), what));
    return false;
  }
  if (offset % alignment) {
    report(
        FindingKind::Misaligned,
        llvm::formatv("{0} of {1} bytes at shared offset {2}, which is not a "
                      "multiple of {3}",
                      verb(kind), size, offset, alignment));
    return false;
  }
  return true;
}

void Thread::profileShared(Block &owner, uint64_t offset, uint64_t size,
                           AccessKind kind, Proxy proxy) {
  profile(/*isShared=*/true,
          uint64_t(owner.rank) << address::rankShift | offset, size, kind,
          proxy);
}

char *Thread::accessShared(Block &owner, uint64_t offset, uint64_t size,
                           uint32_t alignment, AccessKind kind, bool isData) {
  if (!checkShared(owner, offset, size, alignment, kind))
    return getScratch(size);
  if (isData) {
    checkNoMBarrier(owner, offset, size, kind);
    profileShared(owner, offset, size, kind, Proxy::Generic);
  }
  if (kind == AccessKind::Write)
    cluster->note();
  llvm::MutableArrayRef<Cell> cells(owner.sharedCells.data() + offset, size);
  if (auto fault = cluster->rules.access(cells, indexInCluster, kind, site,
                                         Memory::Shared))
    reportFault(*fault, kind, size,
                "shared byte " + Twine(offset + fault->byte));
  return owner.shared.data() + offset;
}

char *Thread::accessRow(uint64_t offset, AccessKind kind, Thread &partner) {
  constexpr unsigned size = 16;
  if (!checkShared(*block, offset, size, size, kind))
    return getScratch(size);
  checkNoMBarrier(*block, offset, size, kind);
  profileShared(*block, offset, size, kind, Proxy::Generic);
  if (kind == AccessKind::Write)
    cluster->note();
  llvm::MutableArrayRef<Cell> cells(block->sharedCells.data() + offset, size);
  bool isOwn = cells[0].writeClock && cells[0].writer == indexInCluster;
  Thread &who = kind == AccessKind::Write || isOwn ? partner : *this;
  if (auto fault = cluster->rules.access(cells, who.indexInCluster, kind, site,
                                         Memory::Shared)) {
    who.site = site;
    who.reportFault(*fault, kind, size,
                    "shared byte " + Twine(offset + fault->byte));
  }
  return block->shared.data() + offset;
}

void Thread::reportFault(const AccessFault &fault, AccessKind kind,
                         uint64_t size, const Twine &where) {
  if (fault.kind == AccessFault::Uninitialized)
    return report(FindingKind::UninitializedRead,
                  Twine(verb(kind)) + " of " + Twine(size) +
                      " bytes: " + where + " was never written");
  std::string other = describe(*cluster, fault.otherThread);
  if (fault.kind == AccessFault::Unfenced)
    return report(FindingKind::MissingProxyFence,
                  "asynchronous " + Twine(verb(kind)) + " of " + Twine(size) +
                      " bytes: " + where + " was written by " + other +
                      ", and no fence.proxy.async of that thread comes between",
                  fault.otherSite, "the write");
  if (fault.kind == AccessFault::Pending)
    return report(FindingKind::PendingCopy,
                  Twine(verb(kind)) + " of " + Twine(size) +
                      " bytes: " + where +
                      " belongs to an asynchronous copy that was not "
                      "waited for",
                  fault.otherSite, "copy started by " + other);
  report(FindingKind::Race,
         Twine(verb(kind)) + " of " + Twine(size) + " bytes: " + where +
             " is also " + (fault.otherIsWrite ? "written" : "read") + " by " +
             other + " and nothing orders the two",
         fault.otherSite, "the other access");
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

void Thread::copyAsync(uint64_t sharedOffset, uint64_t globalPointer,
                       uint32_t size, uint32_t copied) {
  AsyncCopy copy;
  copy.destination = sharedOffset;
  copy.size = size;
  copy.site = site;
  copy.data.fill(0);
  if (copied > size) {
    report(FindingKind::InvalidOperand, "source size " + Twine(copied) +
                                            " of a copy of " + Twine(size) +
                                            " bytes");
    copied = size;
  }
  // The whole source must be aligned even when little or nothing of it is read.
  if (copied) {
    copy.source.from =
        access(globalPointer, Space::Global, copied, size, AccessKind::Read);
    copy.source.size = copied;
    std::memcpy(copy.data.data(), copy.source.from, copied);
    if (!mayBeWritten(globalPointer, copy.source.from))
      copy.source = {};
  }
  if (!checkShared(*block, sharedOffset, size, size, AccessKind::Write))
    return;
  checkNoMBarrier(*block, sharedOffset, size, AccessKind::Write);
  profileShared(*block, sharedOffset, size, AccessKind::Write, Proxy::Generic);
  llvm::MutableArrayRef<Cell> cells(block->sharedCells.data() + sharedOffset,
                                    size);
  if (auto fault = cluster->rules.beginCopy(cells, indexInCluster, site,
                                            Memory::Shared, Proxy::Generic))
    reportFault(*fault, AccessKind::Write, size,
                "shared byte " + Twine(sharedOffset + fault->byte));
  openCopies.push_back(copy);
}

void Thread::commitCopies() {
  copyGroups.push_back(std::move(openCopies));
  openCopies.clear();
}

void Thread::waitCopies(unsigned pending) {
  // The bytes arrive as late as the program allows, so that reading them early
  // reads what was there before.
  while (copyGroups.size() > pending) {
    for (const AsyncCopy &copy : copyGroups.front()) {
      llvm::MutableArrayRef<Cell> cells(
          block->sharedCells.data() + copy.destination, copy.size);
      cluster->rules.endCopy(cells, indexInCluster, copy.site, Proxy::Generic);
      std::memcpy(block->shared.data() + copy.destination, copy.data.data(),
                  copy.size);
      if (!std::equal(copy.source.from, copy.source.from + copy.source.size,
                      copy.data.begin()))
        reportOf(copy.site, FindingKind::Race, sourceIsWritten);
    }
    copyGroups.pop_front();
  }
}
