//===- Candidates.cpp - Schedules from a file -----------------------------===//

#include "quantmlir/Tuner/Tuner.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "quantmlir/Schedule/Families.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace quantmlir;
using namespace quantmlir::schedule;
using quant_tensor::ScaledMatmulOp;
using quant_tile::ScheduleAttr;

/// The schedule that `text` says; a diagnostic of `severity` at `location`
/// where it says none.
static ScheduleAttr parseSchedule(StringRef text, Location location,
                                  DiagnosticSeverity severity) {
  DiagnosticEngine &engine = location.getContext()->getDiagEngine();
  std::string message;
  Attribute attribute;
  {
    // The parser's messages point into a buffer that nobody has.
    ScopedDiagnosticHandler handler(location.getContext(),
                                    [&](Diagnostic &diagnostic) {
                                      if (message.empty())
                                        message = diagnostic.str();
                                      return success();
                                    });
    attribute = parseAttribute(text, location.getContext());
  }
  if (!attribute) {
    engine.emit(location, severity)
        << "cannot be read as a schedule: " << message;
    return {};
  }
  auto schedule = dyn_cast<ScheduleAttr>(attribute);
  if (!schedule)
    engine.emit(location, severity)
        << "expected a #quant_tile.schedule, got " << attribute;
  return schedule;
}

LogicalResult quantmlir::readCandidates(std::vector<TunableOp> &ops,
                                        StringRef path,
                                        const TuneOptions &options) {
  MLIRContext *context = ops.front().location.getContext();
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return emitError(UnknownLoc::get(context))
           << "cannot read schedules from '" << path
           << "': " << file.getError().message();
  const Chip *chip = lookupChip(
      options.compile.chip, [&] { return emitError(ops.front().location); });
  if (!chip)
    return failure();

  std::vector<Contraction> contractions;
  for (TunableOp &op : ops) {
    auto func = *op.module->getOps<func::FuncOp>().begin();
    Contraction contraction =
        Contraction::get(*func.getOps<ScaledMatmulOp>().begin());
    contractions.push_back(contraction);
    op.candidates.clear();
  }
  DiagnosticSeverity severity = options.skipIllegal
                                    ? DiagnosticSeverity::Warning
                                    : DiagnosticSeverity::Error;
  SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');
  for (auto [number, line] : llvm::enumerate(lines)) {
    StringRef text = line.split("//").first.trim();
    if (text.empty())
      continue;
    auto location = FileLineColLoc::get(context, path, number + 1, 1);
    ScheduleAttr schedule = parseSchedule(text, location, severity);
    if (!schedule && options.skipIllegal)
      continue;
    if (!schedule)
      return failure();
    SmallVector<std::string> reasons;
    for (auto [op, contraction] : llvm::zip_equal(ops, contractions)) {
      std::string why = whyNotSchedule(contraction, *chip, schedule);
      if (why.empty() && !lookupFamily(schedule.getFamily()))
        why = "a plain schedule has no kernel";
      if (!why.empty()) {
        reasons.push_back(why);
        continue;
      }
      TuneCandidate candidate;
      candidate.schedule = schedule.withMaxM(0);
      candidate.rows = {contraction.m};
      if (ShapedType::isDynamic(contraction.m))
        candidate.rows = options.rows;
      if (!llvm::any_of(op.candidates, [&](const TuneCandidate &other) {
            return other.schedule == candidate.schedule;
          }))
        op.candidates.push_back(std::move(candidate));
    }
    if (reasons.size() < ops.size())
      continue;
    InFlightDiagnostic refusal =
        context->getDiagEngine().emit(location, severity);
    refusal << "no op can obey this schedule: " << reasons.front();
    for (auto [op, why] : llvm::zip_equal(ops, reasons))
      refusal.attachNote(op.location) << op.signature << ": " << why;
    if (!options.skipIllegal)
      return failure();
  }
  llvm::erase_if(ops,
                 [](const TunableOp &op) { return op.candidates.empty(); });
  if (ops.empty())
    return emitError(FileLineColLoc::get(context, path, 1, 1))
           << "the file has no schedule";
  return success();
}
