//===- quant-weights.cpp - Files of weights to files of codes -------------===//
//
// quant-weights model.safetensors --scheme=int4,group=128 -o codes.safetensors
//
// One layer is in memory at a time, so a file may be larger than memory.
//
//===----------------------------------------------------------------------===//

#include "../LibraryOptions.h"
#include "../ProgressBar.h"

#include "quantmlir/Calibration/Checkpoints/QuantizeFile.h"
#include "quantmlir/Support/OutputFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace quantmlir;
using namespace quantmlir::calibration;
namespace cl = llvm::cl;

namespace {
/// The options as the command line knows them; they live in main() only.
struct CommandLine {
  cl::OptionCategory category{"quant-weights options"};
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("<weights.safetensors>"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Where to write"),
                              cl::value_desc("file.safetensors"), cl::Required,
                              cl::cat(category)};
  cl::opt<std::string> scheme{
      "scheme",
      cl::desc("What layers become: int4,group=128; nf4; fp8; ... or none"),
      cl::value_desc("text"), cl::cat(category)};
  cl::opt<std::string> overrides{
      "overrides", cl::desc("Other schemes by the layer's name"),
      cl::value_desc("pattern=scheme;..."), cl::cat(category)};
  cl::opt<WeightMethod> method{
      "method", cl::desc("How codes are found"), cl::init(WeightMethod::Round),
      cl::values(clEnumValN(WeightMethod::Round, "round", "to nearest"),
                 clEnumValN(WeightMethod::GPTQ, "gptq",
                            "GPTQ; needs X^T X in --statistics"),
                 clEnumValN(WeightMethod::AWQ, "awq",
                            "AWQ; needs mean|x| and X^T X in --statistics"),
                 clEnumValN(WeightMethod::AWQAndGPTQ, "awq+gptq",
                            "AWQ's scales, then GPTQ")),
      cl::cat(category)};
  cl::opt<std::string> statistics{
      "statistics", cl::desc("What calibration saw of the layers' inputs"),
      cl::value_desc("file.safetensors"), cl::cat(category)};
  cl::opt<double> damping{"damping",
                          cl::desc("GPTQ: part of the mean diagonal of X^T X "
                                   "that is added to it (0.01)"),
                          cl::init(0.01), cl::cat(category)};
  cl::opt<bool> actOrder{"act-order",
                         cl::desc("GPTQ: largest inputs first; static groups"),
                         cl::cat(category)};
  cl::opt<bool> staticGroups{
      "static-groups",
      cl::desc("GPTQ: parameters from the weights as they were"),
      cl::cat(category)};
  cl::opt<bool> orderedGroups{
      "ordered-groups",
      cl::desc("GPTQ with --act-order: groups of columns in that order, by an "
               "index of columns (g_idx), instead of static ones"),
      cl::cat(category)};
  cl::opt<bool> noClip{"no-clip", cl::desc("AWQ: search for scales alone"),
                       cl::cat(category)};
  cl::opt<std::string> from{
      "from",
      cl::desc("The input holds quantized layers: gptq, gptq_v2, awq, "
               "pack-quantized, naive-quantized or float-quantized"),
      cl::value_desc("format"), cl::cat(category)};
  cl::opt<unsigned> bits{"bits",
                         cl::desc("Bits of a code, where shapes of --from do "
                                  "not tell"),
                         cl::init(0), cl::cat(category)};
  cl::opt<bool> keepLayout{
      "keep-layout",
      cl::desc("Leave codes of --from in their words, under a type that says "
               "how they lie, instead of making rows of them"),
      cl::cat(category)};
  cl::opt<std::string> to{"to",
                          cl::desc("Write a checkpoint of this format (as "
                                   "--from) instead of our own"),
                          cl::value_desc("format"), cl::cat(category)};
  cl::opt<std::string> config{
      "config",
      cl::desc("The model's config.json; with --to, a copy that has the "
               "checkpoint's quantization_config goes beside the output"),
      cl::value_desc("config.json"), cl::cat(category)};
  cl::opt<std::string> report{"report",
                              cl::desc("Write what became of each layer"),
                              cl::value_desc("file.json"), cl::cat(category)};
  cl::opt<unsigned> jobs{"j", cl::desc("Threads; one per core by default"),
                         cl::value_desc("n"), cl::init(0), cl::cat(category)};

  /// An error for an option of a method other than the one that is chosen.
  llvm::Error checkMethodOptions() const;

  llvm::Expected<FileOptions> getOptions() const;
};
} // namespace

llvm::Error CommandLine::checkMethodOptions() const {
  bool usesGPTQ =
      method == WeightMethod::GPTQ || method == WeightMethod::AWQAndGPTQ;
  bool usesAWQ =
      method == WeightMethod::AWQ || method == WeightMethod::AWQAndGPTQ;
  auto check = [](const cl::Option &option, bool used,
                  llvm::StringRef wanted) -> llvm::Error {
    if (used || !option.getNumOccurrences())
      return llvm::Error::success();
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "--" + option.ArgStr +
                                       " is for --method=" + wanted);
  };
  for (const cl::Option *option :
       {static_cast<const cl::Option *>(&damping),
        static_cast<const cl::Option *>(&actOrder),
        static_cast<const cl::Option *>(&staticGroups),
        static_cast<const cl::Option *>(&orderedGroups)})
    if (llvm::Error error = check(*option, usesGPTQ, "gptq or awq+gptq"))
      return error;
  return check(noClip, usesAWQ, "awq or awq+gptq");
}

llvm::Expected<FileOptions> CommandLine::getOptions() const {
  if (llvm::Error error = checkMethodOptions())
    return std::move(error);
  FileOptions options;
  options.input = input;
  options.output = output;
  options.statistics = statistics;
  options.method = method;
  options.gptq.damping = damping;
  options.gptq.actOrder = actOrder;
  options.gptq.staticGroups = staticGroups;
  options.gptq.orderedGroups = orderedGroups;
  options.awq.clip = !noClip;
  options.bits = bits;
  options.keepLayout = keepLayout;
  options.config = config;
  auto parseFormat =
      [](llvm::StringRef text,
         std::optional<CheckpointFormat> &format) -> llvm::Error {
    if (text.empty())
      return llvm::Error::success();
    auto parsed = parseCheckpointFormat(text);
    if (!parsed)
      return parsed.takeError();
    format = *parsed;
    return llvm::Error::success();
  };
  if (llvm::Error error = parseFormat(from, options.from))
    return std::move(error);
  if (llvm::Error error = parseFormat(to, options.to))
    return std::move(error);
  bool hasScheme = !scheme.empty() || !overrides.empty();
  if (hasScheme == options.from.has_value())
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        hasScheme ? "--scheme is for float weights; those of --from keep their "
                    "codes"
                  : "say what to do: --scheme for float weights, --from for "
                    "quantized ones");
  if (!scheme.empty()) {
    auto parsed = Scheme::parse(scheme);
    if (!parsed)
      return parsed.takeError();
    options.scheme = *parsed;
  }
  if (!overrides.empty()) {
    auto parsed = parseOverrides(overrides);
    if (!parsed)
      return parsed.takeError();
    options.overrides = std::move(*parsed);
  }
  return options;
}

static llvm::json::Value toJson(double value) {
  // JSON has no infinity.
  return std::isfinite(value) ? llvm::json::Value(value)
                              : llvm::json::Value(nullptr);
}

static llvm::json::Object toJson(const LayerReport &layer) {
  llvm::json::Object object{{"layer", layer.name},
                            {"rows", layer.rows},
                            {"columns", layer.columns},
                            {"encoding", layer.encoding},
                            {"input_bytes", layer.inputBytes},
                            {"output_bytes", layer.outputBytes}};
  if (layer.signalToNoise)
    object["signal_to_noise_db"] = toJson(*layer.signalToNoise);
  if (const auto &gptq = layer.gptq)
    object["gptq"] = llvm::json::Object{
        {"damping", gptq->damping},
        {"damping_steps", gptq->dampingSteps},
        {"dead_columns", gptq->deadColumns},
        {"objective", toJson(gptq->objective)},
        {"rounding_objective", toJson(gptq->roundingObjective)}};
  if (const auto &awq = layer.awq)
    object["awq"] = llvm::json::Object{
        {"alpha", awq->alpha},
        {"clipped", awq->clipped},
        {"blocks", awq->blocks},
        {"objective", toJson(awq->objective)},
        {"rounding_objective", toJson(awq->roundingObjective)}};
  return object;
}

/// A line for each layer.
static void print(const LayerReport &layer) {
  llvm::outs() << llvm::formatv("{0}: {1}x{2}, {3} -> {4} bytes", layer.name,
                                layer.rows, layer.columns, layer.inputBytes,
                                layer.outputBytes);
  if (layer.signalToNoise)
    llvm::outs() << llvm::formatv(", {0:f2} dB", *layer.signalToNoise);
  if (const auto &awq = layer.awq)
    llvm::outs() << llvm::formatv(
        ", alpha {0:f2}, {1} of {2} blocks clipped, loss {3:f4} of rounding's",
        awq->alpha, awq->clipped, awq->blocks,
        awq->roundingObjective > 0 ? awq->objective / awq->roundingObjective
                                   : 1.0);
  if (const auto &gptq = layer.gptq) {
    llvm::outs() << llvm::formatv(", GPTQ's loss {0:f4} of rounding's",
                                  gptq->getRatio());
    if (gptq->dampingSteps)
      llvm::outs() << llvm::formatv(", damping raised to {0}", gptq->damping);
    if (gptq->deadColumns)
      llvm::outs() << llvm::formatv(", {0} dead columns", gptq->deadColumns);
  }
  llvm::outs() << "\n";
}

static llvm::Error writeReport(llvm::StringRef path,
                               llvm::ArrayRef<LayerReport> layers) {
  llvm::json::Array array;
  for (const LayerReport &layer : layers)
    array.push_back(toJson(layer));
  return writeOutputFile(
      path,
      llvm::formatv("{0:2}\n", llvm::json::Value(std::move(array))).str());
}

static llvm::Error execute(const CommandLine &line) {
  auto options = line.getOptions();
  if (!options)
    return options.takeError();
  if (line.jobs)
    llvm::parallel::strategy = llvm::hardware_concurrency(line.jobs);
  ProgressBar bar;
  auto layers = quantizeFile(*options, [&](const FileProgress &progress) {
    if (progress.layer) {
      bar.clear();
      print(*progress.layer);
    }
    bar.update(progress.doneBytes, progress.totalBytes, progress.tensor);
  });
  bar.clear();
  if (!layers)
    return layers.takeError();
  uint64_t inputBytes = 0, outputBytes = 0;
  for (const LayerReport &layer : *layers) {
    inputBytes += layer.inputBytes;
    outputBytes += layer.outputBytes;
  }
  llvm::outs() << llvm::formatv("{0} layers, {1} -> {2} bytes\n",
                                layers->size(), inputBytes, outputBytes);
  if (line.report.empty())
    return llvm::Error::success();
  return writeReport(line.report, *layers);
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  CommandLine line;
  setToolVersion();
  cl::HideUnrelatedOptions(line.category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "quant-mlir's quantizer of weights\n\n"
      "  quant-weights model.safetensors --scheme=int4,group=128 -o "
      "q.safetensors\n"
      "  quant-weights model.safetensors --scheme=int4,group=128 --method=gptq "
      "\\\n"
      "      --statistics=stats.safetensors -o q.safetensors\n"
      "  quant-weights gptq.safetensors --from=gptq --to=awq -o "
      "awq.safetensors\n");
  if (llvm::Error error = execute(line)) {
    llvm::WithColor::error(llvm::errs(), "quant-weights")
        << llvm::toString(std::move(error)) << "\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
