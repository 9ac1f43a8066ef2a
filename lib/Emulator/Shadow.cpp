//===- Shadow.cpp - Who touched each byte last ----------------------------===//

#include "Shadow.h"
#include "llvm/ADT/STLExtras.h"

using namespace quantmlir::emulator;

uint32_t ReadSets::add(uint32_t set, unsigned thread, uint32_t now,
                       uint32_t site, llvm::ArrayRef<uint32_t> row,
                       bool isAtomic) {
  for (const Read &read : sets[set])
    if (read.thread == thread && read.clock == now &&
        (isAtomic || !read.isAtomic))
      return set;
  auto [entry, isNew] =
      next.try_emplace({(uint64_t(set) << 32) | now, 2 * thread + isAtomic},
                       uint32_t(sets.size()));
  if (!isNew)
    return entry->second;
  llvm::SmallVector<Read, 1> result;
  for (const Read &read : sets[set])
    if (row[read.thread] < read.clock)
      result.push_back(read);
  result.push_back({now, site, uint16_t(thread), isAtomic});
  sets.push_back(std::move(result));
  return sets.size() - 1;
}

std::optional<uint32_t> ShadowRules::findFence(unsigned thread, uint32_t clock,
                                               Memory memory) const {
  const auto &times = fences[unsigned(memory)][thread];
  auto fence = llvm::lower_bound(times, clock);
  if (fence == times.end())
    return std::nullopt;
  return *fence;
}

bool ShadowRules::isFenced(const Cell &cell, llvm::ArrayRef<uint32_t> row,
                           Memory memory) const {
  // The first fence of the writer after the write, seen by who asks now.
  auto fence = findFence(cell.writer, cell.genericClock, memory);
  return fence && row[cell.writer] > *fence;
}

std::optional<AccessFault> ShadowRules::check(const Cell &cell,
                                              llvm::ArrayRef<uint32_t> row,
                                              AccessKind kind, Memory memory,
                                              Proxy proxy) const {
  AccessFault fault;
  fault.otherThread = cell.writer;
  fault.otherSite = cell.writeSite;
  fault.otherIsWrite = true;
  if (cell.flags & Cell::Pending) {
    fault.kind = AccessFault::Pending;
    return fault;
  }
  if (cell.epoch == epoch) {
    fault.kind = AccessFault::Race;
    bool bothAtomic = isAtomic(kind) && (cell.flags & Cell::AtomicWrite);
    if (cell.writeClock && !bothAtomic && row[cell.writer] < cell.writeClock)
      return fault;
    if (!isRead(kind) && cell.readers)
      for (const ReadSets::Read &read : reads.get(cell.readers))
        if (row[read.thread] < read.clock &&
            !(isAtomic(kind) && read.isAtomic)) {
          fault.otherThread = read.thread;
          fault.otherSite = read.site;
          fault.otherIsWrite = false;
          return fault;
        }
  }
  if (needsValue(kind) && !(cell.flags & Cell::Written)) {
    fault.kind = AccessFault::Uninitialized;
    return fault;
  }
  if (proxy == Proxy::Async && cell.genericClock &&
      !isFenced(cell, row, memory)) {
    fault.kind = AccessFault::Unfenced;
    return fault;
  }
  return std::nullopt;
}

static bool sameHistory(const Cell &a, const Cell &b) {
  return a.writeClock == b.writeClock && a.writeSite == b.writeSite &&
         a.readers == b.readers && a.epoch == b.epoch && a.writer == b.writer &&
         a.flags == b.flags && a.genericClock == b.genericClock;
}

template <typename Update>
std::optional<AccessFault> ShadowRules::apply(llvm::MutableArrayRef<Cell> cells,
                                              llvm::ArrayRef<uint32_t> row,
                                              AccessKind kind, Memory memory,
                                              Proxy proxy, Update update) {
  std::optional<AccessFault> fault;
  // The bytes of one access nearly always share their history.
  Cell before, after;
  bool known = false;
  for (auto [index, cell] : llvm::enumerate(cells)) {
    if (known && sameHistory(cell, before)) {
      cell = after;
      continue;
    }
    before = cell;
    if (!fault)
      if ((fault = check(cell, row, kind, memory, proxy)))
        fault->byte = index;
    if (cell.epoch != epoch) {
      cell.epoch = epoch;
      cell.writeClock = 0;
      cell.readers = 0;
    }
    update(cell);
    after = cell;
    known = true;
  }
  return fault;
}

std::optional<AccessFault>
ShadowRules::access(llvm::MutableArrayRef<Cell> cells, unsigned thread,
                    AccessKind kind, uint32_t site, Memory memory,
                    Proxy proxy) {
  auto row = clocks.row(thread);
  uint32_t now = clocks.now(thread);
  return apply(cells, row, kind, memory, proxy, [&](Cell &cell) {
    if (isRead(kind)) {
      cell.readers =
          reads.add(cell.readers, thread, now, site, row, isAtomic(kind));
      return;
    }
    // An atomic update right after the same thread's plain write must not
    // hide that write from the others' atomics.
    bool hides = isAtomic(kind) && cell.writer == thread &&
                 cell.writeClock == now && !(cell.flags & Cell::AtomicWrite);
    if (hides)
      return;
    cell.writer = thread;
    cell.writeClock = now;
    cell.genericClock = proxy == Proxy::Generic ? now : 0;
    cell.writeSite = site;
    cell.readers = 0;
    cell.flags &= ~(Cell::Pending | Cell::AtomicWrite);
    cell.flags |= Cell::Written | (isAtomic(kind) ? Cell::AtomicWrite : 0);
  });
}

std::optional<AccessFault>
ShadowRules::readAsync(llvm::MutableArrayRef<Cell> cells,
                       llvm::ArrayRef<uint32_t> row, unsigned agent,
                       uint32_t site) {
  uint32_t now = clocks.now(agent);
  return apply(cells, row, AccessKind::Read, Memory::Shared, Proxy::Async,
               [&](Cell &cell) {
                 cell.readers = reads.add(cell.readers, agent, now, site, row);
               });
}

std::optional<AccessFault>
ShadowRules::beginCopy(llvm::MutableArrayRef<Cell> cells, unsigned thread,
                       uint32_t site, Proxy proxy) {
  uint32_t now = clocks.now(thread);
  return apply(cells, clocks.row(thread), AccessKind::Write, Memory::Shared,
               proxy, [&](Cell &cell) {
                 cell.writer = thread;
                 cell.writeClock = now;
                 cell.genericClock = 0;
                 cell.writeSite = site;
                 cell.readers = 0;
                 cell.flags &= ~Cell::AtomicWrite;
                 cell.flags |= Cell::Written | Cell::Pending;
               });
}

void ShadowRules::endCopy(llvm::MutableArrayRef<Cell> cells, unsigned who,
                          uint32_t site, Proxy proxy) {
  uint32_t now = clocks.now(who);
  for (Cell &cell : cells) {
    // Someone wrote over it meanwhile; that was told.
    if (!(cell.flags & Cell::Pending) || cell.writeSite != site)
      continue;
    cell.flags &= ~Cell::Pending;
    cell.epoch = epoch;
    cell.readers = 0;
    cell.writer = who;
    cell.writeClock = now;
    cell.genericClock = proxy == Proxy::Generic ? now : 0;
  }
}
