//===- quant-run.cpp - Runs an artifact on arrays from files --------------===//
//
// quant-run ARTIFACT --inputs=weights.safetensors --input=x=x.npy \
//   --output=out.npz --device=cuda
//
// quant-run model.mlir --calibrate=samples.npz --stats=statistics.safetensors
//
// On the CPU it compiles the artifact's reference, the definition of what the
// kernels compute; on a GPU it runs the kernels themselves.
//
//===----------------------------------------------------------------------===//

#include "../LibraryOptions.h"
#include "QuantRun.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>

using namespace quantmlir;
using namespace quantmlir::run;

namespace cl = llvm::cl;

namespace {
enum class Device { Cpu, Cuda, Emulator };

/// The options as the command line knows them; they live in main() only.
struct CommandLine {
  cl::OptionCategory category{"quant-run options"};
  cl::opt<std::string> artifact{cl::Positional, cl::desc("ARTIFACT"),
                                cl::cat(category)};
  cl::opt<bool> list{
      "list",
      cl::desc("Print what the artifact holds, or one --function of it"),
      cl::cat(category)};
  cl::opt<std::string> function{
      "function", cl::desc("Function to run (default: the only one)"),
      cl::value_desc("name"), cl::cat(category)};
  cl::list<std::string> input{"input", cl::desc("Array for one argument"),
                              cl::value_desc("name=file.npy"),
                              cl::cat(category)};
  cl::list<std::string> inputs{
      "inputs", cl::desc("Arrays by their names; others are ignored"),
      cl::value_desc("file.npz|file.safetensors"), cl::cat(category)};
  cl::opt<std::string> output{"output", cl::desc("Where to write the results"),
                              cl::value_desc("file.npz|file.safetensors"),
                              cl::cat(category)};
  cl::opt<Device> device{
      "device", cl::desc("Where to run"), cl::init(Device::Cpu),
      cl::values(clEnumValN(Device::Cpu, "cpu", "the reference, on this CPU"),
                 clEnumValN(Device::Cuda, "cuda", "the kernels, on a GPU"),
                 clEnumValN(Device::Emulator, "emulator",
                            "the kernels, checked, on this CPU")),
      cl::cat(category)};
  cl::opt<int> ordinal{"ordinal", cl::desc("Which CUDA device"), cl::init(0),
                       cl::cat(category)};
  cl::opt<QuantmlirRtImage> image{
      "image", cl::desc("Which form of the kernels to load"),
      cl::init(QUANTMLIR_RT_IMAGE_AUTO),
      cl::values(
          clEnumValN(QUANTMLIR_RT_IMAGE_AUTO, "auto", "the cubin if it fits"),
          clEnumValN(QUANTMLIR_RT_IMAGE_PTX, "ptx", "the PTX"),
          clEnumValN(QUANTMLIR_RT_IMAGE_CUBIN, "cubin", "the cubin")),
      cl::cat(category)};
  cl::opt<unsigned> bench{
      "bench", cl::desc("Run again this often and print the time of one run"),
      cl::init(0), cl::value_desc("n"), cl::cat(category)};
  cl::opt<bool> convert{
      "convert",
      cl::desc("Convert arrays to the arguments' types, and results that the "
               "output's format lacks to f32"),
      cl::cat(category)};
  cl::opt<bool> bits{
      "bits",
      cl::desc("Take integers for the bits of floats of the same width, and "
               "write results that the output's format lacks that way"),
      cl::cat(category)};
  cl::opt<uint64_t> random{
      "random",
      cl::desc("Make up arrays that are not given, from this seed; --size says "
               "their dynamic sizes"),
      cl::value_desc("seed"), cl::cat(category)};
  cl::opt<int64_t> size{"size", cl::desc("Dynamic sizes of --random"),
                        cl::init(1), cl::value_desc("n"), cl::cat(category)};
  cl::opt<uint64_t> maxSteps{
      "max-steps",
      cl::desc("Emulator: backward branches and calls after which a thread is "
               "taken to run for ever"),
      cl::init(0), cl::value_desc("n"), cl::cat(category)};

  cl::opt<bool> profile{
      "profile",
      cl::desc(
          "Emulator: print bytes, sectors, bank conflicts, instructions of "
          "each kernel"),
      cl::cat(category)};
  cl::opt<std::string> profileJson{"profile-json",
                                   cl::desc("Emulator: write them as JSON"),
                                   cl::value_desc("file"), cl::cat(category)};

  cl::list<std::string> calibrate{
      "calibrate",
      cl::desc(
          "Run MLIR with observers (in place of ARTIFACT) on samples: each "
          "index along the leading axis of its arrays is one call. May be "
          "given several times, for samples of other sizes"),
      cl::value_desc("file.npz|file.safetensors"), cl::cat(category)};
  cl::opt<std::string> stats{"stats", cl::desc("Where to write the statistics"),
                             cl::value_desc("file.safetensors"),
                             cl::cat(category)};
  cl::list<std::string> merge{
      "merge", cl::desc("Add statistics of other runs to --stats"),
      cl::value_desc("file.safetensors"), cl::cat(category)};

  Options getOptions() const {
    Options options;
    options.artifact = artifact;
    options.function = function;
    options.inputs.assign(input.begin(), input.end());
    options.inputFiles.assign(inputs.begin(), inputs.end());
    options.output = output;
    options.ordinal = ordinal;
    options.image = image;
    options.bench = bench;
    options.convert = convert;
    options.bits = bits;
    if (random.getNumOccurrences())
      options.randomSeed = random;
    options.randomSize = size;
    options.maxSteps = maxSteps;
    options.profile = profile;
    options.profileJson = profileJson;
    options.calibrationFiles.assign(calibrate.begin(), calibrate.end());
    options.mergedStatistics.assign(merge.begin(), merge.end());
    options.statistics = stats;
    return options;
  }
};
} // namespace

/// The function that was asked for, or the only one that is not the prepare
/// function of another.
static llvm::Expected<size_t>
chooseFunction(const QuantmlirRtArtifact *artifact, const std::string &name) {
  if (!name.empty()) {
    size_t index = 0;
    if (llvm::Error error = check(
            quantmlirRtArtifactFindFunction(artifact, name.c_str(), &index)))
      return std::move(error);
    return index;
  }
  size_t count = quantmlirRtArtifactGetNumFunctions(artifact);
  std::vector<QuantmlirRtFunctionInfo> infos(count);
  std::vector<bool> prepares(count);
  for (size_t i = 0; i < count; ++i) {
    if (llvm::Error error =
            check(quantmlirRtArtifactGetFunctionInfo(artifact, i, &infos[i])))
      return std::move(error);
    if (infos[i].prepare >= 0)
      prepares[infos[i].prepare] = true;
  }
  std::vector<size_t> candidates;
  std::string names;
  for (size_t i = 0; i < count; ++i) {
    if (prepares[i])
      continue;
    candidates.push_back(i);
    names += std::string(names.empty() ? "" : ", ") + infos[i].name;
  }
  if (candidates.size() == 1)
    return candidates.front();
  if (candidates.empty())
    return makeError("the artifact has no function");
  return makeError("choose with --function one of: " + names);
}

/// Brings the results into types that the output's format has.
static llvm::Error writeResults(const Outcome &outcome,
                                const Options &options) {
  bool isNpz = llvm::StringRef(options.output).ends_with(".npz");
  io::ArrayMap arrays;
  std::string error;
  for (const auto &[name, array] : outcome.results) {
    io::Array written = array;
    llvm::StringRef element = array.element;
    bool isForeign = element == "bf16" || element.starts_with("f8");
    if (isNpz && isForeign && (options.bits || options.convert)) {
      bool done =
          options.bits
              ? io::reinterpretElements(
                    array, element == "bf16" ? "ui16" : "ui8", written, error)
              : io::convertElements(array, "f32", written, error);
      if (!done)
        return makeError("'" + name + "': " + error);
    } else if (isNpz && isForeign) {
      return makeError("'" + name + "' has elements of " + element +
                       ", which .npz lacks; write .safetensors, or give "
                       "--convert (as f32) or --bits (as integers)");
    }
    [[maybe_unused]] bool isNew =
        arrays.emplace(name, std::move(written)).second;
    assert(isNew && "a manifest has no two buffers of one name");
  }
  if (!io::writeArrays(options.output, arrays, error))
    return makeError(error);
  return llvm::Error::success();
}

/// The first elements, for a look at results that go to no file.
static std::string preview(const io::Array &array) {
  constexpr size_t limit = 8;
  io::Array values;
  std::string error;
  if (!io::convertElements(array, "f64", values, error))
    return error;
  size_t count = values.data.size / sizeof(double);
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (size_t i = 0; i < std::min(count, limit); ++i) {
    double value;
    std::memcpy(&value, values.data.data + i * sizeof(double), sizeof(value));
    stream << (i ? " " : "") << llvm::format("%.6g", value);
  }
  stream << (count > limit ? " ..." : "");
  return text;
}

/// Options that would do nothing, or fail only once the work is done.
static llvm::Error checkOptions(const CommandLine &line) {
  if (line.size < 0)
    return makeError("--size is negative");
  if (line.list)
    for (const cl::Option *option : std::initializer_list<const cl::Option *>{
             // A cl::list has an operator& of its own.
             std::addressof(line.input), std::addressof(line.inputs),
             std::addressof(line.calibrate), std::addressof(line.merge),
             &line.output, &line.device, &line.bench, &line.random, &line.size})
      if (option->getNumOccurrences())
        return makeError("--" + option->ArgStr +
                         " does nothing with --list, which runs nothing");
  if (line.device != Device::Emulator)
    for (const cl::Option *option :
         {static_cast<const cl::Option *>(&line.maxSteps),
          static_cast<const cl::Option *>(&line.profile),
          static_cast<const cl::Option *>(&line.profileJson)})
      if (option->getNumOccurrences())
        return makeError("--" + option->ArgStr + " needs --device=emulator");
  if (line.device != Device::Cuda && line.ordinal.getNumOccurrences())
    return makeError("--ordinal needs --device=cuda");
  if (line.device == Device::Cpu && line.image.getNumOccurrences())
    return makeError("--image has no meaning with --device=cpu, which runs the "
                     "reference");
  llvm::StringRef output = line.output;
  if (!output.empty() && !output.ends_with(".npz") &&
      !output.ends_with(".safetensors"))
    return makeError("--output: '" + output +
                     "': expected a file named .npz or .safetensors");
  return llvm::Error::success();
}

static llvm::Error execute(const CommandLine &line) {
  if (llvm::Error error = checkOptions(line))
    return error;
  Options options = line.getOptions();
  if (options.calibrationFiles.empty() && !options.mergedStatistics.empty()) {
    if (!options.artifact.empty())
      return makeError("--merge alone runs nothing; --calibrate says what on");
    return mergeStatistics(options);
  }
  if (options.artifact.empty())
    return makeError("name an artifact to run");
  if (!options.calibrationFiles.empty())
    return calibrate(options);
  if (!options.statistics.empty())
    return makeError("--stats goes with --calibrate or --merge");
  QuantmlirRtArtifact *handle = nullptr;
  if (llvm::Error error =
          check(quantmlirRtArtifactLoad(options.artifact.c_str(), &handle)))
    return error;
  ArtifactHandle artifact(handle);
  if (line.list && options.function.empty())
    return list(artifact.get(), std::nullopt);

  auto function = chooseFunction(artifact.get(), options.function);
  if (!function)
    return function.takeError();
  if (line.list)
    return list(artifact.get(), *function);
  auto inputs = Inputs::read(options, artifact.get());
  if (!inputs)
    return inputs.takeError();
  auto run = [&]() -> llvm::Expected<Outcome> {
    switch (line.device) {
    case Device::Cpu:
      return runOnCpu(artifact.get(), *function, *inputs, options);
    case Device::Cuda:
      return runOnCuda(artifact.get(), *function, *inputs, options);
    case Device::Emulator:
      return runOnEmulator(artifact.get(), *function, *inputs, options);
    }
    llvm_unreachable("unknown device");
  };
  auto outcome = run();
  if (!outcome)
    return outcome.takeError();
  for (const auto &[name, array] : outcome->results) {
    llvm::outs() << name << ": " << io::describe(array);
    if (options.output.empty())
      llvm::outs() << " = " << preview(array);
    llvm::outs() << '\n';
  }
  if (options.bench != 0)
    llvm::outs() << llvm::formatv("{0:f1} us per run, mean of {1}\n",
                                  outcome->microseconds, options.bench);
  if (options.output.empty())
    return llvm::Error::success();
  return writeResults(*outcome, options);
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  // LLVM has an option --stats of its own, for counters that it was built
  // without.
  if (cl::Option *option = cl::getRegisteredOptions().lookup("stats"))
    option->removeArgument();
  CommandLine line;
  setToolVersion();
  cl::HideUnrelatedOptions(line.category);
  cl::ParseCommandLineOptions(argc, argv,
                              "quant-run: runs a quant-mlir artifact\n");
  if (llvm::Error error = execute(line)) {
    llvm::WithColor::error(llvm::errs(), "quant-run")
        << llvm::toString(std::move(error)) << '\n';
    return 1;
  }
  return 0;
}
