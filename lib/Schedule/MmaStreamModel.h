//===- MmaStreamModel.h - How long few rows of activations take -----------===//

#ifndef QUANTMLIR_LIB_SCHEDULE_MMASTREAMMODEL_H
#define QUANTMLIR_LIB_SCHEDULE_MMASTREAMMODEL_H

#include "quantmlir/Schedule/MatmulSchedule.h"

namespace quantmlir::schedule {

/// What a schedule of mma_stream chooses.
struct StreamNumbers {
  /// Row tiles of a warp, warps along k, columns of a warp's step.
  int64_t rowTiles, warps, columns;
  int64_t stages, occupancy;
  /// Blocks of a cluster that divide a tile along K.
  int64_t splitK = 1;
  /// Slots of a ring in shared memory that codes come through; 0: none.
  int64_t ring = 0;

  /// Columns of a round, in which each warp of all these blocks takes a step.
  int64_t getColumnsOfRound() const { return columns * warps * splitK; }
};

/// Registers that a thread needs, about, for weights of 2 to 4 bits (of 2 and 3
/// bits with at most one scale in 128 columns and no zero point), or of 8 bits
/// with a scale in each row and no zero point: ptxas spills where it gets
/// fewer. `scalesWeights`: scales are multiplied with weights, not sums.
int64_t estimateStreamRegisters(const Contraction &contraction, int64_t tileM,
                                const StreamNumbers &numbers,
                                bool scalesWeights = false);

/// Microseconds that such a kernel takes, about, where kernels like it run
/// before and after.
double estimateStreamTime(const Contraction &contraction, const Chip &chip,
                          int64_t tileM, const StreamNumbers &numbers);

/// The numbers that take the least time for `tileM` rows of activations, and by
/// what time they do.
StreamNumbers chooseStreamNumbers(const Contraction &contraction,
                                  const Chip &chip, int64_t tileM,
                                  bool scalesWeights = false,
                                  double *time = nullptr);

/// Numbers, and whether weights are scaled, not sums.
struct StreamChoice {
  StreamNumbers numbers;
  bool scalesWeights;
};
/// The fastest by the model of the few schedules that there are for weights
/// without a model of their own; none where there are no such.
std::optional<StreamChoice> chooseCompeting(const Contraction &contraction,
                                            const Chip &chip, int64_t tileM);

/// The numbers for `tileM` rows of any weights: the model's or, where it does
/// not hold, of a few. There may be less work than they are for. Whether
/// weights are scaled is chosen with them.
StreamChoice chooseStream(const Contraction &contraction, const Chip &chip,
                          int64_t tileM);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_LIB_SCHEDULE_MMASTREAMMODEL_H
