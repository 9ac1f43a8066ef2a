//===- quant-tune.cpp - Every schedule of every op, to be timed -----------===//

#include "../CompilerTool.h"

#include "quantmlir/Tuner/Tuner.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;
using namespace quantmlir;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("quant-tune options");

cl::opt<std::string> inputName(cl::Positional, cl::desc("<input.mlir>"),
                               cl::init("-"), cl::cat(category));
cl::opt<std::string> outputName("o", cl::desc("The bundle's directory"),
                                cl::value_desc("path"), cl::cat(category));
cl::opt<std::string> chip("chip", cl::desc("sm_80, sm_89 or sm_90a"),
                          cl::init("sm_90a"), cl::cat(category));
cl::opt<bool>
    list("list",
         cl::desc("Print each op's schedules instead of compiling them"),
         cl::cat(category));
cl::list<int64_t>
    rows("rows",
         cl::desc("Rows of activations to tune ops for whose M is dynamic"),
         cl::value_desc("1,16,..."), cl::CommaSeparated, cl::cat(category));
cl::opt<std::string> schedules(
    "schedules",
    cl::desc("Time the schedules of this file, one a line, and no others"),
    cl::value_desc("file"), cl::cat(category));
cl::opt<bool> skipIllegal(
    "skip-illegal",
    cl::desc("Warn of lines of --schedules that no op can obey, and go on"),
    cl::cat(category));
cl::opt<unsigned> limit("limit",
                        cl::desc("Most schedules of an op; all by default"),
                        cl::value_desc("n"), cl::cat(category));
cl::opt<unsigned>
    jobs("j", cl::desc("Threads that compile; one per core by default"),
         cl::value_desc("n"), cl::cat(category));
cl::opt<bool> fastAccumulation(
    "fast-accumulation",
    cl::desc("List schedules that keep sums of 8-bit floats in accumulators of "
             "13 bits"),
    cl::cat(category));
cl::opt<bool> cubin("cubin",
                    cl::desc("Assemble with ptxas here rather than in the "
                             "driver of the GPU's machine"),
                    cl::cat(category));

int fail(const llvm::Twine &message) { return failTool("quant-tune", message); }

/// Prints `ops` and, for --list, their schedules as they are written in IR.
size_t print(llvm::ArrayRef<TunableOp> ops) {
  size_t total = 0;
  for (const TunableOp &op : ops) {
    total += op.candidates.size();
    llvm::outs() << "// " << op.location << "\n// " << op.signature << "\n// "
                 << op.candidates.size() << " schedules\n";
    if (!list)
      continue;
    for (const TuneCandidate &candidate : op.candidates) {
      llvm::outs() << candidate.schedule;
      if (!candidate.chosenFor.empty()) {
        llvm::outs() << " // chosen for ";
        llvm::interleaveComma(candidate.chosenFor, llvm::outs());
        llvm::outs() << " rows";
      }
      llvm::outs() << "\n";
    }
  }
  llvm::outs() << "// " << ops.size() << " ops, " << total
               << " schedules in all\n";
  llvm::outs().flush();
  return total;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  parseToolOptions(
      argc, argv, category,
      "quant-mlir's tuner: every legal schedule of a program's contractions\n\n"
      "  quant-tune model.mlir --list\n"
      "  quant-tune model.mlir -o model.qtune\n"
      "  python benchmarks/measure_bundle.py model.qtune -o timings.jsonl\n"
      "  quant-compile model.mlir --tuned=timings.jsonl -o model.qmlir\n");
  if (!list && !isDirectoryName(outputName))
    return fail("a bundle is a directory: say where with -o");

  TuneOptions options;
  options.compile.chip = chip;
  options.compile.fastAccumulation = fastAccumulation;
  options.compile.configure = [](PassManager &pm) {
    return applyPassManagerCLOptions(pm);
  };
  options.limit = limit;
  options.skipIllegal = skipIllegal;
  options.jobs = jobs;
  if (!rows.empty()) {
    options.rows.assign(rows.begin(), rows.end());
    for (auto [index, value] : llvm::enumerate(options.rows))
      if (value < 1 || (index && value <= options.rows[index - 1]))
        return fail("--rows must ascend from at least 1");
  }
  if (cubin) {
    options.compile.ptxas = requirePTXAssembler("quant-tune");
    if (options.compile.ptxas.empty())
      return EXIT_FAILURE;
  }

  InputModule module;
  if (!module.read("quant-tune", inputName))
    return EXIT_FAILURE;

  FailureOr<std::vector<TunableOp>> ops = findTunableOps(*module, options);
  if (failed(ops) ||
      (!schedules.empty() && failed(readCandidates(*ops, schedules, options))))
    return EXIT_FAILURE;
  print(*ops);
  if (!list && failed(writeBundle(*ops, outputName, options)))
    return EXIT_FAILURE;
  return EXIT_SUCCESS;
}
