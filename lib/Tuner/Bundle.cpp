//===- Bundle.cpp - An artifact for every candidate -----------------------===//

#include "quantmlir/Tuner/Tuner.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "quantmlir/Dialect/QuantTensor/IR/QuantTensor.h"
#include "quantmlir/Pipelines/StagedDirectory.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include <atomic>
#include <mutex>

using namespace mlir;
using namespace quantmlir;
using quant_tensor::ScaledMatmulOp;
using quant_tile::ScheduleAttr;

namespace {

/// One artifact to make.
struct Job {
  const TunableOp *op;
  /// The op's module and the schedule, as text: threads share no context.
  const std::string *module;
  std::string schedule;
  /// Where it goes, below the bundle.
  std::string artifact;
};

/// The compiler of one thread.
class Worker {
public:
  explicit Worker(const TuneOptions &options)
      : options(options.compile),
        context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    context.printOpOnDiagnostic(false);
    // What a pass manager prints would be of all threads at once.
    this->options.configure = nullptr;
  }

  /// Compiles `job` below `folder`; the message of the first error otherwise.
  std::string run(const Job &job, StringRef folder);

private:
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerCompilerDialects(registry);
    return registry;
  }

  CompileOptions options;
  MLIRContext context;
};

} // namespace

std::string Worker::run(const Job &job, StringRef folder) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty() &&
        diagnostic.getSeverity() == DiagnosticSeverity::Error)
      message = diagnostic.str();
    return success();
  });
  auto fail = [&](StringRef what) {
    return message.empty() ? what.str() : message;
  };
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(*job.module, &context);
  if (!module)
    return fail("the op cannot be read back");
  auto schedule =
      dyn_cast_or_null<ScheduleAttr>(parseAttribute(job.schedule, &context));
  if (!schedule)
    return fail("the schedule cannot be read back");
  module->walk([&](ScaledMatmulOp op) {
    op->setAttr(ScheduleAttr::getAttrName(), schedule);
  });
  TimingScope timing;
  FailureOr<Artifact> artifact = compileModule(*module, options, timing);
  if (failed(artifact))
    return fail("it does not compile");
  SmallString<128> path(folder);
  llvm::sys::path::append(path, job.artifact);
  if (llvm::Error error = writeArtifact(*artifact, path))
    return llvm::toString(std::move(error));
  return "";
}

template <typename T> static std::string toText(T value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

/// The index entry of `op`, whose artifacts are those of `jobs`.
static llvm::json::Object describe(const TunableOp &op, ArrayRef<Job> jobs) {
  llvm::json::Array candidates;
  for (auto [candidate, job] : llvm::zip_equal(op.candidates, jobs)) {
    llvm::json::Object entry{
        {"schedule", job.schedule},
        {"artifact", job.artifact},
        {"rows", llvm::json::Array(candidate.rows)},
        {"chosen_for", llvm::json::Array(candidate.chosenFor)}};
    // Candidates that read one layout can share prepared weights.
    if (quant_tensor::LayoutAttr layout = candidate.schedule.getWeights())
      entry["weights"] = toText(Attribute(layout));
    candidates.push_back(std::move(entry));
  }
  return llvm::json::Object{{"op", op.signature},
                            {"location", toText(op.location)},
                            {"batch_dims", op.numBatchDims},
                            {"candidates", std::move(candidates)}};
}

LogicalResult quantmlir::writeBundle(ArrayRef<TunableOp> ops, StringRef path,
                                     const TuneOptions &options) {
  Location loc = ops.front().location;
  auto fail = [&](llvm::Error error) {
    return emitError(UnknownLoc::get(loc.getContext()))
           << llvm::toString(std::move(error));
  };
  llvm::Expected<StagedDirectory> bundle = StagedDirectory::create(
      path, {"tuning.json", "quantmlir-tuning-bundle", "a tuning bundle"});
  if (!bundle)
    return fail(bundle.takeError());

  std::vector<std::string> modules;
  modules.reserve(ops.size());
  std::vector<Job> jobs;
  for (auto [number, op] : llvm::enumerate(ops)) {
    std::string &text = modules.emplace_back();
    llvm::raw_string_ostream stream(text);
    op.module.get()->print(stream);
    SmallString<128> folder(bundle->getPath());
    llvm::sys::path::append(folder, Twine(number));
    if (std::error_code error = llvm::sys::fs::create_directory(folder, false))
      return fail(llvm::createStringError(error, "cannot create " + folder));
    for (auto [index, candidate] : llvm::enumerate(op.candidates))
      jobs.push_back({&op, &modules.back(),
                      toText(Attribute(candidate.schedule)),
                      llvm::formatv("{0}/{1}", number, index).str()});
  }

  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::vector<std::pair<const Job *, std::string>> errors;
  {
    llvm::DefaultThreadPool pool(llvm::hardware_concurrency(options.jobs));
    for (unsigned i = 0, e = pool.getMaxConcurrency(); i < e; ++i)
      pool.async([&] {
        Worker worker(options);
        for (size_t i = next++; i < jobs.size(); i = next++) {
          std::string message = worker.run(jobs[i], bundle->getPath());
          if (message.empty())
            continue;
          std::lock_guard<std::mutex> lock(mutex);
          errors.push_back({&jobs[i], message});
        }
      });
    pool.wait();
  }
  // In the order of the list, whichever thread came first.
  llvm::sort(errors, llvm::less_first());
  for (auto &[job, message] : errors)
    emitError(job->op->location)
        << "does not compile with " << job->schedule << ": " << message;
  if (!errors.empty())
    return failure();

  llvm::json::Array index;
  ArrayRef<Job> rest(jobs);
  for (const TunableOp &op : ops) {
    index.push_back(describe(op, rest.take_front(op.candidates.size())));
    rest = rest.drop_front(op.candidates.size());
  }
  llvm::json::Object root{{"format", "quantmlir-tuning-bundle"},
                          {"version", 1},
                          {"producer", "quant-mlir " QUANTMLIR_VERSION},
                          {"chip", options.compile.chip},
                          {"ops", std::move(index)}};
  if (llvm::Error error = bundle->write(
          "tuning.json",
          llvm::formatv("{0:2}\n", llvm::json::Value(std::move(root))).str()))
    return fail(std::move(error));
  if (llvm::Error error = bundle->commit())
    return fail(std::move(error));
  return success();
}
