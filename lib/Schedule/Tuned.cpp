//===- Tuned.cpp - Schedules that were measured ---------------------------===//

#include "quantmlir/Schedule/Tuned.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Threading.h"

#include <cmath>

using namespace mlir;
using namespace quantmlir::schedule;
using quantmlir::quant_tile::ScheduleAttr;

namespace {

/// Reads one line of the file.
class LineReader {
public:
  LineReader(Location location) : location(location) {}

  /// What the line says; `timing.schedule` stays null where it tells of a
  /// measurement that failed.
  LogicalResult read(StringRef line, std::string &signature, Timing &timing);

private:
  InFlightDiagnostic error() { return emitError(location); }
  LogicalResult readText(const llvm::json::Object &object, StringRef field,
                         std::string &text);
  LogicalResult parseSchedule(StringRef text, ScheduleAttr &schedule);

  Location location;
};

} // namespace

LogicalResult LineReader::readText(const llvm::json::Object &object,
                                   StringRef field, std::string &text) {
  const llvm::json::Value *value = object.get(field);
  if (!value)
    return error() << "a timing needs '" << field << "'";
  std::optional<StringRef> string = value->getAsString();
  if (!string || string->empty())
    return error() << "'" << field << "' must be a text that is not empty";
  text = string->str();
  return success();
}

LogicalResult LineReader::parseSchedule(StringRef text,
                                        ScheduleAttr &schedule) {
  MLIRContext *context = location.getContext();
  // The parser's own messages point into a buffer that nobody has; only what
  // they say is kept. Other threads' messages are none of this one's business.
  std::string message;
  Attribute attribute;
  {
    uint64_t thread = llvm::get_threadid();
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      if (llvm::get_threadid() != thread)
        return failure();
      if (message.empty())
        message = diagnostic.str();
      return success();
    });
    attribute = parseAttribute(text, context);
  }
  if (!attribute)
    return error() << "'schedule' cannot be read: " << message;
  schedule = dyn_cast<ScheduleAttr>(attribute);
  if (!schedule)
    return error() << "'schedule' must be a #quant_tile.schedule, got "
                   << attribute;
  return success();
}

LogicalResult LineReader::read(StringRef line, std::string &signature,
                               Timing &timing) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(line);
  if (!value)
    return error() << "not a line of JSON: "
                   << llvm::toString(value.takeError());
  const llvm::json::Object *object = value->getAsObject();
  if (!object)
    return error() << "expected a JSON object";
  static constexpr StringRef known[] = {"op",     "rows",         "schedule",
                                        "gpu",    "microseconds", "date",
                                        "method", "check",        "error"};
  for (const auto &field : *object)
    if (!llvm::is_contained(known, StringRef(field.first)))
      return error() << "unknown field '" << StringRef(field.first)
                     << "', expected one of: "
                     << llvm::join(ArrayRef(known), ", ");

  std::string schedule;
  if (failed(readText(*object, "op", signature)) ||
      failed(readText(*object, "schedule", schedule)) ||
      failed(readText(*object, "gpu", timing.gpu)))
    return failure();
  std::optional<int64_t> rows = object->getInteger("rows");
  if (!rows || *rows < 1)
    return error() << "'rows' must be a whole number of at least 1";
  timing.rows = *rows;
  timing.location = location;
  if (object->get("error"))
    return success();
  std::optional<double> time = object->getNumber("microseconds");
  if (!time || !(*time > 0) || !std::isfinite(*time))
    return error() << "'microseconds' must be a number above 0, or the line "
                      "have an 'error'";
  timing.microseconds = *time;
  return parseSchedule(schedule, timing.schedule);
}

FailureOr<TunedSchedules> TunedSchedules::load(Location loc, StringRef path,
                                               StringRef chip, StringRef gpu) {
  MLIRContext *context = loc.getContext();
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return emitError(loc) << "cannot read timings from '" << path
                          << "': " << file.getError().message();

  // By op, rows and schedule, in the order in which they were first written.
  using Key = std::pair<int64_t, ScheduleAttr>;
  llvm::MapVector<StringRef, llvm::MapVector<Key, Timing>> all;
  llvm::StringSet<llvm::MallocAllocator> names;
  std::optional<Timing> first;
  SmallVector<StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');
  for (auto [number, line] : llvm::enumerate(lines)) {
    if (line.trim().empty())
      continue;
    auto location = FileLineColLoc::get(context, path, number + 1, 1);
    std::string signature;
    Timing timing{};
    if (failed(LineReader(location).read(line, signature, timing)))
      return failure();
    if (!timing.schedule || timing.schedule.getChip().getValue() != chip ||
        !StringRef(timing.gpu).contains(gpu))
      continue;
    if (!first)
      first = timing;
    // Times of two devices cannot be compared.
    if (timing.gpu != first->gpu)
      return emitError(location)
             << "timings are of '" << first->gpu << "' and of '" << timing.gpu
             << "': say with tuned-gpu which to use";
    // A schedule is filed under what it was measured for.
    timing.schedule = timing.schedule.withMaxM(0);
    StringRef name = names.insert(signature).first->first();
    all[name][{timing.rows, timing.schedule}] = timing;
  }

  TunedSchedules result;
  for (auto &[signature, timings] : all) {
    llvm::SmallVector<Timing, 0> &best = result.best[signature];
    for (const auto &entry : timings) {
      const Timing &timing = entry.second;
      ++result.count;
      auto *it = llvm::find_if(
          best, [&](const Timing &other) { return other.rows == timing.rows; });
      if (it == best.end())
        best.push_back(timing);
      else if (timing.microseconds < it->microseconds)
        *it = timing;
    }
    llvm::sort(
        best, [](const Timing &a, const Timing &b) { return a.rows < b.rows; });
  }
  return result;
}

ArrayRef<Timing> TunedSchedules::lookup(StringRef signature) const {
  auto it = best.find(signature);
  return it == best.end() ? ArrayRef<Timing>() : ArrayRef(it->second);
}
