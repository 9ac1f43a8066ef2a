//===- WgmmaPromotion.cpp - How exactly wgmma adds up ---------------------===//
//
// With 8-bit floats, wgmma cuts every product and the accumulator off at 13
// bits behind the largest of them, and keeps 13 bits of what it adds up to
// (docs/Conformance.md has the rules, and the results recorded on a GPU that
// they explain). An instruction that adds p products to an accumulator so errs
// by less than p + 1 times 2^-13 of the sum of magnitudes, the first of all by
// p: the largest term loses nothing, and the sum is rounded once. An
// accumulation of all of K promises nothing from K = 2^13 on. Kernels therefore
// add accumulators to sums in f32 from time to time, which no longer grows with
// K.
//
// Where they do not, errors just add up, since all that is cut off is cut off
// towards zero, so that accumulators are never larger than the sum of
// magnitudes S. No sum loses more than S, either: a product loses at most
// itself; an accumulator that is cut off is smaller than a product, and loses
// at most 2^-13 of it; and one that is rounded to fewer bits because the
// products made it larger loses at most half of them.
//
//===----------------------------------------------------------------------===//

#include "quantmlir/Schedule/MatmulSchedule.h"
#include "quantmlir/Schedule/WgmmaLayout.h"

#include <numeric>

using namespace mlir;
using namespace quantmlir::quant_tile;

namespace quantmlir::schedule {

/// What an instruction of 32 products loses, for each of them.
static constexpr double kNarrow = 0x1p-13 * (1 + 1.0 / 32);
/// The tensor core truncates where f32 arithmetic rounds.
static constexpr double kTruncated = 0x1p-23;
/// One addition in f32.
static constexpr double kRounded = 0x1p-24;

/// (1 + u)^count - 1, or what it is at most: 1 where a half and more may be
/// lost, as what is truncated loses no more than all.
static double grow(double u, double count) {
  double part = std::min(count * u, 0.5);
  return part / (1 - part);
}

int64_t choosePromotion(const Contraction &c) {
  // Another warpgroup multiplies meanwhile, and yet every other step is some 10
  // percent faster than each (measured on an H200). Scales change with a step.
  if (!c.isFloat8())
    return 0;
  if (c.isBlockScaled())
    return 1;
  return c.fastAccumulation ? 0 : 2;
}

std::string whyNotBlockScales(const Contraction &c) {
  constexpr int64_t step = WgmmaLayout::rowBytes;
  if (!c.isBlockScaled())
    return "";
  for (auto [name, blocks] : {std::pair<StringRef, quant_tensor::EncodingAttr>(
                                  "activations", c.lhsBlocks),
                              {"weights", c.rhsBlocks}}) {
    int64_t group = blocks.getBlock().back();
    if (group && group < c.k && group % step)
      return llvm::formatv("scales of the {0} change after {1} columns, no "
                           "multiple of {2}",
                           name, group, step);
  }
  // The narrowest tile has 32 columns, and a thread neighbours of each 8.
  int64_t rows = c.rhsBlocks.getBlockExtent(0, c.n);
  if (rows < c.n && rows % 32 && rows != 8 && rows != 16)
    return llvm::formatv("scales of the weights are of {0} rows, expected 8, "
                         "16, a multiple of 32, or all",
                         rows);
  return "";
}

int64_t getScaleColumns(const Contraction &c, int64_t columns) {
  int64_t rows = c.rhsBlocks.getBlockExtent(0, c.n);
  return rows >= c.n ? columns : std::gcd(columns, rows);
}

int64_t countTileScales(const Contraction &c, ScheduleAttr schedule) {
  if (!c.isBlockScaled())
    return 0;
  int64_t columns = schedule.getTileN() / schedule.getWarpsN();
  int64_t ofWarpgroup = columns / getScaleColumns(c, columns);
  constexpr int64_t most = 4;
  ofWarpgroup = ofWarpgroup < most ? llvm::PowerOf2Ceil(ofWarpgroup)
                                   : llvm::alignTo(ofWarpgroup, most);
  return schedule.getTileM() + schedule.getWarpsN() * ofWarpgroup;
}

int64_t countBlockScales(const Contraction &c, ScheduleAttr schedule) {
  if (!c.isBlockScaled())
    return 0;
  WgmmaSplit split(schedule, /*resultBytes=*/4, c.numSums);
  int64_t ofWeights = split.columns / getScaleColumns(c, split.columns);
  // Those of the weights and of two rows, and their products.
  constexpr int64_t ofRows = 2;
  return ofWeights + ofRows + ofWeights * ofRows;
}

std::string whyNotPromotion(const Contraction &c, ScheduleAttr schedule) {
  bool isNarrow = c.isFloat8();
  if (schedule.getPromote() && !isNarrow)
    return llvm::formatv("accumulators of {0} need no promotion", c.lhsElement);
  // Blocks of rows take turns with all steps of a run.
  if (schedule.getPromote() > schedule.getStages() &&
      WgmmaSplit(schedule, /*resultBytes=*/4, c.numSums).blocks > 1)
    return llvm::formatv("a tile of {0} rows promotes after {1} steps, more "
                         "than the {2} stages that hold them",
                         schedule.getTileM(), schedule.getPromote(),
                         schedule.getStages());
  if (c.isBlockScaled() && schedule.getPromote() != 1)
    return "sums of a block of scales are promoted after each step";
  return "";
}

ContractAttr getWgmmaContract(const Contraction &c, ScheduleAttr schedule) {
  MLIRContext *context = c.lhsElement.getContext();
  double unit = kTruncated;
  if (c.lhsElement.isInteger()) {
    unit = 0;
  } else if (c.isFloat8()) {
    if (int64_t promote = schedule.getPromote()) {
      // Each run of steps by itself, then the sum of all of them, and of those
      // of other blocks.
      int64_t run = std::min(promote * schedule.getTileK(), c.k);
      int64_t additions = llvm::divideCeil(c.k, promote * schedule.getTileK()) +
                          2 * schedule.getSplitK();
      // The scales' product and its own with a sum.
      if (c.isBlockScaled())
        additions += 2;
      double error = grow(kNarrow, run);
      error += grow(kRounded, additions) * (1 + error);
      unit = error / c.k;
    } else {
      double error = std::min(c.k * kNarrow, 1.0);
      error += grow(kRounded, 2 * schedule.getSplitK()) * (1 + error);
      // What the contract's bound makes this of.
      unit = error / (1 + error) / c.k;
    }
  }
  return ContractAttr::get(context, unit, 0.0, 0.0);
}

} // namespace quantmlir::schedule
