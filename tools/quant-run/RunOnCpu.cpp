//===- RunOnCpu.cpp - The artifact's reference, compiled for this CPU -----===//

#include "QuantRun.h"
#include "quantmlir/Execution/ReferenceExecutor.h"

#include "llvm/Support/MemoryBuffer.h"

#include <chrono>
#include <cstring>

using namespace quantmlir;
using namespace quantmlir::run;

llvm::Expected<Outcome>
quantmlir::run::runOnCpu(const QuantmlirRtArtifact *artifact,
                         size_t functionIndex, Inputs &inputs,
                         const Options &options) {
  // The reference would notice later, and in its own words.
  if (llvm::Error error = checkArguments(artifact, functionIndex, inputs))
    return std::move(error);
  QuantmlirRtFunctionInfo info;
  if (llvm::Error error = check(
          quantmlirRtArtifactGetFunctionInfo(artifact, functionIndex, &info)))
    return std::move(error);
  std::string function = info.name;
  const char *path = quantmlirRtArtifactGetReferencePath(artifact);
  if (!path)
    return makeError("the artifact holds no reference, which --device=cpu "
                     "runs");
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return makeError(llvm::Twine("cannot open '") + path +
                     "': " + file.getError().message());
  auto executor = ReferenceExecutor::create((*file)->getMemBufferRef());
  if (!executor)
    return executor.takeError();
  const ReferenceExecutor::Function *description =
      (*executor)->findFunction(function);
  if (!description)
    return makeError("the reference has no function '" + function + "'");

  std::vector<io::Array> arrays;
  std::vector<ArrayView> views;
  for (const ReferenceExecutor::Buffer &buffer : description->arguments) {
    auto array = inputs.get({buffer.name, buffer.element, buffer.shape, false});
    if (!array)
      return array.takeError();
    // A file's data may lie at any address; compiled code wants its elements
    // aligned.
    uint8_t *aligned = nullptr;
    io::Bytes copy = io::Bytes::allocate(array->data.size, aligned);
    if (copy.size != 0)
      std::memcpy(aligned, array->data.data, copy.size);
    array->data = std::move(copy);
    arrays.push_back(std::move(*array));
    const io::Array &kept = arrays.back();
    views.push_back({kept.data.data, kept.shape, kept.element});
  }
  if (llvm::Error error = inputs.checkAllUsed())
    return std::move(error);

  auto results = (*executor)->invoke(function, views);
  if (!results)
    return results.takeError();
  Outcome outcome;
  for (auto [buffer, array] : llvm::zip_equal(description->results, *results)) {
    uint8_t *target = nullptr;
    io::Bytes data = io::Bytes::allocate(array.data.size(), target);
    if (data.size != 0)
      std::memcpy(target, array.data.data(), data.size);
    outcome.results.emplace_back(
        buffer.name, io::Array{array.element, array.shape, std::move(data)});
  }
  auto start = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < options.bench; ++i)
    if (auto again = (*executor)->invoke(function, views); !again)
      return again.takeError();
  std::chrono::duration<double, std::micro> time =
      std::chrono::steady_clock::now() - start;
  if (options.bench != 0)
    outcome.microseconds = time.count() / options.bench;
  return outcome;
}
