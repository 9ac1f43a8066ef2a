//===- BulkCopy.cpp - cp.async.bulk, with and without a tensor map --------===//

#include "Machine.h"
#include "llvm/Support/xxhash.h"

using namespace quantmlir::emulator;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Boxes of tensors
//===----------------------------------------------------------------------===//

std::optional<TensorMap> Thread::readTensorMap(uint64_t pointer,
                                               unsigned rank) {
  // A CUtensorMap is aligned to 64 bytes.
  auto map = TensorMap::decode(access(
      pointer, Space::Generic, TensorMap::encodedBytes, 64, AccessKind::Read));
  if (!map) {
    report(FindingKind::InvalidOperand, "there is no tensor map");
    return std::nullopt;
  }
  std::string why = map->check();
  if (why.empty() && rank && map->rank != rank)
    why = llvm::formatv("it has rank {0}, and there are {1} coordinates",
                        map->rank, rank);
  // How a narrower box would be swizzled is not documented.
  if (why.empty() && map->swizzle &&
      map->box[0] * map->getElementBytes() != map->getSwizzleSpan())
    why = llvm::formatv("a row of the box has {0} bytes; the emulator only "
                        "knows those of the swizzle's {1}",
                        map->box[0] * map->getElementBytes(),
                        map->getSwizzleSpan());
  if (why.empty()) {
    Buffer *buffer = launch().findBuffer(map->address);
    uint64_t bytes = map->getElementBytes();
    for (unsigned d = 0; d < map->rank; ++d)
      bytes += (map->sizes[d] - 1) * map->strides[d];
    uint64_t offset =
        map->address & ((uint64_t(1) << address::bufferShift) - 1);
    if (!buffer || !(map->address & address::globalTag))
      why = llvm::formatv("address {0:x} is in no registered buffer",
                          map->address);
    else if (offset + bytes > buffer->size)
      why = llvm::formatv("it spans {0} bytes from byte {1} of buffer '{2}' "
                          "({3} bytes)",
                          bytes, offset, buffer->name, buffer->size);
  }
  if (why.empty())
    return map;
  report(FindingKind::InvalidOperand, "tensor map: " + why);
  return std::nullopt;
}

/// Calls `visit(box offset, address, bytes)` for each run of the box at
/// `coordinates` that lies inside the tensor.
template <typename Visit>
static void forEachRun(const TensorMap &map,
                       llvm::ArrayRef<int32_t> coordinates, Visit visit) {
  int64_t first = std::max<int64_t>(0, -int64_t(coordinates[0]));
  int64_t last =
      std::min<int64_t>(map.box[0], int64_t(map.sizes[0]) - coordinates[0]);
  if (first >= last)
    return;
  unsigned elementBytes = map.getElementBytes();
  uint64_t rows = 1;
  for (unsigned d = 1; d < map.rank; ++d)
    rows *= map.box[d];
  for (uint64_t row = 0; row < rows; ++row) {
    int64_t at = (coordinates[0] + first) * int64_t(elementBytes);
    bool inside = true;
    uint64_t rest = row;
    for (unsigned d = 1; d < map.rank; ++d) {
      int64_t index = coordinates[d] + int64_t(rest % map.box[d]);
      rest /= map.box[d];
      inside &= index >= 0 && uint64_t(index) < map.sizes[d];
      at += index * int64_t(map.strides[d]);
    }
    if (inside)
      visit((row * map.box[0] + first) * elementBytes, map.address + at,
            (last - first) * elementBytes);
  }
}

/// Where byte `at` of the box lies, for a box at a multiple of its pattern:
/// 16-byte pieces are moved by the 128-byte row they are in.
static uint32_t swizzle(uint32_t at, unsigned span) {
  return at ^ (at >> 7) % (span / 16) << 4;
}

/// Copies between a run of the box and a run of memory, either way.
template <typename Copy>
static void copyRun(uint32_t from, uint32_t size, unsigned span, Copy copy) {
  for (uint32_t done = 0; done < size;) {
    uint32_t at = from + done;
    uint32_t part = std::min(size - done, 16 - at % 16);
    copy(swizzle(at, span), done, part);
    done += part;
  }
}

/// What the destination or source in shared memory must be aligned to.
static uint32_t getSharedAlignment(const TensorMap &map) {
  return map.swizzle ? 8 * map.getSwizzleSpan() : 128;
}

//===----------------------------------------------------------------------===//
// Into shared memory
//===----------------------------------------------------------------------===//

uint64_t CopySource::computeHash() const {
  uint64_t result = 0;
  for (llvm::ArrayRef<uint8_t> run : runs)
    result = 31 * result + llvm::xxh3_64bits(run);
  return result;
}

std::shared_ptr<const std::vector<uint32_t>> Thread::getPassed() {
  auto row = cluster->clocks.row(indexInCluster);
  // Copies right behind each other differ in this thread's own clock only.
  auto isSeen = [&](size_t begin, size_t end) {
    return std::equal(row.begin() + begin, row.begin() + end,
                      passed->begin() + begin);
  };
  if (!passed || passed->size() != row.size() || !isSeen(0, indexInCluster) ||
      !isSeen(indexInCluster + 1, row.size()))
    passed =
        std::make_shared<const std::vector<uint32_t>>(row.begin(), row.end());
  return passed;
}

void Thread::startLoad(uint64_t destination, Space space, uint64_t mbarrier,
                       std::optional<uint16_t> multicast,
                       std::shared_ptr<const std::vector<char>> data,
                       CopySource source, uint32_t alignment, bool isStore) {
  source.hash = source.computeHash();
  auto from = std::make_shared<const CopySource>(std::move(source));
  uint64_t rank = block->rank, offset = destination & 0xffffffff;
  if (space == Space::Cluster) {
    rank = destination >> address::clusterShift & 0xff;
    offset = destination & ((1u << address::clusterShift) - 1);
  }
  uint32_t targets = multicast ? *multicast : 1u << rank;
  if (!targets || targets >> cluster->blocks.size()) {
    report(FindingKind::InvalidPointer,
           llvm::formatv("a bulk copy to blocks {0:x} of a cluster of {1}",
                         targets, cluster->blocks.size()));
    return;
  }
  uint32_t size = data->size();
  auto passed = getPassed();
  uint32_t clock = cluster->clocks.now(indexInCluster);
  for (Block &owner : cluster->blocks) {
    if (!(targets >> owner.rank & 1))
      continue;
    if (!owner.running) {
      report(FindingKind::InvalidPointer,
             llvm::formatv("shared memory of block ({0}, {1}, {2}), which has "
                           "ended",
                           owner.id[0], owner.id[1], owner.id[2]));
      continue;
    }
    // The barrier lies at the same place in the block that gets the data.
    Block *barrierOwner;
    MBarrier *barrier =
        findMBarrier(uint64_t(owner.rank) << address::clusterShift | mbarrier,
                     Space::Cluster, barrierOwner, AccessKind::Atomic);
    if (barrier)
      checkInitVisible(*barrier);
    if (!barrier ||
        !checkShared(owner, offset, size, alignment, AccessKind::Write))
      continue;
    checkNoMBarrier(owner, offset, size, AccessKind::Write);
    profileShared(owner, offset, size, AccessKind::Write, Proxy::Async);
    llvm::MutableArrayRef<Cell> cells(owner.sharedCells.data() + offset, size);
    if (auto fault = cluster->rules.beginCopy(cells, indexInCluster, site,
                                              Memory::Shared, Proxy::Async))
      reportFault(*fault, AccessKind::Write, size,
                  "shared byte " + Twine(offset + fault->byte));
    ++barrier->copies;
    cluster->bulkLoads.push_back({barrier, &owner, uint32_t(offset), data, from,
                                  site, this, passed, clock, isStore});
  }
  // What this thread does from here on is not among what has passed.
  cluster->clocks.tick(indexInCluster);
}

void Thread::loadBulk(uint64_t destination, Space space, uint64_t source,
                      uint64_t mbarrier, uint32_t size,
                      std::optional<uint16_t> multicast) {
  if (size % 16) {
    report(FindingKind::InvalidOperand,
           "a bulk copy of " + Twine(size) + " bytes: they go by 16");
    return;
  }
  const char *data =
      access(source, Space::Global, size, 16, AccessKind::Read, Proxy::Async);
  if (!data)
    giveUp();
  CopySource from;
  if (mayBeWritten(source, data))
    from.runs.push_back({reinterpret_cast<const uint8_t *>(data), size});
  startLoad(destination, space, mbarrier, multicast,
            std::make_shared<std::vector<char>>(data, data + size),
            std::move(from), 16);
}

void Thread::storeAsync(uint64_t destination, uint64_t mbarrier,
                        llvm::ArrayRef<char> data) {
  if (destination >> address::clusterShift !=
      mbarrier >> address::clusterShift) {
    report(FindingKind::InvalidPointer,
           "a store to one block, counted by an mbarrier of another");
    return;
  }
  startLoad(destination, Space::Cluster,
            mbarrier & ((uint64_t(1) << address::clusterShift) - 1),
            /*multicast=*/std::nullopt,
            std::make_shared<std::vector<char>>(data.begin(), data.end()),
            CopySource(), data.size(), /*isStore=*/true);
}

/// Whether the hardware (sm_90) takes these coordinates: others are an illegal
/// instruction.
static bool checkCoordinates(Thread &thread, const TensorMap &map,
                             llvm::ArrayRef<int32_t> coordinates,
                             bool isStore) {
  if (coordinates[0] * int64_t(map.getElementBytes()) % 16) {
    thread.report(FindingKind::InvalidOperand,
                  "the innermost coordinate " + llvm::Twine(coordinates[0]) +
                      " is not a multiple of 16 bytes");
    return false;
  }
  for (int32_t coordinate : coordinates)
    if (isStore && coordinate < 0) {
      thread.report(FindingKind::InvalidOperand,
                    "a store to the negative coordinate " +
                        llvm::Twine(coordinate));
      return false;
    }
  return true;
}

void Thread::loadTensor(uint64_t destination, Space space, uint64_t tensorMap,
                        llvm::ArrayRef<int32_t> coordinates, uint64_t mbarrier,
                        std::optional<uint16_t> multicast) {
  auto map = readTensorMap(tensorMap, coordinates.size());
  if (!map || !checkCoordinates(*this, *map, coordinates, /*isStore=*/false))
    return;
  // What lies outside of the tensor is zero.
  auto data = std::make_shared<std::vector<char>>(map->getBoxBytes());
  unsigned span = map->getSwizzleSpan();
  CopySource source;
  forEachRun(
      *map, coordinates, [&](uint32_t at, uint64_t address, uint32_t size) {
        const char *from =
            access(address, Space::Global, size, map->getElementBytes(),
                   AccessKind::Read, Proxy::Async);
        if (mayBeWritten(address, from))
          source.runs.push_back(
              {reinterpret_cast<const uint8_t *>(from), size});
        copyRun(at, size, span, [&](uint32_t to, uint32_t done, uint32_t part) {
          std::memcpy(data->data() + to, from + done, part);
        });
      });
  startLoad(destination, space, mbarrier, multicast, std::move(data),
            std::move(source), getSharedAlignment(*map));
}

bool Cluster::completeBulkLoad() {
  // One that somebody waits for: the others can come later still.
  auto next = llvm::find_if(bulkLoads, [](const BulkLoad &load) {
    return !load.barrier->waiting.empty() || load.barrier->isPolled;
  });
  if (next == bulkLoads.end())
    return false;
  completeBulkLoad(next - bulkLoads.begin());
  return true;
}

void Cluster::completeBulkLoad(size_t index) {
  BulkLoad load = std::move(bulkLoads[index]);
  bulkLoads.erase(bulkLoads.begin() + index);
  llvm::MutableArrayRef<Cell> cells(
      load.owner->sharedCells.data() + load.offset, load.data->size());
  // The bytes are written by no thread: who waits for this barrier is ordered
  // after them, and nobody else, not even who waits for another.
  MBarrier &barrier = *load.barrier;
  if (!barrier.agent)
    barrier.agent = addAgent("an asynchronous copy");
  rules.endCopy(cells, *barrier.agent, load.site, Proxy::Async);
  llvm::copy(*load.data, load.owner->shared.begin() + load.offset);
  MBarrier::Completion completion{true, *barrier.agent,
                                  clocks.now(*barrier.agent)};
  if (launch.options.seed)
    arrivals.push_back({load.asker, load.owner, *barrier.agent,
                        clocks.now(*barrier.agent), load.site});
  clocks.releaseAgent(*barrier.agent, barrier.seen);
  Clocks::join(*load.passed, barrier.passed);
  uint32_t &own = barrier.passed[load.asker->indexInCluster];
  own = std::max(own, load.clock);
  if (load.isStore) {
    Clocks::join(*load.passed, barrier.told);
    uint32_t &sender = barrier.told[load.asker->indexInCluster];
    sender = std::max(sender, load.clock);
  }
  if (load.source->computeHash() != load.source->hash)
    load.asker->reportOf(load.site, FindingKind::Race, sourceIsWritten);
  barrier.transactions -= load.data->size();
  --barrier.copies;
  if (barrier.transactions < 0 && !barrier.pending) {
    load.asker->reportOf(load.site, FindingKind::InvalidOperand,
                         "an mbarrier gets " + Twine(-barrier.transactions) +
                             " bytes more in this phase than it expects");
  }
  tryComplete(barrier, completion);
}

//===----------------------------------------------------------------------===//
// Out of shared memory
//===----------------------------------------------------------------------===//

void Thread::startStore(BulkStore store, uint32_t alignment) {
  if (!checkShared(*block, store.offset, store.size, alignment,
                   AccessKind::Read))
    return;
  checkNoMBarrier(*block, store.offset, store.size, AccessKind::Read);
  profileShared(*block, store.offset, store.size, AccessKind::Read,
                Proxy::Async);
  if (!storeAgent)
    storeAgent = cluster->addAgent("an asynchronous copy");
  llvm::MutableArrayRef<Cell> cells(block->sharedCells.data() + store.offset,
                                    store.size);
  if (auto fault = cluster->rules.readAsync(
          cells, cluster->clocks.row(indexInCluster), *storeAgent, site))
    reportFault(*fault, AccessKind::Read, store.size,
                "shared byte " + Twine(store.offset + fault->byte));
  store.site = site;
  for (const BulkStore::Run &run : store.runs)
    beginGlobalWrite(run.to, run.size);
  ++cluster->asyncReads;
  openStores.push_back(std::move(store));
}

void Thread::storeBulk(uint64_t destination, uint64_t source, uint32_t size) {
  if (size % 16) {
    report(FindingKind::InvalidOperand,
           "a bulk copy of " + Twine(size) + " bytes: they go by 16");
    return;
  }
  BulkStore store;
  store.offset = source;
  store.size = size;
  store.runs.push_back({destination, 0, size});
  startStore(std::move(store), 16);
}

void Thread::storeTensor(uint64_t tensorMap, uint64_t source,
                         llvm::ArrayRef<int32_t> coordinates) {
  auto map = readTensorMap(tensorMap, coordinates.size());
  if (!map || !checkCoordinates(*this, *map, coordinates, /*isStore=*/true))
    return;
  BulkStore store;
  store.offset = source;
  store.size = map->getBoxBytes();
  store.swizzleSpan = map->getSwizzleSpan();
  // What lies outside of the tensor is not written; but of the 16 bytes in
  // which a row ends all are.
  forEachRun(
      *map, coordinates, [&](uint32_t at, uint64_t address, uint32_t size) {
        store.runs.push_back({address, at, uint32_t(llvm::alignTo(size, 16))});
      });
  startStore(std::move(store), getSharedAlignment(*map));
}

void Thread::commitStores() {
  // An empty group counts like any other.
  uint32_t clock = storeAgent ? cluster->clocks.tick(*storeAgent) : 0;
  storeGroups.push_back({std::move(openStores), clock});
  openStores.clear();
}

void Thread::readStore(BulkStore &store) {
  auto begin = block->shared.begin() + store.offset;
  store.data.assign(begin, begin + store.size);
  --cluster->asyncReads;
}

void Thread::writeStore(BulkStore &store) {
  site = store.site;
  for (const BulkStore::Run &run : store.runs) {
    endGlobalWrite(run.to, run.size);
    char *to = access(run.to, Space::Global, run.size, 1, AccessKind::Write,
                      Proxy::Async);
    if (!to)
      giveUp();
    copyRun(run.from, run.size, store.swizzleSpan,
            [&](uint32_t from, uint32_t done, uint32_t part) {
              std::memcpy(to + done, store.data.data() + from, part);
            });
  }
}

void Thread::waitStores(unsigned pending, bool readOnly) {
  uint32_t here = site;
  size_t done =
      storeGroups.size() - std::min<size_t>(pending, storeGroups.size());
  for (size_t i = 0; i < done; ++i) {
    StoreGroup &group = storeGroups[i];
    if (!group.hasRead) {
      for (BulkStore &store : group.stores)
        readStore(store);
      group.hasRead = true;
      if (storeAgent)
        cluster->clocks.acquireAgent(indexInCluster, *storeAgent, group.clock);
    }
    if (!readOnly)
      for (BulkStore &store : group.stores)
        writeStore(store);
  }
  if (!readOnly)
    storeGroups.erase(storeGroups.begin(), storeGroups.begin() + done);
  site = here;
}

void Thread::checkStores() {
  auto check = [&](llvm::ArrayRef<BulkStore> stores, const char *what) {
    for (const BulkStore &store : stores) {
      site = store.site;
      report(FindingKind::PendingCopy, what);
    }
  };
  // What has read its source can arrive after the end.
  for (StoreGroup &group : storeGroups) {
    if (!group.hasRead)
      check(group.stores, "the thread ends without a wait for this copy to "
                          "have read shared memory");
    else
      for (BulkStore &store : group.stores)
        writeStore(store);
  }
  check(openStores, "the thread ends without a commit of this copy");
}
