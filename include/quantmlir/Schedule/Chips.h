//===- Chips.h - The targets and what they have ---------------------------===//
//
// Hardware numbers stand here and in the schedules of the kernel families, and
// nowhere else.
//
//===----------------------------------------------------------------------===//

#ifndef QUANTMLIR_SCHEDULE_CHIPS_H
#define QUANTMLIR_SCHEDULE_CHIPS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace quantmlir::schedule {

/// A target.
struct Chip {
  llvm::StringLiteral name;
  /// Streaming multiprocessors of the common product with this chip: what a
  /// grid should fill. A kernel is right on any number.
  int64_t multiprocessors;
  /// Bytes that its memory delivers in a nanosecond, as its maker says, on that
  /// product: what weights that are read once wait for.
  int64_t bandwidth;
  /// Largest shared memory of one block, in bytes, with the opt-in.
  int64_t sharedMemory;
  /// LLVM's name of the PTX version to write: the first that has the chip's
  /// matrix instructions.
  llvm::StringLiteral ptxFeature;
  /// Whether a kernel may start before the one in front of it has ended.
  bool hasDependentLaunch;
  /// Whether it has warpgroup multiplications, the tensor memory accelerator
  /// and clusters.
  bool hasWgmma;
  /// Whether an instruction makes f16 of two 8-bit floats.
  bool convertsFloat8;

  /// Blocks, each of which fills an SM, that run at the same time where they
  /// come in clusters of `clusterSize`.
  int64_t getResidentBlocks(int64_t clusterSize) const;
};

/// Every chip that schedules are made for.
llvm::ArrayRef<Chip> getChips();

/// The chip of that name; null, after an error that lists the known ones,
/// where there is none.
const Chip *
lookupChip(llvm::StringRef name,
           llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

} // namespace quantmlir::schedule

#endif // QUANTMLIR_SCHEDULE_CHIPS_H
