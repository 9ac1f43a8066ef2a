//===- Profiler.cpp - Counting what a cluster does ------------------------===//

#include "Profiler.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/Support/MathExtras.h"

using namespace quantmlir::emulator;

namespace {
constexpr unsigned sectorBytes = 32, banks = 32, wordBytes = 4;
/// A thread moves at most so much by one request.
constexpr unsigned widestAccess = 16;

/// The different words that one pass would have to read from each bank.
class BankUse {
public:
  void add(uint64_t address, unsigned bytes) {
    uint64_t start = address / wordBytes;
    unsigned count = std::max(1u, bytes / wordBytes);
    for (uint64_t word = start; word < start + count; ++word) {
      auto &bank = words[word % banks];
      different += bank.insert(word).second;
      ways = std::max<uint32_t>(ways, bank.size());
    }
  }
  void count(SiteProfile &profile) const {
    profile.wavefronts += ways;
    profile.idealWavefronts += llvm::divideCeil(different, banks);
    profile.ways = std::max(profile.ways, ways);
  }

private:
  std::array<llvm::SmallSet<uint64_t, 4>, banks> words;
  uint32_t different = 0, ways = 0;
};

void countBytes(SiteProfile &profile, bool isShared, uint64_t size,
                AccessKind kind) {
  bool reads = kind != AccessKind::Write, writes = !isRead(kind);
  (isShared ? profile.sharedRead : profile.globalRead) += reads ? size : 0;
  (isShared ? profile.sharedWritten : profile.globalWritten) +=
      writes ? size : 0;
}
} // namespace

void Profiler::access(unsigned thread, unsigned lane, uint32_t lanes,
                      uint32_t site, bool isShared, uint64_t address,
                      uint64_t size, AccessKind kind) {
  SiteProfile &profile = counts[site];
  const Site &what = kernel.sites[site];
  bool isInstruction = what.semantics.perThread || what.semantics.perWarp ||
                       what.semantics.perWarpgroup;
  if (!isInstruction)
    ++profile.threads;
  // No thread's registers hold that: a copy in the background, in order.
  if (size > 4 * widestAccess)
    return copy(site, isShared, address, size, kind);
  countBytes(profile, isShared, size, kind);
  Progress &progress = threads[thread];
  Key key{thread / 32, site, isShared, progress.synchronisations,
          progress.times[{site, isShared}]++};
  Request &request = open[key];
  request.mask |= 1u << lane;
  request.size = size;
  request.alignment = isInstruction ? widestAccess : what.alignment;
  request.addresses[lane] = address;
  if (request.mask != lanes)
    return;
  count(request, isShared, profile);
  open.erase(key);
}

void Profiler::copy(uint32_t site, bool isShared, uint64_t address,
                    uint64_t size, AccessKind kind) {
  SiteProfile &profile = counts[site];
  countBytes(profile, isShared, size, kind);
  ++profile.requests;
  uint64_t unit = isShared ? banks * wordBytes : sectorBytes;
  uint64_t touched = (address + size - 1) / unit - address / unit + 1;
  uint64_t ideal = llvm::divideCeil(size, unit);
  if (!isShared) {
    profile.sectors += touched;
    profile.idealSectors += ideal;
    return;
  }
  profile.wavefronts += touched;
  profile.idealWavefronts += ideal;
  profile.ways = std::max(profile.ways, 1u);
}

void Profiler::matrix(uint32_t site, llvm::ArrayRef<uint32_t> pieces,
                      unsigned perRow) {
  constexpr unsigned coreRows = 8, pieceBytes = 16;
  SiteProfile &profile = counts[site];
  for (size_t first = 0; first < pieces.size(); first += coreRows * perRow)
    for (unsigned column = 0; column < perRow; ++column) {
      BankUse use;
      for (unsigned row = 0; row < coreRows; ++row)
        use.add(pieces[first + row * perRow + column], pieceBytes);
      use.count(profile);
      ++profile.requests;
      countBytes(profile, /*isShared=*/true, coreRows * pieceBytes,
                 AccessKind::Read);
    }
}

void Profiler::count(const Request &request, bool isShared,
                     SiteProfile &profile) {
  // What is badly aligned goes in pieces of its alignment.
  unsigned width = std::min({llvm::bit_floor(request.size),
                             llvm::bit_floor(request.alignment), widestAccess});
  for (unsigned piece = 0; piece < request.size; piece += width) {
    ++profile.requests;
    if (!isShared) {
      llvm::SmallSet<uint64_t, 32> sectors;
      llvm::SmallSet<uint64_t, 32> starts;
      for (unsigned lane = 0; lane < 32; ++lane)
        if (request.mask >> lane & 1) {
          sectors.insert((request.addresses[lane] + piece) / sectorBytes);
          starts.insert(request.addresses[lane] + piece);
        }
      profile.sectors += sectors.size();
      profile.idealSectors +=
          llvm::divideCeil(starts.size() * width, sectorBytes);
      continue;
    }
    // Words of 8 bytes are served to half a warp at a time, of 16 bytes to a
    // quarter.
    unsigned perPhase = width <= wordBytes ? 32 : banks * wordBytes / width;
    for (unsigned first = 0; first < 32; first += perPhase) {
      BankUse use;
      for (unsigned lane = first; lane < first + perPhase; ++lane)
        if (request.mask >> lane & 1)
          use.add(request.addresses[lane] + piece, width);
      use.count(profile);
    }
  }
}

void Profiler::instruction(unsigned thread, const Site &site) {
  SiteProfile &profile = counts[site.id];
  ++profile.threads;
  // Of a warp, told once for each of its lanes.
  if (profile.threads % 32 == 0)
    profile.operations += site.semantics.operations;
  llvm::StringRef name = site.name.getStringRef();
  if (site.semantics.perThread && !name.contains("barrier") &&
      !name.contains("wait"))
    return;
  // The lanes of the warp meet here.
  Progress &progress = threads[thread];
  ++progress.synchronisations;
  progress.times.clear();
}

void Profiler::finish() {
  for (auto &[key, request] : open)
    count(request, std::get<2>(key), counts[std::get<1>(key)]);
  open.clear();
  for (Progress &progress : threads)
    progress = Progress();
}

Profile Profiler::getProfile() const {
  Profile profile;
  profile.kernel = kernel.name;
  for (auto [site, counted] : llvm::zip_equal(kernel.sites, counts)) {
    SiteProfile &copy = profile.sites.emplace_back(counted);
    copy.op = site.name.getStringRef().str();
    llvm::raw_string_ostream(copy.location) << site.location;
  }
  return profile;
}
