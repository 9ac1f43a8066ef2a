//===- GlobalAccess.cpp - Loads and stores of global memory ---------------===//

#include "Machine.h"

using namespace quantmlir::emulator;
using llvm::Twine;

llvm::MutableArrayRef<Cell>
Cluster::globalCells(uint64_t buffer, uint64_t offset, uint64_t size) {
  uint64_t key = buffer << address::bufferShift | offset / pageSize;
  if (key != lastPageKey) {
    auto &page = pages[key];
    if (!page)
      page = std::make_unique<Page>();
    lastPage = page.get();
    lastPageKey = key;
  }
  return llvm::MutableArrayRef<Cell>(*lastPage).slice(offset % pageSize, size);
}

void Cluster::forEachGlobalPart(
    uint64_t pointer, uint64_t size,
    llvm::function_ref<void(uint64_t, llvm::MutableArrayRef<Cell>)> visit) {
  uint64_t number = (pointer & ~address::globalTag) >> address::bufferShift;
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  for (uint64_t done = 0; done < size;) {
    uint64_t part =
        std::min(size - done, pageSize - (offset + done) % pageSize);
    visit(done, globalCells(number, offset + done, part));
    done += part;
  }
}

char *Thread::accessGlobal(uint64_t pointer, uint64_t size, uint32_t alignment,
                           AccessKind kind, Proxy proxy) {
  Buffer *buffer = launch().findBuffer(pointer);
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  if (!buffer) {
    report(FindingKind::InvalidPointer,
           llvm::formatv("{0} of {1} bytes at {2:x}, which is in no registered "
                         "buffer",
                         verb(kind), size, pointer));
    return getScratch(size);
  }
  if (!fits(offset, size, buffer->size)) {
    // An address below a buffer lands in the upper half of the window before.
    report(FindingKind::OutOfBounds,
           llvm::formatv("{0} of {1} bytes at byte {2} of buffer '{3}' ({4} "
                         "bytes)",
                         verb(kind), size,
                         llvm::SignExtend64(offset, address::bufferShift),
                         buffer->name, buffer->size));
    return getScratch(size);
  }
  if (offset % alignment) {
    report(FindingKind::Misaligned,
           llvm::formatv("{0} of {1} bytes at byte {2} of buffer '{3}', which "
                         "is not a multiple of {4}",
                         verb(kind), size, offset, buffer->name, alignment));
    return getScratch(size);
  }
  profile(/*isShared=*/false, pointer, size, kind, proxy);
  if (isReadOnly(buffer->role)) {
    // Nothing can conflict with reads of what is never written, but by the
    // launch before.
    if (isRead(kind)) {
      if (buffer->role == BufferRole::Input && shape().dependent &&
          !isAfterPreviousLaunch())
        report(FindingKind::Race,
               llvm::formatv("byte {0} of input buffer '{1}' may be written by "
                             "the launch before, which need not have ended: "
                             "nothing orders this after a griddepcontrol.wait",
                             offset, buffer->name));
      else if (!buffer->sharing.empty())
        checkSharing(*buffer, offset, size, kind);
      return buffer->data + offset;
    }
    report(FindingKind::ReadOnlyWrite,
           llvm::formatv("{0} of {1} bytes of input buffer '{2}'", verb(kind),
                         size, buffer->name));
    return getScratch(size);
  }

  if (kind == AccessKind::Write)
    cluster->note();
  cluster->forEachGlobalPart(pointer, size, [&](uint64_t done, auto cells) {
    uint64_t at = offset + done, part = cells.size();
    // Whether bytes hold a value is a matter of the buffer, not of a cluster.
    for (auto [index, cell] : llvm::enumerate(cells))
      if (buffer->written.empty() || buffer->written[at + index])
        cell.flags |= Cell::Written;
    if (auto fault = cluster->rules.access(cells, indexInCluster, kind, site,
                                           Memory::Global, proxy))
      reportFault(*fault, kind, size,
                  "byte " + Twine(at + fault->byte) + " of buffer '" +
                      buffer->name + "'");
    checkSharing(*buffer, at, part, kind);
    if (!isRead(kind) && !buffer->written.empty())
      std::fill_n(buffer->written.begin() + at, part, 1);
  });
  return buffer->data + offset;
}

bool Thread::mayBeWritten(uint64_t pointer, const char *data) const {
  Buffer *buffer = launch().findBuffer(pointer);
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  return buffer && !isReadOnly(buffer->role) && data == buffer->data + offset;
}

void Thread::beginGlobalWrite(uint64_t pointer, uint64_t size) {
  Buffer *buffer = launch().findBuffer(pointer);
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  // What is wrong with the place is told when the bytes come.
  if (!buffer || isReadOnly(buffer->role) || !fits(offset, size, buffer->size))
    return;
  cluster->forEachGlobalPart(
      pointer, size, [&](uint64_t at, llvm::MutableArrayRef<Cell> cells) {
        if (auto fault = cluster->rules.beginCopy(cells, indexInCluster, site,
                                                  Memory::Global, Proxy::Async))
          reportFault(*fault, AccessKind::Write, size,
                      "byte " + Twine(offset + at + fault->byte) +
                          " of buffer '" + buffer->name + "'");
      });
}

void Thread::endGlobalWrite(uint64_t pointer, uint64_t size) {
  Buffer *buffer = launch().findBuffer(pointer);
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  if (!buffer || isReadOnly(buffer->role) || !fits(offset, size, buffer->size))
    return;
  cluster->forEachGlobalPart(
      pointer, size, [&](uint64_t, llvm::MutableArrayRef<Cell> cells) {
        cluster->rules.endCopy(cells, indexInCluster, site, Proxy::Async);
      });
}

void Thread::checkPrefetch(uint64_t pointer, uint64_t size) {
  // Others than global memory have nothing to prefetch.
  if (!(pointer & address::globalTag))
    return;
  Buffer *buffer = launch().findBuffer(pointer);
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  if (!buffer)
    report(FindingKind::InvalidPointer,
           llvm::formatv("prefetch at {0:x}, which is in no registered buffer",
                         pointer));
  else if (!fits(offset, size, buffer->size))
    report(FindingKind::OutOfBounds,
           llvm::formatv("prefetch of byte {0} of buffer '{1}' ({2} bytes)",
                         llvm::SignExtend64(offset, address::bufferShift),
                         buffer->name, buffer->size));
}

bool Thread::isAfterPreviousLaunch() {
  if (!afterPreviousLaunch)
    afterPreviousLaunch = cluster->isOrderedAfter(
        indexInCluster, Release::previousLaunch, /*who=*/0, /*clock=*/0);
  return afterPreviousLaunch;
}

//===----------------------------------------------------------------------===//
// Between blocks
//===----------------------------------------------------------------------===//

/// The set of touches of `buffer` after `touch` too, which comes after those of
/// set `set` that `isBefore`.
static uint32_t
addTouch(Buffer &buffer, uint32_t set, const Buffer::Touch &touch,
         llvm::function_ref<bool(const Buffer::Touch &)> isBefore) {
  for (const Buffer::Touch &other : buffer.touches[set])
    if (other.cluster == touch.cluster && other.thread == touch.thread &&
        other.clock == touch.clock && other.covers(touch))
      return set;
  auto [entry, isNew] = buffer.nextTouches.try_emplace(
      {set, touch.asTuple()}, uint32_t(buffer.touches.size()));
  if (!isNew)
    return entry->second;
  llvm::SmallVector<Buffer::Touch, 1> result;
  for (const Buffer::Touch &other : buffer.touches[set])
    if (!touch.covers(other) || !isBefore(other))
      result.push_back(other);
  result.push_back(touch);
  buffer.touches.push_back(std::move(result));
  return buffer.touches.size() - 1;
}

void Thread::checkSharing(Buffer &buffer, uint64_t offset, uint64_t size,
                          AccessKind kind) {
  std::lock_guard<std::mutex> lock(buffer.mutex);
  if (buffer.sharing.empty())
    buffer.sharing.resize(buffer.size);
  Buffer::Touch self;
  self.cluster = cluster->index + 1;
  self.site = site;
  // Where blocks cannot meet, no moment of one is ordered with another's.
  if (launch().kernel.blocksMayMeet) {
    self.thread = indexInCluster;
    self.clock = cluster->clocks.now(indexInCluster);
  }
  self.isAtomic = isAtomic(kind);
  self.isWrite = !isRead(kind);
  // Bytes of one access nearly always have the same past.
  Buffer::Touch known;
  auto isOrdered = [&](const Buffer::Touch &other) {
    // Accesses of one cluster are checked by its own rules.
    if (!other.cluster || other.cluster == self.cluster || other == known)
      return true;
    uint64_t number = other.cluster == Buffer::Touch::previousLaunch
                          ? Release::previousLaunch
                          : other.cluster - 1;
    if (!cluster->isOrderedAfter(indexInCluster, number, other.thread,
                                 other.clock))
      return false;
    known = other;
    return true;
  };
  auto isBefore = [&](const Buffer::Touch &other) {
    return other.cluster == self.cluster
               ? cluster->clocks.isOrdered(indexInCluster, other.thread,
                                           other.clock)
               : isOrdered(other);
  };
  bool told = false;
  auto tell = [&](uint64_t byte, const Buffer::Touch &other) {
    const char *how = !other.isWrite ? "also read"
                      : self.isWrite ? "also written"
                                     : "written";
    if (other.cluster == Buffer::Touch::previousLaunch)
      report(FindingKind::Race,
             llvm::formatv("byte {0} of buffer '{1}' is {2} by the "
                           "launch before, which need not have ended: "
                           "nothing orders this after a "
                           "griddepcontrol.wait",
                           byte, buffer.name, how));
    else
      report(FindingKind::Race,
             llvm::formatv("byte {0} of buffer '{1}' is {2} by another block "
                           "of the launch",
                           byte, buffer.name, how),
             other.site, "the other access");
    told = true;
  };
  bool isInvariant = launch().kernel.sites[site].isInvariant;
  auto checkInvariant = [&](uint64_t byte, const Buffer::Touch &other) {
    if (!isInvariant || told || !other.isWrite || !other.cluster ||
        other.cluster == Buffer::Touch::previousLaunch)
      return;
    report(FindingKind::Race,
           llvm::formatv("byte {0} of buffer '{1}' is written by the launch "
                         "that reads it as what never changes (ld.global.nc)",
                         byte, buffer.name),
           other.site, "the write");
    told = true;
  };
  std::optional<uint32_t> last;
  uint32_t after = 0;
  for (uint64_t i = offset; i < offset + size; ++i) {
    Buffer::Sharing &sharing = buffer.sharing[i];
    if (!told && !isOrdered(sharing.write))
      tell(i, sharing.write);
    checkInvariant(i, sharing.write);
    if (last != sharing.since) {
      last = sharing.since;
      for (const Buffer::Touch &other : buffer.touches[*last]) {
        bool conflicts = (other.isWrite || self.isWrite) &&
                         !(other.isAtomic && self.isAtomic);
        if (!told && conflicts && !isOrdered(other))
          tell(i, other);
        checkInvariant(i, other);
      }
      after = self.isWrite && !self.isAtomic
                  ? 0
                  : addTouch(buffer, *last, self, isBefore);
    }
    sharing.since = after;
    if (self.isWrite && !self.isAtomic)
      sharing.write = self;
  }
}
