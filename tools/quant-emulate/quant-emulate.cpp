//===- quant-emulate.cpp - Run one kernel on the CPU, checked -------------===//
//
// Runs kernels of a file of MLIR in the emulator and prints what they do wrong.
// A launch is told on the command line or, in tests, by an attribute of the
// kernel:
//
//   llvm.func @k(...) attributes {emulate.launch = {
//     grid = array<i64: 2, 1, 1>, block = array<i64: 64, 1, 1>,
//     arguments = ["in f32 128 iota", "out f32 128"]}}
//
// with `cluster` and `dynamic_shared_memory` where needed; `dependent` launches
// it a second time without waiting for the first.
//
//===----------------------------------------------------------------------===//

#include "../LibraryOptions.h"
#include "Arguments.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/ToolUtilities.h"
#include "quantmlir/Dialect/QuantTile/IR/QuantTile.h"
#include "quantmlir/Emulator/EmulatableOpInterface.h"
#include "quantmlir/Emulator/Instructions.h"
#include "quantmlir/Emulator/Profile.h"
#include "quantmlir/Support/ModuleSource.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace quantmlir::emulator;

namespace cl = llvm::cl;

static cl::OptionCategory category("quant-emulate options");
static cl::opt<std::string> inputFile(cl::Positional, cl::desc("<input>"),
                                      cl::init("-"), cl::cat(category));
static cl::opt<std::string> kernelName("kernel", cl::desc("Kernel to launch"),
                                       cl::cat(category));
static cl::list<int64_t> gridShape("grid", cl::CommaSeparated,
                                   cl::desc("Blocks: x,y,z"),
                                   cl::cat(category));
static cl::list<int64_t> blockShape("block", cl::CommaSeparated,
                                    cl::desc("Threads of a block: x,y,z"),
                                    cl::cat(category));
static cl::list<int64_t> clusterShape("cluster", cl::CommaSeparated,
                                      cl::desc("Blocks of a cluster: x,y,z"),
                                      cl::cat(category));
static cl::opt<int64_t> dynamicShared("dynamic-shared-memory",
                                      cl::desc("Bytes of it"), cl::init(0),
                                      cl::cat(category));
static cl::list<std::string> argumentTexts("arg", cl::desc("An argument"),
                                           cl::cat(category));
static cl::opt<unsigned> workers("workers", cl::init(0),
                                 cl::desc("OS threads; 0: one per core"),
                                 cl::cat(category));
static cl::opt<uint64_t> maxSteps(
    "max-steps", cl::init(EmulatorOptions().maxSteps),
    cl::desc("Backward branches and calls after which a thread is taken to run "
             "for ever"),
    cl::cat(category));
static cl::opt<uint64_t> maxClusterSteps(
    "max-cluster-steps", cl::init(EmulatorOptions().maxClusterSteps),
    cl::desc("Those of all threads of a cluster, and their waits"),
    cl::cat(category));
static cl::opt<unsigned> stackSize("stack-size",
                                   cl::init(EmulatorOptions().stackSize),
                                   cl::desc("Bytes of stack of each thread"),
                                   cl::cat(category));
static cl::opt<bool>
    printProfile("profile",
                 cl::desc("Print bytes, sectors, bank conflicts, instructions"),
                 cl::cat(category));
static cl::opt<uint64_t>
    seed("seed", cl::init(0),
         cl::desc("Draw the order that threads take turns in; 0: by number"),
         cl::cat(category));
static cl::opt<bool>
    listInstructions("list-instructions",
                     cl::desc("Print the instructions of kernels, each once, "
                              "and launch nothing"),
                     cl::cat(category));
static cl::opt<std::string> profileJson("profile-json",
                                        cl::desc("Write the profile as JSON"),
                                        cl::value_desc("file"),
                                        cl::cat(category));
static cl::opt<bool> printBuffers("print-buffers",
                                  cl::desc("Print what was written"),
                                  cl::cat(category));
static cl::opt<bool> splitInput("split-input-file",
                                cl::desc("Run each part between // -----"),
                                cl::cat(category));
static cl::opt<bool> verifyDiagnostics("verify-diagnostics",
                                       cl::desc("Findings are expected-error"),
                                       cl::cat(category));

static LogicalResult setShape(std::array<uint32_t, 3> &shape,
                              ArrayRef<int64_t> values) {
  if (values.size() > 3)
    return failure();
  for (auto [index, value] : llvm::enumerate(values)) {
    if (value < 0 || value > INT32_MAX)
      return failure();
    shape[index] = value;
  }
  return success();
}

/// Of all launches, for --profile-json.
static llvm::json::Array profiles;

/// Runs one launch, and if `again` another that need not wait for it, and
/// prints their findings.
static LogicalResult run(gpu::GPUModuleOp module, Location location,
                         StringRef kernel, const LaunchShape &shape,
                         ArrayRef<std::string> texts, bool again,
                         llvm::raw_ostream &os) {
  auto fail = [&](llvm::Error error) -> LogicalResult {
    return emitError(location) << llvm::toString(std::move(error));
  };
  EmulatorOptions options;
  options.workers = workers;
  options.maxSteps = maxSteps;
  options.maxClusterSteps = maxClusterSteps;
  options.seed = seed;
  options.stackSize = stackSize;
  options.profile = printProfile || !profileJson.empty();
  auto emulator = Emulator::create(module, options);
  if (!emulator)
    return fail(emulator.takeError());
  Arguments arguments;
  for (const std::string &text : texts)
    if (llvm::Error error = arguments.add(text, **emulator))
      return fail(std::move(error));
  auto report = (*emulator)->launch(kernel, shape, arguments.getBits());
  if (report && report->isClean() && again) {
    LaunchShape second = shape;
    second.dependent = true;
    report = (*emulator)->launch(kernel, second, arguments.getBits());
  }
  if (!report)
    return fail(report.takeError());
  // A launch that was given up has not written all, which is no second fault.
  auto profile = report->profile;
  if (report->isClean())
    *report = (*emulator)->getMemory().checkOutputs(module.getLoc());
  report->profile = profile;
  report->emit();
  if (report->profile && printProfile)
    report->profile->print(os);
  if (report->profile && !profileJson.empty())
    profiles.push_back(report->profile->toJson());
  if (printBuffers)
    arguments.print(os);
  if (llvm::Error error = arguments.writeFiles())
    return fail(std::move(error));
  return success(report->isClean());
}

/// Runs what the attribute of `kernel` says.
static LogicalResult runAttribute(gpu::GPUModuleOp module,
                                  FunctionOpInterface kernel,
                                  DictionaryAttr launch,
                                  llvm::raw_ostream &os) {
  LaunchShape shape;
  auto arguments = readLaunch(launch, shape);
  if (!arguments)
    return kernel.emitError(llvm::toString(arguments.takeError()));
  return run(module, kernel.getLoc(), kernel.getName(), shape, *arguments,
             bool(launch.get("dependent")), os);
}

static LogicalResult runFile(llvm::SourceMgr &sources, MLIRContext &context,
                             llvm::raw_ostream &os) {
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return failure();
  LogicalResult result = success();
  bool ran = false;
  if (listInstructions) {
    InstructionList instructions;
    for (auto gpuModule : module->getOps<gpu::GPUModuleOp>())
      instructions.add(gpuModule, os);
    return success();
  }
  for (auto gpuModule : module->getOps<gpu::GPUModuleOp>()) {
    if (!kernelName.empty()) {
      LaunchShape shape;
      if (failed(setShape(shape.grid, gridShape)) ||
          failed(setShape(shape.block, blockShape)) ||
          failed(setShape(shape.cluster, clusterShape)))
        return emitError(gpuModule.getLoc(), "grid, block and cluster have up "
                                             "to three sizes");
      if (dynamicShared < 0 || dynamicShared > INT32_MAX)
        return emitError(gpuModule.getLoc())
               << int64_t(dynamicShared) << " bytes of dynamic shared memory";
      shape.dynamicSharedMemory = dynamicShared;
      return run(gpuModule, gpuModule.getLoc(), kernelName, shape,
                 argumentTexts, /*again=*/false, os);
    }
    for (auto function : gpuModule.getOps<FunctionOpInterface>()) {
      auto launch = function->getAttrOfType<DictionaryAttr>("emulate.launch");
      if (!launch)
        continue;
      ran = true;
      if (failed(runAttribute(gpuModule, function, launch, os)))
        result = failure();
    }
  }
  if (!ran)
    return emitError(module->getLoc(),
                     "no kernel to launch: give --kernel or emulate.launch");
  return result;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  quantmlir::setToolVersion();
  quantmlir::hideLibraryOptions(&category);
  cl::ParseCommandLineOptions(argc, argv, "run a GPU kernel on the CPU\n");
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<quantmlir::quant_tile::QuantTileDialect>();
  registerEmulationModels(registry);

  std::string error;
  auto input = quantmlir::openModuleFile(inputFile, &error);
  if (!input) {
    llvm::errs() << error << "\n";
    return 1;
  }
  auto process = [&](std::unique_ptr<llvm::MemoryBuffer> chunk,
                     llvm::raw_ostream &os) -> LogicalResult {
    MLIRContext context(registry, MLIRContext::Threading::DISABLED);
    context.allowUnregisteredDialects();
    context.printOpOnDiagnostic(!verifyDiagnostics);
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(std::move(chunk), llvm::SMLoc());
    if (verifyDiagnostics) {
      SourceMgrDiagnosticVerifierHandler handler(sources, &context);
      // What went wrong is what was to be expected, or the handler says so.
      (void)runFile(sources, context, os);
      return handler.verify();
    }
    SourceMgrDiagnosticHandler handler(sources, &context);
    return runFile(sources, context, os);
  };
  LogicalResult result =
      splitInput ? splitAndProcessBuffer(std::move(input), process,
                                         llvm::outs(), kDefaultSplitMarker, "")
                 : process(std::move(input), llvm::outs());
  if (!profileJson.empty() && !writeJson(std::move(profiles), profileJson)) {
    llvm::errs() << "cannot write '" << profileJson << "'\n";
    return 1;
  }
  return failed(result);
}
