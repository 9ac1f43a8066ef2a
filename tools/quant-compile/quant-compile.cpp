//===- quant-compile.cpp - MLIR in, artifact out --------------------------===//

#include "../CompilerTool.h"

#include "quantmlir/Schedule/Chips.h"
#include "quantmlir/Support/OutputFile.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace quantmlir;
namespace cl = llvm::cl;

namespace {

/// What comes out.
enum class Emit { Artifact, PTX, Manifest, Algebra, Schedule, Kernels, NVVM };

cl::OptionCategory category("quant-compile options");

cl::opt<std::string> inputName(cl::Positional, cl::desc("<input.mlir>"),
                               cl::init("-"), cl::cat(category));
cl::opt<std::string>
    outputName("o", cl::desc("The artifact's directory, or the file to write"),
               cl::value_desc("path"), cl::cat(category));
cl::opt<std::string> chip("chip", cl::desc("sm_80, sm_89 or sm_90a"),
                          cl::init("sm_90a"), cl::cat(category));
cl::opt<std::string>
    tuned("tuned",
          cl::desc("Timings made by quant-tune, whose best schedules are used"),
          cl::value_desc("file"), cl::cat(category));
cl::opt<std::string>
    tunedGpu("tuned-gpu",
             cl::desc("Use only timings of GPUs whose name contains this"),
             cl::value_desc("name"), cl::cat(category));
cl::opt<bool> mergeContractions(
    "merge-contractions",
    cl::desc("Compute products that read one operand, such as q, k and v, as "
             "one, and read slices of the result"),
    cl::cat(category));
cl::opt<bool> fastAccumulation(
    "fast-accumulation",
    cl::desc("Keep sums of 8-bit floats in accumulators of 13 bits: faster, "
             "with a weaker bound, which grows with K"),
    cl::cat(category));
cl::opt<std::string>
    remarks("remarks-filter",
            cl::desc("Print what fused, what did not, and why: remarks of "
                     "categories that match (.* for all)"),
            cl::value_desc("regex"), cl::cat(category));
cl::opt<bool> cubin("cubin",
                    cl::desc("Assemble the PTX with ptxas and add the cubin"),
                    cl::cat(category));
cl::opt<bool> verifyEach("verify-each",
                         cl::desc("Verify kernels after each pass, not once"),
                         cl::cat(category));
cl::opt<Emit> emit(
    "emit", cl::desc("What to write:"), cl::init(Emit::Artifact),
    cl::values(
        clEnumValN(Emit::Artifact, "artifact", "a directory (the default)"),
        clEnumValN(Emit::PTX, "ptx", "the kernels"),
        clEnumValN(Emit::Manifest, "manifest", "the launch plan"),
        clEnumValN(Emit::Algebra, "algebra", "MLIR with epilogues fused"),
        clEnumValN(Emit::Schedule, "schedule", "MLIR with schedules chosen"),
        clEnumValN(Emit::Kernels, "kernels", "MLIR with a kernel for each op"),
        clEnumValN(Emit::NVVM, "nvvm", "MLIR with kernels in NVVM")),
    cl::cat(category));

int fail(const llvm::Twine &message) {
  return failTool("quant-compile", message);
}

/// Writes `text` where -o says, the standard output by default.
int writeText(llvm::StringRef text) {
  if (llvm::Error error = writeOutputFile(
          outputName.empty() ? "-" : outputName.getValue(), text))
    return fail(llvm::toString(std::move(error)));
  return EXIT_SUCCESS;
}

LogicalResult configure(PassManager &pm) {
  return applyPassManagerCLOptions(pm);
}

void setOptions(PipelineOptions &options) {
  options.chip = chip;
  options.tuned = tuned;
  options.tunedGpu = tunedGpu;
  options.mergeContractions = mergeContractions;
  options.fastAccumulation = fastAccumulation;
}

/// Runs the stages up to the one that `--emit` names and prints the module.
int emitStage(ModuleOp module, TimingScope &timing) {
  // The first stages need no chip, but a misspelt one is wrong for all.
  if (!schedule::lookupChip(chip, [&] { return module.emitError(); }))
    return EXIT_FAILURE;
  PassManager pm(module->getName());
  if (failed(configure(pm)))
    return EXIT_FAILURE;
  pm.enableTiming(timing);
  PipelineOptions options;
  setOptions(options);
  buildAlgebraPipeline(pm, options);
  if (emit >= Emit::Schedule)
    buildSchedulePipeline(pm, options);
  if (emit >= Emit::Kernels)
    buildKernelPipeline(pm, options);
  if (emit >= Emit::NVVM)
    buildNVVMPipeline(pm, options);
  if (failed(pm.run(module)))
    return EXIT_FAILURE;
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  stream << "\n";
  return writeText(text);
}

int compile(ModuleOp module, TimingScope &timing) {
  if (emit == Emit::Artifact && !isDirectoryName(outputName))
    return fail("an artifact is a directory: say where with -o");
  CompileOptions options;
  setOptions(options);
  options.configure = configure;
  options.verifyEach = verifyEach;
  if (cubin) {
    options.ptxas = requirePTXAssembler("quant-compile");
    if (options.ptxas.empty())
      return EXIT_FAILURE;
  }
  FailureOr<Artifact> artifact = compileModule(module, options, timing);
  if (failed(artifact))
    return EXIT_FAILURE;
  if (emit == Emit::Artifact) {
    if (llvm::Error error = writeArtifact(*artifact, outputName))
      return fail(llvm::toString(std::move(error)));
    return EXIT_SUCCESS;
  }
  llvm::StringRef name = emit == Emit::PTX ? "module.ptx" : "manifest.json";
  for (const ArtifactFile &file : artifact->files)
    if (file.name == name)
      return writeText(file.contents);
  return fail("the artifact has no " + name);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  parseToolOptions(
      argc, argv, category,
      "quant-mlir's compiler: linalg with quantized encodings to PTX\n\n"
      "  quant-compile model.mlir -o model.qmlir\n"
      "  quant-compile model.mlir --emit=ptx --chip=sm_80\n");

  DefaultTimingManager timingManager;
  applyDefaultTimingManagerCLOptions(timingManager);
  TimingScope timing = timingManager.getRootScope();

  if (tunedGpu.getNumOccurrences() && tuned.empty())
    return fail("--tuned-gpu does nothing without --tuned");
  if (cubin && emit != Emit::Artifact && emit != Emit::Manifest)
    return fail("--cubin does nothing with this --emit: an artifact holds it");

  InputModule module;
  if (remarks.getNumOccurrences()) {
    std::string reason;
    if (!llvm::Regex(remarks).isValid(reason))
      return fail("--remarks-filter: " + reason);
    if (failed(module.enableRemarks(remarks)))
      return EXIT_FAILURE;
  }
  TimingScope parsing = timing.nest("Parser");
  bool isRead = module.read("quant-compile", inputName);
  parsing.stop();
  if (!isRead)
    return EXIT_FAILURE;
  if (emit >= Emit::Algebra)
    return emitStage(*module, timing);
  return compile(*module, timing);
}
