//===- WgmmaDecodeModel.h - How long wgmma takes on decoded weights -------===//

#ifndef QUANTMLIR_LIB_SCHEDULE_WGMMADECODEMODEL_H
#define QUANTMLIR_LIB_SCHEDULE_WGMMADECODEMODEL_H

#include "quantmlir/Schedule/MatmulSchedule.h"

namespace quantmlir::schedule {

/// Rows of an instruction's weights.
inline constexpr int64_t kDecodeRows = 64;
/// Tiles of so many rows and more are large: multiplying takes longer than
/// decoding, and they are worth dividing along K.
inline constexpr int64_t kLargeDecodeRows = 96;

/// What a schedule of wgmma_decode chooses.
struct DecodeNumbers {
  int64_t tileM, warpgroups, blocks, tileK;
  bool scaleDecoded;
  /// Rows of tiles that are walked column by column.
  int64_t groupM = 4;
  int64_t splitK = 1;
  /// Whether warpgroups multiply in turn.
  bool alternates = false;
  /// Up to how many percent of the blocks have a tile in the last round where
  /// all divide those of the last two along K.
  int64_t streamK = 0;
  /// Blocks of a cluster, with neighbouring weights, that share activations.
  int64_t cluster = 1;
  /// Warpgroups that have the same weights, and take steps in turn.
  int64_t shares = 1;

  int64_t getTileN() const {
    return warpgroups / shares * blocks * kDecodeRows;
  }
};

/// What `schedule` chooses that registers and time depend on.
DecodeNumbers getDecodeNumbers(quant_tile::ScheduleAttr schedule);

/// As many rows as a kernel for any number of them is chosen for, at most.
int64_t getManyRows();

/// About how many cycles a kernel takes for up to `bound` rows or, where that
/// is 0, for any number of them: cycles of a row then.
double estimateDecodeCycles(const Contraction &contraction, const Chip &chip,
                            int64_t bound, const DecodeNumbers &numbers);

/// Registers that a thread that multiplies takes, about: no schedule that is
/// within them made ptxas 13.0 spill, which wants more where a few steps need
/// no loop, nor one of 300 where sums have to be scaled.
int64_t estimateDecodeRegisters(const Contraction &contraction,
                                const DecodeNumbers &numbers);

/// Registers that a thread has of each of `warpgroups` that multiply.
int64_t getDecodeRegisters(int64_t warpgroups);

/// Steps that the loop takes at a time (`getStepsOfDecodeLoop`).
int64_t getStepsOfLoop(const Contraction &contraction,
                       const DecodeNumbers &numbers);

// Of what `mustScaleSums`: WgmmaDecodeSums.cpp.
/// `estimateDecodeRegisters` of a loop that takes `together` steps at a time.
int64_t estimateSumRegisters(const Contraction &contraction,
                             const DecodeNumbers &numbers, int64_t together);
/// `getStepsOfLoop`.
int64_t getStepsOfSumLoop(const Contraction &contraction,
                          const DecodeNumbers &numbers);
/// About how many cycles a step takes.
double estimateSumStep(const Contraction &contraction,
                       const DecodeNumbers &numbers);

/// `ScheduleAttr::getStreamK` from which on handing sums over takes longer than
/// what it saves of a tile; 0 where it always does.
int64_t chooseDecodeStream(const Contraction &contraction,
                           const DecodeNumbers &numbers);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_LIB_SCHEDULE_WGMMADECODEMODEL_H
