//===- Release.cpp - What one thread lets others know ---------------------===//

#include "Release.h"
#include "Machine.h"
#include "llvm/ADT/DenseSet.h"

using namespace quantmlir::emulator;

bool Release::covers(uint64_t other, unsigned who, uint32_t clock) const {
  llvm::SmallVector<const Release *> work = {this};
  llvm::DenseSet<const Release *> seen;
  while (!work.empty()) {
    const Release *release = work.pop_back_val();
    if (!seen.insert(release).second)
      continue;
    if (release->cluster == other &&
        (other == previousLaunch ||
         (who < release->row.size() && release->row[who] >= clock)))
      return true;
    for (const ReleasePtr &before : release->before)
      work.push_back(before.get());
  }
  return false;
}

llvm::SmallVector<ReleasePtr, 2> ReleaseTable::read(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex);
  return released.lookup(address);
}

void ReleaseTable::write(uint64_t address, ReleasePtr release, bool update) {
  std::lock_guard<std::mutex> lock(mutex);
  auto &place = released[address];
  if (!update)
    place.clear();
  if (release && !llvm::is_contained(place, release))
    place.push_back(std::move(release));
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

ReleasePtr Thread::makeRelease(bool reachesDevice) {
  auto release = std::make_shared<Release>();
  release->cluster = cluster->index;
  release->reachesDevice = reachesDevice;
  auto row = cluster->clocks.row(indexInCluster);
  release->row.assign(row.begin(), row.end());
  for (const Acquisition &known : cluster->acquisitions)
    if (cluster->knows(indexInCluster, known))
      release->before.push_back(known.release);
  // What it does from here on is not in it.
  cluster->clocks.tick(indexInCluster);
  return release;
}

void Thread::acquire(const ReleasePtr &release, bool reachesDevice) {
  if (release->cluster == cluster->index) {
    cluster->clocks.acquire(indexInCluster, release->row);
    return;
  }
  if (release->cluster != Release::previousLaunch &&
      !(reachesDevice && release->reachesDevice))
    return;
  for (const Acquisition &known : cluster->acquisitions)
    if (known.release == release && cluster->knows(indexInCluster, known))
      return;
  cluster->acquisitions.push_back(
      {release, indexInCluster, cluster->clocks.tick(indexInCluster)});
}

bool Cluster::knows(unsigned thread, const Acquisition &acquisition) const {
  return clocks.isOrdered(thread, acquisition.thread, acquisition.clock + 1);
}

bool Cluster::isOrderedAfter(unsigned thread, uint64_t other, unsigned who,
                             uint32_t clock) const {
  return llvm::any_of(acquisitions, [&](const Acquisition &known) {
    return knows(thread, known) && known.release->covers(other, who, clock);
  });
}

void Thread::fence(bool acquires, bool releases, bool reachesDevice) {
  if (acquires) {
    for (const ReleasePtr &release : observed)
      acquire(release, reachesDevice);
    observed.clear();
  }
  if (releases)
    fenced = makeRelease(reachesDevice);
}

void Thread::meetInMemory(const Site &accessed, uint64_t address) {
  bool reads = accessed.synchronizes & Site::AtomicRead;
  bool writes = accessed.synchronizes & Site::AtomicWrite;
  // Shared memory is the cluster's own, and the next one's after it.
  for (const Block &own : cluster->blocks) {
    uint64_t begin = reinterpret_cast<uint64_t>(own.shared.data());
    if (address >= begin && address < begin + own.shared.size())
      address += (cluster->index + 1) << 48;
  }
  if (reads)
    for (ReleasePtr &release : launch().releases.read(address)) {
      if (accessed.synchronizes & Site::Acquires)
        acquire(release, /*reachesDevice=*/true);
      else if (!llvm::is_contained(observed, release))
        observed.push_back(std::move(release));
    }
  if (writes)
    launch().releases.write(address,
                            accessed.synchronizes & Site::Releases
                                ? makeRelease(/*reachesDevice=*/true)
                                : fenced,
                            /*update=*/reads);
}
