//===- Chip.h - The GPUs that we generate code for --------------*- C++ -*-===//

#ifndef QUANTMLIR_TARGET_PTX_CHIP_H
#define QUANTMLIR_TARGET_PTX_CHIP_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace quantmlir {

/// A chip as LLVM's NVPTX backend knows it.
struct Chip {
  llvm::StringRef name;
  /// The PTX version that our kernels need on this chip.
  llvm::StringRef features;
};

/// Every chip that we generate code for, in ascending order.
llvm::ArrayRef<Chip> getKnownChips();

/// The chip called `name`. Where there is none, emits an error that lists the
/// known ones through `emitError` and returns failure.
mlir::FailureOr<Chip>
lookupChip(llvm::StringRef name,
           llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

} // namespace quantmlir

#endif // QUANTMLIR_TARGET_PTX_CHIP_H
