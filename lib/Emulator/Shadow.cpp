//===- Shadow.cpp - Who touched each byte last ----------------------------===//

#include "Shadow.h"

using namespace quantmlir::emulator;

uint32_t ReadSets::add(uint32_t set, unsigned thread, uint32_t site,
                       Clocks &clocks) {
  uint32_t now = clocks.now(thread);
  for (const Read &read : sets[set])
    if (read.thread == thread && read.clock == now)
      return set;
  auto [entry, isNew] = next.try_emplace({(uint64_t(set) << 32) | now, thread},
                                         uint32_t(sets.size()));
  if (!isNew)
    return entry->second;
  llvm::SmallVector<Read, 1> result;
  for (const Read &read : sets[set])
    if (!clocks.isOrdered(thread, read.thread, read.clock))
      result.push_back(read);
  result.push_back({now, site, uint16_t(thread)});
  sets.push_back(std::move(result));
  return sets.size() - 1;
}

std::optional<AccessFault> ShadowRules::check(const Cell &cell, unsigned thread,
                                              AccessKind kind) const {
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
    bool bothAtomic =
        kind == AccessKind::Atomic && (cell.flags & Cell::AtomicWrite);
    if (cell.writeClock && !bothAtomic &&
        !clocks.isOrdered(thread, cell.writer, cell.writeClock))
      return fault;
    if (kind != AccessKind::Read && cell.readers)
      for (const ReadSets::Read &read : reads.get(cell.readers))
        if (!clocks.isOrdered(thread, read.thread, read.clock)) {
          fault.otherThread = read.thread;
          fault.otherSite = read.site;
          fault.otherIsWrite = false;
          return fault;
        }
  }
  if (kind != AccessKind::Write && !(cell.flags & Cell::Written)) {
    fault.kind = AccessFault::Uninitialized;
    return fault;
  }
  return std::nullopt;
}

static bool sameHistory(const Cell &a, const Cell &b) {
  return a.writeClock == b.writeClock && a.writeSite == b.writeSite &&
         a.readers == b.readers && a.epoch == b.epoch && a.writer == b.writer &&
         a.flags == b.flags;
}

std::optional<AccessFault>
ShadowRules::access(llvm::MutableArrayRef<Cell> cells, unsigned thread,
                    AccessKind kind, uint32_t site) {
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
      if ((fault = check(cell, thread, kind)))
        fault->byte = index;
    if (cell.epoch != epoch) {
      cell.epoch = epoch;
      cell.writeClock = 0;
      cell.readers = 0;
    }
    if (kind == AccessKind::Read) {
      cell.readers = reads.add(cell.readers, thread, site, clocks);
      cell.readSite = site;
      cell.flags |= Cell::TouchedRead;
    } else {
      // An atomic update right after the same thread's plain write must not
      // hide that write from the others' atomics.
      bool hides = kind == AccessKind::Atomic && cell.writer == thread &&
                   cell.writeClock == clocks.now(thread) &&
                   !(cell.flags & Cell::AtomicWrite);
      if (hides) {
        cell.flags |= Cell::TouchedAtomic;
        after = cell;
        known = true;
        continue;
      }
      cell.writer = thread;
      cell.writeClock = clocks.now(thread);
      cell.writeSite = site;
      cell.readers = 0;
      cell.flags &= ~(Cell::Pending | Cell::AtomicWrite);
      cell.flags |=
          Cell::Written |
          (kind == AccessKind::Atomic ? Cell::AtomicWrite | Cell::TouchedAtomic
                                      : Cell::TouchedWrite);
    }
    after = cell;
    known = true;
  }
  return fault;
}

std::optional<AccessFault>
ShadowRules::beginCopy(llvm::MutableArrayRef<Cell> cells, unsigned thread,
                       uint32_t site) {
  auto fault = access(cells, thread, AccessKind::Write, site);
  for (Cell &cell : cells)
    cell.flags |= Cell::Pending;
  return fault;
}

void ShadowRules::endCopy(llvm::MutableArrayRef<Cell> cells, unsigned thread,
                          uint32_t site) {
  for (Cell &cell : cells) {
    // Someone wrote over it meanwhile; that was told.
    if (!(cell.flags & Cell::Pending) || cell.writeSite != site)
      continue;
    cell.flags &= ~Cell::Pending;
    cell.epoch = epoch;
    cell.readers = 0;
    cell.writer = thread;
    cell.writeClock = clocks.now(thread);
  }
}
