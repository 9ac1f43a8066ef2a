//===- Profile.cpp - What a launch asks of memory and tensor cores --------===//

#include "quantmlir/Emulator/Profile.h"
#include "quantmlir/Support/OutputFile.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

using namespace quantmlir::emulator;

void SiteProfile::add(const SiteProfile &other) {
  threads += other.threads;
  requests += other.requests;
  globalRead += other.globalRead;
  globalWritten += other.globalWritten;
  sharedRead += other.sharedRead;
  sharedWritten += other.sharedWritten;
  sectors += other.sectors;
  idealSectors += other.idealSectors;
  wavefronts += other.wavefronts;
  idealWavefronts += other.idealWavefronts;
  ways = std::max(ways, other.ways);
  operations += other.operations;
}

void Profile::add(const Profile &other) {
  launches += other.launches;
  if (sites.empty()) {
    kernel = other.kernel;
    sites = other.sites;
    return;
  }
  assert(sites.size() == other.sites.size() && "profiles of two kernels");
  for (auto [site, more] : llvm::zip_equal(sites, other.sites))
    site.add(more);
}

SiteProfile Profile::getTotal() const {
  SiteProfile total;
  for (const SiteProfile &site : sites)
    total.add(site);
  return total;
}

/// How an op moves its bytes.
static llvm::StringRef getPath(llvm::StringRef op) {
  if (op.contains("cp.async.bulk"))
    return "bulk and tensor copies";
  if (op.contains("cp.async"))
    return "cp.async";
  return "loads and stores";
}

void Profile::print(llvm::raw_ostream &os, unsigned maxSites) const {
  os << llvm::formatv("kernel {0}, {1} launch{2}\n", kernel, launches,
                      launches == 1 ? "" : "es");
  llvm::MapVector<llvm::StringRef, SiteProfile> paths, instructions;
  for (const SiteProfile &site : sites) {
    if (site.globalRead || site.globalWritten || site.sharedRead ||
        site.sharedWritten)
      paths[getPath(site.op)].add(site);
    if (site.threads)
      instructions[site.op].add(site);
  }
  paths["all"] = getTotal();
  os << llvm::formatv("  {0,-24}{1,14}{2,14}{3,14}{4,14}\n", "bytes",
                      "global read", "written", "shared read", "written");
  for (auto &[path, sum] : paths)
    os << llvm::formatv("  {0,-24}{1,14}{2,14}{3,14}{4,14}\n", path,
                        sum.globalRead, sum.globalWritten, sum.sharedRead,
                        sum.sharedWritten);
  const SiteProfile &total = paths["all"];
  os << llvm::formatv("  sectors of global memory: {0}, at best {1}\n",
                      total.sectors, total.idealSectors);
  os << llvm::formatv("  wavefronts of shared memory: {0}, at best {1}\n",
                      total.wavefronts, total.idealWavefronts);
  os << llvm::formatv("  {0,-44}{1,14}{2,18}\n", "instruction", "warps",
                      "operations");
  for (auto &[op, sum] : instructions)
    os << llvm::formatv("  {0,-44}{1,14}{2,18}\n", op, (sum.threads + 31) / 32,
                        sum.operations);

  // What is touched in vain, in bytes: a wavefront is 128 of them.
  auto getWaste = [](const SiteProfile &site) {
    return 32 * (site.sectors - site.idealSectors) +
           128 * (site.wavefronts - site.idealWavefronts);
  };
  std::vector<const SiteProfile *> worst;
  for (const SiteProfile &site : sites)
    if (getWaste(site))
      worst.push_back(&site);
  llvm::stable_sort(worst, [&](const SiteProfile *a, const SiteProfile *b) {
    return getWaste(*a) > getWaste(*b);
  });
  if (worst.empty())
    return;
  os << llvm::formatv("  {0,-20}{1,10}{2,10}{3,10}{4,12}{5,10}{6,6}  {7}\n",
                      "wasteful", "requests", "sectors", "at best",
                      "wavefronts", "at best", "ways", "location");
  for (const SiteProfile *site : llvm::ArrayRef(worst).take_front(maxSites))
    os << llvm::formatv("  {0,-20}{1,10}{2,10}{3,10}{4,12}{5,10}{6,6}  {7}\n",
                        site->op, site->requests, site->sectors,
                        site->idealSectors, site->wavefronts,
                        site->idealWavefronts, site->ways, site->location);
  if (worst.size() > maxSites)
    os << llvm::formatv("  and {0} more\n", worst.size() - maxSites);
}

static llvm::json::Object toObject(const SiteProfile &site) {
  return llvm::json::Object{{"threads", site.threads},
                            {"requests", site.requests},
                            {"global_read_bytes", site.globalRead},
                            {"global_written_bytes", site.globalWritten},
                            {"shared_read_bytes", site.sharedRead},
                            {"shared_written_bytes", site.sharedWritten},
                            {"sectors", site.sectors},
                            {"ideal_sectors", site.idealSectors},
                            {"wavefronts", site.wavefronts},
                            {"ideal_wavefronts", site.idealWavefronts},
                            {"ways", site.ways},
                            {"operations", site.operations}};
}

llvm::json::Value Profile::toJson() const {
  llvm::json::Array list;
  for (const SiteProfile &site : sites) {
    llvm::json::Object object = toObject(site);
    object["op"] = site.op;
    object["location"] = site.location;
    list.push_back(std::move(object));
  }
  return llvm::json::Object{{"kernel", kernel},
                            {"launches", launches},
                            {"total", toObject(getTotal())},
                            {"sites", std::move(list)}};
}

bool quantmlir::emulator::writeJson(llvm::json::Array profiles,
                                    const std::string &path) {
  std::string text =
      llvm::formatv("{0:2}\n", llvm::json::Value(std::move(profiles)));
  if (llvm::Error error = writeOutputFile(path, text)) {
    llvm::consumeError(std::move(error));
    return false;
  }
  return true;
}
