//===- Calibrate.cpp - Statistics of a model on data ----------------------===//
//
// Each index along the leading axis of the data's arrays is a sample: one call
// of the function. Other arguments, such as weights, are the same in each.
//
//===----------------------------------------------------------------------===//

#include "QuantRun.h"
#include "quantmlir/Calibration/Calibrator.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cstring>

using namespace quantmlir;
using namespace quantmlir::run;
using calibration::Calibrator;
using calibration::Statistics;

namespace {

/// A line of how far things are, where somebody watches.
class ProgressBar {
public:
  explicit ProgressBar(size_t total)
      : total(total),
        isShown(llvm::sys::Process::StandardErrIsDisplayed() && total > 1) {}
  ~ProgressBar() {
    if (isShown)
      llvm::errs() << "\r\x1b[K";
  }
  void advance() {
    ++done;
    size_t percent = 100 * done / total;
    if (!isShown || percent == last)
      return;
    last = percent;
    constexpr size_t width = 40;
    std::string bar(width * done / total, '#');
    bar.resize(width, '.');
    llvm::errs() << llvm::formatv("\r[{0}] {1}/{2} samples", bar, done, total);
  }

private:
  size_t total, done = 0, last = 0;
  bool isShown;
};

/// One call's arguments, and where its samples lie.
struct Samples {
  /// In the function's order. Sampled ones hold all samples.
  std::vector<io::Array> arrays;
  std::vector<bool> isSampled;
  size_t count = 0;
};

} // namespace

/// The model: a file of MLIR, or the reference of an artifact.
static llvm::Expected<std::string> findModule(const Options &options) {
  if (!llvm::sys::fs::is_directory(options.artifact))
    return options.artifact;
  QuantmlirRtArtifact *handle = nullptr;
  if (llvm::Error error =
          check(quantmlirRtArtifactLoad(options.artifact.c_str(), &handle)))
    return std::move(error);
  ArtifactHandle artifact(handle);
  const char *path = quantmlirRtArtifactGetReferencePath(artifact.get());
  if (!path)
    return makeError("the artifact holds no reference, which --calibrate runs");
  return std::string(path);
}

static llvm::Expected<const ReferenceExecutor::Function *>
chooseFunction(const ReferenceExecutor &executor, const std::string &name) {
  if (!name.empty()) {
    if (const ReferenceExecutor::Function *function =
            executor.findFunction(name))
      return function;
    return makeError("the module has no public function '" + name + "'");
  }
  llvm::ArrayRef<ReferenceExecutor::Function> functions =
      executor.getFunctions();
  if (functions.size() == 1)
    return &functions.front();
  std::string names;
  for (const ReferenceExecutor::Function &function : functions)
    names += (names.empty() ? "" : ", ") + function.name;
  return makeError("choose with --function one of: " + names);
}

/// The data of one file, `parameters` (weights and the like) beside it.
static llvm::Expected<Samples>
readSamples(const ReferenceExecutor::Function &function,
            const std::string &path, Inputs &parameters,
            const Options &options) {
  io::ArrayMap data;
  std::string error;
  if (!io::readArrays(path, data, error))
    return makeError(error);
  auto fail = [&](const llvm::Twine &message) {
    return makeError("'" + path + "': " + message);
  };
  Samples samples;
  std::string counted;
  llvm::StringSet<> used;
  for (const ReferenceExecutor::Buffer &buffer : function.arguments) {
    auto it = data.find(buffer.name);
    if (it == data.end()) {
      auto array = parameters.get(
          {buffer.name, buffer.element, buffer.shape, buffer.isWeight});
      if (!array)
        return array.takeError();
      samples.arrays.push_back(std::move(*array));
      samples.isSampled.push_back(false);
      continue;
    }
    used.insert(buffer.name);
    const io::Array &array = it->second;
    if (array.shape.size() != buffer.shape.size() + 1)
      return fail("'" + buffer.name + "' is " + io::describe(array) +
                  "; samples of an argument of rank " +
                  llvm::Twine(buffer.shape.size()) +
                  " have one dimension more, the leading one");
    for (auto [size, expected] : llvm::zip_equal(
             llvm::ArrayRef(array.shape).drop_front(), buffer.shape))
      if (expected >= 0 && size != expected)
        return fail("samples of '" + buffer.name + "' are " +
                    io::describe(array) +
                    ", which are none of the argument's shape");
    size_t count = array.shape.front();
    if (!counted.empty() && count != samples.count)
      return fail(llvm::formatv("there are {0} samples of '{1}' and {2} of "
                                "'{3}'",
                                samples.count, counted, count, buffer.name)
                      .str());
    counted = buffer.name;
    samples.count = count;
    io::Array converted;
    bool mayBeBits = areBitsOf(array.element, buffer.element);
    if (array.element == buffer.element)
      converted = array;
    else if (mayBeBits && options.bits) {
      if (!io::reinterpretElements(array, buffer.element, converted, error))
        return fail("'" + buffer.name + "': " + error);
    } else if (mayBeBits && !options.convert)
      return fail("samples of '" + buffer.name + "' are " +
                  io::describe(array) + " where there should be " +
                  buffer.element +
                  "; --bits takes the integers for its bits, "
                  "--convert for its values");
    else if (!io::convertElements(array, buffer.element, converted, error))
      return fail("'" + buffer.name + "': " + error);
    samples.arrays.push_back(std::move(converted));
    samples.isSampled.push_back(true);
  }
  for (const auto &[name, array] : data)
    if (!used.contains(name))
      return fail("the function has no argument '" + name + "'");
  if (counted.empty())
    return fail("there are no samples in it");
  return samples;
}

/// Runs all samples of a file.
static llvm::Error runSamples(Calibrator &calibrator,
                              const std::string &function,
                              const Samples &samples, const std::string &path,
                              ProgressBar &progress) {
  // Compiled code wants elements aligned, which files do not promise; what is
  // the same in every call is copied once.
  std::vector<io::Bytes> memory(samples.arrays.size());
  std::vector<uint8_t *> target(samples.arrays.size(), nullptr);
  std::vector<ArrayView> views;
  for (size_t i = 0; i < samples.arrays.size(); ++i) {
    const io::Array &array = samples.arrays[i];
    bool isSampled = samples.isSampled[i];
    size_t size =
        array.data.size / (isSampled ? std::max<size_t>(samples.count, 1) : 1);
    memory[i] = io::Bytes::allocate(size, target[i]);
    if (!isSampled && size != 0)
      std::memcpy(target[i], array.data.data, size);
    views.push_back({target[i],
                     std::vector<int64_t>(array.shape.begin() + isSampled,
                                          array.shape.end()),
                     array.element});
  }
  for (size_t sample = 0; sample < samples.count; ++sample) {
    for (size_t i = 0; i < samples.arrays.size(); ++i)
      if (samples.isSampled[i] && memory[i].size != 0)
        std::memcpy(target[i],
                    samples.arrays[i].data.data + sample * memory[i].size,
                    memory[i].size);
    if (llvm::Error error = calibrator.run(function, views))
      return makeError("sample " + llvm::Twine(sample) + " of '" + path +
                       "': " + llvm::toString(std::move(error)));
    progress.advance();
  }
  return llvm::Error::success();
}

llvm::Error quantmlir::run::mergeStatistics(const Options &options) {
  if (options.statistics.empty())
    return makeError("--merge needs --stats=FILE to write to");
  if (llvm::Error error = Statistics::checkPath(options.statistics))
    return error;
  Statistics merged;
  for (const std::string &path : options.mergedStatistics) {
    auto other = Statistics::read(path);
    if (!other)
      return other.takeError();
    if (llvm::Error error = merged.merge(*other))
      return makeError("'" + path + "': " + llvm::toString(std::move(error)));
  }
  return merged.write(options.statistics);
}

llvm::Error quantmlir::run::calibrate(const Options &options) {
  if (options.statistics.empty())
    return makeError("--calibrate needs --stats=FILE to write to");
  if (llvm::Error error = Statistics::checkPath(options.statistics))
    return error;
  auto path = findModule(options);
  if (!path)
    return path.takeError();
  auto file = llvm::MemoryBuffer::getFileOrSTDIN(*path);
  if (!file)
    return makeError("cannot open '" + *path +
                     "': " + file.getError().message());
  auto calibrator = Calibrator::create((*file)->getMemBufferRef());
  if (!calibrator)
    return calibrator.takeError();
  auto function =
      chooseFunction((*calibrator)->getExecutor(), options.function);
  if (!function)
    return function.takeError();
  auto parameters = Inputs::read(options);
  if (!parameters)
    return parameters.takeError();
  // Everything is read and checked before the first sample runs.
  std::vector<Samples> files;
  size_t total = 0;
  for (const std::string &data : options.calibrationFiles) {
    auto samples = readSamples(**function, data, *parameters, options);
    if (!samples)
      return samples.takeError();
    total += samples->count;
    files.push_back(std::move(*samples));
  }
  if (llvm::Error error = parameters->checkAllUsed())
    return error;
  {
    ProgressBar progress(total);
    for (auto [samples, data] :
         llvm::zip_equal(files, options.calibrationFiles))
      if (llvm::Error error = runSamples(**calibrator, (*function)->name,
                                         samples, data, progress))
        return error;
  }
  for (const std::string &merged : options.mergedStatistics) {
    auto other = Statistics::read(merged);
    if (!other)
      return other.takeError();
    if (llvm::Error error = (*calibrator)->merge(*other))
      return makeError("'" + merged + "': " + llvm::toString(std::move(error)));
  }
  const Statistics &statistics = (*calibrator)->getStatistics();
  if (llvm::Error error = statistics.write(options.statistics))
    return error;
  llvm::outs() << llvm::formatv("{0} samples, statistics of {1} tensors\n",
                                total, statistics.tensors.size());
  return llvm::Error::success();
}
