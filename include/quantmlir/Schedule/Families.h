//===- Families.h - The kernel families and their schedules ---------------===//
//
// What a kernel family says about its schedules, in one table. A new family
// writes these functions in a file of its own and adds a row; everything that
// verifies, chooses or enumerates schedules goes through the table.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_FAMILIES_H
#define QUANTMLIR_SCHEDULE_FAMILIES_H

#include "quantmlir/Schedule/MatmulSchedule.h"

namespace quantmlir::schedule {

/// The schedules of one kernel family.
struct Family {
  quant_tile::KernelFamily kind;

  /// Why the family cannot compute a contraction on a chip; empty where it
  /// can. The other functions are called only where it is empty.
  std::string (*whyNot)(const Contraction &contraction, const Chip &chip);

  /// The schedule to use when nothing was measured, for up to `maxM` rows of
  /// activations (0: no bound known), which goes into `max_m`.
  quant_tile::ScheduleAttr (*choose)(const Contraction &contraction,
                                     const Chip &chip, int64_t maxM);

  /// Appends the schedules that a tuner should try, each with `max_m = maxM`.
  /// It may be generous: `enumerateSchedules` drops duplicates and whatever
  /// `whyNotSchedule` refuses. What is hopeless for the shape (blocks of mostly
  /// padding, say) should not be made.
  void (*enumerate)(const Contraction &contraction, const Chip &chip,
                    int64_t maxM,
                    llvm::SmallVectorImpl<quant_tile::ScheduleAttr> &schedules);

  /// Why the family cannot obey `schedule` for `contraction`; empty where it
  /// can. The attribute's own verifier has accepted the schedule, and
  /// `whyNotSchedule` has checked what all families share.
  std::string (*whyNotSchedule)(const Contraction &contraction,
                                const Chip &chip,
                                quant_tile::ScheduleAttr schedule);

  /// Bytes of shared memory, static and dynamic, of one block.
  int64_t (*getSharedMemory)(const Contraction &contraction,
                             quant_tile::ScheduleAttr schedule);

  /// The error bound that kernels of `schedule` keep.
  quant_tile::ContractAttr (*getContract)(const Contraction &contraction,
                                          quant_tile::ScheduleAttr schedule);

  /// Whether its kernels take a batch of weights, and weights of dynamic shape.
  bool takesAnyWeights = false;
};

/// Why `family` cannot compute a contraction on a chip; empty where it can.
std::string whyNotFamily(const Family &family, const Contraction &contraction,
                         const Chip &chip);

/// Every family that has kernels; `plain` has none.
llvm::ArrayRef<Family> getFamilies();

/// The row of `kind`, null for `plain`.
const Family *lookupFamily(quant_tile::KernelFamily kind);

/// Every schedule worth measuring for `contraction` on `chip` with up to `maxM`
/// rows of activations (0: no bound known), each once and each accepted by
/// `verifySchedule`: of each family what its heuristics choose, then the rest.
/// The order is the same in every run.
/// Empty where no family computes the contraction.
llvm::SmallVector<quant_tile::ScheduleAttr>
enumerateSchedules(const Contraction &contraction, const Chip &chip,
                   int64_t maxM);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_FAMILIES_H
