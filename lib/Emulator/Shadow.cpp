//===- Shadow.cpp - Who touched each byte last ----------------------------===//

#include "Shadow.h"
#include "llvm/ADT/STLExtras.h"

using namespace quantmlir::emulator;

uint32_t AccessSets::add(uint32_t set, const Access &access,
                         llvm::ArrayRef<uint32_t> row) {
  for (const Access &other : sets[set])
    if (other.thread == access.thread && other.clock == access.clock &&
        other.covers(access))
      return set;
  uint32_t who = 4 * access.thread + 2 * access.isWrite + access.isAtomic;
  auto [entry, isNew] = next.try_emplace(
      {(uint64_t(set) << 32) | access.clock, who}, uint32_t(sets.size()));
  if (!isNew)
    return entry->second;
  llvm::SmallVector<Access, 1> result;
  for (const Access &other : sets[set])
    if (row[other.thread] < other.clock || !access.covers(other))
      result.push_back(other);
  result.push_back(access);
  sets.push_back(std::move(result));
  hasWrites |= access.isWrite;
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

bool ShadowRules::isFenced(unsigned writer, uint32_t clock,
                           llvm::ArrayRef<uint32_t> row, Memory memory) const {
  // The first fence of the writer after the write, seen by who asks now.
  auto fence = findFence(writer, clock, memory);
  return fence && row[writer] > *fence;
}

std::optional<AccessFault> ShadowRules::check(const Cell &cell,
                                              llvm::ArrayRef<uint32_t> row,
                                              llvm::ArrayRef<uint32_t> told,
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
  llvm::ArrayRef<AccessSets::Access> since;
  if (cell.epoch == epoch) {
    fault.kind = AccessFault::Race;
    // A write does not overtake what it was told that is over.
    auto isOver = [&](unsigned who, uint32_t clock, bool isWrite) {
      bool canBeTold = !isRead(kind) && (!isWrite || clocks.isAgent(who));
      return row[who] >= clock ||
             (canBeTold && who < told.size() && told[who] >= clock);
    };
    if (cell.writeClock &&
        !isOver(cell.writer, cell.writeClock, /*isWrite=*/true))
      return fault;
    if (cell.since)
      since = sets.get(cell.since);
    for (const AccessSets::Access &other : since) {
      bool conflicts = (other.isWrite || !isRead(kind)) &&
                       !(isAtomic(kind) && other.isAtomic);
      if (!conflicts || isOver(other.thread, other.clock, other.isWrite))
        continue;
      fault.otherThread = other.thread;
      fault.otherSite = other.site;
      fault.otherIsWrite = other.isWrite;
      return fault;
    }
  }
  if (needsValue(kind) && !(cell.flags & Cell::Written)) {
    fault.kind = AccessFault::Uninitialized;
    return fault;
  }
  if (proxy == Proxy::Generic)
    return std::nullopt;
  fault.kind = AccessFault::Unfenced;
  if (cell.genericClock &&
      !isFenced(cell.writer, cell.genericClock, row, memory))
    return fault;
  for (const AccessSets::Access &other : since)
    if (other.isWrite && !isFenced(other.thread, other.clock, row, memory)) {
      fault.otherThread = other.thread;
      fault.otherSite = other.site;
      return fault;
    }
  return std::nullopt;
}

static bool sameHistory(const Cell &a, const Cell &b) {
  return a.writeClock == b.writeClock && a.writeSite == b.writeSite &&
         a.since == b.since && a.epoch == b.epoch && a.writer == b.writer &&
         a.flags == b.flags && a.genericClock == b.genericClock;
}

template <typename Update>
std::optional<AccessFault>
ShadowRules::apply(llvm::MutableArrayRef<Cell> cells,
                   llvm::ArrayRef<uint32_t> row, llvm::ArrayRef<uint32_t> told,
                   AccessKind kind, Memory memory, Proxy proxy, Update update) {
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
      if ((fault = check(cell, row, told, kind, memory, proxy)))
        fault->byte = index;
    if (cell.epoch != epoch) {
      cell.epoch = epoch;
      cell.writeClock = 0;
      cell.since = 0;
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
  return apply(cells, row, clocks.getTold(thread), kind, memory, proxy,
               [&](Cell &cell) {
                 if (!isRead(kind))
                   cell.flags |= Cell::Written;
                 // An atomic update hides nothing from those that it is not
                 // ordered with.
                 if (isRead(kind) || isAtomic(kind)) {
                   cell.since = sets.add(cell.since,
                                         {now, site, uint16_t(thread),
                                          isAtomic(kind), !isRead(kind)},
                                         row);
                   return;
                 }
                 cell.writer = thread;
                 cell.writeClock = now;
                 cell.genericClock = proxy == Proxy::Generic ? now : 0;
                 cell.writeSite = site;
                 cell.since = 0;
                 cell.flags &= ~Cell::Pending;
               });
}

std::optional<AccessFault>
ShadowRules::readAsync(llvm::MutableArrayRef<Cell> cells,
                       llvm::ArrayRef<uint32_t> row, unsigned agent,
                       uint32_t site) {
  uint32_t now = clocks.now(agent);
  return apply(cells, row, {}, AccessKind::Read, Memory::Shared, Proxy::Async,
               [&](Cell &cell) {
                 cell.since =
                     sets.add(cell.since,
                              {now, site, uint16_t(agent), false, false}, row);
               });
}

std::optional<AccessFault>
ShadowRules::beginCopy(llvm::MutableArrayRef<Cell> cells, unsigned thread,
                       uint32_t site, Memory memory, Proxy proxy) {
  uint32_t now = clocks.now(thread);
  return apply(cells, clocks.row(thread), clocks.getTold(thread),
               AccessKind::Write, memory, proxy, [&](Cell &cell) {
                 cell.writer = thread;
                 cell.writeClock = now;
                 cell.genericClock = 0;
                 cell.writeSite = site;
                 cell.since = 0;
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
    cell.since = 0;
    cell.writer = who;
    cell.writeClock = now;
    cell.genericClock = proxy == Proxy::Generic ? now : 0;
  }
}
