//===- Chip.cpp - The GPUs that we generate code for ----------------------===//

#include "quantmlir/Target/PTX/Chip.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace quantmlir;

// PTX 8.0 is what drivers since CUDA 12.0 read.
static constexpr Chip kChips[] = {
    {"sm_80", "+ptx80"},
    {"sm_89", "+ptx80"},
    {"sm_90a", "+ptx80"},
};

ArrayRef<Chip> quantmlir::getKnownChips() { return kChips; }

FailureOr<Chip>
quantmlir::lookupChip(StringRef name,
                      function_ref<InFlightDiagnostic()> emitError) {
  for (const Chip &chip : kChips)
    if (chip.name == name)
      return chip;
  InFlightDiagnostic diagnostic = emitError();
  diagnostic << "unknown chip '" << name << "', expected one of ";
  llvm::interleaveComma(kChips, diagnostic,
                        [&](const Chip &chip) { diagnostic << chip.name; });
  return diagnostic;
}
