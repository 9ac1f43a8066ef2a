//===- Report.cpp - What a launch was found to do wrong -------------------===//

#include "quantmlir/Emulator/Report.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/FormatVariadic.h"

using namespace quantmlir::emulator;

llvm::StringRef quantmlir::emulator::stringifyFindingKind(FindingKind kind) {
  switch (kind) {
  case FindingKind::OutOfBounds:
    return "out-of-bounds";
  case FindingKind::Misaligned:
    return "misaligned";
  case FindingKind::InvalidPointer:
    return "invalid-pointer";
  case FindingKind::UninitializedRead:
    return "uninitialized-read";
  case FindingKind::ReadOnlyWrite:
    return "read-only-write";
  case FindingKind::Race:
    return "race";
  case FindingKind::Divergence:
    return "divergence";
  case FindingKind::Deadlock:
    return "deadlock";
  case FindingKind::PendingCopy:
    return "pending-copy";
  case FindingKind::PendingMultiplication:
    return "pending-multiplication";
  case FindingKind::MissingProxyFence:
    return "missing-proxy-fence";
  case FindingKind::MissingFence:
    return "missing-fence";
  case FindingKind::InvalidOperand:
    return "invalid-operand";
  case FindingKind::UnwrittenOutput:
    return "unwritten-output";
  case FindingKind::Unreachable:
    return "unreachable";
  case FindingKind::StepLimit:
    return "step-limit";
  }
  llvm_unreachable("unknown kind of finding");
}

static void print(mlir::Diagnostic &diagnostic, const char *what,
                  const std::array<uint32_t, 3> &id) {
  diagnostic
      << llvm::formatv("{0} ({1}, {2}, {3})", what, id[0], id[1], id[2]).str();
}

void Report::emit() const {
  for (const Finding &finding : findings) {
    mlir::InFlightDiagnostic diagnostic = mlir::emitError(finding.location);
    diagnostic << "[" << stringifyFindingKind(finding.kind) << "] "
               << finding.message;
    if (finding.block) {
      diagnostic << "; ";
      print(*diagnostic.getUnderlyingDiagnostic(), "block", *finding.block);
    }
    if (finding.thread) {
      diagnostic << " ";
      print(*diagnostic.getUnderlyingDiagnostic(), "thread", *finding.thread);
    }
    if (finding.count > 1)
      diagnostic << ", and " << finding.count - 1 << " more";
    for (const auto &[location, text] : finding.notes)
      diagnostic.attachNote(location) << text;
  }
}
