//===- WeightRing.h - Codes on their way through shared memory --*- C++ -*-===//

#ifndef QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WEIGHTRING_H
#define QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WEIGHTRING_H

#include "StepWeights.h"

namespace quantmlir {

/// A ring of steps of codes in shared memory, which `cp.async` fills: more of
/// them are on their way than a thread has registers for. Each lane reads what
/// it has copied itself, so that nobody waits for anybody else.
class WeightRing {
public:
  /// From `base` on, a pointer to shared memory, in slots of `slotBytes`.
  WeightRing(MatmulEmitter &b, const StepShape &shape, mlir::Value base,
             int64_t slotBytes);

  /// Asks for the codes of a step that begins at (`firstRow`, `firstColumn`),
  /// which take the place of those asked for `slots` steps earlier: they must
  /// have been read. `step` counts them.
  void fetch(mlir::Value step, mlir::Value firstRow, mlir::Value firstColumn);
  /// Waits until the codes of `step` are there, where `pending` later steps
  /// have been asked for, and reads them.
  StepWords read(mlir::Value step, int64_t pending);

private:
  /// Where this thread's codes of `step` are.
  mlir::Value getSlot(mlir::Value step);
  mlir::Value at(mlir::Value slot, int64_t vector);

  MatmulEmitter &b;
  StepShape shape;
  mlir::Value base;
  int64_t slotBytes;
  /// Bytes of a vector of codes, and of those of all threads.
  int64_t vectorBytes, stride;
};

} // namespace quantmlir

#endif // QUANTMLIR_LIB_CONVERSION_QUANTTENSORTOQUANTTILE_WEIGHTRING_H
