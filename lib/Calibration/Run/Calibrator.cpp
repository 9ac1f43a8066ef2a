//===- Calibrator.cpp - Runs a model and keeps statistics -----------------===//

#include "quantmlir/Calibration/Calibrator.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace quantmlir;
using namespace quantmlir::calibration;

static unsigned parseKinds(llvm::ArrayRef<std::string> names) {
  unsigned kinds = 0;
  for (const std::string &name : names)
    kinds |= llvm::StringSwitch<unsigned>(name)
                 .Case("minmax", MinMaxStatistic)
                 .Case("absmean", AbsMeanStatistic)
                 .Case("histogram", HistogramStatistic)
                 .Case("xtx", XtXStatistic)
                 .Case("rows", RowsStatistic);
  return kinds;
}

llvm::Expected<std::unique_ptr<Calibrator>>
Calibrator::create(llvm::MemoryBufferRef module) {
  ReferenceExecutor::Options options;
  options.observe = true;
  auto executor = ReferenceExecutor::create(module, options);
  if (!executor)
    return executor.takeError();
  std::unique_ptr<Calibrator> result(new Calibrator);
  result->executor = std::move(*executor);
  llvm::ArrayRef<ReferenceExecutor::Observation> observations =
      result->executor->getObservations();
  if (observations.empty())
    return llvm::createStringError("the module observes nothing; "
                                   "quant-tensor-insert-observers makes it");
  std::map<std::string, unsigned> known;
  for (const ReferenceExecutor::Observation &observation : observations) {
    unsigned kinds = parseKinds(observation.kinds);
    auto [it, isNew] = known.emplace(observation.name, kinds);
    if (!isNew && it->second != kinds)
      return llvm::createStringError(
          "'" + observation.name +
          "' is observed twice, for different statistics");
    result->kinds.push_back(kinds);
  }
  return result;
}

/// `data` as rows of the elements along `axis`: that dimension last.
static std::vector<float> moveAxisLast(llvm::ArrayRef<float> data,
                                       llvm::ArrayRef<int64_t> shape,
                                       size_t axis) {
  int64_t outer = 1, inner = 1, channels = shape[axis];
  for (int64_t extent : shape.take_front(axis))
    outer *= extent;
  for (int64_t extent : shape.drop_front(axis + 1))
    inner *= extent;
  std::vector<float> result(data.size());
  float *next = result.data();
  for (int64_t i = 0; i < outer; ++i)
    for (int64_t j = 0; j < inner; ++j)
      for (int64_t c = 0; c < channels; ++c)
        *next++ = data[(i * channels + c) * inner + j];
  return result;
}

llvm::Error Calibrator::add(size_t number, const ArrayView &data) {
  const ReferenceExecutor::Observation &observation =
      executor->getObservations()[number];
  size_t rank = data.shape.size();
  size_t axis =
      observation.axis < 0 ? rank + observation.axis : size_t(observation.axis);
  int64_t channels = rank == 0 ? 1 : data.shape[axis];
  size_t size = 1;
  for (int64_t extent : data.shape)
    size *= extent;
  // Rows of no channels are nothing to see.
  if (channels == 0)
    return llvm::createStringError("'" + observation.name +
                                   "' has no channels");
  auto it = statistics.tensors.find(observation.name);
  if (it == statistics.tensors.end())
    it = statistics.tensors
             .emplace(observation.name,
                      TensorStatistics::create(channels, kinds[number]))
             .first;
  if (it->second.channels != channels)
    return llvm::createStringError(
        llvm::formatv("'{0}' has {1} channels here, and {2} before",
                      observation.name, channels, it->second.channels));
  llvm::ArrayRef<float> elements(static_cast<const float *>(data.data), size);
  std::vector<float> moved;
  if (rank != 0 && axis + 1 != rank) {
    moved = moveAxisLast(elements, data.shape, axis);
    elements = moved;
  }
  if (llvm::Error error = it->second.add(elements))
    return llvm::createStringError("'" + observation.name + "' " +
                                   llvm::toString(std::move(error)));
  return llvm::Error::success();
}

llvm::Error Calibrator::run(llvm::StringRef function,
                            llvm::ArrayRef<ArrayView> inputs) {
  llvm::Error failure = llvm::Error::success();
  auto observe = [&](size_t number, const ArrayView &data) {
    // The first failure is what the user wants to know of.
    if (failure)
      return;
    failure = add(number, data);
  };
  auto results = executor->invoke(function, inputs, observe);
  if (!results)
    return llvm::joinErrors(std::move(failure), results.takeError());
  return failure;
}

llvm::Error Calibrator::merge(const Statistics &other) {
  return statistics.merge(other);
}
