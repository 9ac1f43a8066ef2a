//===- quant-mutate.cpp - Is every safeguard of a kernel needed, and seen? ===//
//
//   quant-mutate layer.qmlir --equivalent=equivalents.txt
//
// Takes away, one at a time, each barrier, wait, fence, commit, arrival,
// conditional branch and bounds guard of each kernel, and runs what is left in
// the emulator, on the launches that the whole kernel was seen to make. A
// mutant is killed when the emulator finds a fault or memory then holds
// anything else. One that survives is a safeguard that nothing needs, a hole in
// the emulator or inputs that do not reach it: it makes the exit status 1
// unless the file of equivalents says why it changes nothing.
//
//===----------------------------------------------------------------------===//

#include "../LibraryOptions.h"
#include "QuantMutate.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <random>

using namespace quantmlir::emulator;
using namespace quantmlir::mutate;

namespace cl = llvm::cl;

namespace {
/// The options as the command line knows them; they live in main() only.
struct CommandLine {
  cl::OptionCategory category{"quant-mutate options"};
  cl::list<std::string> inputs{
      cl::Positional, cl::OneOrMore,
      cl::desc("ARTIFACT... or files of MLIR with emulate.launch"),
      cl::cat(category)};
  cl::list<int64_t> sizes{
      "sizes", cl::CommaSeparated,
      cl::desc("Dynamic sizes to run an artifact with (default 1,2,17,33,67)"),
      cl::cat(category)};
  cl::opt<uint64_t> seed{"seed", cl::init(1),
                         cl::desc("Of random inputs and of the sample"),
                         cl::cat(category)};
  cl::opt<unsigned> sample{"sample", cl::init(0),
                           cl::desc("Try only so many, chosen by the seed"),
                           cl::cat(category)};
  cl::opt<unsigned> blocks{
      "blocks", cl::init(0),
      cl::desc(
          "Launch kernels that loop over tiles also on so few blocks, each "
          "with several tiles; 0 does not"),
      cl::cat(category)};
  cl::opt<std::string> only{
      "only", cl::init("*"),
      cl::desc("Mutants whose 'INPUT/KERNEL: MUTATION' matches"),
      cl::value_desc("pattern"), cl::cat(category)};
  cl::opt<std::string> equivalent{
      "equivalent", cl::desc("Mutants that change nothing, and why"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<unsigned> workers{"workers", cl::init(0),
                            cl::desc("OS threads; 0: one per core"),
                            cl::cat(category)};
  cl::opt<uint64_t> maxSteps{
      "max-steps", cl::init(20000),
      cl::desc("Backward branches and calls after which a thread is taken to "
               "run for ever"),
      cl::cat(category)};
  cl::opt<bool> quiet{"quiet", cl::desc("Do not list those that were killed"),
                      cl::cat(category)};
};

struct Counts {
  unsigned killed = 0, constant = 0, equivalent = 0, survived = 0, notRun = 0;
};
} // namespace

static void tell(const CommandLine &line, Equivalents &equivalents,
                 const Mutant &mutant, const Verdict &verdict, Counts &counts) {
  llvm::StringRef what;
  std::string why = verdict.reason;
  switch (verdict.kind) {
  case Verdict::Killed:
    ++counts.killed;
    if (line.quiet)
      return;
    what = "killed";
    break;
  case Verdict::NotRun:
    ++counts.notRun;
    if (line.quiet)
      return;
    what = "not run";
    why = "no launch of this kernel was seen";
    break;
  case Verdict::Constant:
    ++counts.constant;
    if (line.quiet)
      return;
    what = "constant";
    break;
  case Verdict::Invalid:
  case Verdict::Survived:
    if (const std::string *reason = equivalents.find(mutant)) {
      ++counts.equivalent;
      what = "equivalent";
      why = *reason;
      break;
    }
    ++counts.survived;
    what = "survived";
    break;
  }
  llvm::outs() << llvm::formatv("{0,-10} {1}: {2}, {3}", what,
                                mutant.getKernelName(),
                                mutant.mutation.getName(), mutant.location);
  if (!why.empty())
    llvm::outs() << ": " << why;
  llvm::outs() << '\n';
  llvm::outs().flush();
}

static llvm::Expected<bool> execute(const CommandLine &line) {
  Options options;
  options.inputs.assign(line.inputs.begin(), line.inputs.end());
  options.sizes.assign(line.sizes.begin(), line.sizes.end());
  if (options.sizes.empty())
    options.sizes = {1, 2, 17, 33, 67};
  options.seed = line.seed;
  options.sample = line.sample;
  options.blocks = line.blocks;
  options.workers = line.workers;
  options.maxSteps = line.maxSteps;

  Equivalents equivalents;
  if (!line.equivalent.empty())
    if (llvm::Error error = equivalents.read(line.equivalent))
      return std::move(error);
  auto only = llvm::GlobPattern::create(line.only);
  if (!only)
    return only.takeError();

  std::vector<Subject> subjects;
  std::vector<Mutant> mutants;
  for (const std::string &input : options.inputs) {
    auto subject = recordLaunches(input, options);
    if (!subject)
      return subject.takeError();
    auto found = enumerateMutants(*subject, subjects.size());
    if (!found)
      return found.takeError();
    subjects.push_back(std::move(*subject));
    llvm::append_range(mutants, *found);
  }
  llvm::erase_if(mutants, [&](const Mutant &mutant) {
    return !only->match(mutant.getKernelName() + ": " +
                        mutant.mutation.getName());
  });
  size_t total = mutants.size();
  if (options.sample && options.sample < total) {
    std::mt19937_64 engine(options.seed);
    std::shuffle(mutants.begin(), mutants.end(), engine);
    mutants.erase(mutants.begin() + options.sample, mutants.end());
  }
  Counts counts;
  if (llvm::Error error =
          tryMutants(subjects, mutants, options,
                     [&](const Mutant &mutant, const Verdict &verdict) {
                       tell(line, equivalents, mutant, verdict, counts);
                     }))
    return std::move(error);
  // A sample need not come by every line of the file.
  if (mutants.size() == total && line.only == "*")
    for (const std::string &entry : equivalents.getUnused())
      llvm::outs() << "unused     " << entry << '\n';
  llvm::outs() << llvm::formatv(
      "{0} mutants of {1}: {2} killed, {3} of constant conditions, {4} listed "
      "as equivalent, {5} survived, {6} not run\n",
      mutants.size(), total, counts.killed, counts.constant, counts.equivalent,
      counts.survived, counts.notRun);
  return counts.survived == 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  CommandLine line;
  quantmlir::setToolVersion();
  cl::HideUnrelatedOptions(line.category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "quant-mutate: takes safeguards of kernels away and looks who notices\n");
  auto ok = execute(line);
  if (!ok) {
    llvm::WithColor::error(llvm::errs(), "quant-mutate")
        << llvm::toString(ok.takeError()) << '\n';
    return 2;
  }
  return *ok ? 0 : 1;
}
