//===- RowRanges.cpp - Which schedule for how many rows -------------------===//
//
// Tiles that fill the SMs at 1024 rows leave a third of them idle at 700, and
// no list of bounds suits all shapes: where another schedule is better follows
// from how many tiles there are, which is a matter of N. So the bounds come
// from the model, at rows that are close enough together.
//
// Each schedule is a kernel, however many ranges it has; so a few are taken
// that together are good at all rows, the one that is good at most of those
// left first, as sets are covered.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Schedule/RowRanges.h"

#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::quant_tile;

/// By how much a schedule may take longer than the best: less than models err
/// by.
static constexpr double kTolerance = 1.03;
/// The same at powers of two, which rows are padded to, so that a kernel more
/// may be theirs: at 512 rows of 4096x11008, where the model saw 2 % between
/// two schedules, an H200 took 61 us by one and 66 by the other.
static constexpr double kToleranceOfPowers = 1.01;
/// Up to so many rows there is no tolerance: reading the weights takes longest,
/// and what a model says of tiles that are mostly padding it was not asked.
static constexpr int64_t kFewRows = 256;

bool quantmlir::schedule::canGoOn(ScheduleAttr schedule) {
  return schedule.getFamily() != KernelFamily::Wgmma ||
         schedule.getMaxM() >= schedule.getTileM();
}

SmallVector<ScheduleAttr>
quantmlir::schedule::divideRows(ArrayRef<int64_t> rows, const RowModel &model) {
  SmallVector<ScheduleAttr> chosen;
  SmallVector<double> least;
  for (int64_t m : rows) {
    chosen.push_back(model.choose(m).withMaxM(0));
    least.push_back(model.estimate(chosen.back(), m));
  }
  llvm::SetVector<ScheduleAttr> candidates(chosen.begin(), chosen.end());
  // At which of `rows` each is good.
  SmallVector<llvm::BitVector> good;
  for (ScheduleAttr candidate : candidates) {
    llvm::BitVector &at = good.emplace_back(rows.size());
    for (auto [i, m] : llvm::enumerate(rows)) {
      double tolerance =
          llvm::isPowerOf2_64(m) ? kToleranceOfPowers : kTolerance;
      at[i] = m <= kFewRows
                  ? candidate == chosen[i]
                  : model.estimate(candidate, m) <= tolerance * least[i];
    }
  }
  llvm::BitVector left(rows.size(), true), taken(candidates.size());
  while (left.any()) {
    size_t best = 0, most = 0;
    for (size_t candidate = 0; candidate < candidates.size(); ++candidate) {
      llvm::BitVector gains = good[candidate];
      gains &= left;
      if (gains.count() > most) {
        best = candidate;
        most = gains.count();
      }
    }
    taken.set(best);
    left.reset(good[best]);
  }
  // A range goes on for as long as its schedule is good, and begins with the
  // one that is good the longest: each range is a test of M.
  SmallVector<ScheduleAttr> schedules;
  std::optional<size_t> last;
  for (auto [i, m] : llvm::enumerate(rows)) {
    if (last && good[*last][i] && canGoOn(schedules.back())) {
      schedules.back() = candidates[*last].withMaxM(m);
      continue;
    }
    last.reset();
    int longest = 0;
    for (unsigned candidate : taken.set_bits()) {
      const llvm::BitVector &at = good[candidate];
      int end = at.find_next_unset(i);
      int length = (end < 0 ? rows.size() : end) - i;
      if (at[i] && length > longest) {
        last = candidate;
        longest = length;
      }
    }
    schedules.push_back(candidates[*last].withMaxM(m));
  }
  return schedules;
}
