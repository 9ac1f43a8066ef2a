//===- Report.h - What a launch was found to do wrong ---------------------===//

#ifndef QUANTMLIR_EMULATOR_REPORT_H
#define QUANTMLIR_EMULATOR_REPORT_H

#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quantmlir::emulator {

struct Profile;

/// The kinds of fault.
enum class FindingKind {
  OutOfBounds,
  Misaligned,
  InvalidPointer,
  UninitializedRead,
  ReadOnlyWrite,
  Race,
  /// A barrier or warp-wide instruction that not all of its threads reached.
  Divergence,
  /// Threads that wait for what never comes.
  Deadlock,
  /// Data of an asynchronous copy touched before the wait for it.
  PendingCopy,
  /// Accumulators of a wgmma touched before the wait for them, or a wgmma
  /// nobody waited for.
  PendingMultiplication,
  /// An asynchronous access of what a thread wrote without a proxy fence.
  MissingProxyFence,
  /// Registers written, then used by wgmma without a wgmma.fence.
  MissingFence,
  /// An operand the instruction does not accept.
  InvalidOperand,
  /// An output buffer with bytes that no thread wrote.
  UnwrittenOutput,
  /// A thread at `llvm.unreachable`.
  Unreachable,
  /// A thread that still ran after as many steps as the launch allows.
  StepLimit,
};

/// A short name of a kind, as in `out-of-bounds`.
llvm::StringRef stringifyFindingKind(FindingKind kind);

/// One fault. Faults of the same kind at the same op are one finding: the first
/// is described, the others are counted.
struct Finding {
  FindingKind kind;
  mlir::Location location;
  std::string message;
  /// Who was found first; absent where no thread is to blame.
  std::optional<std::array<uint32_t, 3>> block, thread;
  /// Other places that belong to it: the other access of a race, where each
  /// thread of a deadlock stands.
  std::vector<std::pair<mlir::Location, std::string>> notes = {};
  uint64_t count = 1;
};

/// The findings of one launch, ordered by block, then as found.
struct Report {
  std::vector<Finding> findings;
  /// What the launch did, if the options asked for it.
  std::shared_ptr<const Profile> profile = nullptr;

  bool isClean() const { return findings.empty(); }
  /// Emits each finding as an error at its location.
  void emit() const;
};

} // namespace quantmlir::emulator

#endif // QUANTMLIR_EMULATOR_REPORT_H
