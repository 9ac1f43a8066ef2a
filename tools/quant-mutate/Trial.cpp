//===- Trial.cpp - Whether somebody notices -------------------------------===//

#include "QuantMutate.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"
#include "llvm/Support/Path.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>

using namespace mlir;
using namespace quantmlir::emulator;
using namespace quantmlir::mutate;

DialectRegistry quantmlir::mutate::makeRegistry() {
  DialectRegistry registry;
  registry.insert<gpu::GPUDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                  DLTIDialect, quantmlir::quant_tile::QuantTileDialect>();
  registerEmulationModels(registry);
  return registry;
}

/// "file:line:column" where a location has one.
static std::string print(Location location) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << location;
  StringRef brief = text;
  brief.consume_front("loc(");
  brief.consume_back(")");
  return brief.str();
}

llvm::Expected<std::vector<Mutant>>
quantmlir::mutate::enumerateMutants(const Subject &subject, unsigned index) {
  MLIRContext context(makeRegistry(), MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(subject.path, &context);
  if (!module)
    return llvm::createStringError("cannot read '" + subject.path + "'");
  std::vector<Mutant> mutants;
  for (auto [number, gpuModule] :
       llvm::enumerate(module->getOps<gpu::GPUModuleOp>()))
    for (auto kernel : gpuModule.getOps<LLVM::LLVMFuncOp>()) {
      if (kernel.isExternal())
        continue;
      for (Mutation &mutation : enumerateMutations(kernel)) {
        std::string location = print(mutation.location);
        // The context that a location belongs to ends here.
        mutation.location = UnknownLoc::get(&context);
        mutants.push_back({index, llvm::sys::path::stem(subject.input).str(),
                           unsigned(number), kernel.getName().str(),
                           std::move(mutation), std::move(location)});
      }
    }
  return mutants;
}

namespace {
/// What one OS thread works with: MLIR contexts are not shared.
class Worker {
public:
  Worker(llvm::ArrayRef<Subject> subjects, const Options &options)
      : subjects(subjects), options(options),
        context(makeRegistry(), MLIRContext::Threading::DISABLED) {
    // A mutant may make the compiler or the emulator complain; that is its
    // verdict and nobody else's business.
    context.getDiagEngine().registerHandler(
        [this](Diagnostic &diagnostic) { complaint = diagnostic.str(); });
  }

  Verdict run(const Mutant &mutant);

private:
  OwningOpRef<gpu::GPUModuleOp> copyModule(const Mutant &mutant);
  /// One launch of each grid only, if `once`.
  Verdict replayAll(const Mutant &mutant, gpu::GPUModuleOp module,
                    bool once = false);
  /// Survived if the mutant's condition never decides; and whether it follows
  /// from the thread's place, whatever the kernel is given.
  Verdict probe(const Mutant &mutant, bool &followsFromPlace);

  llvm::ArrayRef<Subject> subjects;
  const Options &options;
  MLIRContext context;
  std::map<unsigned, OwningOpRef<ModuleOp>> modules;
  std::string complaint;
};
} // namespace

Verdict Worker::run(const Mutant &mutant) {
  auto start = std::chrono::steady_clock::now();
  OwningOpRef<ModuleOp> &file = modules[mutant.subject];
  if (!file)
    file = parseSourceFile<ModuleOp>(subjects[mutant.subject].path, &context);
  Verdict verdict;
  if (!file) {
    verdict.kind = Verdict::Invalid;
    verdict.reason = complaint;
    return verdict;
  }
  bool isPlace = false, isCondition = isOfCondition(mutant.mutation);
  Verdict probed;
  if (isCondition)
    probed = probe(mutant, isPlace);
  bool constant = probed.kind == Verdict::Survived;
  if (probed.kind == Verdict::Invalid)
    return probed;
  if (constant && isPlace) {
    verdict.kind = Verdict::Constant;
    verdict.reason = "it follows from the places of thread and block";
    return verdict;
  }
  auto copy = copyModule(mutant);
  applyMutation(copy->lookupSymbol<LLVM::LLVMFuncOp>(mutant.kernel),
                mutant.mutation);
  verdict = replayAll(mutant, *copy);
  if (verdict.kind == Verdict::Survived && isCondition)
    verdict.reason = constant ? "the condition never decides in these launches"
                              : "the condition decides, and nobody misses it";
  verdict.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return verdict;
}

OwningOpRef<gpu::GPUModuleOp> Worker::copyModule(const Mutant &mutant) {
  auto original =
      *std::next(modules[mutant.subject]->getOps<gpu::GPUModuleOp>().begin(),
                 ptrdiff_t(mutant.module));
  return cast<gpu::GPUModuleOp>(original->clone());
}

Verdict Worker::probe(const Mutant &mutant, bool &isPlace) {
  auto copy = copyModule(mutant);
  auto kernel = copy->lookupSymbol<LLVM::LLVMFuncOp>(mutant.kernel);
  isPlace = followsFromPlace(kernel, mutant.mutation);
  probeCondition(kernel, mutant.mutation);
  return replayAll(mutant, *copy, /*once=*/isPlace);
}

Verdict Worker::replayAll(const Mutant &mutant, gpu::GPUModuleOp module,
                          bool once) {
  Verdict verdict;
  EmulatorOptions how;
  how.workers = 1;
  how.maxFindings = 1;
  how.maxSteps = options.maxSteps;
  unsigned launches = 0;
  std::set<std::array<uint32_t, 3>> grids;
  auto emulator = Emulator::create(module, how);
  if (!emulator) {
    verdict.kind = Verdict::Invalid;
    verdict.reason = llvm::toString(emulator.takeError());
    return verdict;
  }
  for (const LaunchRecord &record : subjects[mutant.subject].launches) {
    if (record.kernel != mutant.kernel)
      continue;
    if (once && !grids.insert(record.shape.grid).second)
      continue;
    ++launches;
    auto result = replay(record, **emulator);
    if (!result) {
      verdict.kind = Verdict::Invalid;
      verdict.reason = llvm::toString(result.takeError()) + " " + complaint;
      return verdict;
    }
    if (!result->report.isClean()) {
      const Finding &finding = result->report.findings.front();
      verdict.kind = Verdict::Killed;
      verdict.reason =
          (stringifyFindingKind(finding.kind) + ": " + finding.message).str();
      return verdict;
    }
    if (!result->difference.empty()) {
      verdict.kind = Verdict::Killed;
      verdict.reason = "wrong result: " + result->difference;
      return verdict;
    }
  }
  verdict.kind = launches ? Verdict::Survived : Verdict::NotRun;
  return verdict;
}

llvm::Error quantmlir::mutate::tryMutants(
    llvm::ArrayRef<Subject> subjects, llvm::ArrayRef<Mutant> mutants,
    const Options &options,
    llvm::function_ref<void(const Mutant &, const Verdict &)> done) {
  std::vector<std::optional<Verdict>> verdicts(mutants.size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  size_t told = 0;
  auto work = [&] {
    Worker worker(subjects, options);
    for (size_t i; (i = next++) < mutants.size();) {
      Verdict verdict = worker.run(mutants[i]);
      std::lock_guard<std::mutex> lock(mutex);
      verdicts[i] = std::move(verdict);
      for (; told < mutants.size() && verdicts[told]; ++told)
        done(mutants[told], *verdicts[told]);
    }
  };
  unsigned workers =
      options.workers ? options.workers : std::thread::hardware_concurrency();
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::min<size_t>(workers, mutants.size()); ++i)
    others.emplace_back(work);
  work();
  for (std::thread &thread : others)
    thread.join();
  return llvm::Error::success();
}
