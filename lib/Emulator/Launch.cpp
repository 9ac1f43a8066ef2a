//===- Launch.cpp - A launch over the cores -------------------------------===//

#include "Launch.h"
#include "Machine.h"
#include <thread>

using namespace quantmlir::emulator;

Launch::Launch(Kernel &kernel, const LaunchShape &shape,
               llvm::ArrayRef<uint64_t> values,
               llvm::ArrayRef<std::unique_ptr<Buffer>> buffers,
               const EmulatorOptions &options)
    : kernel(kernel), shape(shape), arguments(values), buffers(buffers),
      options(options) {
  // Aligned like a CUtensorMap, the most that anything by value asks for.
  constexpr uintptr_t alignment = 64;
  for (auto [index, parameter] : llvm::enumerate(kernel.parameters)) {
    if (!parameter.byValue)
      continue;
    storage.emplace_back(parameter.size + alignment);
    char *data = storage.back().data();
    data += llvm::offsetToAlignment(reinterpret_cast<uintptr_t>(data),
                                    llvm::Align(alignment));
    std::memcpy(data, reinterpret_cast<const void *>(values[index]),
                parameter.size);
    byValue.push_back(
        {"parameter " + std::to_string(index), parameter.size, data});
    arguments[index] =
        address::constantTag | (kernel.constants.size() + byValue.size())
                                   << address::variableShift;
  }
}

Buffer *Launch::findBuffer(uint64_t pointer) const {
  uint64_t number = (pointer & ~address::globalTag) >> address::bufferShift;
  uint64_t offset = pointer & ((uint64_t(1) << address::bufferShift) - 1);
  // An address before a buffer's start is in the window before it.
  bool before = offset >> (address::bufferShift - 1);
  if (before)
    ++number;
  if (number == 0 || number > buffers.size() ||
      !buffers[number - 1]->registered)
    return nullptr;
  return buffers[number - 1].get();
}

void Launch::report(uint64_t order, uint32_t site, Finding finding) {
  std::lock_guard<std::mutex> lock(mutex);
  for (Ordered &other : found)
    if (other.site == site && other.finding.kind == finding.kind) {
      uint64_t count = other.finding.count + 1;
      // What is told does not depend on which OS thread was quicker.
      if (order < other.order) {
        other.order = order;
        other.finding = std::move(finding);
      }
      other.finding.count = count;
      return;
    }
  found.push_back({order, site, std::move(finding)});
  if (found.size() >= options.maxFindings)
    abort();
}

void Launch::addProfile(const Profile &part) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!profile)
    profile = std::make_shared<Profile>();
  profile->add(part);
}

Report Launch::run() {
  uint64_t count = clusterCount();
  std::atomic<uint64_t> next{0};
  auto work = [&] {
    // Those that run, and those that have ended and can begin anew. The next
    // one begins when all that run wait for others, as blocks are resident
    // together on a device.
    std::vector<std::unique_ptr<Cluster>> resident, idle;
    uint64_t before = 0, pollsBefore = 0;
    unsigned rounds = 0;
    while (!isAborted()) {
      bool ended = false;
      for (auto &cluster : resident)
        if (cluster->advance()) {
          ended = true;
          idle.push_back(std::move(cluster));
        }
      llvm::erase(resident, nullptr);
      if (ended && !resident.empty())
        continue;
      uint64_t index = count;
      if (resident.size() * blocksPerCluster() < options.residentBlocks)
        index = std::min(next++, count);
      if (index < count) {
        if (idle.empty())
          idle.push_back(std::make_unique<Cluster>(*this));
        resident.push_back(std::move(idle.back()));
        idle.pop_back();
        resident.back()->start(index);
        continue;
      }
      if (resident.empty())
        return;
      // Nothing has happened for long: nothing will.
      uint64_t progress = 0, polls = 0;
      for (auto &cluster : resident) {
        progress += cluster->progress;
        polls += cluster->polls;
      }
      if (progress != before) {
        rounds = 0;
        pollsBefore = polls;
      }
      before = progress;
      // A thread may count how often it looks, and go on.
      constexpr unsigned patience = 1000, pollPatience = 1'000'000;
      if (++rounds > patience && polls - pollsBefore > pollPatience)
        resident.front()->reportStall();
    }
  };
  // Blocks that wait for each other take turns on one OS thread, so that what
  // the emulator knows of memory is what they see in it.
  unsigned workers = kernel.blocksMayMeet ? 1
                     : options.workers    ? options.workers
                                          : std::thread::hardware_concurrency();
  constexpr uint64_t mostWorkers = 256;
  workers = std::min({uint64_t(std::max(workers, 1u)), count, mostWorkers});
  // A stack of an emulated thread belongs to the OS thread that runs it: the
  // caller's does its share as well.
  std::vector<std::thread> others;
  for (unsigned i = 1; i < workers; ++i)
    others.emplace_back(work);
  work();
  for (std::thread &thread : others)
    thread.join();

  llvm::stable_sort(found, [](const Ordered &a, const Ordered &b) {
    return a.order < b.order;
  });
  Report report;
  if (profile)
    profile->launches = 1;
  report.profile = profile;
  for (Ordered &ordered : found)
    report.findings.push_back(std::move(ordered.finding));
  return report;
}
