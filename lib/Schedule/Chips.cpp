//===- Chips.cpp - The targets and what they have -------------------------===//

#include "quantmlir/Schedule/Chips.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace quantmlir::schedule {

// A100 (80 GB), L40S, H200 SXM. Shared memory is the limit of one block in the
// CUDA programming guide's table of compute capabilities. PTX 8.0 is read by
// drivers since CUDA 12.0, 8.4 (mma of fp8, wgmma of mixed integers)
// since 12.4.
static constexpr Chip kChips[] = {
    {"sm_80", 108, 2039, 163 * 1024, "+ptx80", false, false, false},
    {"sm_89", 142, 864, 99 * 1024, "+ptx84", false, false, true},
    {"sm_90a", 132, 4800, 227 * 1024, "+ptx84", true, true, true}};

ArrayRef<Chip> getChips() { return kChips; }

int64_t Chip::getResidentBlocks(int64_t clusterSize) const {
  // All SMs of a cluster are in one part of the chip (GPC), and some SMs of a
  // part remain: what the driver says of an H100 with 132.
  constexpr int64_t clusters[] = {132, 66, 39, 30, 22, 17, 15, 15};
  constexpr int64_t measured = 132;
  if (clusterSize == 1)
    return multiprocessors;
  return clusters[clusterSize - 1] * multiprocessors / measured * clusterSize;
}

const Chip *lookupChip(StringRef name,
                       function_ref<InFlightDiagnostic()> emitError) {
  const Chip *chip = llvm::find_if(
      kChips, [&](const Chip &known) { return known.name == name; });
  if (chip != std::end(kChips))
    return chip;
  InFlightDiagnostic diag = emitError();
  diag << "unknown chip '" << name << "', expected one of: ";
  llvm::interleaveComma(kChips, diag,
                        [&](const Chip &known) { diag << known.name; });
  return nullptr;
}

} // namespace quantmlir::schedule
